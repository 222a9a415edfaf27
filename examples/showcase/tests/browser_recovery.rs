//! A person at a real browser who loses the phone: codes, their sheet, and what comes after.
//!
//! Pictures of every page are left where those of `browser.rs` are.

#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;

use chromium::{Browser, Chromedriver};
use fantoccini::Locator::{Css, Id};
use support::{PASSWORD, REGISTER, Site, codes_on};

const EMAIL: &str = "robin@example.org";

/// Creates an account with an authenticator app, as far as the offer of recovery codes.
async fn enrol(browser: &Browser, site: &Site) -> String {
    browser.goto("/register").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Create account").await;
    browser.at(REGISTER).await;
    browser
        .fill("code", &site.registration_code(EMAIL).await)
        .await;
    browser.press("Confirm").await;
    browser.fill("label", "My phone").await;
    browser.press("Continue").await;
    let summary = browser.find(Css("details > summary")).await;
    summary.click().await.expect("a click");
    let secret = browser.text(Id("secret")).await.replace(' ', "");
    browser.fill("code", &site.code(&secret)).await;
    browser.press("Confirm").await;
    browser.at("/account/recovery").await;
    secret
}

/// The codes that the page shows.
async fn codes(browser: &Browser) -> Vec<String> {
    codes_on(&browser.client.source().await.expect("a page"))
}

/// The button copies the ten codes, and says so; where the browser does not allow it, it says what to do instead.
#[tokio::test(flavor = "multi_thread")]
async fn copy_button_copies_the_ten_codes() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open_scripted(&driver, &site.origin, "copy").await;
    enrol(&browser, &site).await;
    browser.press("Make ten codes").await;
    let sheet = codes(&browser).await;
    assert_eq!(sheet.len(), 10);
    let run = async |script: &str| {
        let ran = browser.client.execute(script, Vec::new()).await;
        ran.expect("a script")
    };
    for (clipboard, words) in [
        ("async (text) => { window.copied = text; }", "Copied."),
        (
            "async () => { throw new Error(); }",
            "The browser did not allow it.",
        ),
    ] {
        run(&format!("navigator.clipboard.writeText = {clipboard};")).await;
        let button = browser.find(Id("copy")).await;
        button.click().await.expect("a click");
        let mut told = String::new();
        for _ in 0..500 {
            told = browser.text(Id("copied")).await;
            if told.starts_with(words) {
                break;
            }
            tokio::time::sleep(core::time::Duration::from_millis(20)).await;
        }
        assert!(told.starts_with(words), "{told}");
    }
    let copied = run("return window.copied").await;
    assert_eq!(copied.as_str(), Some(sheet.join("\n").as_str()));
    browser.close().await;
}

/// A person without the phone signs in with a code of the sheet and makes a new set, which voids the old sheet.
#[tokio::test(flavor = "multi_thread")]
async fn person_loses_the_phone() {
    let site = Site::start().await;
    let driver = Chromedriver::start().await;
    let browser = Browser::open(&driver, &site.origin, "recovery").await;

    // Right after the first app, codes are offered, and shown once.
    enrol(&browser, &site).await;
    browser.picture("recovery-offer").await;
    browser.press("Make ten codes").await;
    browser.picture("recovery-codes").await;
    let sheet = codes(&browser).await;
    assert_eq!(sheet.len(), 10, "{}", browser.words().await);
    let url = browser.client.current_url().await.expect("a URL");
    assert!(url.query().is_none() && url.fragment().is_none(), "{url}");

    // The file and the paper.
    let (name, text) = browser.download("Download as a text file").await;
    assert_eq!(name, "showcase-recovery-codes.txt");
    assert!(text.contains(EMAIL) && text.contains("Showcase"), "{text}");
    for code in &sheet {
        assert!(text.contains(&format!("[ ] {code}\n")), "{text}");
    }
    assert_eq!(codes(&browser).await, sheet, "still there to be printed");
    browser.printed("recovery-codes").await;

    // Loaded again, they are gone, and as good as before.
    browser.client.refresh().await.expect("a page");
    assert_eq!(codes(&browser).await, [""; 0]);
    assert!(browser.words().await.contains("10 of 10 left"));
    browser.picture("recovery-again").await;
    browser.press("Not now").await;
    browser.picture("account-with-codes").await;
    browser.client.back().await.expect("back");
    browser.client.back().await.expect("back");
    assert_eq!(codes(&browser).await, [""; 0]);
    browser.goto("/account").await;
    browser.press("Sign out").await;

    // The phone is gone: a code from the sheet instead.
    browser.password(EMAIL).await;
    browser.picture("second-factor-with-codes").await;
    browser.press("Use a recovery code").await;
    browser.at("/second-factor/recovery").await;
    browser.picture("recovery-sign-in").await;
    browser.fill("code", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF").await;
    browser.press("Continue").await;
    browser.refused().await;
    browser.picture("recovery-sign-in-wrong").await;
    browser.press("Use another way").await;
    browser.at("/second-factor").await;
    browser.press("Use a recovery code").await;
    browser.fill("code", &sheet[4]).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    let words = browser.words().await;
    assert!(words.contains("You have used a recovery code; 9 left"));
    browser.picture("account-after-recovery").await;

    // A new set is offered, and voids the old sheet.
    browser.press("Make new ones").await;
    browser.at("/account/recovery").await;
    browser.press("Make ten new codes").await;
    let new = codes(&browser).await;
    assert_eq!(new.len(), 10);
    // Asked, and not taken for granted.
    let go_on = browser.find(Css("form[action='/account'] button")).await;
    go_on.click().await.expect("a click");
    browser.at("/account/recovery").await;
    let saved = browser.find(Id("saved")).await;
    saved.click().await.expect("a click");
    browser.press("Go on").await;
    browser.at("/account").await;
    assert!(browser.words().await.contains("10 of 10 left"));
    browser.press("Activity").await;
    browser.picture("activity-with-codes").await;
    let page = browser.client.source().await.expect("a page");
    assert!(page.contains("A recovery code was used; 9 left"));
    for code in sheet.iter().chain(&new) {
        assert!(!page.contains(code), "{code} is on the page");
    }
    browser.goto("/account").await;
    browser.press("Sign out").await;
    browser.password(EMAIL).await;
    browser.press("Use a recovery code").await;
    for void in [&sheet[4], &sheet[5]] {
        browser.fill("code", void).await;
        browser.press("Continue").await;
        browser.refused().await;
    }
    browser.fill("code", &new[0].to_lowercase()).await;
    browser.press("Continue").await;
    browser.at("/account").await;

    // Where nothing else is left, the way leads there by itself.
    browser.press("Sign out").await;
    let disable = sqlx::query("UPDATE ott_factors SET state = 2 WHERE state = 1");
    disable.execute(&site.pool).await.expect("an update");
    browser.password(EMAIL).await;
    browser.picture("recovery-only").await;
    browser.fill("code", &new[1]).await;
    browser.press("Continue").await;
    browser.at("/account").await;
    browser.close().await;
}
