//! SMTP against servers that hang, lie, babble or have an attacker on their line.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/wire.rs"]
mod wire;
#[path = "support/words.rs"]
mod words;

use core::{
    error::Error,
    num::NonZeroU16,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::Arc;

use token_delivery::{Delivery, DeliveryError, Message, SmtpBuilder, SmtpDelivery, SmtpReply};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use wire::{BODY_END, LINE_END, hear, honest, listen, say};
use words::{ADDRESS, SIGN_IN, alice, everything, templates, token};

/// An honest server that stops answering after `answers` answers, the greeting included.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: usize) {
    let mut reply = "220 test\r\n";
    for _ in 0..answers {
        say(&mut stream, reply).await;
        let end = if reply.starts_with("354") {
            BODY_END
        } else {
            LINE_END
        };
        let Some(heard) = hear(&mut stream, end).await else {
            return;
        };
        reply = if end == BODY_END {
            "250 taken\r\n"
        } else {
            honest(&heard)
        };
    }
    core::future::pending::<()>().await;
}

const PATIENT: usize = usize::MAX;

fn plain(port: u16) -> SmtpBuilder {
    SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .plaintext_on_loopback()
        .port(port)
        .timeout(Duration::from_secs(20))
}

async fn deliver(smtp: &SmtpDelivery) -> Result<(), DeliveryError> {
    let (address, token) = (alice(), token());
    smtp.deliver(&Message::new(SIGN_IN.purpose(), &address, &token))
        .await
}

/// A server that hangs anywhere is unavailable after the time-out.
#[tokio::test]
async fn smtp_hanging_server_is_unavailable() {
    // Greeting, EHLO, MAIL, RCPT, DATA, body: none to five answered.
    for answers in 0..6 {
        let port = listen(move |_, stream| serve(stream, answers)).await;
        let smtp = plain(port)
            .timeout(Duration::from_millis(100))
            .build()
            .unwrap();
        let error = deliver(&smtp).await.unwrap_err();
        assert!(
            matches!(error, DeliveryError::Unavailable(_)),
            "{answers}: {error:?}"
        );
        assert!(
            everything(&error).contains("no answer in time"),
            "{answers}: {error:?}"
        );
    }
    let port = listen(|_, stream| serve(stream, 6)).await;
    deliver(&plain(port).build().unwrap()).await.unwrap();
}

/// One connection serves several messages.
#[tokio::test]
async fn smtp_connection_serves_several_messages() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let port = listen(move |number, stream| {
        count.store(number + 1, Ordering::SeqCst);
        serve(stream, PATIENT)
    });
    let smtp = plain(port.await).build().unwrap();
    for _ in 0..5 {
        deliver(&smtp).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// A connection that the server closed is replaced.
#[tokio::test]
async fn smtp_closed_connection_is_replaced() {
    let port = listen(|_, mut stream| async move {
        // Ends with the first message, so that the next delivery finds it closed.
        say(&mut stream, "220 test\r\n").await;
        loop {
            let Some(heard) = hear(&mut stream, LINE_END).await else {
                return;
            };
            say(&mut stream, honest(&heard)).await;
            if heard.starts_with("DATA") {
                hear(&mut stream, BODY_END).await;
                return say(&mut stream, "250 taken\r\n").await;
            }
        }
    });
    let smtp = plain(port.await).build().unwrap();
    for _ in 0..3 {
        deliver(&smtp).await.unwrap();
    }
}

/// A connection on which a conversation broke off is never used again.
#[tokio::test]
async fn smtp_half_spoken_connection_is_given_up() {
    let (report, mut reports) = mpsc::unbounded_channel();
    let port = listen(move |number, mut stream| {
        let report = report.clone();
        async move {
            if number > 0 {
                return serve(stream, PATIENT).await;
            }
            // The first connection takes the message and never says so.
            say(&mut stream, "220 test\r\n").await;
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, honest(&heard)).await;
                if heard.starts_with("DATA") {
                    hear(&mut stream, BODY_END).await;
                    report.send(()).expect("somebody listens");
                    core::future::pending::<()>().await;
                }
            }
        }
    });
    let smtp = plain(port.await).build().unwrap();
    tokio::select! {
        outcome = deliver(&smtp) => panic!("confirmed by nobody: {outcome:?}"),
        _ = reports.recv() => {} // and the delivery is dropped
    }
    // Over the first connection, this would wait for an answer that never comes.
    deliver(&smtp).await.unwrap();
}

/// There are never more connections than configured.
#[tokio::test]
async fn smtp_connections_are_bounded() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open_here, most_here) = (Arc::clone(&open), Arc::clone(&most));
    let port = listen(move |_, stream| {
        let now = open_here.fetch_add(1, Ordering::SeqCst) + 1;
        most_here.fetch_max(now, Ordering::SeqCst);
        serve(stream, PATIENT)
    });
    let two = NonZeroU16::new(2).unwrap();
    let smtp = Arc::new(plain(port.await).connections(two).build().unwrap());
    let deliveries: Vec<_> = (0..16)
        .map(|_| {
            let smtp = Arc::clone(&smtp);
            tokio::spawn(async move { deliver(&smtp).await })
        })
        .collect();
    for delivery in deliveries {
        delivery.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// A server that answers the message itself with `answer`, which may repeat its parts.
async fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> u16 {
    let answer = Arc::new(answer);
    listen(move |_, mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            say(&mut stream, "220 test\r\n").await;
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, honest(&heard)).await;
                if heard.starts_with("DATA") {
                    let body = hear(&mut stream, BODY_END).await.unwrap_or_default();
                    say(&mut stream, answer(&body)).await;
                }
            }
        }
    })
    .await
}

/// What the server repeats of the message is in no error.
#[tokio::test]
async fn smtp_errors_repeat_no_server_text() {
    let spam = |body: &str| {
        let code = body
            .split("Your code: ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        format!(
            "{} for <{ADDRESS}>",
            code.unwrap_or("no token in the message")
        )
    };
    let answers: [fn(String) -> String; 7] = [
        |words| format!("550 5.7.1 refused {words}\r\n"),
        |words| format!("550-5.7.1 refused {words}\r\n550 5.7.1 {words}\r\n"),
        |words| format!("451 4.7.1 later {words}\r\n"),
        |words| format!("530 5.7.0 who are you {words}\r\n"),
        |words| format!("999 {words}\r\n"),
        |words| format!("{words}\r\n"),
        |words| format!("25{words}\r\n"),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let port = answering(move |body| answer(spam(body))).await;
        let smtp = plain(port).build().unwrap();
        let (address, token) = (alice(), token());
        let message = Message::new(SIGN_IN.purpose(), &address, &token);
        let error = smtp.deliver(&message).await.unwrap_err();
        let printed = everything(&error);
        assert!(!printed.contains(token.expose_secret()), "{at}: {printed}");
        assert!(!printed.contains("secret-address"), "{at}: {printed}");
        let code = error.source().and_then(|source| source.downcast_ref());
        match at {
            0 | 1 => {
                assert!(matches!(error, DeliveryError::Refused(_)));
                assert_eq!(code.map(SmtpReply::code), Some(550));
            }
            2 => {
                assert!(matches!(error, DeliveryError::Unavailable(_)));
                assert_eq!(code.map(SmtpReply::code), Some(451));
            }
            3 => assert!(matches!(error, DeliveryError::Misconfigured { .. })),
            _ => assert!(
                matches!(error, DeliveryError::Unavailable(_)),
                "{at}: {error:?}"
            ),
        }
    }
}

/// A server that babbles without end is unavailable.
#[tokio::test]
async fn smtp_endless_reply_is_unavailable() {
    let port = listen(|_, mut stream| async move {
        let line = format!("220-{}\r\n", "x".repeat(900));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    });
    let smtp = plain(port.await).build().unwrap();
    let error = deliver(&smtp).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unavailable(_)));
    assert!(
        !everything(&error).contains("no answer in time"),
        "not stopped by its length"
    );
}

fn acceptor(certificates: &certificates::Certificates) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(certificates.server.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    TlsAcceptor::from(Arc::new(config.expect("a configuration")))
}

/// A STARTTLS server, with an attacker on the line who appends `injected` to its last plaintext
/// reply. Reports whether TLS came about.
async fn starttls(injected: &'static str) -> (SmtpDelivery, mpsc::UnboundedReceiver<bool>) {
    let certificates = certificates::certificates("127.0.0.1");
    let acceptor = acceptor(&certificates);
    let (report, reports) = mpsc::unbounded_channel();
    let port = listen(move |_, mut stream| {
        let (acceptor, report) = (acceptor.clone(), report.clone());
        async move {
            say(&mut stream, "220 test\r\n").await;
            hear(&mut stream, LINE_END).await;
            say(&mut stream, "250-test\r\n250 STARTTLS\r\n").await;
            hear(&mut stream, LINE_END).await;
            say(&mut stream, format!("220 go\r\n{injected}")).await;
            let tls = acceptor.accept(stream).await;
            report.send(tls.is_ok()).expect("somebody listens");
            let Ok(mut stream) = tls else { return };
            // No greeting after STARTTLS.
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, honest(&heard)).await;
                if heard.starts_with("DATA") {
                    hear(&mut stream, BODY_END).await;
                    say(&mut stream, "250 taken\r\n").await;
                }
            }
        }
    });
    let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .port(port.await)
        .trust_only(certificates.authority)
        .timeout(Duration::from_secs(20))
        .build();
    (smtp.expect("a configuration"), reports)
}

/// STARTTLS without an attacker works, by the same server.
#[tokio::test]
async fn smtp_starttls_without_an_attacker_works() {
    let (smtp, mut reports) = starttls("").await;
    deliver(&smtp).await.unwrap();
    deliver(&smtp).await.unwrap();
    assert_eq!(reports.recv().await, Some(true));
}

/// Plaintext after the last plaintext reply never passes for an answer under TLS.
#[tokio::test]
async fn smtp_starttls_ignores_injected_plaintext() {
    for injected in [
        "250 injected\r\n",
        "250-injected\r\n250 AUTH PLAIN\r\n",
        "2",
        "\r\n",
    ] {
        let (smtp, mut reports) = starttls(injected).await;
        let outcome = deliver(&smtp).await;
        assert!(
            matches!(outcome, Err(DeliveryError::Unavailable(_))),
            "{outcome:?}"
        );
        assert_eq!(
            reports.recv().await,
            Some(false),
            "TLS came about after {injected:?}"
        );
    }
}

/// Without STARTTLS nothing but a greeting is said.
#[tokio::test]
async fn smtp_without_starttls_says_a_greeting_alone() {
    let (report, mut reports) = mpsc::unbounded_channel();
    let port = listen(move |_, mut stream| {
        let report = report.clone();
        async move {
            say(&mut stream, "220 test\r\n").await;
            while let Some(heard) = hear(&mut stream, LINE_END).await {
                say(&mut stream, "250-test\r\n250 AUTH PLAIN LOGIN\r\n").await;
                report.send(heard).expect("somebody listens");
            }
        }
    });
    let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .port(port.await)
        .credentials("application", "password")
        .build()
        .unwrap();
    let error = deliver(&smtp).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    drop(smtp);
    assert!(reports.recv().await.unwrap().starts_with("EHLO "));
    while let Ok(heard) = reports.try_recv() {
        assert!(heard.starts_with("QUIT"), "{heard}");
    }
}
