//! SMTP against a real server: aiosmtpd in a process of its own, which the Debian package
//! python3-aiosmtpd brings.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/server.rs"]
mod server;
#[path = "support/words.rs"]
mod words;

use core::{error::Error, num::NonZeroU16};
use std::collections::HashSet;

use certificates::certificates;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use server::Server;
use token_delivery::{
    Delivery, DeliveryError, Message, SmtpBuilder, SmtpConfigError, SmtpDelivery, SmtpReply,
    Template, Templates,
    ott_core::{Channel, Destination, Purpose, Token},
};
use words::{ADDRESS, SIGN_IN, alice, everything, templates, token};

const FROM: &str = "no-reply@example.org";

fn plain(server: &Server) -> SmtpBuilder {
    SmtpDelivery::builder("127.0.0.1", FROM, templates())
        .plaintext_on_loopback()
        .port(server.port)
}

fn over_tls(server: &Server, authority: &str) -> SmtpBuilder {
    SmtpDelivery::builder("127.0.0.1", FROM, templates())
        .port(server.port)
        .trust_only(authority)
}

async fn deliver_to(
    smtp: &SmtpDelivery,
    destination: &Destination,
    token: &Token,
) -> Result<(), DeliveryError> {
    smtp.deliver(&Message::new(SIGN_IN.purpose(), destination, token))
        .await
}

async fn deliver(smtp: &SmtpDelivery) -> Result<(), DeliveryError> {
    deliver_to(smtp, &alice(), &token()).await
}

fn code_of(error: &DeliveryError) -> Option<u16> {
    let reply = error.source()?.downcast_ref::<SmtpReply>()?;
    Some(reply.code())
}

/// A message arrives whole, with the token once.
#[tokio::test]
async fn smtp_message_arrives_whole() {
    let server = Server::start(&[]);
    let smtp = plain(&server).build().unwrap();
    let token = token();
    deliver_to(&smtp, &alice(), &token).await.unwrap();

    let received = server.only_one();
    assert_eq!(
        received.text,
        format!("Your code: {}\n", token.expose_secret())
    );
    assert!(received.html.is_none());
    assert_eq!(received.raw.matches(token.expose_secret()).count(), 1);
    assert_eq!(received.recipients, [ADDRESS]);
    assert_eq!(received.header("X-MailFrom"), FROM);
    assert_eq!(received.header("To"), ADDRESS);
    assert_eq!(received.header("From"), "Example <no-reply@example.org>");
    assert_eq!(received.header("Subject"), "Your code for Example");
    assert_eq!(received.header("Auto-Submitted"), "auto-generated");
    assert_eq!(
        received.header("Content-Type"),
        "text/plain; charset=\"utf-8\""
    );
    assert!(received.header("Date").contains(" 20"));
    let id = received.header("Message-ID");
    let id = id
        .strip_prefix('<')
        .and_then(|id| id.strip_suffix("@example.org>"))
        .unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    // Nothing tells of the machine or of the library.
    let mut names = received.header_names();
    names.sort_unstable();
    let expected = [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
        "X-MailFrom",
        "X-RcptTo",
    ];
    assert_eq!(names, expected);
}

/// Two messages have different Message-IDs.
#[tokio::test]
async fn smtp_message_ids_differ() {
    let server = Server::start(&[]);
    let smtp = plain(&server).build().unwrap();
    for _ in 0..5 {
        deliver(&smtp).await.unwrap();
    }
    let received = server.received();
    let ids: HashSet<_> = received
        .iter()
        .map(|message| message.header("Message-ID"))
        .collect();
    assert_eq!(ids.len(), 5);
}

/// Every text arrives as it was written: long lines, dots, other scripts.
#[tokio::test]
async fn smtp_text_arrives_as_it_was_written() {
    let server = Server::start(&[]);
    let long = "eine lange Zeile ohne Ende, mit Grüßen 😀 ".repeat(60);
    let ascii = "x".repeat(1_500);
    let texts = [
        "Grüße aus Köln: {token} 😀\n".to_owned(),
        "Привет {token}\n日本語のテキスト\n".to_owned(),
        format!("{long}\n{{token}}\n"),
        format!("{ascii}\n{{token}}\n"),
        ".\n..\n.{token}\n.\n".to_owned(),
        "From here\n\n\n\tTabs\t\n spaces  \n=3D =20 =\n{token}\n".to_owned(),
    ];
    for text in &texts {
        let name = "Bücher, \"Söhne\" <& Co>";
        let words = Template::new(
            &SIGN_IN,
            "{application}: Ihr Schlüssel für zehn Minuten, bitte gut verwahren 😀",
            text,
        );
        let templates = Templates::new(name, [words]).unwrap();
        let smtp = SmtpDelivery::builder("127.0.0.1", FROM, templates)
            .plaintext_on_loopback()
            .port(server.port)
            .build()
            .unwrap();
        let token = token();
        deliver_to(&smtp, &alice(), &token).await.unwrap();
        let (received, _) = server.last();
        assert_eq!(
            received.text,
            text.replace("{token}", token.expose_secret())
        );
        let subject = format!("{name}: Ihr Schlüssel für zehn Minuten, bitte gut verwahren 😀");
        assert_eq!(received.header("Subject"), subject);
        let from = received.header("From");
        assert!(
            from.ends_with(" <no-reply@example.org>") && from.contains("Bücher"),
            "{from}"
        );
        // RFC 5321 section 4.5.3.1.6, RFC 5322 section 2.1.1.
        assert!(received.raw.is_ascii() && received.raw.lines().all(|line| line.len() <= 998));
    }
    assert_eq!(server.received().len(), texts.len());
}

/// STARTTLS works with a certificate of the trusted authority.
#[tokio::test]
async fn smtp_starttls_with_a_trusted_certificate() {
    let certificates = certificates("127.0.0.1");
    let server = Server::start_tls(&certificates.server, &certificates.key, &[]);
    let smtp = over_tls(&server, &certificates.authority).build().unwrap();
    deliver(&smtp).await.unwrap();
    deliver(&smtp).await.unwrap();
    assert_eq!(server.received().len(), 2);
}

/// Implicit TLS works with a certificate of the trusted authority.
#[tokio::test]
async fn smtp_tls_with_a_trusted_certificate() {
    let certificates = certificates("127.0.0.1");
    let server = Server::start_tls(&certificates.server, &certificates.key, &["--implicit"]);
    let smtp = over_tls(&server, &certificates.authority)
        .implicit_tls()
        .build()
        .unwrap();
    deliver(&smtp).await.unwrap();
    deliver(&smtp).await.unwrap();
    assert_eq!(server.received().len(), 2);
}

/// A certificate of an unknown authority, or for another host, is refused.
#[tokio::test]
async fn smtp_tls_refuses_other_certificates() {
    let (right, other) = (certificates("127.0.0.1"), certificates("127.0.0.1"));
    let elsewhere = certificates("mail.example.org");
    for implicit in [false, true] {
        let flags: &[&str] = if implicit { &["--implicit"] } else { &[] };
        let mode = |builder: SmtpBuilder| {
            if implicit {
                builder.implicit_tls()
            } else {
                builder
            }
        };

        let server = Server::start_tls(&right.server, &right.key, flags);
        let another_authority = over_tls(&server, &other.authority);
        let the_system = SmtpDelivery::builder("127.0.0.1", FROM, templates()).port(server.port);
        for builder in [another_authority, the_system] {
            let error = deliver(&mode(builder).build().unwrap()).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
            assert!(
                everything(&error).contains("InvalidCertificate("),
                "{error:?}"
            );
        }
        assert!(server.received().is_empty());

        let server = Server::start_tls(&elsewhere.server, &elsewhere.key, flags);
        let builder = over_tls(&server, &elsewhere.authority);
        let error = deliver(&mode(builder).build().unwrap()).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
        assert!(everything(&error).contains("NotValidForName"), "{error:?}");
        assert!(server.received().is_empty());
    }
}

/// TLS towards a server that has none is an error, never plaintext.
#[tokio::test]
async fn smtp_tls_never_becomes_plaintext() {
    let server = Server::start(&[]);
    let authority = certificates("127.0.0.1").authority;
    let error = deliver(&over_tls(&server, &authority).build().unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    let implicit = over_tls(&server, &authority)
        .implicit_tls()
        .build()
        .unwrap();
    let error = deliver(&implicit).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
    assert!(server.received().is_empty());
}

/// Right credentials are taken; wrong and missing ones are misconfiguration.
#[tokio::test]
async fn smtp_credentials_right_wrong_and_missing() {
    let certificates = certificates("127.0.0.1");
    let flags = ["--auth", "application:pass word-ü"];
    let server = Server::start_tls(&certificates.server, &certificates.key, &flags);
    let builder = || over_tls(&server, &certificates.authority);

    let right = builder()
        .credentials("application", "pass word-ü")
        .build()
        .unwrap();
    deliver(&right).await.unwrap();
    deliver(&right).await.unwrap();
    assert_eq!(server.received().len(), 2);

    let wrong = builder()
        .credentials("application", "secret-guess")
        .build()
        .unwrap();
    let error = deliver(&wrong).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    assert_eq!(code_of(&error), Some(535));
    assert!(!everything(&error).contains("secret-guess"));

    let missing = builder().build().unwrap();
    let error = deliver(&missing).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    assert_eq!(code_of(&error), Some(530));
    assert_eq!(server.received().len(), 2);

    // A server that asks nobody to sign in, and credentials all the same.
    let server = Server::start(&[]);
    let unasked = plain(&server)
        .credentials("application", "secret-guess")
        .build()
        .unwrap();
    let error = deliver(&unasked).await.unwrap_err();
    assert!(
        matches!(error, DeliveryError::Misconfigured { .. }),
        "{error:?}"
    );
    assert!(server.received().is_empty());
}

/// A refused recipient is refused for good and named in no error.
#[tokio::test]
async fn smtp_refused_recipient_is_named_nowhere() {
    let server = Server::start(&["--reject-recipient", ADDRESS]);
    let smtp = plain(&server).build().unwrap();
    let error = deliver(&smtp).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Refused(_)), "{error:?}");
    assert_eq!(code_of(&error), Some(550));
    assert!(!everything(&error).contains("secret-address"));
    let bob = Destination::email("bob@example.org").unwrap();
    deliver_to(&smtp, &bob, &token()).await.unwrap();
    assert_eq!(server.only_one().recipients, ["bob@example.org"]);
}

/// A server that is down is unavailable.
#[tokio::test]
async fn smtp_server_that_is_down_is_unavailable() {
    let mut server = Server::start(&[]);
    let (warm, cold) = (
        plain(&server).build().unwrap(),
        plain(&server).build().unwrap(),
    );
    deliver(&warm).await.unwrap();
    server.stop();
    for smtp in [warm, cold] {
        let error = deliver(&smtp).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
        let refused = |io: &std::io::Error| io.kind() == std::io::ErrorKind::ConnectionRefused;
        assert!(
            error
                .source()
                .and_then(|source| source.downcast_ref())
                .is_some_and(refused)
        );
    }
}

/// What an address that looks odd, or that a mail program could read in two ways, is sent to; `None` where it is
/// none.
const STRANGE: &[(&str, Option<&str>)] = &[
    ("alice@example.org", Some("alice@example.org")),
    ("Alice@Example.org", Some("Alice@Example.org")),
    ("alice+tag@example.org", Some("alice+tag@example.org")),
    ("älice@example.org", Some("älice@example.org")),
    ("alice@bücher.example", Some("alice@xn--bcher-kva.example")),
    ("alice@BÜCHER.example", Some("alice@xn--bcher-kva.example")),
    (
        "alice@bu\u{308}cher.example",
        Some("alice@xn--bcher-kva.example"),
    ),
    (
        "\u{430}lice@bücher.example",
        Some("\u{430}lice@xn--bcher-kva.example"),
    ),
    ("alice@ex\u{430}mple.org", Some("alice@xn--exmple-4nf.org")),
    (
        "alice@GitHub\u{131}.example",
        Some("alice@xn--github-u9a.example"),
    ),
    ("alice%eve@example.org", Some("alice%eve@example.org")),
    ("alice!eve@example.org", Some("alice!eve@example.org")),
    ("{token}@example.org", Some("{token}@example.org")),
    ("alice@localhost", Some("alice@localhost")),
    ("alice@[127.0.0.1]", None),
    ("a(comment)@example.org", None),
    ("alice:bob@example.org", None),
    ("a\\r\\nBcc=eve@example.org", None),
    ("=?utf-8?q?eve?=@example.org", None),
    (".alice.@example.org", None),
    ("alice..b@example.org", None),
    ("alice@example..org", None),
    ("-oQ/tmp@example.org", None),
    ("alice@-example.org", None),
    ("alice@example.org.", None),
    ("alice@\u{200b}example.org", None),
    ("al\u{200b}ice@example.org", None),
    ("al\u{202e}ice@example.org", None),
];

/// A message goes to exactly the stored address, its domain in ASCII.
#[tokio::test]
async fn smtp_goes_to_the_stored_address() {
    let server = Server::start(&[]);
    let smtp = plain(&server).build().unwrap();
    let mut arrived = 0;
    for (address, expected) in STRANGE {
        let destination = Destination::email(*address);
        let Some(expected) = expected else {
            assert!(destination.is_err(), "{address}");
            continue;
        };
        let sent = deliver_to(&smtp, &destination.unwrap(), &token()).await;
        assert!(sent.is_ok(), "{address}: {sent:?}");
        arrived += 1;
        let (received, number) = server.last();
        assert_eq!(number, arrived);
        assert_eq!(received.recipients, [*expected]);
        assert_eq!(received.header("To"), *expected);
        assert_eq!(received.header("From"), "Example <no-reply@example.org>");
        assert!(!received.header_names().contains(&"Bcc"));
    }
}

/// What enters can leave: each address that is a destination is mailed to, whatever it is made of.
#[test]
fn smtp_takes_every_destination() {
    let server = Server::start(&[]);
    let smtp = plain(&server).build().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Two thirds of these are destinations.
    let local = r"[!#-'*+/-9=?A-Z^-~-]{1,20}(\.[a-z\p{Latin}\p{Han}\p{Arabic}😀]{1,8}){0,2}";
    let domain = r"[a-z0-9]{1,8}(-[a-zäöüß日本語пример]{1,8})?(\.[a-z]{2,10}){0,2}";
    let addresses = (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"));
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(200)
    });
    let all = runner.run(&addresses, |address| {
        let Ok(destination) = Destination::email(address) else {
            return Err(TestCaseError::reject("no destination"));
        };
        runtime.block_on(async {
            let sent = deliver_to(&smtp, &destination, &token()).await;
            prop_assert!(sent.is_ok(), "{:?}", sent);
            Ok(())
        })?;
        let (local, domain) = destination.mailbox().unwrap();
        let expected = format!("{local}@{domain}");
        let files = server.files();
        let raw = std::fs::read_to_string(files.last().unwrap()).unwrap();
        for line in ["X-RcptTo: ", "To: "].map(|name| format!("{name}{expected}")) {
            prop_assert!(raw.lines().any(|found| found == line), "{}", raw);
        }
        Ok(())
    });
    all.unwrap();
    assert_eq!(server.files().len(), 200);
    // And as another program reads it.
    server.last();
}

/// A message goes to its destination and to nobody else, whoever else is served at the same moment over
/// the same connections, and however an address is written.
#[tokio::test]
async fn smtp_goes_to_nobody_else() {
    let server = Server::start(&["--reject-recipient", "bob@example.org"]);
    // Two connections for four messages.
    let smtp = plain(&server).connections(NonZeroU16::new(2).unwrap());
    let smtp = smtp.build().unwrap();
    let addresses = [
        "alice@example.org",
        "bob@example.org",
        "carol+dave@example.org",
        "eve@example.net",
    ];
    let tokens = addresses.map(|_| token());
    let send = async |address: &str, token| {
        let destination = Destination::email(address).unwrap();
        deliver_to(&smtp, &destination, token).await.is_ok()
    };
    let [a, b, c, d] = addresses;
    let [alice, bob, carol, eve] = &tokens;
    let answers = tokio::join!(send(a, alice), send(b, bob), send(c, carol), send(d, eve));
    assert_eq!(answers, (true, false, true, true));

    let mut asked = server.asked();
    asked.sort();
    assert_eq!(asked, addresses);
    let received = server.received();
    assert_eq!(received.len(), 3);
    for message in &received {
        let [recipient] = &message.recipients[..] else {
            panic!("to {:?}", message.recipients);
        };
        assert_eq!(message.header("To"), recipient);
        for (address, token) in addresses.iter().zip(&tokens) {
            let own = address == recipient;
            assert_eq!(
                message.raw.contains(token.expose_secret()),
                own,
                "{address}"
            );
            assert_eq!(message.raw.contains(address), own, "{address}");
        }
    }
}

/// A delivery says for which purposes it has words.
#[test]
fn smtp_sends_what_it_has_a_template_for() {
    let smtp = SmtpDelivery::builder("localhost", FROM, templates())
        .build()
        .unwrap();
    assert!(smtp.sends(SIGN_IN.purpose()));
    assert!(!smtp.sends(&Purpose::new("sign-in-2")));
}

/// Destinations other than e-mail are refused.
#[tokio::test]
async fn smtp_serves_nothing_but_mail() {
    let server = Server::start(&[]);
    let smtp = plain(&server).build().unwrap();
    let phone = Destination::phone("+4930123456").unwrap();
    let device = Destination::device("alice@example.org").unwrap();
    for destination in [phone, device] {
        let error = deliver_to(&smtp, &destination, &token()).await.unwrap_err();
        let DeliveryError::WrongChannel { channel } = error else {
            panic!("{error:?}")
        };
        assert_eq!(channel, destination.channel());
        assert_ne!(channel, Channel::Email);
    }
    assert!(server.received().is_empty());
}

/// Line breaks reach no header and no command.
#[test]
fn smtp_line_breaks_reach_no_header() {
    let injected = "example.org\r\nBcc: eve@example.org";
    let from = |from: &str| SmtpDelivery::builder("localhost", from, templates()).build();
    for from in [
        from(&format!("no-reply@{injected}")),
        from("no-reply\r\nBcc: eve@example.org"),
        from("Example <no-reply@example.org>"),
        from("no-reply@example.org,eve@example.org"),
        from("nö-reply@example.org"),
        from(""),
    ] {
        assert!(matches!(from, Err(SmtpConfigError::From)), "{from:?}");
    }
    assert!(from("no-reply@bücher.example").is_ok());
    let builder = || SmtpDelivery::builder("localhost", FROM, templates());
    for name in [
        injected,
        "",
        "a b",
        "a\r\nMAIL FROM:<eve>",
        "ü.example",
        "[127.0.0.1]",
    ] {
        let hello = builder().hello(name).build();
        assert!(matches!(hello, Err(SmtpConfigError::Hello)), "{hello:?}");
        let host = SmtpDelivery::builder(name, FROM, templates()).build();
        assert!(matches!(host, Err(SmtpConfigError::Host)), "{host:?}");
    }
    assert!(Destination::email(format!("alice@{injected}")).is_err());
    assert!(Destination::email("alice\r\nBcc:eve@example.org").is_err());
    assert!(Destination::email("alice\n@example.org").is_err());
}

/// Every other fault of a configuration is found when it is built.
#[test]
fn smtp_builder_finds_every_fault() {
    for host in [
        "example.org",
        "127.0.0.1.example.org",
        "10.0.0.1",
        "::2",
        "localhost.",
        "128.0.0.1",
    ] {
        let plain = SmtpDelivery::builder(host, FROM, templates())
            .plaintext_on_loopback()
            .build();
        assert!(
            matches!(plain, Err(SmtpConfigError::PlaintextNotLoopback)),
            "{plain:?}"
        );
    }
    for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
        assert!(
            SmtpDelivery::builder(host, FROM, templates())
                .plaintext_on_loopback()
                .build()
                .is_ok()
        );
    }
    let builder = || SmtpDelivery::builder("localhost", FROM, templates());
    for pem in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        let trusting = builder().trust_only(pem).build();
        assert!(
            matches!(trusting, Err(SmtpConfigError::Certificate)),
            "{pem:?} {trusting:?}"
        );
    }
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        builder().trust_only(no_certificate).build(),
        Err(SmtpConfigError::Tls(_))
    ));
    for (user, password) in [("", "x"), ("a\0b", "x"), ("a", "x\r\nMAIL")] {
        let credentials = builder().credentials(user, password).build();
        assert!(
            matches!(credentials, Err(SmtpConfigError::Credentials)),
            "{credentials:?}"
        );
    }
}
