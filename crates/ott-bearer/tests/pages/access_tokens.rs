//! The program of `docs/access-tokens.md`.

use ott_bearer::{
    Bearers, Kind, Needs, New, Scopes, registration,
    token_store::ott_core::{Purpose, Subject, chrono::TimeDelta},
};

use super::{page_shows, tokens};

ott_bearer::scopes! {
    /// What a token may do.
    enum Mail { Read = "mail:read", Send = "mail:send" }
}

const ACCESS: Kind = Kind::access_token(Purpose::new("access-token"), "exa_pat_")
    .rotating(Purpose::new("access-token-old"), TimeDelta::hours(1))
    .noticing(Purpose::new("access-token-told"), TimeDelta::days(7));

struct Sends;
impl Needs for Sends {
    type Scope = Mail;
    const SCOPES: &'static [Mail] = &[Mail::Send];
}

/// The page shows this program, and it does what the page says.
#[tokio::test]
async fn access_tokens_do_what_the_page_says() {
    let page = include_str!("../../../../docs/access-tokens.md");
    page_shows(page, include_str!("access_tokens.rs"), 4);
    let (tokens, clock) = tokens(&ACCESS);
    let alice = Subject::new("", "4711").unwrap();
    let from_the_form = ("backup script", "mail:read mail:send");
    let access = Bearers::<Mail>::new(&tokens, ACCESS).unwrap();
    let (name, scopes) = from_the_form;
    let scopes = Scopes::parse(scopes).unwrap(); // `None` for an unknown one
    let end = access.now() + TimeDelta::days(30);
    let new = New::of(&alice).named(name).scopes(scopes).expires_at(end);
    let issued = access.issue(&new).await.unwrap();
    let text = issued.token.expose_secret(); // exa_pat_…: shown once
    assert!(text.starts_with("exa_pat_"));

    let bearer = access.authenticate("", text).await.unwrap();
    let sends = bearer.granted::<Sends>().unwrap(); // what takes a `Granted<Sends>` is not reached without
    assert_eq!(sends.name(), Some("backup script"));

    clock.advance(TimeDelta::days(23));
    for ending in access.take_notices(&alice).await.unwrap() {
        tell(&alice, ending.name(), ending.expires_at());
    }
    let newer = access.rotate("", text).await.unwrap(); // for an hour both are good
    assert!(access.authenticate("", text).await.unwrap().is_rotated());
    assert!(
        access
            .authenticate("", newer.token.expose_secret())
            .await
            .is_ok()
    );
    assert!(access.take_notices(&alice).await.unwrap().is_empty());

    access
        .revoke_text("", newer.token.expose_secret())
        .await
        .unwrap();
    assert!(
        access
            .authenticate("", newer.token.expose_secret())
            .await
            .is_err()
    );
    let told = registration(&ACCESS, "Example", "https://example.org/leaked").unwrap();
    assert!(page.contains(&told.pattern), "{}", told.pattern);
    for line in told.text.lines() {
        assert!(page.contains(line), "{line}");
    }
}

fn tell<A, B>(_: &Subject, _: A, _: B) {}
