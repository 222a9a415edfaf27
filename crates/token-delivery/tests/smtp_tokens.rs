//! Signing in by access tokens: RFC 7628, and XOAUTH2 as Google and Microsoft describe it.

#[path = "support/odd.rs"]
mod odd;
#[path = "support/wire.rs"]
mod wire;
#[path = "support/words.rs"]
mod words;

use core::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::Arc;

use async_trait::async_trait;
use odd::{Heard, odd};
use token_delivery::{
    AccessToken, AccessTokens, Delivery, DeliveryError, Message, SmtpBuilder, SmtpConfigError,
    SmtpDelivery, SmtpReply,
};
use words::{SIGN_IN, alice, everything, templates, token};

/// Gives one token, another one where it is asked anew, and counts how often it is asked.
struct Source(String, Arc<AtomicUsize>);

#[async_trait]
impl AccessTokens for Source {
    async fn access_token(&self, anew: bool) -> Result<AccessToken, Box<dyn Error + Send + Sync>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        if self.0 == "none" {
            return Err("the issuer does not answer".into());
        }
        if anew && self.0 == "last" {
            return Err("the issuer does not answer".into());
        }
        let newer = if anew { "-anew" } else { "" };
        Ok(AccessToken::new(format!("{}{newer}", self.0)))
    }
}

fn signing_in(port: u16, token: &str) -> (SmtpBuilder, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = Source(token.to_owned(), Arc::clone(&asked));
    let builder = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .plaintext_on_loopback()
        .port(port)
        .access_tokens("mail=er,1@example.org", source);
    (builder, asked)
}

async fn deliver(builder: SmtpBuilder) -> Result<(), DeliveryError> {
    let smtp = builder.build().expect("a configuration");
    let (address, token) = (alice(), token());
    let message = Message::new(SIGN_IN.purpose(), &address, &token);
    smtp.deliver(&message).await?;
    smtp.deliver(&message).await
}

/// Base64 (RFC 4648 section 4), written out for the test.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET.get((bits >> shift & 63) as usize);
            let digit = digit.filter(|_| at <= chunk.len());
            out.push(digit.copied().unwrap_or(b'=').into());
        }
    }
    out
}

fn heard_of_auth(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().expect("no test panics there");
    let after = heard.iter().skip_while(|line| !line.starts_with("AUTH"));
    let until = after.take_while(|line| !line.starts_with("MAIL") && !line.starts_with("QUIT"));
    until.cloned().collect()
}

/// A server that offers XOAUTH2 alone, or OAUTHBEARER too, is signed in to with a token of the source: one a
/// connection.
#[tokio::test]
async fn smtp_token_signs_in() {
    assert_eq!(base64("\0a\0bc"), "AGEAYmM=");
    let serve = async |offers: &'static [u8]| {
        odd(move |asked| match asked.split(' ').next() {
            Some("EHLO") => Some(offers),
            Some("AUTH") => Some(b"235 2.7.0 ok\r\n"),
            _ => None,
        })
        .await
    };
    let (port, heard) = serve(b"250-test\r\n250 AUTH XOAUTH2\r\n").await;
    let (builder, asked) = signing_in(port, "ya29.made-up");
    deliver(builder).await.unwrap();
    let message = "user=mail=er,1@example.org\x01auth=Bearer ya29.made-up\x01\x01";
    assert_eq!(
        heard_of_auth(&heard),
        [format!("AUTH XOAUTH2 {}", base64(message))]
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let (port, heard) = serve(b"250-test\r\n250 AUTH XOAUTH2 OAUTHBEARER PLAIN\r\n").await;
    deliver(signing_in(port, "ya29.made-up").0).await.unwrap();
    let message = format!(
        "n,a=mail=3Der=2C1@example.org,\x01host=127.0.0.1\x01port={port}\x01auth=Bearer ya29.made-up\x01\x01"
    );
    assert_eq!(
        heard_of_auth(&heard),
        [format!("AUTH OAUTHBEARER {}", base64(&message))]
    );
}

/// A token that fits no command line follows on a line of its own.
#[tokio::test]
async fn smtp_long_token_has_a_line_of_its_own() {
    let (port, heard) = odd(|asked| match asked.split(' ').next() {
        Some("EHLO") => Some(b"250-test\r\n250 AUTH XOAUTH2\r\n"),
        Some("AUTH") => Some(b"334 \r\n"),
        Some(line) if line.len() > 1_000 => Some(b"235 2.7.0 ok\r\n"),
        _ => None,
    })
    .await;
    let token = "a".repeat(2_000);
    deliver(signing_in(port, &token).0).await.unwrap();
    let message = format!("user=mail=er,1@example.org\x01auth=Bearer {token}\x01\x01");
    assert_eq!(
        heard_of_auth(&heard),
        ["AUTH XOAUTH2".to_owned(), base64(&message)]
    );
}

/// A refused token is misconfiguration, by either mechanism; the server's reasons come in a challenge first.
#[tokio::test]
async fn smtp_refused_token_is_misconfiguration() {
    let cases: [(&'static [u8], &str); 2] = [
        (b"250-test\r\n250 AUTH XOAUTH2\r\n", ""),
        (b"250-test\r\n250 AUTH OAUTHBEARER\r\n", "AQ=="),
    ];
    for (offers, bow) in cases {
        let (port, heard) = odd(move |asked| match asked.split(' ').next() {
            Some("EHLO") => Some(offers),
            Some("AUTH") => Some(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
            Some("connect" | "QUIT") => None,
            _ => Some(b"535 5.7.8 no\r\n"),
        })
        .await;
        let error = deliver(signing_in(port, "secret-guess").0)
            .await
            .unwrap_err();
        assert!(
            matches!(error, DeliveryError::Misconfigured { .. }),
            "{error:?}"
        );
        let reply = error.source().and_then(|source| source.downcast_ref());
        assert_eq!(reply.map(SmtpReply::code), Some(535));
        // Asked anew once, and not for ever.
        let heard = heard_of_auth(&heard);
        assert_eq!((heard.len(), &*heard[1], &*heard[3]), (4, bow, bow));
        assert!(!everything(&error).contains("secret-guess"));
    }
}

/// A token that was revoked before its time is asked anew, once; a server that hangs up said why before, and an issuer
/// that is down is an outage.
#[tokio::test]
async fn smtp_refused_token_is_asked_anew() {
    for (mechanism, offers) in [
        ("XOAUTH2", &b"250-test\r\n250 AUTH XOAUTH2\r\n"[..]),
        ("OAUTHBEARER", b"250-test\r\n250 AUTH OAUTHBEARER\r\n"),
    ] {
        let tries = Arc::new(AtomicUsize::new(0));
        let (port, heard) = odd(move |said| match said.split(' ').next() {
            Some("EHLO") => Some(offers),
            Some("AUTH") if tries.fetch_add(1, Ordering::SeqCst) == 0 => Some(b"535 5.7.8 no\r\n"),
            Some("AUTH") => Some(b"235 2.7.0 ok\r\n"),
            _ => None,
        })
        .await;
        let (builder, asked) = signing_in(port, "revoked");
        deliver(builder).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let heard = heard_of_auth(&heard);
        assert!(heard.iter().all(|line| line.contains(mechanism)));
        assert_eq!(heard.len(), 2);
        assert_ne!(heard[0], heard[1], "another token");
    }
    // A busy server refuses no token.
    let offers: &[u8] = b"250-test\r\n250 AUTH XOAUTH2\r\n";
    for (refusal, token, asks) in [
        (&b"454 4.7.0 later\r\n"[..], "good", 1),
        (b"535 5.7.8 no\r\n", "last", 2),
    ] {
        let (port, _) = odd(move |said| match said.split(' ').next() {
            Some("EHLO") => Some(offers),
            Some("AUTH") => Some(refusal),
            _ => None,
        })
        .await;
        let (builder, asked) = signing_in(port, token);
        let error = deliver(builder).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
        assert_eq!(asked.load(Ordering::SeqCst), asks, "{token}");
    }
    let (port, _) = odd(move |said| match said.split(' ').next() {
        Some("EHLO") => Some(offers),
        // What comes then is no reply to anything.
        Some("AUTH") => Some(b"535 5.7.8 no\r\nbye\r\n"),
        _ => None,
    })
    .await;
    let error = deliver(signing_in(port, "x").0).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
}

/// A source without a token is an outage; one whose token could end the message is misconfiguration; and a password
/// where tokens alone are taken is told so.
#[tokio::test]
async fn smtp_token_that_cannot_be_had() {
    let offers: &[u8] = b"250-test\r\n250 AUTH XOAUTH2\r\n";
    let (port, heard) = odd(move |asked| asked.starts_with("EHLO").then_some(offers)).await;
    let error = deliver(signing_in(port, "none").0).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
    for bad in ["", "a b", "a\x01auth=Bearer b", "a\r\nMAIL", "ü"] {
        let error = deliver(signing_in(port, bad).0).await.unwrap_err();
        assert!(
            matches!(error, DeliveryError::Misconfigured { .. }),
            "{bad:?}: {error:?}"
        );
    }
    let builder = signing_in(port, "x")
        .0
        .credentials("application", "password");
    let error = deliver(builder).await.unwrap_err();
    assert!(everything(&error).contains("access tokens"), "{error:?}");
    assert!(heard_of_auth(&heard).is_empty());

    let (port, _) = odd(|_| None).await;
    let error = deliver(signing_in(port, "x").0).await.unwrap_err();
    assert!(everything(&error).contains("no access tokens"), "{error:?}");

    let asked = Arc::new(AtomicUsize::new(0));
    let builder = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .access_tokens("mail\x01er", Source("x".into(), asked));
    assert!(matches!(builder.build(), Err(SmtpConfigError::Credentials)));
    assert_eq!(
        format!("{:?}", AccessToken::new("secret")),
        "AccessToken(..)"
    );
}
