//! The Apple Push Notification service, by a server that answers in every way that its vendor documents.

use core::time::Duration;
use std::{collections::BTreeSet, sync::Arc, time::Instant};

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use token_delivery::{
    Apns, ApnsKey, Delivery as _, PushAddress, PushConfigError, PushOptions,
    ott_core::{Destination, chrono::TimeDelta},
};
use token_store::ManualClock;

use crate::{
    certificates::tls,
    http2::{Say, Server},
    push::{ID, Outcome, PATIENCE, PROMPT, START, options, outcome, parts, wake, words},
};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/http2.rs"]
mod http2;
#[path = "support/push.rs"]
mod push;

const KEY_ID: &str = "ABC123DEFG";
const TEAM: &str = "DEF123GHIJ";

fn device() -> Destination {
    let token = PushAddress::apns(&"AB".repeat(32)).expect("a token");
    token.destination()
}

/// A server, the clock, a client of the server's, and the public half of its key.
async fn apns(says: impl IntoIterator<Item = Say>) -> (Server, Arc<ManualClock>, Apns, Vec<u8>) {
    let (clock, options) = options();
    let (server, apns, public) = apns_with(says, options).await;
    (server, clock, apns, public)
}

/// One that waits for a moment.
async fn hasty(says: impl IntoIterator<Item = Say>) -> (Server, Apns) {
    let (server, apns, _) = apns_with(says, options().1.patience(PATIENCE)).await;
    (server, apns)
}

async fn apns_with(
    says: impl IntoIterator<Item = Say>,
    options: PushOptions,
) -> (Server, Apns, Vec<u8>) {
    let (authority, tls) = tls("127.0.0.1", &["h2"]);
    let server = Server::start(says, tls).await;
    let options = options.address(server.url()).authorities(authority);
    let key = rcgen::KeyPair::generate().expect("a key");
    let pem = key.serialize_pem();
    let signs = ApnsKey::new(pem.as_bytes(), KEY_ID, TEAM).expect("a key");
    let apns = Apns::new(signs, "org.example.app", words(), options).expect("set up");
    (server, apns, key.public_key_raw().to_vec())
}

fn refused(status: u16, reason: &str) -> Say {
    Say::Answer(status, None, json!({"reason": reason}).to_string())
}

const SENT: Say = Say::Answer(200, None, String::new());

fn bearer(server: &Server, number: usize) -> String {
    let received = server.received();
    let header = received
        .get(number)
        .and_then(|one| one.header("authorization"));
    let header = header.expect("a header");
    header.strip_prefix("bearer ").expect("a token").to_owned()
}

/// Path, headers, signature and payload are as Apple says; many pushes go over one connection.
#[tokio::test]
async fn push_is_as_apple_says() {
    let (server, _, apns, public) = apns([SENT]).await;
    for _ in 0..3 {
        wake(&apns, &device()).await.expect("sent");
    }
    let received = server.received();
    let first = &received[0];
    assert_eq!(first.method, "POST");
    assert_eq!(first.path, format!("/3/device/{}", "ab".repeat(32)));
    let expires = (START + 600).to_string();
    for (name, value) in [
        ("apns-topic", "org.example.app"),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", expires.as_str()),
        ("apns-collapse-id", ID),
    ] {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    let (header, claims, signed, signature) = parts(&bearer(&server, 0));
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID}));
    assert_eq!(claims, json!({"iss": TEAM, "iat": START}));
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public)
        .verify(signed.as_bytes(), &signature)
        .expect("the team's signature");
    let body: Value = serde_json::from_str(&first.body).expect("JSON");
    let alert = json!({"title": "Sign in to Example?", "body": "Open the app."});
    let expected = json!({"aps": {"alert": alert, "sound": "default"}, "prompt": ID});
    assert_eq!(body, expected);
    assert_eq!((received.len(), server.connections()), (3, 1));
    let ids: BTreeSet<_> = received.iter().map(|one| one.header("apns-id")).collect();
    assert_eq!(ids.len(), 3, "a push has an id of its own");
    let shape = |id: &str| {
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12]
            && id.as_bytes()[14] == b'4'
            && b"89ab".contains(&id.as_bytes()[19])
    };
    assert!(ids.iter().flatten().all(|id| shape(id)), "{ids:?}");
}

/// Each reason that is documented: what becomes of the device, of the set-up and of the push, and how often it is tried.
#[tokio::test]
async fn documented_reasons_have_their_meaning() {
    use Outcome::{Misconfigured, Refused, Unavailable, Unregistered};
    for (status, reason, meaning, tries) in [
        (400, "BadCollapseId", Misconfigured, 1),
        (400, "BadDeviceToken", Unregistered, 1),
        (400, "BadExpirationDate", Misconfigured, 1),
        (400, "BadMessageId", Misconfigured, 1),
        (400, "BadPriority", Misconfigured, 1),
        (400, "BadTopic", Misconfigured, 1),
        (400, "DeviceTokenNotForTopic", Misconfigured, 1),
        (400, "DuplicateHeaders", Misconfigured, 1),
        (400, "IdleTimeout", Unavailable, 3),
        (400, "InvalidPushType", Misconfigured, 1),
        (400, "MissingDeviceToken", Misconfigured, 1),
        (400, "MissingTopic", Misconfigured, 1),
        (400, "PayloadEmpty", Misconfigured, 1),
        (400, "TopicDisallowed", Misconfigured, 1),
        (403, "BadCertificate", Misconfigured, 1),
        (403, "BadCertificateEnvironment", Misconfigured, 1),
        (403, "BadEnvironmentKeyIdInToken", Misconfigured, 1),
        // The token is a moment old: another one would be no younger.
        (403, "ExpiredProviderToken", Misconfigured, 1),
        (403, "Forbidden", Misconfigured, 1),
        (403, "InvalidProviderToken", Misconfigured, 1),
        (403, "MissingProviderToken", Misconfigured, 1),
        (403, "UnrelatedKeyIdInToken", Misconfigured, 1),
        (404, "BadPath", Misconfigured, 1),
        (405, "MethodNotAllowed", Misconfigured, 1),
        (410, "ExpiredToken", Unregistered, 1),
        (410, "Unregistered", Unregistered, 1),
        (413, "PayloadTooLarge", Refused, 1),
        (429, "TooManyProviderTokenUpdates", Unavailable, 3),
        (429, "TooManyRequests", Unavailable, 3),
        (500, "InternalServerError", Unavailable, 3),
        (503, "ServiceUnavailable", Unavailable, 3),
        (503, "Shutdown", Unavailable, 3),
        (307, "", Misconfigured, 1),
    ] {
        let (server, _, apns, _) = apns([refused(status, reason)]).await;
        let result = wake(&apns, &device()).await;
        assert_eq!(outcome(&result), meaning, "{status} {reason}");
        let received = server.received();
        assert_eq!(received.len(), tries, "{status} {reason}");
        let tokens: BTreeSet<_> = received
            .iter()
            .map(|one| one.header("authorization"))
            .collect();
        assert_eq!(tokens.len(), 1, "no token is made again for it: {reason}");
        let ids: BTreeSet<_> = received.iter().map(|one| one.header("apns-id")).collect();
        assert_eq!(ids.len(), 1, "all tries are one push: {reason}");
        let error = result.expect_err("refused");
        let told = core::error::Error::source(&error).map(ToString::to_string);
        assert!(
            told.expect("a status").contains(reason),
            "{status} {reason}"
        );
    }
    // What is no reason is not repeated.
    let (_server, _, apns, _) = apns([refused(400, "secret-4711")]).await;
    let told = format!("{:?}", wake(&apns, &device()).await);
    assert!(!told.contains("4711"), "{told}");
}

/// A token is kept for 45 minutes, and signed anew before it is an hour old.
#[tokio::test]
async fn token_is_kept_and_renewed_before_its_end() {
    let (server, clock, apns, _) = apns([SENT]).await;
    wake(&apns, &device()).await.expect("sent");
    clock.advance(TimeDelta::minutes(45) - TimeDelta::seconds(1));
    wake(&apns, &device()).await.expect("sent");
    assert_eq!(bearer(&server, 0), bearer(&server, 1));
    clock.advance(TimeDelta::seconds(1));
    wake(&apns, &device()).await.expect("sent");
    let (_, claims, ..) = parts(&bearer(&server, 2));
    assert_eq!(claims["iat"], START + 45 * 60);
    // A clock that was set back makes no old token young.
    clock.advance(TimeDelta::minutes(-30));
    wake(&apns, &device()).await.expect("sent");
    let (_, claims, ..) = parts(&bearer(&server, 3));
    assert_eq!(claims["iat"], START + 15 * 60);
}

/// A token that is refused as expired is signed anew once, and never within 20 minutes of the last: that is what the
/// service answers with `TooManyProviderTokenUpdates`.
#[tokio::test]
async fn expired_token_is_renewed_once_and_not_often() {
    let expired = || refused(403, "ExpiredProviderToken");
    let (server, clock, apns_1, _) = apns([SENT, expired(), expired(), SENT]).await;
    wake(&apns_1, &device()).await.expect("sent");
    clock.advance(TimeDelta::minutes(20) - TimeDelta::seconds(1));
    let early = wake(&apns_1, &device()).await;
    assert_eq!(outcome(&early), Outcome::Misconfigured);
    assert_eq!(server.received().len(), 2);
    clock.advance(TimeDelta::seconds(1));
    wake(&apns_1, &device())
        .await
        .expect("sent with another one");
    assert_eq!(server.received().len(), 4);
    assert_eq!(bearer(&server, 0), bearer(&server, 2));
    let (_, claims, ..) = parts(&bearer(&server, 3));
    assert_eq!(claims["iat"], START + 20 * 60);

    let (server, clock, apns_2, _) = apns([SENT, expired()]).await;
    wake(&apns_2, &device()).await.expect("sent");
    clock.advance(TimeDelta::minutes(30));
    let result = wake(&apns_2, &device()).await;
    assert_eq!(outcome(&result), Outcome::Misconfigured);
    assert_eq!(server.received().len(), 3);
}

/// A service that refuses, hangs, drops or is late costs as many tries as are set, each on a connection that works.
#[tokio::test]
async fn unreliable_service_is_tried_again() {
    for say in [Say::Drop, Say::Hang, Say::Late(PATIENCE * 2, 200)] {
        let (server, apns) = hasty([say.clone(), SENT]).await;
        wake(&apns, &device()).await.expect("the second is taken");
        let received = server.received();
        assert_eq!(received.len(), 2, "{say:?}");
        assert_eq!(received[0].header("apns-id"), received[1].header("apns-id"));
    }
    for say in [Say::Drop, Say::Hang] {
        let (server, apns) = hasty([say.clone()]).await;
        let began = Instant::now();
        assert_eq!(outcome(&wake(&apns, &device()).await), Outcome::Unavailable);
        assert_eq!(server.received().len(), 3, "{say:?}");
        assert!(began.elapsed() < PATIENCE * 5, "{:?}", began.elapsed());
    }
    let (server, apns_late) = hasty([Say::Late(PATIENCE / 3, 200)]).await;
    wake(&apns_late, &device()).await.expect("in time");
    assert_eq!(server.received().len(), 1);
    drop(server);
    let (server, apns) = hasty([SENT]).await;
    drop(server);
    assert_eq!(outcome(&wake(&apns, &device()).await), Outcome::Unavailable);
}

/// A wait that the service names is waited for where it is short, and kept where it is long.
#[tokio::test]
async fn service_is_left_alone_as_it_asks() {
    let later = |wait| Say::Answer(503, Some(wait), r#"{"reason":"ServiceUnavailable"}"#.into());
    let (_server, _, short, _) = apns([later("1"), SENT]).await;
    let began = Instant::now();
    wake(&short, &device()).await.expect("sent");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let (server, _, apns, _) = apns([later("60"), SENT]).await;
    for _ in 0..2 {
        assert_eq!(outcome(&wake(&apns, &device()).await), Outcome::Unavailable);
    }
    assert_eq!(server.received().len(), 1);
}

/// A certificate of another authority, and a server that does not speak HTTP/2, get nothing.
#[tokio::test]
async fn server_is_verified_and_speaks_http2() {
    let (other, _) = tls("127.0.0.1", &[]);
    for (protocols, own) in [(&["h2"][..], false), (&["http/1.1"], true)] {
        let (authority, tls) = tls("127.0.0.1", protocols);
        let server = Server::start([SENT], tls).await;
        let authority = if own { authority } else { other.clone() };
        let (_, options) = options();
        let options = options.address(server.url()).authorities(authority);
        let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
        let key = ApnsKey::new(pem.as_bytes(), KEY_ID, TEAM).expect("a key");
        let apns = Apns::new(key, "org.example.app", words(), options).expect("set up");
        assert_eq!(outcome(&wake(&apns, &device()).await), Outcome::Unavailable);
        assert!(server.received().is_empty());
    }
}

/// What cannot work is an error before the first push, and no key is in a text.
#[test]
fn bad_set_ups_are_refused() {
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let key = || ApnsKey::new(pem.as_bytes(), KEY_ID, TEAM).expect("a key");
    for (id, team) in [
        ("", TEAM),
        ("ABC123DEFGH", TEAM),
        ("ABC\"23DEFG", TEAM),
        (KEY_ID, "team"),
    ] {
        let refused = ApnsKey::new(pem.as_bytes(), id, team);
        assert!(
            matches!(refused, Err(PushConfigError::Name(_))),
            "{id} {team}"
        );
    }
    for no_key in ["", "AA==", include_str!("keys/rsa.pem")] {
        let refused = ApnsKey::new(no_key.as_bytes(), KEY_ID, TEAM);
        assert!(matches!(refused, Err(PushConfigError::Key(_))));
    }
    for topic in ["", "org.example app", "org.example\r\n"] {
        let refused = Apns::new(key(), topic, words(), PushOptions::default());
        assert!(
            matches!(refused, Err(PushConfigError::Name(_))),
            "{topic:?}"
        );
    }
    for address in ["http://api.push.example.com", "api.push.example.com", ""] {
        let options = PushOptions::default().address(address);
        let refused = Apns::new(key(), "org.example.app", words(), options);
        assert!(
            matches!(refused, Err(PushConfigError::Address)),
            "{address}"
        );
    }
    let sandbox = PushOptions::default().address(Apns::SANDBOX);
    let apns = Apns::new(key(), "org.example.app", words(), sandbox).expect("set up");
    assert!(apns.sends_prompts(PROMPT.purpose()) && !apns.sends(PROMPT.purpose()));
    let told = format!("{:?} {apns:?}", key());
    assert_eq!(told, "ApnsKey(..) Apns { .. }");
}
