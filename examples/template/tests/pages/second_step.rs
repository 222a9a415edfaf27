//! Apps, codes by mail, recovery codes, and browsers that are asked for none.

use token_store_sqlx::sqlx;

use crate::browser::{PASSWORD, Server, address, between};

/// An app is confirmed by its first code, which works once; recovery codes stand in for it.
#[tokio::test]
async fn password_alone_opens_nothing_beside_an_app() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("app");
    browser.join(&email).await;
    let scan = browser.post("/account/factor", "provider=totp").await.text;
    let factor = between(&scan, "name=\"factor\" value=\"", "\"");
    let wrong = format!("provider=totp&factor={factor}&code=000000");
    assert_eq!(
        browser.post("/account/factor/confirm", &wrong).await.status,
        401
    );
    let (_, first, sheet) = browser.add_app().await;
    let recovery = between(&sheet.text, "<li><code>", "</code>").to_owned();
    assert_eq!(sheet.text.matches("<li>").count(), 10);

    assert_eq!(browser.post("/sign-out", "").await.leads, "/sign-in");
    assert_eq!(
        browser.sign_in(&email, PASSWORD).await.leads,
        "/second-step"
    );
    assert_eq!(browser.get("/account").await.leads, "/sign-in");
    let again = format!("provider=totp&code={first}");
    assert_eq!(browser.post("/second-step", &again).await.status, 401);
    // A recovery code proves, and lends no trust to the browser.
    let form = format!("provider=recovery&code={recovery}&remember=yes&trust=yes");
    assert_eq!(browser.post("/second-step", &form).await.leads, "/account");
    assert!(browser.cookies.contains_key("__Host-device"));
    assert!(!browser.cookies.contains_key("__Host-trusted"));
    let page = browser.get("/account").await.text;
    assert!(page.contains("9 recovery codes are left") && page.contains("(this one)"));
    browser.post("/sign-out", "").await;
    browser.sign_in(&email, PASSWORD).await;
    assert_eq!(browser.post("/second-step", &form).await.status, 401);
}

/// A code by mail is of one sign-in, and one that is sent again voids the earlier one.
#[tokio::test]
async fn code_by_mail_is_a_second_step() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("code");
    browser.join(&email).await;
    let sheet = browser.add_mail(&email).await.text;
    assert_eq!(sheet.matches("<li>").count(), 10);
    browser.post("/sign-out", "").await;
    // No code is on its way yet: that which confirmed was another flow's.
    browser.sign_in(&email, PASSWORD).await;
    let page = browser.get("/second-step").await.text;
    assert!(!page.contains("Code from your mail"), "{page}");
    let mut other = server.browser();
    for browser in [&mut browser, &mut other] {
        let leads = browser.sign_in(&email, PASSWORD).await.leads;
        assert_eq!(leads, "/second-step");
        browser.post("/second-step/mail", "").await;
    }
    let first = server.mail.take(&email, "mail-code").await.token;
    let others = server.mail.take(&email, "mail-code").await.token;
    let form = |code: &str| format!("provider=email&code={code}");
    if first != others {
        assert_eq!(other.post("/second-step", &form(&first)).await.status, 401);
    }
    browser.post("/second-step/mail", "").await;
    let second = server.mail.take(&email, "mail-code").await.token;
    if first != second {
        assert_eq!(
            browser.post("/second-step", &form(&first)).await.status,
            401
        );
    }
    let page = browser.post("/second-step", &form(&second)).await;
    assert_eq!(page.leads, "/account");
}

/// A trusted browser signs in by the password, until its owner ends that; another one does not.
#[tokio::test]
async fn trusted_browser_is_asked_for_no_code() {
    let server = Server::start().await;
    let (mut browser, mut other) = (server.browser(), server.browser());
    let email = address("trusted");
    browser.join(&email).await;
    browser.add_mail(&email).await;
    browser.post("/sign-out", "").await;
    browser.sign_in(&email, PASSWORD).await;
    browser.prove_by_mail(&email, "&trust=yes").await;
    assert!(browser.cookies.contains_key("__Host-trusted"));
    let told = browser.mail.take(&email, "account-news").await; // the step was added
    assert!(told.what.contains("added"), "{}", told.what);
    browser.post("/sign-out", "").await;

    assert_eq!(other.sign_in(&email, PASSWORD).await.leads, "/second-step");
    assert_eq!(
        browser.sign_in(&email, "wrong horse battery").await.status,
        401
    );
    assert_eq!(browser.sign_in(&email, PASSWORD).await.leads, "/account");
    // It is no proof: what guards the account takes one.
    let add = browser.post("/account/factor", "provider=totp").await;
    assert_eq!(add.leads, "/second-step");
    let codes = browser.post("/account/codes", "").await;
    assert_eq!(codes.leads, "/second-step");
    assert_eq!(browser.prove_by_mail(&email, "").await.leads, "/account");
    let codes = browser.post("/account/codes", "").await.text;
    assert_eq!(codes.matches("<li>").count(), 10);

    // New recovery codes ended the trust; trusted anew, its owner ends it by the list.
    browser.post("/sign-out", "").await;
    assert_eq!(
        browser.sign_in(&email, PASSWORD).await.leads,
        "/second-step"
    );
    browser.prove_by_mail(&email, "&trust=yes").await;
    let id = browser.listed("trusted").await;
    let form = format!("what=trusted&id={id}");
    assert_eq!(browser.post("/account/end", &form).await.leads, "/account");
    browser.post("/sign-out", "").await;
    assert_eq!(
        browser.sign_in(&email, PASSWORD).await.leads,
        "/second-step"
    );
}

/// Once there is a step, adding and removing one takes a proof of this session.
#[tokio::test]
async fn change_of_steps_takes_a_proof() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("change");
    browser.join(&email).await;
    let (base32, ..) = browser.add_app().await;
    assert_ne!(base32, "");
    // The code that confirmed is the proof, for ten minutes.
    let page = browser.add_mail(&email).await;
    assert_eq!(page.leads, "/account");
    browser.cookies.remove("__Host-proof");
    let page = browser.get("/account").await.text;
    let factor = between(&page, "name=\"factor\" value=\"", "\"").to_owned();
    let remove = format!("factor={factor}");
    let led = browser.post("/account/factor/remove", &remove).await;
    assert_eq!(led.leads, "/second-step");
    assert_eq!(browser.prove_by_mail(&email, "").await.leads, "/account");
    let removed = browser.post("/account/factor/remove", &remove).await;
    assert_eq!(removed.leads, "/account");
    let page = browser.get("/account").await.text;
    assert!(!page.contains(&factor), "{page}");
    browser.post("/sign-out", "").await;
    assert_eq!(
        browser.sign_in(&email, PASSWORD).await.leads,
        "/second-step"
    );
    // Without the last one the password is enough again, also beside an app that was never confirmed.
    assert_eq!(browser.prove_by_mail(&email, "").await.leads, "/account");
    let scan = browser.post("/account/factor", "provider=totp").await;
    assert!(scan.text.contains("<svg"));
    let page = browser.get("/account").await.text;
    let last = between(&page, "name=\"factor\" value=\"", "\"");
    let remove = format!("factor={last}");
    let removed = browser.post("/account/factor/remove", &remove).await;
    assert_eq!(removed.leads, "/account");
    browser.post("/sign-out", "").await;
    assert_eq!(browser.sign_in(&email, PASSWORD).await.leads, "/account");
}

/// A factor is asked for though the account's column says that there is none.
#[tokio::test]
async fn factor_guards_whatever_the_column_says() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("column");
    browser.join(&email).await;
    browser.add_app().await;
    let forget = sqlx::query("UPDATE users SET needs_factor = 0 WHERE email = $1").bind(&email);
    let done = forget.execute(server.app.tokens.store().pool()).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
    browser.post("/sign-out", "").await;
    let page = browser.sign_in(&email, PASSWORD).await;
    assert_eq!(page.leads, "/second-step");
}
