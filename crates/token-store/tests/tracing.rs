//! Events as records of `tracing`: the level, the fields that an event has, and no other.
#![cfg(feature = "tracing")]

use testing::Traced;
use token_store::{
    Answer, Event, EventSink as _, StoreError, TokensError, TracingEvents, events,
    ott_core::{Purpose, Reason, Rejected, Subject, chrono::DateTime},
};
use tracing::Level;

/// What an operator has to act on is an error, what was held back a warning, and the rest information.
#[test]
fn records_have_the_level_and_the_fields() {
    let alice = Subject::new("", "4711").expect("a subject");
    let event = |name| Event::new(DateTime::UNIX_EPOCH, name);
    let purpose = Purpose::new("sign-in");
    let (traced, _guard) = Traced::here();
    {
        let refused = event(events::TOKEN_REFUSED).of(&alice).purpose(&purpose);
        TracingEvents.emit(event(events::STORE_FAILED).verb("redeem"));
        TracingEvents.emit(refused.reason(Reason::Spent));
        TracingEvents.emit(event(events::LIMIT_REACHED).retry_at(Some(DateTime::UNIX_EPOCH)));
        TracingEvents.emit(event(events::TOKEN_REVOKED).count(3));
    }
    let told = traced.take();
    let expected = [
        (Level::ERROR, r#"event="store.failed" verb="redeem""#),
        (
            Level::WARN,
            r#"event="token.refused" tenant="" subject="4711" purpose="sign-in" reason="Spent""#,
        ),
        (
            Level::WARN,
            r#"event="limit.reached" retry_at="1970-01-01T00:00:00+00:00""#,
        ),
        (Level::INFO, r#"event="token.revoked" count=3"#),
    ];
    assert_eq!(told, expected.map(|(level, line)| (level, line.to_owned())));
}

/// What the client does not learn is recorded with every cause; a refusal is not.
#[test]
fn answers_of_faults_are_recorded() {
    let (traced, _guard) = Traced::here();
    let down = TokensError::Unavailable(StoreError::unavailable("no route"));
    assert_eq!(Answer::traced(down), Answer::Unavailable);
    let slip = TokensError::Misuse("a slip");
    assert_eq!(Answer::traced(slip), Answer::Misuse);
    let refused = TokensError::Rejected(Rejected::new(Reason::Spent));
    assert_eq!(Answer::traced(refused), Answer::Refused);
    let expected = [
        r#"status=503 error="the store is unavailable: the store is unavailable: no route""#,
        r#"status=500 error="misuse: a slip""#,
    ];
    let expected = expected.map(|line| (Level::ERROR, line.to_owned()));
    assert_eq!(traced.take(), expected);
}
