//! The program of `docs/sessions.md`.

use ott_bearer::{
    Bearers, Door, Kind, New, Proved,
    token_store::ott_core::{Purpose, Subject, chrono::TimeDelta},
};

use super::{page_shows, tokens};

const SESSION: Kind = Kind::session(Purpose::new("session"));

/// The page shows this program, and it does what the page says.
#[tokio::test]
async fn sessions_do_what_the_page_says() {
    page_shows(
        include_str!("../../../../docs/sessions.md"),
        include_str!("sessions.rs"),
        4,
    );
    let (tokens, clock) = tokens(&SESSION);
    let alice = Subject::new("", "4711").unwrap();
    let sessions: Bearers = Bearers::new(&tokens, SESSION).unwrap();
    let proved = Proved::by(&["pwd"], sessions.now());
    let new = New::of(&alice).named("Firefox on Linux").proved(proved);
    let issued = sessions.issue(&new).await.unwrap();
    let cookie = issued.token.expose_secret(); // Secure, HttpOnly, SameSite=Lax
    let door = Door::new(sessions.clone(), "Example");
    let header = format!("Bearer {cookie}");
    let session = door.admit([header.as_bytes()]).await.unwrap();
    assert_eq!(session.subject(), &alice);

    clock.advance(TimeDelta::hours(2));
    let refused = door
        .recent(&session, TimeDelta::minutes(10), &["otp"])
        .unwrap_err();
    assert_eq!(refused.status(), 401); // insufficient_user_authentication, max_age="600"
    let proved = Proved::by(&["pwd", "otp"], sessions.now());
    let newer = sessions.step_up("", cookie, proved).await.unwrap(); // the cookie's new value
    assert!(sessions.authenticate("", cookie).await.is_err());
    let session = sessions
        .authenticate("", newer.token.expose_secret())
        .await
        .unwrap();
    assert!(
        door.recent(&session, TimeDelta::minutes(10), &["otp"])
            .is_ok()
    );

    sessions.issue(&new).await.unwrap();
    for listed in sessions.list(&alice).await.unwrap() {
        show(listed.name(), listed.used_at());
    }
    assert_eq!(sessions.revoke_others(&session).await.unwrap(), 1); // "sign out everywhere else"
    sessions.revoke(&alice, session.id()).await.unwrap(); // "sign out"
    assert!(sessions.list(&alice).await.unwrap().is_empty());
}

fn show<A, B>(_: A, _: B) {}
