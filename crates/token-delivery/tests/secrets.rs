//! Tokens, links, passwords and addresses are in the message, and in nothing that is printed.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/server.rs"]
#[expect(
    dead_code,
    reason = "reads less of a message than the tests of its form"
)]
mod server;
#[path = "support/words.rs"]
mod words;

use core::{
    error::Error,
    fmt::{self, Debug, Display},
};
use std::sync::{Mutex, OnceLock};

use server::Server;
use token_delivery::{
    Delivery, DeliveryError, Message, Outbox, Rendered, Sent, SmtpBuilder, SmtpDelivery, Template,
    Templates,
    ott_core::{Policy, Purpose},
};
use words::{ADDRESS, SIGN_IN, alice, everything, templates, token};

/// Does not compile if the type implements the trait: then `probe` is ambiguous.
macro_rules! assert_not_impl {
    ($type:ty: $($bound:path),+) => {$({
        trait IfNot<Marker> { fn probe() {} }
        impl<T: ?Sized> IfNot<()> for T {}
        struct Does;
        impl<T: ?Sized + $bound> IfNot<Does> for T {}
        let _ = <$type as IfNot<_>>::probe;
    })+};
}

/// What holds a token has no Display, no Clone and no comparison.
#[test]
fn message_is_not_shown_and_not_copied() {
    assert_not_impl!(Rendered: Display, Clone, PartialEq<Rendered>);
    assert_not_impl!(Sent: Display, Clone, PartialEq<Sent>);
    assert_not_impl!(Message<'static>: Display, PartialEq<Message<'static>>);
    assert_not_impl!(SmtpBuilder: Display);
    assert_not_impl!(SmtpDelivery: Display, Clone);
}

/// Debug text prints no token, link, address or password.
#[tokio::test]
async fn debug_prints_no_secret_and_no_address() {
    const LINK: Policy = Policy::link(Purpose::new("link"));
    let words = [
        Template::new(&SIGN_IN, "Code", "{token}"),
        Template::new(&LINK, "Link", "{link}").link("https://example.org/"),
    ];
    let templates = Templates::new("Example", words).unwrap();
    let (address, token) = (alice(), token());
    let outbox = Outbox::new(2).templates(templates.clone());
    let mut printed = String::new();
    let mut print = |thing: &dyn Debug| printed.push_str(&format!("{thing:?} {thing:#?}\n"));
    for purpose in [SIGN_IN.purpose(), LINK.purpose()] {
        let message = Message::new(purpose, &address, &token);
        outbox.deliver(&message).await.unwrap();
        print(&message);
        print(&templates.render(&message).unwrap());
        print(&outbox.last());
        let sent = outbox.last().unwrap();
        assert!(sent.expose_text().unwrap().contains(token.expose_secret()));
    }
    print(&outbox);
    print(&outbox.messages());
    let builder = SmtpDelivery::builder("localhost", "no-reply@example.org", templates)
        .credentials("user-4711", "password-4711");
    print(&builder);
    print(&builder.build().unwrap());
    for secret in [token.expose_secret(), ADDRESS, "4711"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(
        printed.contains("sign-in") && printed.contains("email"),
        "{printed}"
    );
}

/// Errors print what helps an operator, and nothing of message, address or password.
#[test]
fn errors_print_what_helps_and_nothing_else() {
    let error = DeliveryError::NoTemplate { purpose: "sign-in" };
    assert_eq!(error.to_string(), "no template for the purpose `sign-in`");
    let error = DeliveryError::Misconfigured {
        which: "the server offers no STARTTLS",
        source: None,
    };
    assert_eq!(
        error.to_string(),
        "delivery is misconfigured: the server offers no STARTTLS"
    );
    let error = DeliveryError::Unavailable("cause".into());
    assert_eq!(error.to_string(), "delivery is unavailable");
    assert_eq!(
        error.source().map(ToString::to_string).as_deref(),
        Some("cause")
    );
}

/// All that the process logged or traced, in its most talkative setting.
static LOGGED: Mutex<String> = Mutex::new(String::new());

fn logged(line: impl Debug) {
    let mut logged = LOGGED.lock().expect("no test panics while it logs");
    logged.push_str(&format!("{line:?}\n"));
}

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        logged(record.args().to_string());
    }

    fn flush(&self) {}
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Fields);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Fields);
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Fields);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Fields;

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        logged(format_args!("{field}={value:?}"));
    }
}

fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        log::set_logger(&Listener).expect("the only logger");
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(Listener).expect("the only subscriber");
        // That silence below means something.
        log::trace!("heard by log");
        tracing::trace!("heard by tracing");
    });
}

/// Deliveries that work, and deliveries that fail, log no secret.
#[tokio::test]
async fn deliveries_log_no_secret() {
    listen();
    let certificates = certificates::certificates("127.0.0.1");
    let flags = [
        "--auth",
        "user-4711:password-4711",
        "--reject-recipient",
        "bob@example.org",
    ];
    let mut server = Server::start_tls(&certificates.server, &certificates.key, &flags);
    let smtp = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates())
        .port(server.port)
        .trust_only(certificates.authority)
        .credentials("user-4711", "password-4711")
        .build()
        .unwrap();
    let (address, token) = (alice(), token());
    let message = Message::new(SIGN_IN.purpose(), &address, &token);
    smtp.deliver(&message).await.unwrap();
    smtp.deliver(&message).await.unwrap();
    let mut printed = String::new();
    let bob = token_delivery::ott_core::Destination::email("bob@example.org").unwrap();
    let refused = smtp
        .deliver(&Message::new(SIGN_IN.purpose(), &bob, &token))
        .await
        .unwrap_err();
    printed.push_str(&everything(&refused));
    server.stop();
    let down = smtp.deliver(&message).await.unwrap_err();
    printed.push_str(&everything(&down));
    let other = Purpose::new("other");
    let no_template = smtp
        .deliver(&Message::new(&other, &address, &token))
        .await
        .unwrap_err();
    printed.push_str(&everything(&no_template));

    let logged = LOGGED.lock().unwrap();
    assert!(
        logged.contains("heard by log") && logged.contains("heard by tracing"),
        "{logged}"
    );
    // AUTH PLAIN is base64 of NUL, user, NUL, password.
    let secrets = [
        token.expose_secret(),
        ADDRESS,
        "bob@example.org",
        "password-4711",
        "AHVzZXItNDcxMQBwYXNzd29yZC00NzEx",
    ];
    for secret in secrets {
        assert!(!logged.contains(secret), "{logged}");
        assert!(!printed.contains(secret), "{printed}");
    }
}
