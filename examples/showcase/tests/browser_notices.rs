//! A person at a real browser who is told of something, and a scanner that gets there first.
//!
//! Pictures of every page are left where those of `browser.rs` are.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{Person, Site, signed_in};

const EMAIL: &str = "sam@example.org";

/// The thief's session, and the link that the owner was sent.
async fn told(site: &Site) -> (Person, Person, String) {
    let (owner, secret, _) = signed_in(site, EMAIL).await;
    site.wait(30);
    let mut thief = Person::new(site);
    thief.password(EMAIL).await;
    thief.code(&site.code(&secret)).await;
    let page = thief
        .open(
            "/account/add",
            &[("provider", "totp"), ("label", "Not mine")],
        )
        .await;
    let (code, factor) = (site.code(&page.secret()), page.factor().to_owned());
    thief
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(thief.get("/account").await.status, 200);
    let sent = site.outbox.last().expect("a message");
    let link = format!("{}/not-me#{}", site.origin, sent.expose_token());
    (owner, thief, link)
}

/// A scanner that presses every button ends nothing and a person does.
#[tokio::test(flavor = "multi_thread")]
async fn scanner_ends_nothing_and_a_person_does() {
    let site = Site::start().await;
    let (mut owner, mut thief, link) = told(&site).await;
    let token = link.split_once('#').expect("a fragment").1.to_owned();
    let driver = Chromedriver::start().await;

    // It opens the link, runs the script, presses all there is, and sends forms that are not filled.
    let scanner = Browser::open_scripted(&driver, &site.origin, "scanner").await;
    for press in [
        "for (const it of document.querySelectorAll('main a, main button, main input, main form')) it.click();",
        "for (const it of document.querySelectorAll('main form')) it.submit();",
        "for (const it of document.querySelectorAll('main form')) { it.noValidate = true; it.requestSubmit(); }",
        "for (const it of document.querySelectorAll('main input:not([type=hidden])')) { it.value ||= 'test'; } document.querySelector('main button').click();",
    ] {
        scanner.client.goto("about:blank").await.expect("a page");
        scanner.client.goto(&link).await.expect("a page");
        let field = scanner.find(Id("link")).await;
        let filled = field.prop("value").await.expect("a value");
        assert_eq!(filled.as_deref(), Some(token.as_str()), "the script ran");
        scanner
            .client
            .execute(press, Vec::new())
            .await
            .expect("presses");
        scanner.appears(Css("h1")).await;
        assert_eq!(thief.get("/account").await.status, 200, "{press}");
    }
    scanner.client.close().await.expect("the browser ends");

    // A person finds the message, follows its link, and reads.
    let person = Browser::open_scripted(&driver, &site.origin, "owner").await;
    person.goto("/outbox").await;
    person.picture("outbox-notice").await;
    let first = person.find(Css("article:first-of-type .mail a")).await;
    assert_eq!(first.text().await.expect("words"), link);
    person.follow(first).await;
    person.at("/not-me").await;
    let url = person.client.current_url().await.expect("a URL");
    assert_eq!(url.fragment(), None, "the address bar keeps no token");
    person.picture("not-me").await;
    person.fill("word", "no").await;
    person.press("This was not me").await;
    person.refused().await;
    person.picture("not-me-wrong").await;
    assert_eq!(thief.get("/account").await.status, 200);
    person.fill("word", "stop").await;
    person.press("This was not me").await;
    assert!(person.words().await.contains("It was stopped"));
    person.picture("not-me-done").await;
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(owner.get("/account").await.status, 200);
    person.close().await;

    // Without scripts the link is pasted; it was used, which the page says.
    let plain = Browser::open(&driver, &site.origin, "plain").await;
    plain.goto("/not-me").await;
    plain.fill("link", &link).await;
    plain.fill("word", "STOP").await;
    plain.press("This was not me").await;
    plain.refused().await;
    plain.close().await;
}

/// A person without scripts pastes the link of a notice, and the thief is signed out.
#[tokio::test(flavor = "multi_thread")]
async fn person_without_scripts_pastes_the_link() {
    let site = Site::start().await;
    let (mut owner, mut thief, link) = told(&site).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "plain").await;
    browser.goto("/not-me").await;
    browser.fill("link", &link).await;
    browser.fill("word", "STOP").await;
    browser.press("This was not me").await;
    assert!(browser.words().await.contains("It was stopped"));
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(owner.get("/account").await.status, 200);
    browser.close().await;
}

/// A person moves the account to another address with the code that is sent there.
#[tokio::test(flavor = "multi_thread")]
async fn person_moves_the_account_to_another_address() {
    let site = Site::start().await;
    let (owner, ..) = signed_in(&site, EMAIL).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "address").await;
    let session = owner.cookies.get("session").expect("a session");
    browser.set_cookie("session", session).await;
    let proof = owner.cookies.get("proof").expect("a proof");
    browser.set_cookie("proof", proof).await;
    browser.goto("/account").await;
    browser.picture("account-address").await;
    browser.press("Change this address").await;
    browser.at("/account/address").await;
    browser.picture("address").await;
    browser.fill("email", "sam@new.example.org").await;
    browser.press("Send a code").await;
    browser.picture("address-code").await;
    let code = browser.code_in_outbox(&site).await;
    browser.fill("code", &support::other_than(&code)).await;
    browser.press("Confirm").await;
    browser.refused().await;
    browser.fill("code", &code).await;
    browser.press("Confirm").await;
    browser.at("/account").await;
    let words = browser.words().await;
    assert!(words.contains("sam@new.example.org"), "{words}");
    browser.close().await;
}
