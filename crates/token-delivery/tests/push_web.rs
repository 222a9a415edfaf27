//! Web Push: a browser's service, and a browser that opens what was sealed for it.

use core::time::Duration;
use std::time::Instant;

use aes_gcm::{Aes128Gcm, Key, KeyInit as _, Nonce, aead::Aead as _};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
    signature,
};
use serde_json::{Value, json};
use sha2::Sha256;
use token_delivery::{
    Delivery as _, DeliveryError, InvalidPushAddress, Push, PushAddress, PushConfigError,
    PushOptions, VapidKey, WebPush, ott_core::Destination,
};

use crate::{
    certificates::tls,
    gateway::{Say, Server},
    push::{ID, Outcome, PATIENCE, PROMPT, START, options, outcome, parts, wake, words},
};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/push.rs"]
mod push;

const AUTH: [u8; 16] = *b"sixteen bytes of";

/// A browser, which opens one message.
struct Browser {
    key: EphemeralPrivateKey,
    public: Vec<u8>,
}

impl Browser {
    fn new() -> Self {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
        let public = key.compute_public_key().expect("a key").as_ref().to_vec();
        Self { key, public }
    }

    fn subscribed(&self, endpoint: &str) -> Destination {
        let [key, auth] = [&self.public[..], &AUTH].map(|one| BASE64_URL_SAFE_NO_PAD.encode(one));
        let address = PushAddress::web(endpoint, &key, &auth);
        address.expect("a subscription").destination()
    }

    /// RFC 8188 and RFC 8291, the other side, by other libraries.
    fn open(self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (record, rest) = rest.split_at(4);
        assert_eq!(record, 4_096_u32.to_be_bytes());
        let (length, rest) = rest.split_first().expect("a length");
        let (sender, sealed) = rest.split_at(usize::from(*length));
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let shared = agree_ephemeral(self.key, &peer, <[u8]>::to_vec).expect("a point");
        let expand = |salt: &[u8], key: &[u8], info: &[u8], length: usize| {
            let mut bytes = vec![0; length];
            let extracted = Hkdf::<Sha256>::new(Some(salt), key);
            extracted.expand(info, &mut bytes).expect("so many");
            bytes
        };
        let info = [b"WebPush: info\0", &self.public[..], sender].concat();
        let key = expand(&AUTH, &shared, &info, 32);
        let content = expand(salt, &key, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = expand(salt, &key, b"Content-Encoding: nonce\0", 12);
        let content: [u8; 16] = content.try_into().expect("16 bytes");
        let nonce: [u8; 12] = nonce.try_into().expect("12 bytes");
        let cipher = Aes128Gcm::new(&Key::<Aes128Gcm>::from(content));
        let mut plain = cipher
            .decrypt(&Nonce::from(nonce), sealed)
            .expect("sealed for it");
        assert_eq!(plain.pop(), Some(2), "the last record");
        plain
    }
}

fn vapid() -> VapidKey {
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    VapidKey::from_pem(pem.as_bytes()).expect("a key")
}

fn web(options: PushOptions) -> WebPush {
    WebPush::new(vapid(), "mailto:admin@example.org", words(), options).expect("set up")
}

/// A service, and what pushes over it.
fn service(says: impl IntoIterator<Item = Say>) -> (Server, WebPush) {
    service_with(says, options().1)
}

/// One that waits for a moment.
fn hasty(says: impl IntoIterator<Item = Say>) -> (Server, WebPush) {
    service_with(says, options().1.patience(PATIENCE))
}

fn service_with(says: impl IntoIterator<Item = Say>, options: PushOptions) -> (Server, WebPush) {
    let (authority, tls) = tls("127.0.0.1", &[]);
    let server = Server::over(says, Some(tls));
    let options = options.authorities(authority);
    (server, web(options.accepting_private_networks()))
}

/// Path, headers and signature are as the RFCs say, and the browser opens what nobody else can.
#[tokio::test]
async fn push_is_as_the_rfcs_say() {
    let (authority, tls) = tls("127.0.0.1", &[]);
    let server = Server::over([Say::status(201)], Some(tls));
    let (_, options) = options();
    let options = options.authorities(authority).accepting_private_networks();
    let key = vapid();
    let public = key.public();
    let web = WebPush::new(key, "mailto:admin@example.org", words(), options).expect("set up");
    let browser = Browser::new();
    let to = browser.subscribed(&server.url("/wpush/v2/gAAA-b_c?x=1"));
    wake(&web, &to).await.expect("sent");
    let received = server.received().remove(0);
    assert_eq!(received.line, "POST /wpush/v2/gAAA-b_c?x=1 HTTP/1.1");
    for (name, value) in [
        ("ttl", "600"),
        ("urgency", "high"),
        ("topic", ID),
        ("content-encoding", "aes128gcm"),
        ("content-type", "application/octet-stream"),
    ] {
        assert_eq!(received.header(name), Some(value), "{name}");
    }
    let authorization = received.header("authorization").expect("a header");
    let (token, k) = authorization.split_once(", k=").expect("two parts");
    assert_eq!(k, public);
    let token = token.strip_prefix("vapid t=").expect("the scheme");
    let (header, claims, signed, signature) = parts(token);
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
    let origin = server.url("");
    let expected = json!({"aud": origin, "exp": START + 43_200, "sub": "mailto:admin@example.org"});
    assert_eq!(claims, expected);
    let key = BASE64_URL_SAFE_NO_PAD.decode(k).expect("a key");
    signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
        .verify(signed.as_bytes(), &signature)
        .expect("the server's signature");
    let shown = String::from_utf8_lossy(&received.bytes);
    assert!(!shown.contains(ID) && !shown.contains("Example"));
    let plain: Value = serde_json::from_slice(&browser.open(&received.bytes)).expect("JSON");
    let said = json!({"title": "Sign in to Example?", "body": "Open the app.", "prompt": ID});
    assert_eq!(plain, said);
}

/// What each status means: 404 and 410 end the subscription, a redirect is not followed, and what a service says against
/// the request never looks like a mistake of the operator's.
#[tokio::test]
async fn statuses_have_their_meaning() {
    use Outcome::{Refused, Sent, Unavailable, Unregistered};
    for (status, meaning, tries) in [
        (200, Sent, 1),
        (201, Sent, 1),
        (202, Sent, 1),
        (301, Refused, 1),
        (302, Refused, 1),
        (307, Refused, 1),
        (308, Refused, 1),
        (400, Refused, 1),
        (401, Refused, 1),
        (403, Refused, 1),
        (404, Unregistered, 1),
        (410, Unregistered, 1),
        (413, Refused, 1),
        (429, Unavailable, 3),
        (500, Unavailable, 3),
        (502, Unavailable, 3),
        (503, Unavailable, 3),
    ] {
        let (server, web) = service([Say::Answer(status, "location: /other\r\n", String::new())]);
        let to = Browser::new().subscribed(&server.url("/push"));
        assert_eq!(outcome(&wake(&web, &to).await), meaning, "{status}");
        let received = server.received();
        assert_eq!(received.len(), tries, "{status}");
        assert!(
            received
                .iter()
                .all(|one| one.line.starts_with("POST /push "))
        );
    }
}

/// A service that refuses, hangs, drops, is late or answers twice costs as many tries as are set and no more.
#[tokio::test]
async fn unreliable_service_is_tried_again() {
    for say in [
        Say::Drop,
        Say::Garbage,
        Say::Hang,
        Say::Late(PATIENCE * 2, 201),
    ] {
        let (server, web) = hasty([say.clone(), Say::status(201)]);
        let to = Browser::new().subscribed(&server.url("/push"));
        wake(&web, &to).await.expect("the second is taken");
        let received = server.received();
        assert_eq!(received.len(), 2, "{say:?}");
        assert_eq!(received[0].bytes, received[1].bytes, "{say:?}");
    }
    for (say, meaning) in [
        (Say::Cut, Outcome::Sent),
        (Say::Late(PATIENCE / 3, 201), Outcome::Sent),
        (Say::Twice(201, 410), Outcome::Sent),
        (Say::Twice(410, 201), Outcome::Unregistered),
    ] {
        let (server, web) = hasty([say.clone()]);
        let to = Browser::new().subscribed(&server.url("/push"));
        assert_eq!(outcome(&wake(&web, &to).await), meaning, "{say:?}");
        assert_eq!(server.received().len(), 1, "{say:?}");
    }
}

/// A long wait that one service asks for keeps no other service from its pushes.
#[tokio::test]
async fn services_are_left_alone_one_by_one() {
    let (server, web) = service([
        Say::Answer(503, "retry-after: 1\r\n", String::new()),
        Say::Answer(503, "retry-after: 600\r\n", String::new()),
        Say::status(201),
    ]);
    let to = Browser::new().subscribed(&server.url("/push"));
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(outcome(&wake(&web, &to).await), Outcome::Unavailable);
    }
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.received().len(), 2);
    // The same server under its other name is another service: its certificate is for the first.
    let port = server
        .url("")
        .rsplit(':')
        .next()
        .map(str::to_owned)
        .expect("a port");
    let other = Browser::new().subscribed(&format!("https://localhost:{port}/push"));
    let tried = wake(&web, &other).await.expect_err("another certificate");
    let told = format!("{tried:?}");
    assert!(!told.contains("left alone"), "{told}");
}

/// Whoever names the address of a push names no machine of ours: not by number, not by a name that leads there.
#[tokio::test]
async fn private_networks_get_no_push() {
    let (authority, tls) = tls("localhost", &[]);
    let server = Server::over([Say::status(201)], Some(tls));
    let (_, options) = options();
    let web = web(options.authorities(authority));
    let port = server
        .url("")
        .rsplit(':')
        .next()
        .map(str::to_owned)
        .expect("a port");
    for (host, meaning) in [
        ("127.0.0.1", Outcome::Refused),
        ("10.1.2.3", Outcome::Refused),
        ("169.254.169.254", Outcome::Refused),
        ("[::1]", Outcome::Refused),
        ("[::ffff:127.0.0.1]", Outcome::Refused),
        ("localhost", Outcome::Unavailable),
        ("2130706433", Outcome::Unavailable),
    ] {
        let to = Browser::new().subscribed(&format!("https://{host}:{port}/push"));
        assert_eq!(outcome(&wake(&web, &to).await), meaning, "{host}");
    }
    assert!(server.received().is_empty());
}

/// An endpoint is https with a host and no user, and the keys are keys.
#[test]
fn subscriptions_are_checked() {
    let public = Browser::new().public;
    let [key, auth] = [&public[..], &AUTH].map(|one| BASE64_URL_SAFE_NO_PAD.encode(one));
    let long = format!("https://push.example.org/{}", "a".repeat(1_000));
    for bad in [
        "http://push.example.org/1",
        "https://user@push.example.org/1",
        "https://push.example.org/1#x",
        "https:///1",
        "push.example.org",
        "/1",
        "",
        "https://push.example.org/\r\nx",
        "javascript:alert(1)",
        &long,
    ] {
        let refused = PushAddress::web(bad, &key, &auth);
        assert_eq!(refused, Err(InvalidPushAddress::Endpoint), "{bad}");
    }
    let mut beside = public.clone();
    beside[64] ^= 1;
    let beside = BASE64_URL_SAFE_NO_PAD.encode(beside);
    let endpoint = "https://push.example.org/1";
    for (key, auth) in [
        (beside.as_str(), auth.as_str()),
        ("", &auth),
        (&key, ""),
        (&key, &key),
        (&auth, &auth),
        ("+/", &auth),
    ] {
        let refused = PushAddress::web(endpoint, key, auth);
        assert_eq!(refused, Err(InvalidPushAddress::Keys), "{key} {auth}");
    }
    let padded = PushAddress::web(endpoint, &format!("{key}="), &format!("{auth}=="));
    assert!(padded.is_ok());
}

/// What is kept of an address is read again, as `docs/formats.md` has it, and nothing else is one.
#[test]
fn addresses_round_trip() {
    let key =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let auth = "BTBZMqHH6r4Tts7J_aSIgg";
    let hex = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
    let endpoint = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";
    let page = include_str!("../../../docs/formats.md");
    for (address, text) in [
        (PushAddress::apns(hex), format!("apns:{hex}")),
        (PushAddress::fcm("dGVz:APA91b"), "fcm:dGVz:APA91b".into()),
        (
            PushAddress::web(endpoint, key, auth),
            format!("web:{key}.{auth}.{endpoint}"),
        ),
    ] {
        let address = address.expect("an address");
        let destination = address.destination();
        assert_eq!(destination.address(), text);
        assert!(page.contains(&format!("`{text}`")), "{text}");
        assert!(PushAddress::read(&destination) == Some(address.clone()));
        let told = format!("{address:?}");
        assert!(told.len() < 24, "{told}");
    }
    for none in [
        "phone",
        "apns:",
        "apns:zz",
        "fcm:",
        "web:",
        "web:a.b.c",
        "wns:a",
        ":",
    ] {
        let destination = Destination::device(none).expect("a device");
        assert!(PushAddress::read(&destination).is_none(), "{none}");
    }
    for bad in [
        "",
        "a",
        "A B",
        &"g".repeat(64),
        &"a".repeat(63),
        &"a".repeat(202),
    ] {
        assert_eq!(PushAddress::apns(bad), Err(InvalidPushAddress::Token));
    }
    for bad in ["", "a b", "a\n", "ä", &"a".repeat(1_025)] {
        assert_eq!(PushAddress::fcm(bad), Err(InvalidPushAddress::Token));
    }
}

/// Each device is woken over its own service; one without a service is told apart from one that is gone.
#[tokio::test]
async fn prompts_go_over_the_devices_service() {
    let (server, web) = service([Say::status(201)]);
    assert!(!Push::default().sends_prompts(PROMPT.purpose()));
    let push = Push::default().web(web);
    assert!(push.sends_prompts(PROMPT.purpose()) && !push.sends(PROMPT.purpose()));
    let to = Browser::new().subscribed(&server.url("/push"));
    wake(&push, &to).await.expect("sent");
    for other in [PushAddress::fcm("a"), PushAddress::apns(&"ab".repeat(32))] {
        let other = other.expect("an address").destination();
        let sent = wake(&push, &other).await;
        assert!(
            matches!(sent, Err(DeliveryError::Unsendable { .. })),
            "{sent:?}"
        );
    }
    assert_eq!(server.received().len(), 1);
}

/// What cannot work is an error before the first push; a key is read in both forms, and is in no text.
#[test]
fn bad_set_ups_are_refused() {
    for contact in ["", "admin@example.org", "mailto:a b", "http://example.org"] {
        let refused = WebPush::new(vapid(), contact, words(), PushOptions::default());
        assert!(
            matches!(refused, Err(PushConfigError::Name(_))),
            "{contact}"
        );
    }
    assert!(VapidKey::from_pem(include_bytes!("keys/rsa.pem")).is_err());
    // RFC 8292 has no private half; this pair is RFC 8291's, of appendix A.
    let private = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
    let public =
        "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
    let key = VapidKey::from_base64(private, public).expect("a pair");
    assert_eq!(key.public(), public);
    let other = vapid().public();
    for (private, public) in [
        (private, other.as_str()),
        ("", public),
        (private, ""),
        ("?", "?"),
    ] {
        assert!(VapidKey::from_base64(private, public).is_err());
    }
    assert_eq!(
        format!("{key:?} {:?}", web(PushOptions::default())),
        "VapidKey(..) WebPush { .. }"
    );
}
