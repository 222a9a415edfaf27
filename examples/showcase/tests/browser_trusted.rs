//! A person at a real browser who has a device trusted, signs in there by the password alone, and ends that.
//!
//! Pictures of every page are left where those of `browser.rs` are.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{PASSWORD, Person, Site};

const EMAIL: &str = "lou@example.org";

/// A trusted device signs in by the password alone until its owner says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn person_has_a_device_trusted() {
    let site = Site::start_with(|config| config.trust_devices = true).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "trusted").await;
    let mut elsewhere = Person::new(&site);
    elsewhere.register(EMAIL).await;
    let (secret, _) = elsewhere.enrol_first(&site).await;

    // A phone whose clock is ahead first.
    site.wait(60);
    let early = site.code(&secret);
    site.wait(-30);
    browser.password(EMAIL).await;
    browser.fill("code", &early).await;
    browser.press("Continue").await;
    browser.refused().await;
    browser.picture("clock-ahead").await;
    site.wait(60);
    browser.picture("trust-unticked").await;
    let tick = browser.find(Id("trust")).await;
    tick.click().await.expect("a click");
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    let device = browser.cookie("trusted").await.expect("a device");
    assert!(browser.words().await.contains("Trusted devices"));
    browser.picture("account-trusted").await;
    browser.view(1_280, 1_400, 1).await;
    browser.snap("trusted-whole-1280").await;
    browser.view(390, 2_000, 1).await;
    browser.snap("trusted-whole-390").await;
    browser.view(1_280, 800, 1).await;

    // The password alone, and a change asks for the second step.
    browser.press("Sign out").await;
    assert_eq!(browser.cookie("trusted").await, Some(device));
    browser.goto("/sign-in").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    assert!(browser.words().await.contains("You trust this device"));
    browser.picture("account-by-trust").await;
    browser.press("Add another").await;
    browser.at("/account/prove").await;
    browser.picture("prove-on-trusted").await;

    // Until that is ended.
    browser.goto("/account").await;
    let end = browser.find(Css("[aria-label^='Stop trusting ']")).await;
    browser.follow(end).await;
    browser.at("/account").await;
    assert!(browser.words().await.contains("trusted no more"));
    assert_eq!(browser.cookie("trusted").await, None);
    browser.picture("account-trusts-none").await;
    browser.press("Sign out").await;
    browser.password(EMAIL).await;
    browser.at("/second-factor").await;
    browser.close().await;
}
