//! A phone that is told of a sign-in by its own push service, also while no page of ours is open there.
//!
//! The browser subscribes at no service on the internet: its subscription is made here, with keys of its own, and names a
//! service of this test. Everything else is the browser's: the worker, what opens the message, the notification.

#[path = "common/axe.rs"]
mod axe;
#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/push_service.rs"]
mod push_service;
#[path = "common/support.rs"]
mod support;
#[path = "common/two.rs"]
mod two;

use core::time::Duration;

use axe::look;
use chromium::Browser;
use fantoccini::Locator::Css;
use push_service::PushService;
use serde_json::{Value, json};
use showcase::Push;
use support::Person;
use two::{PHONE, Two};
use twofa_providers::token_delivery::PushOptions;

/// What `pushManager.subscribe` gives a page, whose service is this test.
const SUBSCRIBES: &str = r#"
const [endpoint, done] = arguments;
(async () => {
  const text = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const keys = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
  const auth = crypto.getRandomValues(new Uint8Array(16));
  const jwk = await crypto.subtle.exportKey("jwk", keys.privateKey);
  sessionStorage.own = JSON.stringify({ jwk, raw: [...raw], auth: [...auth] });
  PushManager.prototype.subscribe = async (asked) => {
    sessionStorage.asked = JSON.stringify(asked);
    return { toJSON: () => ({ endpoint, keys: { p256dh: text(raw), auth: text(auth) } }) };
  };
})().then(() => done("ready"), (why) => done(String(why)));
"#;

/// What a browser does before it wakes the worker: RFC 8188 and RFC 8291, by the browser's own functions.
const OPENS: &str = r#"
const [bytes, done] = arguments;
(async () => {
  const { jwk, raw, auth } = JSON.parse(sessionStorage.own);
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const utf8 = (text) => new TextEncoder().encode(text);
  const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const expand = async (key, salt, info, length) => {
    const base = await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]);
    const made = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, base, length * 8);
    return new Uint8Array(made);
  };
  const body = Uint8Array.from(bytes), salt = body.slice(0, 16), end = 21 + body[20], sender = body.slice(21, end);
  const own = await crypto.subtle.importKey("jwk", jwk, curve, false, ["deriveBits"]);
  const peer = await crypto.subtle.importKey("raw", sender, curve, false, []);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: peer }, own, 256);
  const secret = await expand(shared, Uint8Array.from(auth), join(utf8("WebPush: info\0"), raw, sender), 32);
  const content = await expand(secret, salt, utf8("Content-Encoding: aes128gcm\0"), 16);
  const iv = await expand(secret, salt, utf8("Content-Encoding: nonce\0"), 12);
  const aes = await crypto.subtle.importKey("raw", content, "AES-GCM", false, ["decrypt"]);
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, aes, body.slice(end));
  return new TextDecoder().decode(new Uint8Array(plain).slice(0, -1));
})().then(done, (why) => done("not opened: " + why));
"#;

const SHOWN: &str = "const done = arguments[0];
navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
  .then((all) => done(all.map(({ title, body, tag }) => [title, body, tag])));";

/// The worker's text and the addresses of the windows that are open; says what a click on its notification does.
const CLICKS: &str = "const [text, windows, done] = arguments;
const heard = {}, did = [];
const open = windows.map((url) => ({ url, focus: async () => did.push('focus ' + url) }));
const clients = { matchAll: async () => open, openWindow: async (path) => did.push('open ' + path) };
new Function('self', text)({ addEventListener: (name, work) => { heard[name] = work; }, clients });
let waits;
heard.notificationclick({ notification: { close: () => did.push('close') }, waitUntil: (until) => { waits = until; } });
waits.then(() => done(did));";

/// A form of the page's, sent with other values.
const SENDS: &str = "const [endpoint, p256dh, auth, done] = arguments;
const csrf = document.querySelector('#notify [name=csrf]').value;
fetch('/device/push', { method: 'POST', redirect: 'manual', body: new URLSearchParams({ csrf, endpoint, p256dh, auth }) })
  .then((answer) => done(answer.status));";

async fn run(browser: &Browser, script: &str, arguments: Vec<Value>) -> Value {
    let ran = browser.client.execute_async(script, arguments).await;
    ran.expect("it ran")
}

/// How many pushes were queued since the beginning, once none waits and none is dead.
async fn queued(two: &Two) -> i64 {
    for _ in 0..600 {
        let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM ott_queue");
        if left.fetch_one(&two.site.pool).await.expect("a number") == 0 {
            let all = sqlx::query_scalar("SELECT coalesce(sum(queued), 0) FROM ott_lines");
            return all.fetch_one(&two.site.pool).await.expect("a number");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a push waits for half a minute");
}

/// A phone asks to be told. Its push service gets what the phone alone can open; its worker shows that, and a click leads to
/// the page on which the person approves. Once the service says that the subscription is gone, nothing is pushed, and the
/// phone approves as before.
#[tokio::test(flavor = "multi_thread")]
async fn phone_is_told_of_a_sign_in() {
    let (axe, mut faults) = (axe::axe(), Vec::new());
    let service = PushService::start([201, 410]).await;
    let keys = tempfile::tempdir().expect("a folder");
    let two = Two::start_with(|config| {
        let options = PushOptions::default()
            .authorities(service.authority.as_str())
            .accepting_private_networks()
            .patience(Duration::from_secs(30));
        config.push = Some(Push {
            contact: "mailto:admin@example.org".into(),
            key: keys.path().join("push"),
            options,
        });
    })
    .await;
    let (computer, phone) = (&two.computer, &two.phone);
    phone.allow_notifications().await;
    two.by_app().await;
    two.enrol().await;
    phone.goto("/device").await;
    phone.appears(Css("#notify:not([hidden])")).await;
    phone.picture("device-notify").await;
    look(phone, &axe, "device notify", &mut faults).await;
    let key = phone.find(Css("#notify")).await.attr("data-key").await;
    let key = key.expect("an element").expect("a key");
    let endpoint = service.url("/push/of-this-phone");
    assert_eq!(run(phone, SUBSCRIBES, vec![json!(endpoint)]).await, "ready");
    phone.press("Notify me here").await;
    let words = phone.words().await;
    assert!(
        words.contains("tells you when somebody signs in"),
        "{words}"
    );
    let asked = run(phone, "arguments[0](sessionStorage.asked)", vec![]).await;
    let asked: Value = serde_json::from_str(asked.as_str().expect("a text")).expect("JSON");
    let right = json!({ "userVisibleOnly": true, "applicationServerKey": key });
    assert_eq!(asked, right);

    two.ask().await;
    let push = service.push(1).await;
    assert!(push.head.starts_with("POST /push/of-this-phone HTTP/1.1"));
    assert!(push.head.contains(&format!(", k={key}")), "{}", push.head);
    phone.appears(Css(PHONE)).await;
    let id = phone.find(Css(PHONE)).await.attr("data-prompt").await;
    let id = id.expect("an element").expect("an id");
    let plain = run(phone, OPENS, vec![json!(push.body)]).await;
    let plain = plain.as_str().expect("a text").to_owned();
    let said: Value = serde_json::from_str(&plain).unwrap_or_else(|_| panic!("{plain}"));
    assert_eq!(
        (&said["title"], &said["prompt"]),
        (&json!("Sign in to Showcase?"), &json!(id))
    );
    phone.pushed(&plain).await;
    let mut shown = json!([]);
    for _ in 0..600 {
        shown = run(phone, SHOWN, vec![]).await;
        if shown != json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(shown, json!([[said["title"], said["body"], id]]));
    two.answer("Yes, it is me").await;
    computer.comes_to("/account").await;

    // The service forgets the subscription: it hears of one more sign-in, and of no other.
    for (pushes, received) in [(2, 2), (2, 2)] {
        two.site.wait(900);
        two.ask().await;
        assert_eq!(queued(&two).await, pushes);
        assert_eq!(service.received().len(), received);
        two.answer("Yes, it is me").await;
        computer.comes_to("/account").await;
    }

    // Nobody else says where pushes of this device go, and no service of a page's choice is asked without its keys.
    let mut stranger = Person::new(&two.site);
    let fields = [
        ("endpoint", endpoint.as_str()),
        ("p256dh", ""),
        ("auth", ""),
    ];
    let answer = stranger.post("/device/push", &fields).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    phone.goto("/device").await;
    let point =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let auth = "BTBZMqHH6r4Tts7J_aSIgg";
    for bad in [
        ["http://127.0.0.1:1/push", point, auth],
        [&endpoint, "", ""],
        [&endpoint, auth, point],
    ] {
        let told = run(phone, SENDS, bad.map(|one| json!(one)).to_vec()).await;
        assert_eq!(told, 422, "{bad:?}");
    }

    let worker = stranger.get("/push.js").await;
    assert_eq!(worker.status, 200, "{worker:?}");
    phone.client.goto("about:blank").await.expect("a page");
    let ours = format!("{}/device", two.site.origin);
    for (windows, does) in [
        (json!([]), json!(["close", "open /device"])),
        (
            json!(["https://example.org/x"]),
            json!(["close", "open /device"]),
        ),
        (json!([ours]), json!(["close", format!("focus {ours}")])),
    ] {
        let did = run(phone, CLICKS, vec![json!(worker.body), windows]).await;
        assert_eq!(did, does);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    two.close().await;
}
