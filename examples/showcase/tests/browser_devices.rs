//! A person at a real browser who has a device remembered, and forgets it.
//!
//! Pictures of every page are left where those of `browser.rs` are.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{Person, Site};

const EMAIL: &str = "kim@example.org";

/// A person has a device remembered, finds it remembered after a sign-out, and forgets it.
#[tokio::test(flavor = "multi_thread")]
async fn person_has_a_device_remembered() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "devices").await;
    let mut elsewhere = Person::new(&site);
    elsewhere.register(EMAIL).await;
    let (secret, _) = elsewhere.enrol_first(&site).await;
    site.wait(30);

    browser.password(EMAIL).await;
    browser.picture("remember-unticked").await;
    let tick = browser.find(Id("remember")).await;
    tick.click().await.expect("a click");
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    let device = browser.cookie("device").await.expect("a device");
    browser.press("Devices").await;
    browser.at("/devices").await;
    assert!(browser.words().await.contains("This device"));
    browser.picture("devices-one").await;
    browser.goto("/account").await;
    browser.picture("account-sessions").await;

    // A second one, elsewhere.
    site.wait(30);
    elsewhere.sign_out().await;
    elsewhere.password(EMAIL).await;
    let code = site.code(&secret);
    let fields = [("provider", "totp"), ("code", &code), ("remember", "yes")];
    elsewhere.post("/second-factor", &fields).await;
    browser.press("Devices").await;
    browser.picture("devices-two").await;

    // Signing out keeps it, and it asks for the second step all the same.
    browser.goto("/account").await;
    browser.press("Sign out").await;
    assert_eq!(browser.cookie("device").await, Some(device));
    site.wait(30);
    browser.password(EMAIL).await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;

    // Forget one, then all.
    browser.press("Devices").await;
    let forget = browser.find(Css("[aria-label='Forget A browser']")).await;
    browser.follow(forget).await;
    browser.at("/devices").await;
    assert!(browser.words().await.contains("This device"));
    let forget = browser.find(Css("[aria-label^='Forget ']")).await;
    browser.follow(forget).await;
    assert!(browser.words().await.contains("None."));
    assert_eq!(browser.cookie("device").await, None);
    browser.picture("devices-none").await;
    browser.close().await;
}
