//! A person at a real browser on a slow line, with two tabs, who reloads, goes back and comes back late.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id, XPath};
use support::{PASSWORD, Person, REGISTER, Site, other_than};

const EMAIL: &str = "jo@example.org";

/// Somebody with an app, who is not signed in here. Says the app's secret.
async fn with_app(site: &Site) -> String {
    let mut elsewhere = Person::new(site);
    elsewhere.register(EMAIL).await;
    let (secret, _) = elsewhere.enrol_first(site).await;
    elsewhere.sign_out().await;
    site.wait(30);
    secret
}

/// Both steps, as far as the account's page.
async fn sign_in(browser: &Browser, site: &Site, secret: &str) {
    browser.password(EMAIL).await;
    browser.fill("code", &site.code(secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    site.wait(30);
}

/// Loading a page again sends nothing and loses nothing; nor does going away and back.
#[tokio::test(flavor = "multi_thread")]
async fn reload_and_back_send_nothing_and_lose_nothing() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "reload").await;

    // The step that is set up is shown until it is confirmed.
    browser.goto("/register").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Create account").await;
    browser.at(REGISTER).await;
    let code = site.registration_code(EMAIL).await;
    let told = site.outbox.messages().len();
    browser.client.refresh().await.expect("a page");
    browser.at(REGISTER).await;
    assert_eq!(site.outbox.messages().len(), told);
    browser.fill("code", &code).await;
    browser.press("Confirm").await;
    browser.at("/welcome").await;
    browser.press("Continue").await;
    let scanned = browser.scan(Css(".qr svg")).await;
    browser.client.refresh().await.expect("a page");
    assert_eq!(browser.scan(Css(".qr svg")).await, scanned);
    browser.goto("/outbox").await;
    browser.client.back().await.expect("back");
    assert_eq!(browser.scan(Css(".qr svg")).await, scanned);
    browser.goto("/welcome").await;
    browser.at("/welcome/confirm").await;
    assert_eq!(browser.scan(Css(".qr svg")).await, scanned);
    let secret = twofa_providers::oath_otp::Account::from_uri(&scanned)
        .expect("a URI")
        .secret;
    let secret = secret.to_base32().expose_secret().to_owned();
    browser.fill("code", &other_than(&site.code(&secret))).await;
    browser.press("Confirm").await;
    browser.refused().await;
    assert_eq!(browser.scan(Css(".qr svg")).await, scanned);
    // Until it is dropped.
    browser.press("Start again").await;
    browser.at("/welcome").await;
    browser.press("Continue").await;
    assert_ne!(browser.scan(Css(".qr svg")).await, scanned);
    let again = browser.scan(Css(".qr svg")).await;
    let secret = twofa_providers::oath_otp::Account::from_uri(&again)
        .expect("a URI")
        .secret;
    let secret = secret.to_base32().expose_secret().to_owned();
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Confirm").await;
    browser.at("/account/recovery").await;

    // A step by mail, and a sign-in with it.
    browser.goto("/account/add").await;
    browser.choose("email").await;
    browser.press("Continue").await;
    let codes = |site: &Site| {
        let sent = site.outbox.messages();
        let codes = sent
            .iter()
            .filter(|sent| sent.purpose().as_str() == "email-code");
        codes.count()
    };
    browser.client.refresh().await.expect("a page");
    browser.at("/account/add/confirm").await;
    browser.fill("code", &site.sent_code()).await;
    browser.press("Confirm").await;
    browser.at("/account").await;
    assert_eq!(codes(&site), 1, "reloaded, and not sent again");
    browser.press("Sign out").await;
    site.wait(60);
    browser.password(EMAIL).await;
    browser.press("Send a code: E-mail (j…@example.org)").await;
    let code = site.sent_code();
    browser.client.refresh().await.expect("a page");
    browser.goto("/outbox").await;
    browser.client.back().await.expect("back");
    browser.goto("/second-factor").await;
    assert_eq!(codes(&site), 2);
    browser.fill("code", &code).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    browser.close().await;
}

/// A form of a tab that another one signed in behind is shown again, filled.
#[tokio::test(flavor = "multi_thread")]
async fn old_tab_shows_its_form_again_filled() {
    let site = Site::start().await;
    let secret = with_app(&site).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "tabs").await;
    browser.goto("/sign-in").await;
    let old = browser.client.window().await.expect("a window");
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    let tab = browser.client.new_window(true).await.expect("a tab");
    browser
        .client
        .switch_to_window(tab.handle)
        .await
        .expect("the tab");
    sign_in(&browser, &site, &secret).await;
    browser
        .client
        .switch_to_window(old)
        .await
        .expect("the window");
    browser.press("Continue").await;
    browser.refused().await;
    browser.picture("stale").await;
    let kept = browser.find(Id("email")).await;
    assert_eq!(
        kept.attr("value").await.expect("a value").as_deref(),
        Some(EMAIL)
    );
    // What nobody sees while they type is typed again, and was not sent back.
    assert!(
        !browser
            .client
            .source()
            .await
            .expect("a page")
            .contains(PASSWORD)
    );
    browser.fill("password", PASSWORD).await;
    browser.press("Send it again").await;
    browser.at("/second-factor").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account").await;

    // The same with a form behind the sign-in: its text is still there.
    browser.goto("/account").await;
    let rename = browser.find(Css("[aria-label='Rename Phone']")).await;
    browser.follow(rename).await;
    browser.fill("label", "Blue phone").await;
    let old = browser.client.window().await.expect("a window");
    let tab = browser.client.new_window(true).await.expect("a tab");
    browser
        .client
        .switch_to_window(tab.handle)
        .await
        .expect("the tab");
    site.wait(30);
    browser.goto("/account/prove").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser
        .client
        .switch_to_window(old)
        .await
        .expect("the window");
    browser.press("Rename").await;
    browser.refused().await;
    browser.press("Send it again").await;
    browser.at("/account").await;
    assert!(browser.words().await.contains("Blue phone"));
    browser.close().await;
}

/// Whoever comes back late signs in or proves it again, and is where they wanted to go.
#[tokio::test(flavor = "multi_thread")]
async fn late_person_ends_where_they_wanted_to_go() {
    let site = Site::start().await;
    let secret = with_app(&site).await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "late").await;
    sign_in(&browser, &site, &secret).await;
    let add = [("provider", "email"), ("label", "Mail")];
    browser.goto("/account/add").await;
    browser.choose(add[0].1).await;
    browser.fill("label", add[1].1).await;
    browser.press("Continue").await;
    browser.fill("code", &site.sent_code()).await;
    browser.press("Confirm").await;
    let status = browser.text(Css("[role=status]")).await;
    assert!(status.contains("second step is added"), "{status}");

    // The session is over: it says so, and keeps the address and the page.
    site.wait(3 * 3_600);
    browser.press("Devices").await;
    browser.at("/sign-in").await;
    browser.picture("session-ended").await;
    let status = browser.text(Css("[role=status]")).await;
    assert!(status.contains("Your session has ended"), "{status}");
    let email = browser.find(Id("email")).await;
    assert_eq!(
        email.prop("value").await.expect("a value").as_deref(),
        Some(EMAIL)
    );
    browser.fill("password", "not the password").await;
    browser.press("Continue").await;
    browser.refused().await;
    browser.fill("password", PASSWORD).await;
    browser.press("Continue").await;
    // A code by mail on the way there keeps the way.
    browser.press("Send a code: Mail (j…@example.org)").await;
    browser.press("Use your authenticator app").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/devices").await;

    // The second step takes too long: that is said as well.
    browser.goto("/account").await;
    browser.press("Sign out").await;
    browser.password(EMAIL).await;
    site.wait(660);
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/sign-in").await;
    let status = browser.text(Css("[role=status]")).await;
    assert!(
        status.contains("The time for your second step is over"),
        "{status}"
    );
    sign_in(&browser, &site, &secret).await;

    // The proof is over: what was asked for is carried through the new one, and asks before it ends.
    site.wait(660);
    let remove = browser.find(Css("[aria-label='Remove Mail']")).await;
    browser.follow(remove).await;
    browser.at("/account/prove").await;
    assert!(
        browser
            .words()
            .await
            .contains("Before you remove a second step")
    );
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account/remove").await;
    let words = browser.words().await;
    assert!(
        words.contains("Remove “Mail”?") && words.contains("What ends with it"),
        "{words}"
    );
    // Even here.
    site.wait(660);
    browser.press("Remove").await;
    browser.at("/account/prove").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account/remove").await;
    browser.press("Remove").await;
    browser.at("/account").await;
    let status = browser.text(XPath("//main/*[@role='status']")).await;
    assert!(status.contains("“Mail” is removed"), "{status}");
    browser.close().await;
}

/// What is scanned is in the first view, and readable in every theme.
#[tokio::test(flavor = "multi_thread")]
async fn qr_code_is_read_in_every_theme() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "themes").await;
    browser.goto("/register").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Create account").await;
    browser.at(REGISTER).await;
    browser
        .fill("code", &site.registration_code(EMAIL).await)
        .await;
    browser.press("Confirm").await;
    browser.press("Continue").await;
    let scanned = browser.scan(Css(".qr svg")).await;
    assert!(
        scanned.starts_with("otpauth://totp/Showcase:jo%40example.org?secret="),
        "{scanned}"
    );
    assert!(
        !scanned.contains("period") && !scanned.contains("algorithm"),
        "{scanned}"
    );
    let link = browser.find(Css("a[href^='otpauth:']")).await;
    assert_eq!(
        link.attr("href").await.expect("a link"),
        Some(scanned.clone())
    );
    for colors in ["none", "active"] {
        for scheme in ["light", "dark"] {
            let theme = [("forced-colors", colors), ("prefers-color-scheme", scheme)];
            browser.theme(&theme).await;
            // The theme is really there: it takes the page's own colour away.
            let page = browser.find(Css("body")).await;
            let color = page.css_value("background-color").await.expect("a color");
            let system = ["rgba(255, 255, 255, 1)", "rgba(0, 0, 0, 1)"];
            assert_eq!(system.contains(&&*color), colors == "active", "{color}");
            assert_eq!(browser.scan(Css(".qr svg")).await, scanned, "{theme:?}");
            for (width, height) in [(1_366, 625), (320, 800), (390, 844)] {
                browser.view(width, height, 1).await;
                browser.client.refresh().await.expect("a page");
                assert_eq!(
                    browser.scan_view().await,
                    scanned,
                    "{theme:?} {width}x{height}"
                );
            }
        }
    }
    browser.theme(&[]).await;
    browser.close().await;
}
