//! Servers of other people's bug reports, each as a process that behaves so.

#[path = "support/words.rs"]
mod words;

use core::error::Error;
use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use async_trait::async_trait;
use token_delivery::{
    AccessToken, AccessTokens, Delivery, DeliveryError, Message, SmtpBuilder, SmtpDelivery,
    SmtpReply, ott_core::Destination,
};
use words::{SIGN_IN, alice, everything, token};

/// A running `smtp_odd.py`. Dropping it ends the process.
struct Odd {
    child: Child,
    heard: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Odd {
    /// With these answers, each to what begins so.
    fn start(answers: &[(&str, &str)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp_odd.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let pairs = answers
            .iter()
            .map(|(asked, reply)| format!("{}: {}", json(asked), json(reply)));
        let table = format!("{{{}}}\n", pairs.collect::<Vec<_>>().join(", "));
        let stdin = child.stdin.as_mut().expect("a pipe");
        stdin.write_all(table.as_bytes()).expect("it reads");
        let heard = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut server = Self {
            child,
            heard,
            port: 0,
        };
        server.port = server.next().parse().expect("a port");
        server
    }

    fn next(&mut self) -> String {
        self.heard.next().expect("it runs").expect("text")
    }

    /// The commands up to the first that begins so.
    fn until(&mut self, command: &str) -> Vec<String> {
        let mut heard = vec![self.next()];
        while !heard.last().is_some_and(|line| line.starts_with(command)) {
            heard.push(self.next());
        }
        heard
    }

    fn smtp(&self) -> SmtpBuilder {
        SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", words::templates())
            .plaintext_on_loopback()
            .port(self.port)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text of JSON, every character by its number.
fn json(text: &str) -> String {
    let characters = text.chars().map(|c| format!("\\u{:04x}", u32::from(c)));
    format!("\"{}\"", characters.collect::<String>())
}

async fn deliver(smtp: SmtpBuilder, to: &Destination) -> Result<(), DeliveryError> {
    let (smtp, token) = (smtp.build().expect("a configuration"), token());
    smtp.deliver(&Message::new(SIGN_IN.purpose(), to, &token))
        .await
}

fn code_of(told: Result<(), DeliveryError>) -> Option<u16> {
    let error = told.expect_err("it refuses");
    let reply = error.source()?.downcast_ref::<SmtpReply>()?;
    Some(reply.code())
}

/// Greeting, 535 and 550 that are not UTF-8: the three digits decide.
#[tokio::test]
async fn smtp_process_speaks_latin_1() {
    let odd = Odd::start(&[("connect", "220 München\r\n")]);
    deliver(odd.smtp(), &alice()).await.expect("taken");
    let odd = Odd::start(&[("RCPT", "550-5.1.1 unzulässig\r\n550 ü\r\n")]);
    assert_eq!(code_of(deliver(odd.smtp(), &alice()).await), Some(550));
    let odd = Odd::start(&[
        ("EHLO", "250-test\r\n250 AUTH PLAIN\r\n"),
        ("AUTH", "535 ungültig\r\n"),
    ]);
    let smtp = odd.smtp().credentials("application", "password");
    assert_eq!(code_of(deliver(smtp, &alice()).await), Some(535));
}

/// Without SMTPUTF8 a domain goes out in A-labels, and a local part that is not ASCII is not sent: nobody refused it. With SMTPUTF8 it is.
#[tokio::test]
async fn smtp_process_without_smtputf8() {
    let (domain, local) = ("alice@bücher.example", "älice@bücher.example");
    let to = |address: &str| Destination::email(address).expect("an address");
    let mut odd = Odd::start(&[("EHLO", "250-test\r\n250 8BITMIME\r\n")]);
    deliver(odd.smtp(), &to(domain)).await.expect("taken");
    let rcpt = odd.until("RCPT").pop();
    assert_eq!(
        rcpt.as_deref(),
        Some("RCPT TO:<alice@xn--bcher-kva.example>")
    );
    let error = deliver(odd.smtp(), &to(local)).await;
    let error = error.expect_err("the server lacks SMTPUTF8");
    assert!(
        matches!(error, DeliveryError::Unsendable { .. }),
        "{error:?}"
    );
    assert!(everything(&error).contains("is not ASCII"), "{error:?}");
    let mut odd = Odd::start(&[("EHLO", "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")]);
    deliver(odd.smtp(), &to(local)).await.expect("taken");
    assert!(
        odd.until("MAIL")
            .pop()
            .is_some_and(|line| line.contains("SMTPUTF8"))
    );
}

/// HELO alone, replies without text, extensions in small letters, and `AUTH=` are read as the RFC asks.
#[tokio::test]
async fn smtp_process_of_another_age() {
    let mut odd = Odd::start(&[
        ("EHLO", "500 what\r\n"),
        ("HELO", "250\r\n"),
        ("MAIL", "250\r\n"),
    ]);
    deliver(odd.smtp(), &alice()).await.expect("taken");
    assert_eq!(
        odd.until("HELO").last().map(String::as_str),
        Some("HELO [127.0.0.1]")
    );
    for (offers, expected) in [
        (
            "250-test\r\n250-auth plain\r\n250 8bitmime\r\n",
            "AUTH PLAIN",
        ),
        ("250-test\r\n250 AUTH=LOGIN\r\n", "AUTH LOGIN"),
    ] {
        let mut odd = Odd::start(&[
            ("EHLO", offers),
            ("AUTH PLAIN", "235\r\n"),
            ("AUTH LOGIN", "334\r\n"),
            ("YXBwbGljYXRpb24=", "334\r\n"), // application
            ("cGFzc3dvcmQ=", "235\r\n"),     // password
        ]);
        let smtp = odd.smtp().credentials("application", "password");
        deliver(smtp, &alice()).await.expect("taken");
        let auth = odd.until("AUTH").pop().expect("it signed in");
        assert!(auth.starts_with(expected), "{auth}");
    }
}

struct Source;

#[async_trait]
impl AccessTokens for Source {
    async fn access_token(&self, _: bool) -> Result<AccessToken, Box<dyn Error + Send + Sync>> {
        Ok(AccessToken::new("token".to_owned()))
    }
}

/// A server that offers XOAUTH2 alone, or OAUTHBEARER, is signed in to by a token.
#[tokio::test]
async fn smtp_process_takes_tokens_alone() {
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let offers = format!("250-test\r\n250 AUTH {mechanism}\r\n");
        let mut odd = Odd::start(&[("EHLO", &offers), ("AUTH", "235 ok\r\n")]);
        let smtp = odd.smtp().access_tokens("mailer@example.org", Source);
        deliver(smtp, &alice()).await.expect("taken");
        let auth = odd.until("AUTH").pop().expect("it signed in");
        assert!(auth.starts_with(&format!("AUTH {mechanism} ")), "{auth}");
    }
}
