//! The outbox: what it keeps, and how it plays an outage.

use std::sync::Arc;

use token_delivery::{
    Delivery, DeliveryError, Message, Outbox, Template, Templates,
    ott_core::{Destination, Format, Policy, Purpose, Token, rand::rngs::SysRng},
};

const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
const OTHER: Purpose = Purpose::new("other");

fn token() -> Token {
    Token::try_generate_from_rng(&Format::DIGITS_8, &mut SysRng).expect("random bytes")
}

/// The outbox keeps the last messages, the oldest first.
#[tokio::test]
async fn outbox_keeps_the_last_messages_oldest_first() {
    let outbox = Outbox::new(3);
    let addresses = [
        "a@example.org",
        "b@example.org",
        "c@example.org",
        "d@example.org",
    ];
    let mut tokens = Vec::new();
    for address in addresses {
        let (address, token) = (Destination::email(address).unwrap(), token());
        outbox
            .deliver(&Message::new(SIGN_IN.purpose(), &address, &token))
            .await
            .unwrap();
        tokens.push(token);
    }
    let kept = outbox.messages();
    let found: Vec<_> = kept
        .iter()
        .map(|sent| sent.destination().address())
        .collect();
    assert_eq!(found, addresses[1..]);
    for (sent, token) in kept.iter().zip(&tokens[1..]) {
        assert_eq!(sent.expose_token(), token.expose_secret());
        assert_eq!(sent.purpose(), SIGN_IN.purpose());
        assert_eq!((sent.subject(), sent.expose_text()), (None, None));
    }
    let last = outbox.last().unwrap();
    assert_eq!(last.expose_token(), tokens[3].expose_secret());
}

/// An outbox sends every purpose; with templates, those that have one. The same behind the trait.
#[test]
fn outbox_sends_what_it_has_a_template_for() {
    let plain = Outbox::new(1);
    assert!(plain.sends(SIGN_IN.purpose()) && plain.sends(&OTHER));
    let words = Template::new(&SIGN_IN, "Your code", "{token}");
    let outbox = plain.templates(Templates::new("Example", [words]).unwrap());
    let behind: Arc<dyn Delivery> = Arc::new(outbox);
    assert!(behind.sends(SIGN_IN.purpose()));
    assert!(!behind.sends(&OTHER));
}

/// Clones share what they keep, also behind the trait.
#[tokio::test]
async fn outbox_clones_share_what_they_keep() {
    let outbox = Outbox::new(1);
    let behind: Arc<dyn Delivery> = Arc::new(outbox.clone());
    let (phone, token) = (Destination::phone("+4930123456").unwrap(), token());
    behind
        .deliver(&Message::new(&OTHER, &phone, &token))
        .await
        .unwrap();
    assert_eq!(outbox.last().unwrap().expose_token(), token.expose_secret());
}

/// With templates the outbox renders, and refuses, as a real delivery does.
#[tokio::test]
async fn outbox_renders_as_a_real_delivery() {
    let words = Template::new(&SIGN_IN, "{application}", "Code: {token}");
    let outbox = Outbox::new(9).templates(Templates::new("Example", [words]).unwrap());
    let (address, token) = (Destination::email("a@example.org").unwrap(), token());
    outbox
        .deliver(&Message::new(SIGN_IN.purpose(), &address, &token))
        .await
        .unwrap();
    let sent = outbox.last().unwrap();
    assert_eq!(sent.subject(), Some("Example"));
    assert_eq!(
        sent.expose_text().unwrap(),
        format!("Code: {}", token.expose_secret())
    );
    let refused = outbox
        .deliver(&Message::new(&OTHER, &address, &token))
        .await;
    assert!(matches!(
        refused,
        Err(DeliveryError::NoTemplate { purpose: "other" })
    ));
    assert_eq!(outbox.messages().len(), 1);
}

/// While the outbox fails, nothing is delivered.
#[tokio::test]
async fn outbox_that_fails_delivers_nothing() {
    let outbox = Outbox::new(9);
    let (address, token) = (Destination::email("a@example.org").unwrap(), token());
    let message = Message::new(SIGN_IN.purpose(), &address, &token);
    outbox.fail();
    let down = outbox.deliver(&message).await;
    assert!(matches!(down, Err(DeliveryError::Unavailable(_))));
    assert!(outbox.messages().is_empty());
    outbox.recover();
    outbox.deliver(&message).await.unwrap();
    assert_eq!(outbox.messages().len(), 1);
}

/// While the outbox hangs, nothing is delivered; what waited is, once it recovers.
#[tokio::test]
async fn outbox_that_hangs_delivers_later() {
    let outbox = Outbox::new(9);
    outbox.hold();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let outbox = outbox.clone();
            tokio::spawn(async move {
                let (address, token) = (Destination::email("a@example.org").unwrap(), token());
                let message = Message::new(SIGN_IN.purpose(), &address, &token);
                outbox.deliver(&message).await
            })
        })
        .collect();
    for _ in 0..99 {
        tokio::task::yield_now().await;
    }
    assert!(outbox.messages().is_empty() && waiting.iter().all(|one| !one.is_finished()));
    outbox.recover();
    for one in waiting {
        one.await.unwrap().unwrap();
    }
    assert_eq!(outbox.messages().len(), 3);
}

/// With templates it sends what has one; without any it keeps everything. Whatever shares it says the same.
#[test]
fn outbox_says_what_it_sends() {
    let purposes = [SIGN_IN.purpose(), &OTHER];
    let says = |outbox: Outbox| purposes.map(|purpose| Arc::new(outbox.clone()).sends(purpose));
    assert_eq!(says(Outbox::new(1)), [true, true]);
    let template = Template::new(&SIGN_IN, "Example", "Code: {token}");
    let templates = Templates::new("Example", [template]).unwrap();
    assert_eq!(says(Outbox::new(1).templates(templates)), [true, false]);
}
