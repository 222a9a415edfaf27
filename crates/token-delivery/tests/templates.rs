//! Templates: what they render, and every fault of a configuration, named with its purpose.

use token_delivery::{
    DeliveryError, Message, Template, TemplateFault, Templates, TemplatesError,
    ott_core::{
        Destination, Format, Policy, Purpose, RecordId, Token, chrono::TimeDelta,
        rand::rngs::SysRng,
    },
};

const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
const RESET: Policy = Policy::link(Purpose::new("password-recovery"));

fn token(format: &Format) -> Token {
    Token::try_generate_from_rng(format, &mut SysRng).expect("random bytes")
}

fn alice() -> Destination {
    Destination::email("alice@example.org").expect("an address")
}

/// The subject and the text that the one template gives.
fn render(template: Template, policy: &Policy, token: &Token) -> (String, String) {
    let templates = Templates::new("Example", [template]).expect("a good template");
    let address = alice();
    let message = Message::new(policy.purpose(), &address, token);
    let rendered = templates.render(&message).expect("a template");
    (
        rendered.subject().to_owned(),
        rendered.expose_text().to_owned(),
    )
}

/// Each placeholder is filled.
#[test]
fn template_fills_each_placeholder() {
    let code = token(&Format::DIGITS_6);
    let template = Template::new(
        &SIGN_IN,
        "{application}: your code for {minutes} minutes",
        "{token} signs you in to {application} for {minutes} minutes.\r\n\tGrüße\n",
    );
    let (subject, text) = render(template, &SIGN_IN, &code);
    assert_eq!(subject, "Example: your code for 10 minutes");
    let code = code.expose_secret();
    assert_eq!(
        text,
        format!("{code} signs you in to Example for 10 minutes.\n\tGrüße\n")
    );
}

/// What is filled in is not read again.
#[test]
fn template_does_not_read_what_it_filled_in() {
    let words = Template::new(&SIGN_IN, "{application}", "{token} {application}");
    let templates = Templates::new("{token}{minutes}", [words]).unwrap();
    let (address, code) = (alice(), token(&Format::DIGITS_6));
    let rendered = templates
        .render(&Message::new(SIGN_IN.purpose(), &address, &code))
        .unwrap();
    assert_eq!(rendered.subject(), "{token}{minutes}");
    assert_eq!(
        rendered.expose_text(),
        format!("{} {{token}}{{minutes}}", code.expose_secret())
    );
}

/// The token is in the fragment, where no server and no referrer sees it.
#[test]
fn link_has_the_token_in_its_fragment() {
    let token = token(&Format::LINK);
    for base in [
        "https://example.org/reset",
        "https://example.org/reset?lang=de",
        "https://example.org:8443/",
        "https://[2001:db8::1]:8443/reset",
        "http://localhost:3000/reset",
        "http://127.0.0.1/reset",
        "http://[::1]:3000/reset",
    ] {
        let template = Template::new(&RESET, "Reset", "Open <{link}> now").link(base);
        let (_, text) = render(template, &RESET, &token);
        let link = text
            .strip_prefix("Open <")
            .unwrap()
            .strip_suffix("> now")
            .unwrap();
        // A reader of addresses that is not this crate's agrees.
        let link = url::Url::parse(link).unwrap();
        assert_eq!(link.fragment(), Some(token.expose_secret()));
        let mut sent_to_the_server = link.clone();
        sent_to_the_server.set_fragment(None);
        assert_eq!(sent_to_the_server, url::Url::parse(base).unwrap());
    }
}

/// Tokens of every format need no encoding in a link.
#[test]
fn link_needs_no_encoding_for_any_format() {
    let formats = [
        Format::DIGITS_6,
        Format::DIGITS_8,
        Format::READABLE_8,
        Format::RECOVERY,
        Format::LINK,
        Format::alphanumeric(64),
        Format::alphanumeric(30).prefixed("abc_"),
    ];
    for format in formats {
        for _ in 0..200 {
            let token = token(&format);
            let template = Template::new(&RESET, "Reset", "{link}").link("https://example.org/");
            let (_, text) = render(template, &RESET, &token);
            let link = url::Url::parse(&text).unwrap();
            assert_eq!(link.fragment(), Some(token.expose_secret()));
            assert_eq!(link.as_str(), text, "parsing changed nothing");
        }
    }
}

/// A message without a template is an error that names the purpose.
#[test]
fn templates_lack_names_the_purpose() {
    let words = Template::new(&SIGN_IN, "Your code", "{token}");
    let templates = Templates::new("Example", [words]).unwrap();
    let (address, token) = (alice(), token(&Format::LINK));
    let refused = templates.render(&Message::new(RESET.purpose(), &address, &token));
    assert!(matches!(
        refused,
        Err(DeliveryError::NoTemplate {
            purpose: "password-recovery"
        })
    ));
}

fn fault_of(template: Template) -> TemplateFault {
    match Templates::new("Example", [template]) {
        Err(error @ TemplatesError::Template { .. }) => {
            let TemplatesError::Template { purpose, ref fault } = error else {
                unreachable!()
            };
            assert!(
                error.to_string().contains(&format!("`{purpose}`")),
                "{error}"
            );
            assert!(["sign-in", "password-recovery", "prompt"].contains(&purpose));
            fault.clone()
        }
        other => panic!("accepted, or another error: {other:?}"),
    }
}

/// Every fault of a text is found when it is built.
#[test]
fn template_text_faults_are_found_when_built() {
    let text = |text: &str| fault_of(Template::new(&SIGN_IN, "Your code", text));
    let unknown = |name: &str| TemplateFault::UnknownPlaceholder(name.to_owned());
    assert_eq!(text("no token"), TemplateFault::NoToken);
    assert_eq!(text(""), TemplateFault::NoToken);
    assert_eq!(text("{application} {minutes}"), TemplateFault::NoToken);
    assert_eq!(text("{token} {host}"), unknown("host"));
    assert_eq!(text("{Token}"), unknown("Token"));
    assert_eq!(text("{ token }"), unknown(" token "));
    assert_eq!(text("{}"), unknown(""));
    assert_eq!(text("{token"), TemplateFault::Brace);
    assert_eq!(text("token}"), TemplateFault::Brace);
    assert_eq!(text("{token}}"), TemplateFault::Brace);
    assert_eq!(text("{{token}}"), TemplateFault::Brace);
    assert_eq!(text("{{token} {token}"), TemplateFault::Brace);
    assert_eq!(text("} {token}"), TemplateFault::Brace);
    assert_eq!(text("{token} {link}"), TemplateFault::NoLinkBase);
    for control in ["\r", "\0", "\u{1b}[2J", "\u{7f}", "\u{85}", "\n\r"] {
        assert_eq!(
            text(&format!("{{token}}{control}")),
            TemplateFault::TextControl
        );
    }
}

/// Every fault of a subject is found when it is built.
#[test]
fn template_subject_faults_are_found_when_built() {
    let subject = |subject: &str| fault_of(Template::new(&SIGN_IN, subject, "{token}"));
    assert_eq!(subject(""), TemplateFault::Subject);
    assert_eq!(subject(" "), TemplateFault::Subject);
    for injected in [
        "a\r\nBcc: eve@example.org",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\tb",
        "a\u{85}b",
    ] {
        assert_eq!(subject(injected), TemplateFault::Subject);
    }
    assert_eq!(subject("{token}"), TemplateFault::TokenInSubject);
    assert_eq!(subject("{link}"), TemplateFault::TokenInSubject);
    assert_eq!(
        subject("{host}"),
        TemplateFault::UnknownPlaceholder("host".to_owned())
    );
    assert_eq!(subject("{"), TemplateFault::Brace);
}

/// Minutes need a lifetime of at least one.
#[test]
fn template_minutes_need_at_least_one() {
    let text = "{token} {minutes}";
    let seconds = SIGN_IN.lifetime(TimeDelta::seconds(59));
    for policy in [SIGN_IN.until_revoked(), seconds] {
        assert_eq!(
            fault_of(Template::new(&policy, "s", text)),
            TemplateFault::NoMinutes
        );
        assert_eq!(
            fault_of(Template::new(&policy, "{minutes}", "{token}")),
            TemplateFault::NoMinutes
        );
    }
    // Rounded down: never promises more than there is.
    let policy = SIGN_IN.lifetime(TimeDelta::seconds(179));
    let code = token(&Format::DIGITS_6);
    let (_, text) = render(Template::new(&policy, "s", text), &policy, &code);
    assert!(text.ends_with(" 2"));
}

/// Every fault of a link is found when it is built.
#[test]
fn link_faults_are_found_when_built() {
    let link = |base: &str| fault_of(Template::new(&RESET, "Reset", "{link}").link(base));
    for base in [
        "",
        "example.org/reset",
        "//example.org/reset",
        "/reset",
        "HTTPS://example.org/",
        "ftp://example.org/",
        "javascript:alert(1)",
        "http://example.org/reset",
        "http://localhost.example.org/",
        "http://127.0.0.1.example.org/",
        "http://10.0.0.1/",
        "http://[::2]/",
        "http://0x7f000001/",
    ] {
        assert_eq!(link(base), TemplateFault::LinkNotSecure, "{base}");
    }
    for base in [
        "https://",
        "https:///reset",
        "https://?x",
        "https://:443/",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org:443@evil.example/",
        "http://localhost@evil.example/",
        "http://localhost:80@evil.example/",
        "https://example.org:/",
        "https://example.org:+443/",
        "https://example.org:65536/",
        "https://example.org\\@evil.example/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nBcc:x",
        "https://example.org/\"><script>",
        "https://bücher.example/",
        "https://example.org/ü",
        "https://[::1",
        "https://[::1]x/",
        "https://[127.0.0.1]/",
        "https://example.org%2f@evil.example/",
    ] {
        assert_eq!(link(base), TemplateFault::LinkMalformed, "{base}");
    }
    for base in [
        "https://example.org/#",
        "https://example.org/#/reset",
        "https://example.org#a",
    ] {
        assert_eq!(link(base), TemplateFault::LinkHasFragment, "{base}");
    }
    let unused = Template::new(&RESET, "Reset", "{token}").link("https://example.org/");
    assert_eq!(fault_of(unused), TemplateFault::UnusedLinkBase);
}

/// Nothing that a mail program takes for a part of the link may touch it.
#[test]
fn link_is_touched_by_nothing() {
    let words = |text: &str| Template::new(&RESET, "Reset", text).link("https://example.org/");
    for text in [
        "Open {link}.",
        "({link})",
        "{link},",
        "<{link}",
        "{link}>",
        "<{link} >",
        "x{link}",
        "{link}{token}",
        "{link}{link}",
        "{link} and {link}!",
        "\"{link}\"",
    ] {
        assert_eq!(fault_of(words(text)), TemplateFault::LinkNotAlone, "{text}");
    }
    for text in [
        "{link}",
        "<{link}>",
        "<{link}>.",
        "a {link} b",
        "a\n{link}\nb",
        "{link} {token}",
    ] {
        assert!(Templates::new("Example", [words(text)]).is_ok(), "{text}");
    }
}

/// A token is no part of an address: there it would go around the rules of a link.
#[test]
fn template_token_in_an_address_is_a_fault() {
    let words = |text: &str| Template::new(&SIGN_IN, "Your code", text);
    for text in [
        "https://example.org/?code={token}",
        "https://example.org/{token}",
        "<https://example.org/#{token}>",
        "Open https://{token}.example.org now",
        "https://example.org/\u{200b}{token}",
        "example.org/{token}",
        "www.example.org?{token}",
        "{token}.example.org/reset",
        "{token}@example.org",
        "{token}.example.org",
        "example.{token}",
        "mailto:a@b.example?body={token}",
        "{token} or https://example.org/{application}&c={token}",
    ] {
        assert_eq!(
            fault_of(words(text)),
            TemplateFault::TokenInAddress,
            "{text}"
        );
    }
    let named = Templates::new("https://example.org/", [words("{application}{token}")]);
    assert!(named.is_err());
    for text in [
        "{token}",
        "Code:{token}.",
        "It is {token}...",
        "({token})",
        "\"{token}\", please",
        "<{token}>",
        "{token}\nhttps://example.org/",
        "{token} for https://example.org/sign-in?lang=de",
    ] {
        assert!(Templates::new("Example", [words(text)]).is_ok(), "{text}");
    }
}

/// Two templates of one purpose are a fault.
#[test]
fn templates_have_one_for_a_purpose() {
    let words = || Template::new(&SIGN_IN, "Your code", "{token}");
    let fault = Templates::new("Example", [words(), words()]).err();
    let duplicate = TemplatesError::Template {
        purpose: "sign-in",
        fault: TemplateFault::Duplicate,
    };
    assert_eq!(fault, Some(duplicate));
}

/// An application has a name without line breaks.
#[test]
fn template_application_has_one_line() {
    for name in [
        "",
        "  ",
        "Example\r\nBcc: eve@example.org",
        "Exam\0ple",
        "a\tb",
    ] {
        assert_eq!(
            Templates::new(name, []).err(),
            Some(TemplatesError::Application),
            "{name:?}"
        );
    }
}

/// The words that wake a device name the prompt, carry no token, and stand for no other kind of message.
#[test]
fn prompt_words_name_the_prompt_alone() {
    const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
    let words = Template::prompt(
        &PROMPT,
        "A sign-in to {application}",
        "Look at {prompt} within {minutes} minutes.",
    );
    let templates = Templates::new("Example", [words]).expect("good words");
    let (phone, id) = (
        Destination::device("phone").expect("a device"),
        RecordId::from_bytes([0xab; 16]),
    );
    let message = Message::prompt(PROMPT.purpose(), &phone, &id);
    assert!(message.token().is_none() && message.news().is_none());
    assert_eq!(message.waiting(), Some(&id));
    let rendered = templates.render(&message).expect("words");
    assert_eq!(rendered.subject(), "A sign-in to Example");
    let text = format!("Look at {} within 10 minutes.", "ab".repeat(16));
    assert_eq!(rendered.expose_text(), text);

    let code = token(&Format::DIGITS_6);
    let other = Message::new(PROMPT.purpose(), &phone, &code);
    let refused = templates.render(&other);
    assert!(matches!(refused, Err(DeliveryError::NoTemplate { .. })));
    let of_codes = Template::new(&PROMPT, "Your code", "{token}");
    let of_codes = Templates::new("Example", [of_codes]).expect("good words");
    let refused = of_codes.render(&message);
    assert!(matches!(refused, Err(DeliveryError::NoTemplate { .. })));
    for text in ["{token}", "Open {link} now"] {
        let template = Template::prompt(&PROMPT, "A sign-in", text);
        assert_eq!(fault_of(template), TemplateFault::TokenInPrompt);
    }
    let template = Template::new(&PROMPT, "Your code", "{token} {prompt}");
    let unknown = TemplateFault::UnknownPlaceholder("prompt".into());
    assert_eq!(fault_of(template), unknown);
}
