//! A forgotten password.

use token_store_sqlx::sqlx;
use tokio::task::JoinSet;

use crate::browser::{PASSWORD, Server, address};

const NEW: &str = "battery horse correct";

/// A new password by a link: once, every session ends, and the owner is told.
#[tokio::test]
async fn reset_ends_every_session() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("reset");
    browser.join(&email).await;
    let unknown = browser.post("/forgot", "email=nobody@example.org").await;
    let known = browser.post("/forgot", &format!("email={email}")).await;
    assert_eq!(unknown, known);
    let token = browser.mail.take(&email, "password-reset").await.token;
    let short = format!("token={token}&password=short");
    assert_eq!(browser.post("/reset", &short).await.status, 422);
    assert_eq!(browser.get("/account").await.status, 200);
    let reset = format!("token={token}&password={NEW}");
    assert_eq!(browser.post("/reset", &reset).await.status, 200);
    assert_eq!(browser.post("/reset", &reset).await.status, 401);
    let told = browser.mail.take(&email, "account-news").await;
    assert!(told.what.contains("password"), "{}", told.what);
    assert_eq!(browser.get("/account").await.leads, "/sign-in");
    assert_eq!(browser.sign_in(&email, PASSWORD).await.status, 401);
    assert_eq!(browser.sign_in(&email, NEW).await.leads, "/account");
}

/// After a reset by mail a code by mail would be the same mailbox twice: another step is asked for.
#[tokio::test]
async fn reset_by_mail_takes_no_code_by_mail() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("mailbox");
    browser.join(&email).await;
    let sheet = browser.add_mail(&email).await.text;
    let recovery = crate::browser::between(&sheet, "<li><code>", "</code>").to_owned();
    browser.post("/forgot", &format!("email={email}")).await;
    let token = browser.mail.take(&email, "password-reset").await.token;
    let reset = format!("token={token}&password={NEW}");
    assert_eq!(browser.post("/reset", &reset).await.status, 200);

    assert_eq!(browser.sign_in(&email, NEW).await.leads, "/second-step");
    let page = browser.get("/second-step").await.text;
    assert!(!page.contains("by mail"), "{page}");
    assert_eq!(browser.post("/second-step/mail", "").await.status, 401);
    assert_eq!(browser.mail.count(&email, "mail-code"), 0);
    let form = format!("provider=recovery&code={recovery}");
    assert_eq!(browser.post("/second-step", &form).await.leads, "/account");
    // From then on it is a second step again.
    browser.post("/sign-out", "").await;
    assert_eq!(browser.sign_in(&email, NEW).await.leads, "/second-step");
    assert_eq!(browser.prove_by_mail(&email, "").await.leads, "/account");
}

/// A password that another one took the place of opens nothing, however long its hash is waited for.
#[tokio::test]
async fn sign_ins_that_wait_meet_the_new_password() {
    let server = Server::start().await;
    let email = address("waits");
    server.browser().join(&email).await;
    let mut waiting = JoinSet::new();
    for _ in 0..12 {
        let (mut browser, email) = (server.browser(), email.clone());
        waiting.spawn(async move {
            let page = browser.sign_in(&email, PASSWORD).await;
            (browser, page.leads == "/account")
        });
    }
    // Two are hashed at a time: the others read the account before this, and are answered after it.
    let first = waiting.join_next().await.unwrap().unwrap();
    assert!(first.1);
    let raise = sqlx::query("UPDATE users SET epoch = epoch + 1 WHERE email = $1").bind(&email);
    let done = raise.execute(server.app.tokens.store().pool()).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
    let mut refused = 0;
    for (mut browser, opened) in waiting.join_all().await.into_iter().chain([first]) {
        refused += usize::from(!opened);
        assert_eq!(browser.get("/account").await.leads, "/sign-in");
    }
    assert!(refused > 0);
}

/// Whoever registers somebody's address again and again keeps no link of a reset from them.
#[tokio::test]
async fn registrations_keep_no_reset_from_its_owner() {
    let server = Server::start().await;
    let (mut owner, mut stranger) = (server.browser(), server.browser());
    let email = address("kept");
    owner.join(&email).await;
    for _ in 0..12 {
        stranger.post("/register", &format!("email={email}")).await;
    }
    owner.post("/forgot", &format!("email={email}")).await;
    assert_ne!(server.mail.take(&email, "password-reset").await.token, "");
}

/// Tries of links wait, as those of passwords do: each could have a password hashed.
#[tokio::test]
async fn tries_of_links_are_paced() {
    let server = Server::start().await;
    for path in ["/welcome", "/reset"] {
        let mut stranger = server.browser();
        let form = format!("token=none&password={PASSWORD}");
        for _ in 0..30 {
            assert_eq!(stranger.post(path, &form).await.status, 401);
        }
        let mut statuses = Vec::new();
        for _ in 0..30 {
            statuses.push(stranger.post(path, &form).await.status);
        }
        assert!(statuses.contains(&429), "{statuses:?}");
    }
}
