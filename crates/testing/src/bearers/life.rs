//! What a token says, until when, and what it may do.

use ott_bearer::{Bearers, Introspection, Needs, New, NewError, NoScope, Proved, Scopes};
use token_store::{
    TokensError,
    ott_core::{Reason, chrono::TimeDelta},
};

use super::{ACCESS, APP, KINDS, Mail, SESSION, bearers, bench, issued, reason};
use crate::{Place, alice, wrong};

/// Everything that a token was issued with is there when it proves, and in the list; its text is nowhere.
pub async fn token_says_what_it_was_issued_with(place: Place) {
    let bench = bench(place).await;
    let alice = alice();
    for kind in KINDS {
        let bearers = bearers::<Mail>(&bench, kind);
        let now = bearers.now();
        let proved = Proved::by(&["pwd", "otp"], now - TimeDelta::minutes(1));
        let new = New::of(&alice)
            .named("my laptop")
            .scope(Mail::Send)
            .scope(Mail::Read)
            .expires_at(now + TimeDelta::minutes(5))
            .proved(proved.clone())
            .made_from("NL, Example Telecom");
        let token = bearers.issue(&new).await.unwrap();
        let text = token.token.expose_secret();
        let bearer = bearers.authenticate("acme", text).await.unwrap();
        let listed = bearers.list(&alice).await.unwrap();
        for facts in [&token.facts, &*bearer, &listed[0]] {
            assert_eq!(facts.name(), Some("my laptop"));
            assert_eq!(facts.scopes().to_string(), "mail:read mail:send");
            assert_eq!(facts.subject(), &alice);
            assert_eq!(facts.issued_at(), now);
            assert_eq!(facts.expires_at(), Some(now + TimeDelta::minutes(5)));
            assert_eq!(facts.proved(), Some(&proved));
            assert_eq!(facts.made_from(), Some("NL, Example Telecom"));
            assert!(!facts.is_rotated());
        }
        let minutes = TimeDelta::minutes;
        assert!(bearer.proved_within(minutes(1), &["otp"], now).is_ok());
        assert!(bearer.proved_within(minutes(1), &["hwk"], now).is_err());
        let late = now + TimeDelta::microseconds(1);
        assert!(bearer.proved_within(minutes(1), &[], late).is_err());
        let kept = format!("{:?}{:?}", bench.store.records().await, bench.log.drain());
        assert!(!kept.contains(text) && !format!("{bearer:?}{token:?}").contains(text));
    }
}

/// A token is good until its own end, and a kind's idle time counts from the last use.
pub async fn token_ends_at_its_end_or_without_use(place: Place) {
    let bench = bench(place).await;
    let alice = alice();
    let access = bearers::<NoScope>(&bench, ACCESS);
    let token = issued(&access, &alice).await;
    let session = bearers::<NoScope>(&bench, SESSION);
    let (used, unused) = (
        issued(&session, &alice).await,
        issued(&session, &alice).await,
    );
    let day = TimeDelta::days(1);
    for days in 1..30 {
        bench.pass(day);
        let proved = session
            .authenticate("acme", used.token.expose_secret())
            .await;
        let last = session.now();
        assert!(proved.is_ok(), "day {days}");
        let listed = session.list(&alice).await.unwrap();
        let facts = listed
            .iter()
            .find(|facts| facts.id() == used.facts.id())
            .unwrap();
        assert_eq!(facts.idles_at(), Some(last + day * 7));
        let proved = session.list(&alice).await.unwrap().len() == 2;
        assert_eq!(proved, days < 7, "day {days}");
    }
    let idle = session
        .authenticate("acme", unused.token.expose_secret())
        .await;
    assert_eq!(reason(idle), Reason::Expired);
    bench.pass(day);
    let over = session
        .authenticate("acme", used.token.expose_secret())
        .await;
    assert_eq!(reason(over), Reason::Expired);
    bench.pass(day * 60 - TimeDelta::microseconds(1));
    access
        .authenticate("acme", token.token.expose_secret())
        .await
        .unwrap();
    bench.pass(TimeDelta::microseconds(1));
    let over = access
        .authenticate("acme", token.token.expose_secret())
        .await;
    assert_eq!(reason(over), Reason::Expired);
}

/// A name that shows nothing and an end that cannot be are told, and nothing is issued.
pub async fn impossible_names_and_ends_are_told(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let alice = alice();
    let long = "é".repeat(65);
    for name in ["", "  ", "a\u{0}b", "a\nb", "a\u{202e}b", "\u{2800}", &long] {
        let refused = bearers.issue(&New::of(&alice).named(name)).await;
        assert!(matches!(refused, Err(NewError::Name(_))), "{name:?}");
    }
    let now = bearers.now();
    let late = TimeDelta::days(90) + TimeDelta::microseconds(1);
    for end in [now, now - TimeDelta::days(1), now + late] {
        let refused = bearers.issue(&New::of(&alice).expires_at(end)).await;
        assert!(matches!(refused, Err(NewError::End)), "{end}");
    }
    assert!(bench.store.records().await.is_empty());
    let fits = New::of(&alice)
        .named(&"é".repeat(64))
        .expires_at(now + TimeDelta::days(90));
    assert!(bearers.issue(&fits).await.is_ok());
}

ott_bearer::scopes! { enum Later { Read = "mail:read", Delete = "mail:delete" } }

struct Sends;
impl Needs for Sends {
    type Scope = Mail;
    const SCOPES: &'static [Mail] = &[Mail::Send];
}

/// A scope is checked by its type; one that the application has no more grants nothing, also under its old name.
pub async fn scope_that_is_gone_grants_nothing(place: Place) {
    let bench = bench(place).await;
    let (before, after) = (
        bearers::<Mail>(&bench, ACCESS),
        bearers::<Later>(&bench, ACCESS),
    );
    let alice = alice();
    let scopes = Scopes::parse("mail:send  mail:read").unwrap();
    let token = before.issue(&New::of(&alice).scopes(scopes)).await.unwrap();
    let text = token.token.expose_secret();
    let bearer = before.authenticate("acme", text).await.unwrap();
    assert!(bearer.granted::<Sends>().is_ok());
    let bearer = after.authenticate("acme", text).await.unwrap();
    assert_eq!(bearer.scopes().to_string(), "mail:read");
    let lacks = bearer.needs(&[Later::Read, Later::Delete]).unwrap_err();
    assert_eq!(lacks.scope, "mail:read mail:delete");
    let reads = before
        .issue(&New::of(&alice).scope(Mail::Read))
        .await
        .unwrap();
    let bearer = before
        .authenticate("acme", reads.token.expose_secret())
        .await
        .unwrap();
    assert!(bearer.granted::<Sends>().is_err());
    assert!(Scopes::<Mail>::parse("mail:read mail:delete").is_none());
}

/// A mistyped token with a checksum is refused before the store is asked.
pub async fn typing_error_is_found_offline(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<NoScope>(&bench, ACCESS);
    let token = issued(&bearers, &alice()).await.token;
    let text = token.expose_secret();
    assert!(text.starts_with("exa_pat_") && text.len() == 8 + 30 + 6);
    let mistyped = format!("exa_pat_{}", wrong(&text[8..]));
    bench.store.asked();
    let before = bench.store.asked().len();
    assert_eq!(
        reason(bearers.authenticate("acme", &mistyped).await),
        Reason::Malformed
    );
    assert_eq!(bench.store.asked().len(), before);
    // An app password is typed by hand, in any case, with blanks or without dashes.
    let typed = super::bearers::<NoScope>(&bench, APP);
    let token = issued(&typed, &alice()).await.token;
    let spelled = token.expose_secret().to_lowercase().replace('-', " ");
    assert!(typed.authenticate("acme", &spelled).await.is_ok());
}

/// Of a live token everything is told, of any other that it is not active.
pub async fn introspection_tells_of_live_tokens_alone(place: Place) {
    let bench = bench(place).await;
    let bearers = bearers::<Mail>(&bench, ACCESS);
    let alice = alice();
    let now = bearers.now();
    let new = New::of(&alice)
        .scope(Mail::Read)
        .proved(Proved::by(&["pwd"], now));
    let token = bearers.issue(&new).await.unwrap();
    let text = token.token.expose_secret();
    let told = bearers.introspect("acme", text).await.unwrap();
    let expected = Introspection {
        active: true,
        scope: Some("mail:read".into()),
        token_type: Some("Bearer"),
        exp: Some((now + TimeDelta::days(90)).timestamp()),
        iat: Some(now.timestamp()),
        sub: Some(alice.id().into()),
        jti: Some(token.facts.id().to_string()),
        auth_time: Some(now.timestamp()),
        amr: vec!["pwd".into()],
    };
    assert_eq!(told, expected);
    bearers.revoke(&alice, token.facts.id()).await.unwrap();
    for text in [text, "nothing", &wrong(text)] {
        let told = bearers.introspect("acme", text).await.unwrap();
        assert_eq!(told, Introspection::inactive());
    }
    bench.store.fail("find");
    assert!(bearers.introspect("acme", text).await.is_err());
}

/// A store that does not answer refuses nobody: it is an outage in every verb.
pub async fn outage_is_no_refusal(place: Place) {
    let bench = bench(place).await;
    let bearers: Bearers = bearers(&bench, ACCESS);
    let alice = alice();
    let token = issued(&bearers, &alice).await;
    let (text, id) = (token.token.expose_secret(), token.facts.id());
    fn outage<T>(result: Result<T, TokensError>) -> bool {
        matches!(result, Err(TokensError::Unavailable(_)))
    }
    bench.store.fail("find");
    assert!(outage(bearers.authenticate("acme", text).await));
    assert!(outage(bearers.rotate("acme", text).await));
    bench.store.fail("list");
    assert!(outage(bearers.list(&alice).await));
    assert!(outage(bearers.take_notices(&alice).await));
    bench.store.fail("revoke");
    assert!(outage(bearers.revoke_all(&alice).await));
    assert!(outage(bearers.revoke_text("acme", text).await));
    bench.store.fail("insert");
    let issued = bearers.issue(&New::of(&alice)).await;
    assert!(matches!(
        issued,
        Err(NewError::Tokens(TokensError::Unavailable(_)))
    ));
    bench.store.recover();
    assert_eq!(bearers.authenticate("acme", text).await.unwrap().id(), id);
}
