//! What a door lets in again, and what another one does not.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use ott_bearer::{
    Admitted, Bearers, Door, Kind, Network, New, NoScope, Reply, SESSION_COOKIE,
    token_store::{
        Answer, MemoryStore, Tokens,
        ott_core::{
            KeyRing, Purpose, Subject,
            chrono::{DateTime, TimeDelta},
        },
    },
};

const SESSION: Kind =
    Kind::session(Purpose::new("session")).noting_networks(Purpose::new("session-network"));

fn bearers() -> Bearers {
    let mut tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    for policy in SESSION.policies() {
        tokens = tokens.policy(policy);
    }
    Bearers::new(&tokens.build().unwrap().shared(), SESSION).unwrap()
}

/// Behind a door its own token is taken again without a look at the store; a clone is the same door, and every other one
/// looks for itself.
#[tokio::test]
async fn door_knows_what_it_let_in_alone() {
    let bearers = bearers();
    let alice = Subject::new("", "alice").unwrap();
    let issued = bearers.issue(&New::of(&alice)).await.unwrap();
    let header = format!("Bearer {}", issued.token.expose_secret());
    let door = Door::<NoScope>::new(bearers.clone(), "Example");
    let once = async |door: &Door, before: Option<&Admitted>| {
        let admitted = door.admit_once(before, [header.as_bytes()], None).await;
        admitted.map(|admitted| admitted.subject().clone())
    };
    let admitted = door.admit_once(None, [header.as_bytes()], None).await;
    let admitted = admitted.unwrap();
    assert_eq!(admitted.subject(), &alice);
    bearers.revoke(&alice, admitted.id()).await.unwrap();
    assert_eq!(once(&door, Some(&admitted)).await.unwrap(), alice);
    assert_eq!(once(&door.clone(), Some(&admitted)).await.unwrap(), alice);
    for other in [
        door.clone().tenant(""),
        Door::new(bearers.clone(), "Example"),
    ] {
        let refused = once(&other, Some(&admitted)).await.unwrap_err();
        assert_eq!(refused.status(), 401);
    }
    assert_eq!(once(&door, None).await.unwrap_err().status(), 401);
}

/// A door notes where a request comes from, of a header and of a cookie.
#[tokio::test]
async fn door_notes_the_network_of_a_request() {
    let bearers = bearers();
    let alice = Subject::new("", "alice").unwrap();
    let door = Door::<NoScope>::new(bearers.clone(), "Example");
    for (class, is_cookie) in [("office", false), ("home", true)] {
        let issued = bearers.issue(&New::of(&alice)).await.unwrap();
        let text = issued.token.expose_secret();
        let network = Network(class.into());
        let admitted = if is_cookie {
            let cookie = format!("{SESSION_COOKIE}={text}");
            let cookies = [cookie.as_bytes()];
            door.admit_cookie_from(cookies, SESSION_COOKIE, Some(&network))
                .await
        } else {
            let header = format!("Bearer {text}");
            door.admit_from([header.as_bytes()], Some(&network)).await
        };
        let id = *admitted.unwrap().id();
        let listed = bearers.list(&alice).await.unwrap();
        let facts = listed.iter().find(|facts| *facts.id() == id).unwrap();
        assert_eq!(facts.used_from(), Some(class));
    }
}

/// A reply has the status and the one header of what it is made of.
#[tokio::test]
async fn reply_has_one_header_at_most() {
    let door = Door::<NoScope>::new(bearers(), "Example");
    let reply = Reply::from(&door.admit([]).await.unwrap_err());
    assert_eq!(reply.status(), 401);
    let challenge = ("www-authenticate", r#"Bearer realm="Example""#);
    assert_eq!(reply.header(), Some(challenge));
    let later = DateTime::UNIX_EPOCH + TimeDelta::seconds(784_111_777);
    let reply = Reply::from(Answer::RetryAt(Some(later)));
    assert_eq!(reply.status(), 429);
    let header = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(reply.header(), Some(header));
    let reply = Reply::from(Answer::Refused);
    assert_eq!((reply.status(), reply.header()), (401, None));
}
