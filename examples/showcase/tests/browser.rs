//! A person at a real browser: headless Chromium, driven through chromedriver.
//!
//! Pictures of every page are left in `target/screenshots` (or where `SCREENSHOTS` says).

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{PASSWORD, REGISTER, Site, other_than};
use twofa_providers::oath_otp;

const EMAIL: &str = "alex@example.org";

/// The whole story, in the order in which a person would live it.
#[tokio::test(flavor = "multi_thread")]
async fn person_signs_in_with_two_steps() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "person").await;
    let mut seen = Vec::new();

    // Create an account.
    browser.goto("/").await;
    browser.picture("welcome").await;
    browser.press("Create account").await;
    browser.picture("register").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "short").await;
    let button = browser.find(Css("main button")).await;
    button.click().await.expect("a click");
    browser.at("/register").await; // The browser itself asks for more.
    browser.fill("password", PASSWORD).await;
    browser.press("Create account").await;
    browser.at(REGISTER).await;
    browser.picture("confirm-address").await;
    let code = site.registration_code(EMAIL).await;
    browser.fill("code", &other_than(&code)).await;
    browser.press("Confirm").await;
    browser.refused().await;
    browser.picture("confirm-address-wrong").await;
    browser.fill("code", &code).await;
    browser.press("Confirm").await;
    browser.at("/welcome").await;
    browser.picture("second-step-choose").await;
    let half = browser.cookie("half").await.expect("half a sign-in");
    browser.goto("/account").await;
    browser.at("/sign-in").await;
    browser.goto("/activity").await;
    browser.at("/sign-in").await;

    // Enrol an authenticator app: the QR code and the text hold the same secret.
    browser.goto("/welcome").await;
    browser.fill("label", "My phone").await;
    browser.press("Continue").await;
    let element = browser.find(Css("details > summary")).await;
    browser.picture("second-step-qr").await;
    let scanned = browser.scan(Css(".qr svg")).await;
    element.click().await.expect("a click");
    let secret = browser.text(Id("secret")).await.replace(' ', "");
    let account = oath_otp::Account::from_uri(&scanned).expect("an otpauth URI");
    let label = account.label;
    assert_eq!((label.issuer(), label.account()), (Some("Showcase"), EMAIL));
    assert_eq!(account.secret.to_base32().expose_secret(), secret);
    let code = site.code(&secret);
    browser.fill("code", &other_than(&code)).await;
    browser.press("Confirm").await;
    browser.refused().await;
    browser.picture("second-step-wrong").await;
    // What was scanned is still there to be scanned.
    assert_eq!(browser.scan(Css(".qr svg")).await, scanned);
    browser.fill("code", &code).await;
    browser.press("Confirm").await;
    browser.at("/account/recovery").await;
    browser.press("Not now").await;
    browser.at("/account").await;
    browser.picture("account").await;
    let session = browser.cookie("session").await.expect("a session");
    assert_eq!(browser.cookie("half").await, None);
    assert_ne!(session, half);
    seen.extend([secret.clone(), code.clone(), half, session.clone()]);

    // Sign out: nothing is left to look at.
    browser.press("Sign out").await;
    browser.at("/").await;
    assert_eq!(browser.cookie("session").await, None);
    browser.client.back().await.expect("back");
    assert!(
        !browser.words().await.contains(EMAIL),
        "the back button shows the account"
    );
    browser.set_cookie("session", &session).await;
    browser.goto("/account").await;
    browser.at("/sign-in").await;

    // Sign in: the code that confirmed the app is used up, the next one is good.
    browser.picture("sign-in").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "not the password").await;
    browser.press("Continue").await;
    browser.refused().await;
    browser.picture("sign-in-wrong").await;
    browser.fill("password", PASSWORD).await;
    browser.press("Continue").await;
    browser.at("/second-factor").await;
    browser.picture("second-factor").await;
    for spelling in spellings(&code) {
        browser.fill("code", &spelling).await;
        browser.press("Continue").await;
        browser.refused().await;
    }
    browser.picture("second-factor-wrong").await;
    site.wait(30);
    let code = site.code(&secret);
    browser.fill("code", &code).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    assert_ne!(browser.cookie("session").await.expect("a session"), session);
    browser.press("Sign out").await;
    browser.password(EMAIL).await;
    for spelling in spellings(&code) {
        browser.fill("code", &spelling).await;
        browser.press("Continue").await;
        browser.refused().await;
    }
    // Somebody else may sign in instead.
    browser.press("Not you?").await;
    browser.at("/").await;
    browser.goto("/second-factor").await;
    browser.at("/sign-in").await;
    site.wait(30);
    let code = site.code(&secret);
    browser.password(EMAIL).await;
    // As a person types it, with a space in the middle.
    browser
        .fill("code", &format!("{} {}", &code[..3], &code[3..]))
        .await;
    browser.press("Continue").await;
    browser.at("/account").await;
    seen.push(code);

    // Another way, within ten minutes of the code. Until here ten codes were tried: another one is let in each
    // six minutes.
    site.wait(360);
    browser.press("Add another").await;
    browser.choose("email").await;
    browser.fill("label", "My mail").await;
    browser.picture("add-another").await;
    browser.press("Continue").await;
    browser.at("/account/add/confirm").await;
    browser.picture("add-mail-confirm").await;
    let code = browser.code_in_outbox(&site).await;
    browser.fill("code", &other_than(&code)).await;
    browser.press("Confirm").await;
    browser.refused().await;
    browser.fill("code", &code).await;
    browser.press("Confirm").await;
    browser.at("/account").await;
    assert!(browser.words().await.contains("My mail"));
    seen.push(code);

    // Eleven minutes later it is asked for again.
    site.wait(660);
    browser.press("Add another").await;
    browser.at("/account/prove").await;
    browser.picture("prove").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account/add").await;
    browser.goto("/account").await;
    browser.press("Sign out").await;

    // Sign in by a code from the mail, an hour later: so many wrong codes made the account wait.
    site.wait(3_600);
    let other = Browser::open(&driver, &site.origin, "other").await;
    browser.password(EMAIL).await;
    browser.press("Send a code: My mail (a…@example.org)").await;
    browser.at("/second-factor").await;
    browser.picture("second-factor-mail").await;
    let first = browser.code_in_outbox(&site).await;
    browser
        .press("Send a new code: My mail (a…@example.org)")
        .await;
    let code = browser.code_in_outbox(&site).await;
    other.password(EMAIL).await;
    other.press("Send a code: My mail (a…@example.org)").await;
    let of_other = other.code_in_outbox(&site).await;
    for wrong in [&first, &other_than(&code), &of_other] {
        if *wrong != code {
            browser.fill("code", wrong).await;
            browser.press("Continue").await;
            browser.refused().await;
        }
    }
    browser.fill("code", &code).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    // What was used here is worth nothing there.
    if of_other != code {
        other.fill("code", &code).await;
        other.press("Continue").await;
        other.refused().await;
    }
    other.fill("code", &of_other).await;
    other.press("Continue").await;
    other.at("/account").await;
    other.picture("account-two-sessions").await;
    seen.extend([first, code, of_other]);

    // Sign out everywhere else.
    browser.goto("/account").await;
    browser.press("Sign out everywhere else").await;
    browser.at("/account").await;
    other.goto("/account").await;
    other.at("/sign-in").await;
    assert!(!browser.words().await.contains("everywhere else"));

    // Rename, remove, and keep the last one.
    let rename = browser.find(Css("[aria-label^='Rename My phone']")).await;
    browser.follow(rename).await;
    // What was proved before is not taken under the new epoch.
    browser.at("/account/prove").await;
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Continue").await;
    browser.at("/account/rename").await;
    browser.picture("rename").await;
    browser.fill("label", "My <b>old</b> phone").await;
    browser.press("Rename").await;
    browser.at("/account").await;
    assert!(
        browser.words().await.contains("My <b>old</b> phone"),
        "shown as it was typed"
    );
    let remove = browser.find(Css("[aria-label='Remove My mail']")).await;
    browser.follow(remove).await;
    browser.at("/account/remove").await;
    browser.picture("remove").await;
    browser.press("Keep it").await;
    assert!(browser.words().await.contains("My mail"));
    let remove = browser.find(Css("[aria-label='Remove My mail']")).await;
    browser.follow(remove).await;
    browser.press("Remove").await;
    browser.at("/account").await;
    browser.picture("removed").await;
    let status = browser.text(Css("main > [role=status]")).await;
    assert!(status.contains("“My mail” is removed"), "{status}");
    // Said once.
    browser.goto("/account").await;
    let words = browser.words().await;
    assert!(!words.contains("My mail"), "{words}");
    assert!(
        words.contains("your only second step") && !words.contains("Remove\n"),
        "{words}"
    );

    // What happened is told, and no secret with it.
    browser.press("Activity").await;
    browser.at("/activity").await;
    browser.picture("activity").await;
    let page = browser.client.source().await.expect("a page");
    for happened in [
        "A code was accepted",
        "A code was refused: it had been used",
        "A second step was removed",
        "A second step got another name",
        "Signed in",
        "Ended: one session or device",
    ] {
        assert!(
            page.contains(happened),
            "{happened}: {}",
            browser.words().await
        );
    }
    seen.push(browser.cookie("session").await.expect("a session"));
    for secret in &seen {
        assert!(!page.contains(secret), "{secret} is on the page");
    }
    browser.press("Outbox").await;
    browser.picture("outbox").await;
    browser.goto("/nothing").await;
    browser.picture("nothing").await;
    browser.goto("/welcome/confirm").await;
    browser.goto("/sign-in").await;

    browser.close().await;
    other.close().await;
}

/// A code as a paste or another keyboard spells it.
fn spellings(code: &str) -> [String; 4] {
    let wide = code.chars().map(|digit| {
        let value = usize::try_from(digit.to_digit(10).expect("a digit"));
        let mut wide = "０１２３４５６７８９".chars();
        wide.nth(value.expect("a small number")).expect("a digit")
    });
    [
        code.to_owned(),
        format!("{} {}", &code[..3], &code[3..]),
        format!(" {code} "),
        wide.collect(),
    ]
}

/// Who cannot use a mouse, or see, gets through as well.
#[tokio::test(flavor = "multi_thread")]
async fn keyboard_and_a_screen_reader_are_enough() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "keyboard").await;
    browser.goto("/sign-in").await;
    // Whoever starts to type, types into the first field; Enter sends the form.
    browser.keys("nobody@example.org\u{E004}").await;
    browser.keys("some password\u{E007}").await;
    browser.appears(Css("[role=alert]")).await;
    // From the top, the first stop is the way past the header, and it can be seen.
    browser.goto("/register").await;
    browser.find(Css("h1")).await;
    browser.goto("/").await;
    browser.keys("\u{E004}").await;
    let active = browser.client.active_element().await.expect("an element");
    assert_eq!(active.text().await.expect("words"), "Skip to the content");
    let (x, y, ..) = active.rectangle().await.expect("a place");
    assert!(x >= 0.0 && y >= 0.0, "it is off the screen: {x} {y}");
    browser.close().await;
}
