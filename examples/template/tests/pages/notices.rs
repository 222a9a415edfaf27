//! What owners are told, and "this was not me".

use template::begin_anew;

use crate::browser::{PASSWORD, Server, address, between};

/// A thief with the password adds a step; the owner disowns that, and support gives the account back.
#[tokio::test]
async fn owner_disowns_what_a_mail_told() {
    let server = Server::start().await;
    let (mut owner, mut thief) = (server.browser(), server.browser());
    let email = address("owner");
    owner.join(&email).await;
    thief.sign_in(&email, PASSWORD).await;
    thief.add_app().await;
    let told = server.mail.take(&email, "account-news").await;
    assert!(told.what.contains("added"), "{}", told.what);
    assert!(told.from.is_some());
    let page = owner.get("/not-me").await;
    assert!(page.text.contains("STOP"));
    // A scanner that presses the button changes nothing.
    let token = told.token;
    let pressed = format!("token={token}&word=");
    assert_eq!(owner.post("/not-me", &pressed).await.status, 422);
    assert_eq!(thief.get("/account").await.status, 200);
    let stop = format!("token={token}&word=stop");
    assert_eq!(owner.post("/not-me", &stop).await.status, 200);
    assert_eq!(owner.post("/not-me", &stop).await.status, 401);
    assert_eq!(thief.get("/account").await.leads, "/sign-in");
    // The password is known to the thief, so it opens nothing any more.
    assert_eq!(thief.sign_in(&email, PASSWORD).await.leads, "/second-step");
    let page = thief.get("/second-step").await.text;
    assert!(page.contains("No second step is left"), "{page}");

    // Support, after it made sure who asks.
    assert!(!begin_anew(&server.app, &address("nobody")).await.unwrap());
    assert!(begin_anew(&server.app, &email).await.unwrap());
    assert_eq!(thief.sign_in(&email, PASSWORD).await.status, 401);
    owner.post("/forgot", &format!("email={email}")).await;
    let token = server.mail.take(&email, "password-reset").await.token;
    let reset = format!("token={token}&password=battery horse correct");
    assert_eq!(owner.post("/reset", &reset).await.status, 200);
    let opened = owner.sign_in(&email, "battery horse correct").await;
    assert_eq!(opened.leads, "/account");
}

/// A step that a thief removed is back, and the account asks for it again.
#[tokio::test]
async fn removed_step_comes_back() {
    let server = Server::start().await;
    let (mut owner, mut thief) = (server.browser(), server.browser());
    let email = address("removed");
    owner.join(&email).await;
    let (_, _, sheet) = owner.add_app().await;
    let recovery = between(&sheet.text, "<li><code>", "</code>").to_owned();
    thief.sign_in(&email, PASSWORD).await;
    let form = format!("provider=recovery&code={recovery}");
    assert_eq!(thief.post("/second-step", &form).await.leads, "/account");
    let page = thief.get("/account").await.text;
    let factor = between(&page, "name=\"factor\" value=\"", "\"");
    let remove = format!("factor={factor}");
    assert_eq!(
        thief.post("/account/factor/remove", &remove).await.leads,
        "/account"
    );
    let mut told = server.mail.take(&email, "account-news").await;
    while !told.what.contains("removed") {
        told = server.mail.take(&email, "account-news").await;
    }
    assert_eq!(thief.sign_in(&email, PASSWORD).await.leads, "/account");
    let stop = format!("token={}&word=STOP", told.token);
    assert_eq!(owner.post("/not-me", &stop).await.status, 200);
    assert_eq!(thief.get("/account").await.leads, "/sign-in");
    assert_eq!(thief.sign_in(&email, PASSWORD).await.leads, "/second-step");
    let page = owner.get("/second-step").await;
    assert_eq!(page.leads, "/sign-in");
}
