//! Notices: what, when and from where, and nothing that a request could choose.

use core::error::Error;

use token_delivery::{
    Delivery as _, DeliveryError, Message, Notice, Outbox, Template, TemplateFault, Templates,
    TemplatesError,
    ott_core::{Destination, Format, Policy, Purpose, Token, chrono::DateTime, rand::rngs::SysRng},
};

const ADDED: Purpose = Purpose::new("notice-factor-added");
const NOT_ME: Policy = Policy::link(Purpose::new("not-me"));
const TEXT: &str =
    "A new {what} was added at {at} from {from}.\n\nNot you? Open {link} and say so.";

fn notice() -> Notice {
    Notice {
        what: "authenticator app".into(),
        at: DateTime::from_timestamp(1_800_000_000, 0).expect("a time"),
        from: Some([203, 0, 113, 7].into()),
    }
}

fn words(text: &str) -> Template {
    Template::notice(&ADDED, "News from {application}", text)
}

/// A notice says what happened, when and from where.
#[tokio::test]
async fn notice_says_what_when_and_from_where() -> Result<(), Box<dyn Error>> {
    let template = words(TEXT).link("https://example.org/not-me");
    let outbox = Outbox::new(3).templates(Templates::new("Example", [template])?);
    let address = Destination::email("alice@example.org")?;
    let token = Token::try_generate_from_rng(NOT_ME.token_format(), &mut SysRng)?;

    let news = notice();
    let told = Message::notice(&ADDED, &address, &news, Some(&token));
    outbox.deliver(&told).await?;
    let sent = outbox.last().ok_or("nothing was sent")?;
    assert_eq!(sent.subject(), Some("News from Example"));
    let expected = format!(
        "A new authenticator app was added at 2027-01-15 08:00 UTC from 203.0.113.7.\n\n\
         Not you? Open https://example.org/not-me#{} and say so.",
        token.expose_secret()
    );
    assert_eq!(sent.expose_text(), Some(expected.as_str()));
    assert!(!format!("{told:?} {sent:?}").contains(token.expose_secret()));
    Ok(())
}

/// A notice without link and network address is sent without those sentences.
#[tokio::test]
async fn notice_needs_no_link_and_no_address() -> Result<(), Box<dyn Error>> {
    let templates = Templates::new("Example", [words("{what}: {at}, {from}")])?;
    let outbox = Outbox::new(3).templates(templates);
    let address = Destination::email("alice@example.org")?;
    let unknown = Notice {
        from: None,
        ..notice()
    };
    outbox
        .deliver(&Message::notice(&ADDED, &address, &unknown, None))
        .await?;
    let sent = outbox.last().ok_or("nothing was sent")?;
    let expected = "authenticator app: 2027-01-15 08:00 UTC, an unknown address";
    assert_eq!(sent.expose_text(), Some(expected));
    Ok(())
}

/// A link whose token is missing is not sent.
#[tokio::test]
async fn notice_link_without_its_token_is_not_sent() -> Result<(), Box<dyn Error>> {
    let template = words(TEXT).link("https://example.org/not-me");
    let outbox = Outbox::new(3).templates(Templates::new("Example", [template])?);
    let address = Destination::email("alice@example.org")?;
    let sent = outbox
        .deliver(&Message::notice(&ADDED, &address, &notice(), None))
        .await;
    assert!(
        matches!(sent, Err(DeliveryError::Misconfigured { .. })),
        "{sent:?}"
    );
    assert!(outbox.messages().is_empty());
    Ok(())
}

/// A notice and a code do not take each other's placeholders.
#[test]
fn notice_and_code_have_words_of_their_own() -> Result<(), Box<dyn Error>> {
    let address = Destination::email("alice@example.org")?;
    let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut SysRng)?;
    let of_notice = Templates::new("Example", [words("{what}")])?;
    let of_code = Templates::new("Example", [Template::new(&NOT_ME, "Code", "{token}")])?;
    let code = of_notice.render(&Message::new(&ADDED, &address, &token));
    assert!(matches!(code, Err(DeliveryError::NoTemplate { .. })));
    let news = of_code.render(&Message::notice(
        NOT_ME.purpose(),
        &address,
        &notice(),
        Some(&token),
    ));
    assert!(matches!(news, Err(DeliveryError::NoTemplate { .. })));
    Ok(())
}

/// Every fault in the words of a notice is found when it is built.
#[test]
fn notice_words_are_checked() {
    let fault = |template: Template| match Templates::new("Example", [template]) {
        Err(TemplatesError::Template { fault, .. }) => Some(fault),
        _ => None,
    };
    assert_eq!(fault(words("{token}")), Some(TemplateFault::TokenInNotice));
    assert_eq!(fault(words("{link}")), Some(TemplateFault::NoLinkBase));
    assert_eq!(fault(words("{minutes}")), Some(TemplateFault::NoMinutes));
    let in_subject = Template::notice(&ADDED, "{what}", "{at}");
    assert!(matches!(
        fault(in_subject),
        Some(TemplateFault::UnknownPlaceholder(_))
    ));
    let of_code = Template::new(&NOT_ME, "Code", "{token} {at}");
    assert!(matches!(
        fault(of_code),
        Some(TemplateFault::UnknownPlaceholder(_))
    ));
    assert_eq!(fault(words("{what} {at} {from}")), None);
}
