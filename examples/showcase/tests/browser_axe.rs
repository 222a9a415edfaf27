//! Every page against the rules of axe: light and dark, on narrow and wide screens, and twice as large.
//!
//! The rules come from the npm registry, in the version and with the hash that `axe/package-lock.json` names.

#[path = "common/axe.rs"]
mod axe;
#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use std::collections::BTreeSet;

use axe::look;
use chromium::{Browser, Chromedriver};
use support::{PASSWORD, Person, REGISTER, Site, other_than};

const EMAIL: &str = "ada.long-address-of-somebody@mail.example.org";

/// What `browser_prompts.rs` looks at, and what is no page: parts of one, scripts, style and picture.
const ELSEWHERE: [&str; 13] = [
    "COPY_SCRIPT",
    "DEVICE_SCRIPT",
    "LINK_SCRIPT",
    "PUSH_SCRIPT",
    "WAITING_SCRIPT",
    "approving::PATH",
    "pairing::LOOK",
    "pairing::PATH",
    "prompts::WAITING",
    "/device/waiting",
    "/icon.svg",
    "/pair",
    "/style.css",
];

/// Every path that answers to `GET`, as the router has it, but for those.
fn pages() -> BTreeSet<String> {
    let router = include_str!("../src/router.rs");
    let mut pages = BTreeSet::new();
    for route in router.split(".route(").skip(1) {
        let path = route.split([',', '\n']).map(str::trim);
        let path = path.into_iter().find(|part| !part.is_empty());
        let path = path.expect("a path").trim_matches('"');
        if route.contains("get(") && !ELSEWHERE.contains(&path) {
            pages.insert(path.replace("register::CONFIRM", REGISTER));
        }
    }
    pages
}

/// Axe finds nothing on any page that the router has.
#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing() {
    let axe = axe::axe();
    let site = Site::start_with(|config| config.trust_devices = true).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open_scripted(&driver, &site.origin, "axe").await;
    let (mut faults, mut missing) = (Vec::new(), pages());
    macro_rules! look {
        ($name:expr) => {{
            let url = browser.client.current_url().await.expect("a page");
            missing.remove(url.path());
            look(&browser, &axe, $name, &mut faults).await
        }};
    }
    for path in [
        "/",
        "/sign-in",
        "/register",
        "/forgot",
        "/reset",
        "/not-me",
        "/not-me/done",
        "/nothing",
        "/outbox",
    ] {
        browser.goto(path).await;
        look!(path);
    }
    browser.goto("/register").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Create account").await;
    browser.at(REGISTER).await;
    look!("confirm the address");
    browser.fill("code", "wrong").await;
    browser.press("Confirm").await;
    browser.refused().await;
    look!("confirm the address again");
    browser
        .fill("code", &site.registration_code(EMAIL).await)
        .await;
    browser.press("Confirm").await;
    browser.at("/welcome").await;
    look!("choose");
    browser.press("Continue").await;
    let summary = browser
        .find(fantoccini::Locator::Css("details > summary"))
        .await;
    summary.click().await.expect("a click");
    look!("scan");
    let secret = browser
        .text(fantoccini::Locator::Id("secret"))
        .await
        .replace(' ', "");
    browser.fill("code", &other_than(&site.code(&secret))).await;
    browser.press("Confirm").await;
    browser.refused().await;
    look!("scan again");
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Confirm").await;
    look!("offer of recovery codes");
    browser.press("Make ten codes").await;
    look!("recovery codes");
    browser.goto("/account/add").await;
    look!("add");
    browser.choose("email").await;
    browser.press("Continue").await;
    look!("code by mail");
    browser.fill("code", &site.sent_code()).await;
    browser.press("Confirm").await;
    browser.goto("/account").await;
    look!("account");
    browser.goto("/account/address").await;
    browser.press("Send a code").await;
    look!("code for the address");
    // Somewhere else too, and a device that is remembered and trusted.
    site.wait(30);
    let mut elsewhere = Person::new(&site);
    elsewhere.password(EMAIL).await;
    elsewhere.code(&site.code(&secret)).await;
    site.wait(30);
    elsewhere.sign_out().await;
    elsewhere.password(EMAIL).await;
    let code = site.code(&secret);
    let fields = [
        ("provider", "totp"),
        ("code", &code),
        ("remember", "yes"),
        ("trust", "yes"),
    ];
    assert_eq!(elsewhere.post("/second-factor", &fields).await.status, 303);
    for path in [
        "/account",
        "/account/address",
        "/account/password",
        "/devices",
        "/activity",
        "/nothing",
        "/outbox",
    ] {
        browser.goto(path).await;
        look!(path);
    }
    for verb in ["Rename", "Remove"] {
        browser.goto("/account").await;
        let link = format!("[aria-label='{verb} E-mail']");
        let link = browser.find(fantoccini::Locator::Css(&link)).await;
        browser.follow(link).await;
        look!(verb);
    }
    site.wait(660);
    browser.goto("/account/prove").await;
    look!("prove");
    for path in ["/account/prove/app", "/account/prove/recovery"] {
        browser.goto(path).await;
        look!(path);
    }
    browser.goto("/account").await;
    browser.press("Sign out").await;
    browser.password(EMAIL).await;
    look!("second step");
    browser.goto("/second-factor/app").await;
    look!("code of the app");
    for _ in 0..11 {
        browser.fill("code", &other_than(&site.code(&secret))).await;
        browser.press("Continue").await;
    }
    look!("too many");
    browser.goto("/second-factor/recovery").await;
    look!("recovery code");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(missing.is_empty(), "nobody looked at {missing:?}");
    browser.close().await;
}
