//! Second factors over what is delivered here: codes by SMS and by voice, prompts over each push service.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey},
    rand::SystemRandom,
};
use serde_json::{Value, json};
use testing::Log;
use token_delivery::{
    Apns, ApnsKey, Delivery, DeliveryQueue, Fcm, Gateway, Push, PushAddress, PushOptions, Template,
    Templates, VapidKey, WebPush,
    ott_core::{Destination, Format, KeyRing, Policy, Purpose, Subject},
};
use token_store::{FactorStore, MemoryStore, Tokens};
use twofa_providers::{
    Approver, Attempt, BuildError, CodeProvider, EnrolDetails, PromptStatus, Prompts, Response,
    Show, TwoFactor, events::PUSH_ENDED,
};

use crate::{
    certificates::tls,
    push::{PROMPT, options, words},
};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/http2.rs"]
mod http2;
#[path = "support/push.rs"]
#[expect(dead_code, reason = "what is sent is tried elsewhere")]
mod push;

const SMS: Policy = Policy::code(Purpose::new("sms-code"));
const VOICE: Policy = Policy::code(Purpose::new("voice-code"));

fn alice() -> Subject {
    Subject::new("", "alice").expect("a name")
}

fn stores(policies: &[&Policy]) -> (Arc<Tokens>, Arc<dyn FactorStore>) {
    let store = Arc::new(MemoryStore::new());
    let ring = KeyRing::generate().expect("a key");
    let mut tokens = Tokens::builder_shared(ring, Arc::clone(&store));
    for policy in policies {
        tokens = tokens.policy(policy);
    }
    (tokens.build().expect("policies").shared(), store)
}

/// A gateway that says what is sent is taken, and takes its words apart as a phone's owner does.
fn sends(server: &gateway::Server, policy: &Policy, spoken: bool) -> Arc<Gateway> {
    let words = Template::new(policy, "Code", "{token} is your code.");
    let words = Templates::new("Example", [words]).expect("words");
    let builder = Gateway::builder(server.url("/"), words);
    let builder = builder.json(r#"{"to": "{to}", "text": "{text}"}"#);
    let builder = if spoken { builder.spoken() } else { builder };
    Arc::new(builder.build().expect("a gateway"))
}

/// A code by SMS and one by voice are providers of their own, over a gateway each; what the phone gets proves.
#[tokio::test]
async fn codes_by_sms_and_by_voice_prove() {
    let (tokens, factors) = stores(&[&SMS, &VOICE]);
    let servers = [(); 2].map(|()| gateway::Server::start([gateway::Say::status(200)]));
    let sms = CodeProvider::phone(&SMS, sends(&servers[0], &SMS, false)).expect("words");
    let voice = CodeProvider::phone(&VOICE, sends(&servers[1], &VOICE, true)).expect("words");
    let voice = voice
        .id("voice")
        .words("Call", "A code that a voice reads out");
    let engine = TwoFactor::builder(tokens, factors)
        .provider(sms)
        .provider(voice);
    let engine = engine.build().expect("an engine");
    let phone = Destination::phone("+4915112345678").expect("a number");
    for (id, server, said) in [("phone", &servers[0], ""), ("voice", &servers[1], ", ")] {
        let owner = Subject::new(id, "alice").expect("a name");
        let details = EnrolDetails::new(&owner, "alice").destination(&phone);
        let enrolled = engine.enrol(id, &details, "Phone", None).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(&owner, id).factor(factor);
        let asked = engine.request(&attempt).await.expect("sent");
        let handle = asked.handle.expect("a flow");
        let received = server.received();
        let body: Value = serde_json::from_str(&received[0].body).expect("JSON");
        assert_eq!((received.len(), &body["to"]), (1, &"+4915112345678".into()));
        let text = body["text"].as_str().expect("a text");
        let code: String = text.chars().filter(char::is_ascii_digit).collect();
        let symbols: Vec<_> = code.chars().map(String::from).collect();
        assert_eq!(text, format!("{} is your code.", symbols.join(said)));
        let attempt = attempt.handle(&handle);
        let confirmed = engine.confirm(&attempt, &Response::typed(&code)).await;
        let proof = confirmed.expect("the code that was sent");
        assert_eq!(proof.provider(), id);
    }
}

/// Four digits are guessed too often: tokens and engine take them by the name of their figure, and of no smaller one.
#[tokio::test]
async fn four_digits_are_accepted_by_name() {
    let pin = SMS.format(Format::builder("0123456789", 4).build());
    let store = Arc::new(MemoryStore::new());
    let tokens = |accepted: Option<u64>| {
        let ring = KeyRing::generate().expect("a key");
        let tokens = Tokens::builder_shared(ring, Arc::clone(&store)).policy(&pin);
        match accepted {
            Some(figure) => tokens.accepting_guess_bound(figure).build(),
            None => tokens.build(),
        }
    };
    assert!(tokens(None).is_err());
    let tokens = tokens(Some(u64::MAX)).expect("accepted").shared();
    let server = gateway::Server::start([gateway::Say::status(200)]);
    let build = |accepted: Option<u64>| {
        let pins = CodeProvider::phone(&pin, sends(&server, &pin, false)).expect("words");
        let engine = TwoFactor::builder(Arc::clone(&tokens), store.clone()).provider(pins);
        match accepted {
            Some(figure) => engine.accepting_guess_bound(figure).build(),
            None => engine.build(),
        }
    };
    let Err(BuildError::GuessBound(exceeded)) = build(None) else {
        panic!("four digits pass for six")
    };
    let figure = exceeded.bound.parts_per_billion();
    assert!(figure > 10_000_000, "more than one in a hundred: {figure}");
    assert!(build(Some(figure - 1)).is_err());
    assert!(build(Some(figure)).is_ok());
}

/// An engine whose prompts go this way.
fn asks(push: impl Delivery + 'static) -> (TwoFactor, Prompts) {
    let (tokens, factors) = stores(&[&PROMPT]);
    let prompts = Prompts::new(&tokens, Arc::clone(&factors), &PROMPT).expect("a policy");
    let prompts = prompts.push(Arc::new(push)).expect("words");
    let engine = TwoFactor::builder(tokens, factors).prompts(&prompts);
    (engine.build().expect("an engine"), prompts)
}

/// Enrols the device of this address, asks it, and approves as its owner: what was pushed names the prompt.
async fn approve(engine: &TwoFactor, prompts: &Prompts, to: &Destination) -> String {
    let alice = alice();
    let details = EnrolDetails::new(&alice, "alice").destination(to);
    let enrolled = engine.enrol("prompt", &details, "Phone", None).await;
    let factor = enrolled.expect("enrolled").factor;
    let attempt = Attempt::new(&alice, "prompt").factor(factor);
    let asked = engine.request(&attempt).await.expect("asked");
    let handle = asked.handle.expect("a flow");
    let Some(Show::Number(number)) = asked.show else {
        panic!("a number")
    };
    let pending = prompts.pending(&alice).await.expect("a list");
    let [waiting] = pending.as_slice() else {
        panic!("one waits")
    };
    let by = Approver::new(&alice).device(factor);
    let approved = prompts.approve(&by, &waiting.id, Some(number)).await;
    assert_eq!(approved.expect("decided"), PromptStatus::Approved);
    let attempt = attempt.handle(&handle);
    let confirmed = engine.confirm(&attempt, &Response::nothing()).await;
    let _ = confirmed.expect("approved");
    waiting.id.to_string()
}

/// A prompt over FCM wakes the device, and its decision proves.
#[tokio::test]
async fn prompt_over_fcm_proves() {
    let access = json!({"access_token": "ya29", "expires_in": 3_600}).to_string();
    let server =
        gateway::Server::start([gateway::Say::body(200, &access), gateway::Say::status(200)]);
    let account = json!({
        "project_id": "example", "private_key": include_str!("keys/rsa.pem"),
        "client_email": "push@example.org", "token_uri": server.url("/token"),
    });
    let (_, options) = options();
    let options = options.address(server.url(""));
    let fcm = Fcm::new(account.to_string().as_bytes(), words(), options).expect("set up");
    let (engine, prompts) = asks(Push::default().fcm(fcm));
    let to = PushAddress::fcm("device").expect("a token").destination();
    let id = approve(&engine, &prompts, &to).await;
    let received = server.received();
    let body: Value = serde_json::from_str(&received[1].body).expect("JSON");
    assert_eq!(body["message"]["data"], json!({"prompt": id}));
    assert_eq!(received.len(), 2);
}

/// A prompt over APNs wakes the device, and its decision proves. One that APNs no longer knows is pushed to once.
#[tokio::test]
async fn prompt_over_apns_proves() {
    let (authority, tls) = tls("127.0.0.1", &["h2"]);
    let gone = json!({"reason": "Unregistered", "timestamp": 1}).to_string();
    let says = [
        http2::Say::Answer(200, None, String::new()),
        http2::Say::Answer(410, None, gone),
    ];
    let server = http2::Server::start(says, tls).await;
    let (_, options) = options();
    let options = options.address(server.url()).authorities(authority);
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let key = ApnsKey::new(pem.as_bytes(), "ABC123DEFG", "DEF123GHIJ").expect("a key");
    let apns = Apns::new(key, "org.example.app", words(), options).expect("set up");
    let (engine, prompts) = asks(Push::default().apns(apns));
    let to = PushAddress::apns(&"ab".repeat(32)).expect("a token");
    let id = approve(&engine, &prompts, &to.destination()).await;
    let received = server.received();
    let body: Value = serde_json::from_str(&received[0].body).expect("JSON");
    assert_eq!((received.len(), &body["prompt"]), (1, &id.into()));
    let alice = alice();
    for pushed in [2, 2] {
        let asked = engine.request(&Attempt::new(&alice, "prompt")).await;
        let asked = asked.expect("it is asked all the same");
        assert_eq!(server.received().len(), pushed);
        let id = prompts.id_of(&alice, &asked.handle.expect("a flow"));
        assert!(
            prompts
                .look(&alice, &id.expect("an id"))
                .await
                .expect("a row")
                .is_some()
        );
    }
}

/// Behind a queue, a device that APNs no longer knows is pushed to once: its push becomes a dead letter with a reason of its
/// own, the application hears that its pushes ended, and it is asked without any.
#[tokio::test]
async fn gone_device_behind_a_queue_is_pushed_to_once() {
    let (authority, tls) = tls("127.0.0.1", &["h2"]);
    let gone = json!({"reason": "Unregistered", "timestamp": 1}).to_string();
    let says = [
        http2::Say::Answer(200, None, String::new()),
        http2::Say::Answer(410, None, gone),
    ];
    let server = http2::Server::start(says, tls).await;
    let (_, options) = options();
    let options = options.address(server.url()).authorities(authority);
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let key = ApnsKey::new(pem.as_bytes(), "ABC123DEFG", "DEF123GHIJ").expect("a key");
    let apns = Apns::new(key, "org.example.app", words(), options).expect("set up");

    let (store, log) = (Arc::new(MemoryStore::new()), Log::default());
    let ring = || KeyRing::generate().expect("a key");
    let tokens = Tokens::builder_shared(ring(), Arc::clone(&store)).policy(&PROMPT);
    let tokens = tokens.events(Arc::new(log.clone())).build();
    let tokens = tokens.expect("policies").shared();
    let factors: Arc<dyn FactorStore> = store.clone();
    let prompts = Prompts::new(&tokens, Arc::clone(&factors), &PROMPT).expect("a policy");
    let queue = DeliveryQueue::builder(store, ring(), Push::default().apns(apns));
    let queue = queue.policy(&PROMPT).undelivered(prompts.clone()).build();
    let queue = Arc::new(queue.expect("a queue"));
    let prompts = prompts.push(queue.clone()).expect("words");
    let engine = TwoFactor::builder(tokens, factors).prompts(&prompts);
    let engine = engine.build().expect("an engine");

    let to = PushAddress::apns(&"ab".repeat(32)).expect("a token");
    approve(&engine, &prompts, &to.destination()).await;
    let worked = queue.work().await.expect("memory");
    assert_eq!((worked.sent, worked.dead), (1, 0));
    let alice = alice();
    let ended = || {
        let ended = log.drain().into_iter();
        ended.filter(|event| event.name == PUSH_ENDED).count()
    };
    for (dead, events) in [(1, 1), (0, 0)] {
        let asked = engine.request(&Attempt::new(&alice, "prompt")).await;
        let handle = asked.expect("it is asked all the same").handle;
        let id = prompts.id_of(&alice, &handle.expect("a flow"));
        let seen = prompts.look(&alice, &id.expect("an id")).await;
        assert!(seen.expect("a row").is_some());
        let worked = queue.work().await.expect("memory");
        assert_eq!((worked.taken, worked.dead, ended()), (dead, dead, events));
    }
    assert_eq!(server.received().len(), 2);
    let letters = queue.dead(None, 9).await.expect("memory");
    assert_eq!((letters.len(), &*letters[0].reason), (1, "unregistered"));
}

/// A prompt over Web Push wakes the browser, and its decision proves.
#[tokio::test]
async fn prompt_over_web_push_proves() {
    let (authority, tls) = tls("127.0.0.1", &[]);
    let server = gateway::Server::over([gateway::Say::status(201)], Some(tls));
    let options = PushOptions::default().authorities(authority);
    let options = options.accepting_private_networks();
    let pem = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let key = VapidKey::from_pem(pem.as_bytes()).expect("a key");
    let web = WebPush::new(key, "mailto:admin@example.org", words(), options).expect("set up");
    let (engine, prompts) = asks(Push::default().web(web));
    let browser = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
    let browser = browser.compute_public_key().expect("a key");
    let [p256dh, auth] = [browser.as_ref(), &[7; 16]].map(|one| BASE64_URL_SAFE_NO_PAD.encode(one));
    let to = PushAddress::web(&server.url("/push/1"), &p256dh, &auth).expect("a subscription");
    let id = approve(&engine, &prompts, &to.destination()).await;
    let received = server.received();
    assert_eq!(received[0].header("topic"), Some(id.as_str()));
    assert_eq!(received.len(), 1);
}
