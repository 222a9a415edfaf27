//! A connection that ended while nobody used it is nobody's trouble: whatever a server did to it meanwhile, the next
//! message goes out, once.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/server.rs"]
#[expect(
    dead_code,
    reason = "reads less of a message than the tests of its form"
)]
mod server;
#[path = "support/wire.rs"]
mod wire;
#[path = "support/words.rs"]
#[expect(dead_code, reason = "prints no error whole")]
mod words;

use core::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::Arc;

use server::Server;
use token_delivery::{Delivery, DeliveryError, Message, SmtpBuilder, SmtpDelivery, SmtpReply};
use tokio::{net::TcpStream, sync::Barrier};
use wire::{BODY_END, LINE_END, hear, honest, listen, say};
use words::{SIGN_IN, alice, templates, token};

/// What a server does to its first connection once it took a message there.
#[derive(Clone, Copy, Debug)]
enum Idle {
    Closes,
    Resets,
    SaysGoodBye,
    SaysGoodByeAndCloses,
    /// Says something that would pass for the answer to the next command.
    Babbles,
    /// Reads and answers nothing any more, as if something between had forgotten the connection.
    Swallows,
    /// Goes on, and answers this command of the next message with this; with nothing, it hangs up.
    Answers(&'static str, &'static str),
}

/// A server whose first connection does so, and how many messages and connections it took.
struct Counted {
    port: u16,
    messages: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

async fn serve(idle: Idle) -> Counted {
    let (messages, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let (took, came) = (Arc::clone(&messages), Arc::clone(&connections));
    let port = listen(move |number, stream| {
        came.fetch_add(1, Ordering::SeqCst);
        converse(
            stream,
            Some(idle).filter(|_| number == 0),
            Arc::clone(&took),
        )
    });
    Counted {
        port: port.await,
        messages,
        connections,
    }
}

async fn converse(mut stream: TcpStream, idle: Option<Idle>, messages: Arc<AtomicUsize>) {
    say(&mut stream, "220 test\r\n").await;
    let mut odd: Option<(&str, &str)> = None;
    while let Some(heard) = hear(&mut stream, LINE_END).await {
        let command = heard.split_whitespace().next().unwrap_or_default();
        if let Some((expected, reply)) = odd
            && command == expected
        {
            say(&mut stream, reply).await;
            if reply.is_empty() {
                return;
            }
            continue;
        }
        say(&mut stream, honest(&heard)).await;
        if command != "DATA" {
            continue;
        }
        if hear(&mut stream, BODY_END).await.is_none() {
            return;
        }
        messages.fetch_add(1, Ordering::SeqCst);
        say(&mut stream, "250 taken\r\n").await;
        match idle {
            None => {}
            Some(Idle::Closes) => return,
            Some(Idle::Resets) => return stream.set_zero_linger().expect("a socket"),
            Some(Idle::SaysGoodBye) => say(&mut stream, "421 idle for too long\r\n").await,
            Some(Idle::SaysGoodByeAndCloses) => {
                return say(&mut stream, "421 idle for too long\r\n").await;
            }
            Some(Idle::Babbles) => say(&mut stream, "250 and by the way\r\n").await,
            Some(Idle::Swallows) => return core::future::pending().await,
            Some(Idle::Answers(command, reply)) => odd = Some((command, reply)),
        }
    }
}

fn plain(port: u16) -> SmtpBuilder {
    SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .plaintext_on_loopback()
        .port(port)
        .timeout(Duration::from_secs(8))
}

async fn deliver(smtp: &SmtpDelivery) -> Result<(), DeliveryError> {
    let (address, token) = (alice(), token());
    smtp.deliver(&Message::new(SIGN_IN.purpose(), &address, &token))
        .await
}

const ENDINGS: &[Idle] = &[
    Idle::Closes,
    Idle::Resets,
    Idle::SaysGoodBye,
    Idle::SaysGoodByeAndCloses,
    Idle::Babbles,
    Idle::Swallows,
    // Alive when it was looked at, and gone, or of another mind, with the next command.
    Idle::Answers("NOOP", ""),
    Idle::Answers("NOOP", "421 bye\r\n"),
    Idle::Answers("NOOP", "502 no such command\r\n"),
    Idle::Answers("MAIL", ""),
    Idle::Answers("MAIL", "421 bye\r\n"),
    Idle::Answers("MAIL", "503 no hello\r\n"),
    Idle::Answers("MAIL", "530 who are you\r\n"),
    Idle::Answers("MAIL", "452 too many messages\r\n"),
    Idle::Answers("MAIL", "nonsense\r\n"),
    Idle::Answers("RCPT", ""),
    Idle::Answers("RCPT", "421 bye\r\n"),
    Idle::Answers("DATA", ""),
    Idle::Answers("DATA", "421 bye\r\n"),
];

/// No caller sees that a kept connection ended, and each message goes out once.
#[tokio::test]
async fn smtp_idle_connection_that_ended_is_not_seen() {
    for &idle in ENDINGS {
        let server = serve(idle).await;
        let smtp = plain(server.port).build().unwrap();
        for number in 1..=3 {
            let sent = deliver(&smtp).await;
            assert!(sent.is_ok(), "{idle:?}, message {number}: {sent:?}");
            assert_eq!(server.messages.load(Ordering::SeqCst), number, "{idle:?}");
        }
        // The first one, and the one that took its place.
        assert_eq!(server.connections.load(Ordering::SeqCst), 2, "{idle:?}");
    }
}

/// What the server says of a recipient, or of a message that it got, is no fault of the connection: nothing is sent
/// a second time.
#[tokio::test]
async fn smtp_message_that_was_given_is_not_sent_again() {
    let cases = [
        ("RCPT", "550 no such mailbox\r\n", Some(550)),
        ("RCPT", "450 later\r\n", Some(450)),
    ];
    for (command, reply, code) in cases {
        let server = serve(Idle::Answers(command, reply)).await;
        let smtp = plain(server.port).build().unwrap();
        deliver(&smtp).await.unwrap();
        let error = deliver(&smtp).await.unwrap_err();
        let reply = error.source().and_then(|source| source.downcast_ref());
        assert_eq!(reply.map(SmtpReply::code), code);
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    }

    // Hangs up instead of an answer to the second message, which it has.
    let (messages, took) = {
        let messages = Arc::new(AtomicUsize::new(0));
        (Arc::clone(&messages), messages)
    };
    let port = listen(move |_, mut stream| {
        let took = Arc::clone(&took);
        async move {
            say(&mut stream, "220 test\r\n").await;
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, honest(&heard)).await;
                if heard.starts_with("DATA") {
                    hear(&mut stream, BODY_END).await;
                    if took.fetch_add(1, Ordering::SeqCst) == 1 {
                        return;
                    }
                    say(&mut stream, "250 taken\r\n").await;
                }
            }
        }
    });
    let smtp = plain(port.await).build().unwrap();
    deliver(&smtp).await.unwrap();
    let error = deliver(&smtp).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
    assert_eq!(messages.load(Ordering::SeqCst), 2);
    deliver(&smtp).await.unwrap();
}

/// Four connections that are swallowed cost one wait, not four, which together are the whole time-out.
#[tokio::test]
async fn smtp_swallowed_connections_cost_one_wait() {
    let together = Arc::new(Barrier::new(4));
    let port = listen(move |number, mut stream| {
        let together = Arc::clone(&together);
        async move {
            if number > 3 {
                return converse(stream, None, Arc::default()).await;
            }
            say(&mut stream, "220 test\r\n").await;
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, honest(&heard)).await;
                if heard.starts_with("DATA") {
                    hear(&mut stream, BODY_END).await;
                    together.wait().await;
                    say(&mut stream, "250 taken\r\n").await;
                    core::future::pending::<()>().await;
                }
            }
        }
    });
    let smtp = plain(port.await).timeout(Duration::from_secs(4));
    let smtp = smtp.build().unwrap();
    let four = tokio::join!(
        deliver(&smtp),
        deliver(&smtp),
        deliver(&smtp),
        deliver(&smtp)
    );
    assert!(matches!(four, (Ok(()), Ok(()), Ok(()), Ok(()))), "{four:?}");
    deliver(&smtp).await.unwrap();
}

/// A server that was restarted gets the next message over a new connection, in clear and over TLS.
#[tokio::test]
async fn smtp_restarted_server_is_not_seen() {
    let mut server = Server::start(&[]);
    let port = server.port;
    let smtp = plain(port).build().unwrap();
    deliver(&smtp).await.unwrap();
    server.stop();
    let again = ["--port", &port.to_string()];
    let server = Server::start(&again);
    deliver(&smtp).await.unwrap();
    assert_eq!(server.received().len(), 1);

    let certificates = certificates::certificates("127.0.0.1");
    for implicit in [false, true] {
        let mut flags = vec!["--auth", "application:password"];
        if implicit {
            flags.push("--implicit");
        }
        let mut server = Server::start_tls(&certificates.server, &certificates.key, &flags);
        let port = server.port.to_string();
        let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
            .trust_only(certificates.authority.as_str())
            .credentials("application", "password");
        let smtp = if implicit { smtp.implicit_tls() } else { smtp };
        let smtp = smtp.port(server.port).build().unwrap();
        deliver(&smtp).await.unwrap();
        server.stop();
        flags.extend(["--port", &port]);
        let server = Server::start_tls(&certificates.server, &certificates.key, &flags);
        deliver(&smtp).await.unwrap();
        assert_eq!(server.received().len(), 1);
    }
}
