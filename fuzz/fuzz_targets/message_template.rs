//! Whatever an operator writes as words: what is accepted has the token in its text, never in its subject, and in an
//! address behind the fragment alone.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::hash::{DefaultHasher, Hash, Hasher};

use ott_core::{Destination, Format, Policy, Purpose, Token};
use token_delivery::{Message, Template, Templates};

const CODE: Policy = Policy::code(Purpose::new("code"));

fuzz::fuzz_target!(|input: (&str, &str, &str, Option<&str>)| {
    let (application, subject, text, link) = input;
    let template = Template::new(&CODE, subject, text);
    let template = match link {
        Some(link) => template.link(link),
        None => template,
    };
    let Ok(words) = Templates::new(application, [template]) else {
        return;
    };
    // No words can have been written with it in mind.
    let mut seed = DefaultHasher::new();
    (application, subject, text, link).hash(&mut seed);
    let token =
        Token::try_generate_from_rng(&Format::LINK, &mut fuzz::people::seeded(seed.finish()));
    let token = token.expect("it draws");
    let alice = Destination::email("alice@example.org").expect("an address");
    let message = Message::new(CODE.purpose(), &alice, &token);
    let rendered = words.render(&message).expect("it was checked");
    let (secret, said) = (token.expose_secret(), rendered.expose_text());
    assert!(said.contains(secret));
    assert!(!rendered.subject().contains(secret));
    assert!(!rendered.subject().chars().any(char::is_control));
    let keeps = |c: char| c == '\n' || c == '\t' || !c.is_control();
    assert!(said.chars().all(keeps));
    for word in said.split_whitespace() {
        if let Some((before, _)) = word.split_once(secret) {
            let address = before.contains("://");
            assert!(!address || before.ends_with('#'), "{word}");
        }
    }
});
