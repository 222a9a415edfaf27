//! Sessions, access tokens, and who may post.

use axum::{
    body::Body,
    http::{Request, header},
};

use crate::browser::{PASSWORD, Server, address, between};

/// Another site's form is refused.
#[tokio::test]
async fn form_of_another_site_is_refused() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let form = format!("email={}&password={PASSWORD}", address("form"));
    for path in ["/register", "/sign-in", "/not-me"] {
        let page = browser.post_from("https://evil.example", path, &form);
        assert_eq!(page.await.status, 403, "{path}");
    }
}

/// A token for a program works until it is ended, and a session too.
#[tokio::test]
async fn owner_ends_what_is_listed() {
    let server = Server::start().await;
    let (mut browser, mut other) = (server.browser(), server.browser());
    let email = address("lists");
    browser.join(&email).await;
    let token = browser.post("/account/token", "name=backup").await.text;
    let token = between(&token, "<code>", "</code>").to_owned();
    let me = || {
        let request = Request::get("/me").header(header::AUTHORIZATION, format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(other.send(me()).await.status, 200);
    let id = browser.listed("token").await;
    let end = format!("what=token&id={id}");
    assert_eq!(browser.post("/account/end", &end).await.leads, "/account");
    assert_eq!(other.send(me()).await.status, 401);

    assert_eq!(other.sign_in(&email, PASSWORD).await.leads, "/account");
    let own = browser.listed("session").await;
    // Another account's session is not in reach.
    let mut stranger = server.browser();
    stranger.join(&address("stranger")).await;
    stranger
        .post("/account/end", &format!("what=session&id={own}"))
        .await;
    assert_eq!(browser.get("/account").await.status, 200);
    assert_eq!(browser.post("/sign-out", "").await.leads, "/sign-in");
    assert_eq!(browser.get("/account").await.leads, "/sign-in");
    assert_eq!(other.get("/account").await.status, 200);
}
