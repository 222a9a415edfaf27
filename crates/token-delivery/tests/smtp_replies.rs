//! Replies that are right but not usual, and servers that know little.

#[path = "support/odd.rs"]
mod odd;
#[path = "support/wire.rs"]
mod wire;
#[path = "support/words.rs"]
mod words;

use core::{error::Error, time::Duration};

use odd::{Heard, odd};
use token_delivery::{
    Delivery, DeliveryError, Message, SmtpBuilder, SmtpDelivery, SmtpReply, ott_core::Destination,
};
use words::{SIGN_IN, alice, everything, templates, token};

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

fn code_of(error: &DeliveryError) -> Option<u16> {
    let reply = error.source()?.downcast_ref::<SmtpReply>()?;
    Some(reply.code())
}

fn said(heard: &Heard, command: &str) -> Vec<String> {
    let heard = heard.lock().expect("no test panics there");
    let of_command = heard.iter().filter(|line| line.starts_with(command));
    of_command.cloned().collect()
}

/// The three digits of a reply decide, whatever bytes its text has and whether it has any.
#[tokio::test]
async fn smtp_reply_is_its_three_digits() {
    let texts: [&[u8]; 6] = [
        b"220 M\xfcnchen\r\n",
        b"220-\xff\xfe\x80\r\n220-\0\r\n220 \xe4\xf6\r\n",
        b"220\r\n",
        b"220 \r\n",
        b"220-\r\n220\r\n",
        b"220 bare line feed\n",
    ];
    for greeting in texts {
        let (port, _) = odd(move |asked| (asked == "connect").then_some(greeting)).await;
        let sent = deliver(&plain(port).build().unwrap()).await;
        assert!(sent.is_ok(), "{greeting:?}: {sent:?}");
    }
    // Nothing but digits, everywhere.
    let (port, heard) = odd(|asked| match asked {
        "connect" => Some(b"220\r\n"),
        "DATA" => Some(b"354\r\n"),
        "message" => Some(b"250\r\n"),
        _ => Some(b"250\r\n"),
    })
    .await;
    let smtp = plain(port).build().unwrap();
    deliver(&smtp).await.unwrap();
    deliver(&smtp).await.unwrap();
    assert_eq!(said(&heard, "EHLO").len(), 1);
}

/// A refusal in another encoding than UTF-8 is the refusal that it is.
#[tokio::test]
async fn smtp_refusal_need_not_be_utf8() {
    let (port, _) = odd(|asked| {
        asked
            .starts_with("RCPT")
            .then_some(b"550-5.1.1 Postfach unzul\xe4ssig\r\n550 \xfc\r\n")
    })
    .await;
    let error = deliver(&plain(port).build().unwrap()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Refused(_)), "{error:?}");
    assert_eq!(code_of(&error), Some(550));

    let (port, _) = odd(|asked| match asked.split(' ').next() {
        Some("EHLO") => Some(b"250-test\r\n250 AUTH PLAIN\r\n"),
        Some("AUTH") => Some(b"535 Kennwort ung\xfcltig\r\n"),
        _ => None,
    })
    .await;
    let smtp = plain(port).credentials("application", "password");
    let error = deliver(&smtp.build().unwrap()).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    assert_eq!(code_of(&error), Some(535));

    let (port, _) = odd(|asked| (asked == "connect").then_some(b"421 sp\xe4ter\r\n")).await;
    let error = deliver(&plain(port).build().unwrap()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
    assert_eq!(code_of(&error), Some(421));
}

/// What has no three digits in front, or two codes in one reply, is no reply.
#[tokio::test]
async fn smtp_reply_without_its_digits_is_none() {
    let texts: [&[u8]; 12] = [
        b"\r\n",
        b"22\r\n",
        b"+22 x\r\n",
        b"2 20\r\n",
        b"\xff220 x\r\n",
        b"2200 x\r\n",
        b"220_x\r\n",
        b"199 x\r\n",
        b"600 x\r\n",
        b"220-x\r\n250 x\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"354 go on\r\n",
    ];
    for greeting in texts {
        let (port, heard) = odd(move |asked| (asked == "connect").then_some(greeting)).await;
        let error = deliver(&plain(port).build().unwrap()).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
        assert!(
            everything(&error).contains("cannot be read"),
            "{greeting:?}: {error:?}"
        );
        assert!(said(&heard, "EHLO").is_empty());
    }
}

/// A server that knows only HELO takes mail, and no credentials.
#[tokio::test]
async fn smtp_server_that_knows_only_helo() {
    let refusals: [&[u8]; 3] = [
        b"500 what\r\n",
        b"502 5.5.1 not implemented\r\n",
        b"550\r\n",
    ];
    for refusal in refusals {
        let (port, heard) = odd(move |asked| asked.starts_with("EHLO").then_some(refusal)).await;
        deliver(&plain(port).build().unwrap()).await.unwrap();
        assert_eq!(said(&heard, "HELO"), ["HELO [127.0.0.1]"]);

        let smtp = plain(port).credentials("application", "password");
        let error = deliver(&smtp.build().unwrap()).await.unwrap_err();
        assert!(
            matches!(error, DeliveryError::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(said(&heard, "AUTH").is_empty());

        // Without EHLO there is no STARTTLS either.
        let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates());
        let error = deliver(&smtp.port(port).build().unwrap())
            .await
            .unwrap_err();
        assert!(everything(&error).contains("no STARTTLS"), "{error:?}");
    }
    // One that has no time now is asked again later, not in another way.
    let (port, heard) = odd(|asked| asked.starts_with("EHLO").then_some(b"451 later\r\n")).await;
    let error = deliver(&plain(port).build().unwrap()).await.unwrap_err();
    assert_eq!(code_of(&error), Some(451));
    assert!(said(&heard, "HELO").is_empty());
}

/// Extensions and mechanisms are read in any case, and `AUTH=` as old servers write it.
#[tokio::test]
async fn smtp_extensions_are_read_in_any_case() {
    let plain_text = "AUTH PLAIN AGFwcGxpY2F0aW9uAHBhc3N3b3Jk"; // NUL application NUL password
    let login = [
        "AUTH LOGIN",
        "YXBwbGljYXRpb24=", // application
        "cGFzc3dvcmQ=",     // password
    ];
    let cases: [(&[u8], &[&str]); 7] = [
        (
            b"250-test\r\n250-auth plain\r\n250 8bitmime\r\n",
            &[plain_text],
        ),
        (b"250-test\r\n250 Auth Cram-Md5 Plain\r\n", &[plain_text]),
        (b"250-test\r\n250 AUTH=PLAIN LOGIN\r\n", &[plain_text]),
        (
            b"250-test\r\n250-AUTH LOGIN\r\n250 AUTH=LOGIN PLAIN\r\n",
            &[plain_text],
        ),
        (b"250-test\r\n250 AUTH=LOGIN\r\n", &login),
        (
            b"250-test\r\n250-   \r\n250-\r\n250 auth  login \r\n",
            &login,
        ),
        (
            b"250-AUTH LOGIN\r\n250-\xff\r\n250 AUTH PLAIN\r\n",
            &[plain_text],
        ),
    ];
    for (offers, expected) in cases {
        let (port, heard) = odd(move |asked| match asked.split(' ').next() {
            Some("EHLO") => Some(offers),
            Some("AUTH") if asked.ends_with("LOGIN") => Some(b"334 VXNlcm5hbWU6\r\n"),
            Some("YXBwbGljYXRpb24=") => Some(b"334\r\n"),
            Some("AUTH" | "cGFzc3dvcmQ=") => Some(b"235 ok\r\n"),
            _ => None,
        })
        .await;
        let smtp = plain(port).credentials("application", "password");
        let sent = deliver(&smtp.build().unwrap()).await;
        assert!(sent.is_ok(), "{offers:?}: {sent:?}");
        let heard = heard.lock().unwrap();
        assert_eq!(heard[1..=expected.len()], *expected);
    }
    // A mechanism is a word of its own.
    for offers in [
        "250-test\r\n250 AUTH PLAINER XPLAIN\r\n",
        "250-test\r\n250 AUTHPLAIN\r\n",
    ] {
        let (port, heard) =
            odd(move |asked| asked.starts_with("EHLO").then_some(offers.as_bytes())).await;
        let smtp = plain(port).credentials("application", "password");
        let error = deliver(&smtp.build().unwrap()).await.unwrap_err();
        assert!(everything(&error).contains("no password sign-in"));
        assert!(said(&heard, "AUTH").is_empty());
    }
}

/// A domain goes out in ASCII, and needs nothing of the server. A local part that is not ASCII needs SMTPUTF8;
/// without it, the words say that nobody refused.
#[tokio::test]
async fn smtp_domains_need_no_extension() {
    let (port, heard) = odd(|_| None).await;
    let smtp = plain(port).build().unwrap();
    let send = async |address: &str| {
        let (address, token) = (Destination::email(address).unwrap(), token());
        smtp.deliver(&Message::new(SIGN_IN.purpose(), &address, &token))
            .await
    };
    send("alice@bücher.example").await.unwrap();
    assert_eq!(said(&heard, "MAIL"), ["MAIL FROM:<no-reply@example.org>"]);
    assert_eq!(
        said(&heard, "RCPT"),
        ["RCPT TO:<alice@xn--bcher-kva.example>"]
    );

    let error = send("älice@bücher.example").await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Unsendable { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "the message was not sent: the server takes no address whose part before the `@` is not ASCII"
    );
    assert_eq!(said(&heard, "RCPT").len(), 1);
}

/// A relay in a private network gets plaintext where that is asked for by name, and a public one never does.
#[tokio::test]
async fn smtp_plaintext_stays_in_the_private_network() {
    let (port, _) = odd(|_| None).await;
    let builder = |host: &str| {
        SmtpDelivery::builder(host, "no-reply@example.org", templates())
            .plaintext_that_the_whole_network_can_read()
            .port(port)
    };
    // A name of 127.0.0.1 by which nobody sees that it is this machine.
    deliver(&builder("127.1").build().unwrap()).await.unwrap();
    for public in [
        "192.0.2.1",
        "8.8.8.8",
        "100.128.0.1",
        "172.32.0.1",
        "2001:db8::1",
        "::ffff:192.0.2.1",
    ] {
        let error = deliver(&builder(public).build().unwrap())
            .await
            .unwrap_err();
        assert!(
            everything(&error).contains("the server's is public"),
            "{public}: {error:?}"
        );
    }
    let signing_in = builder("mailhog").credentials("application", "password");
    assert!(matches!(
        signing_in.build(),
        Err(token_delivery::SmtpConfigError::CredentialsInClear)
    ));
}
