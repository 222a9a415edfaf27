//! Registration: by a link, and silent about who has an account.

use crate::browser::{PASSWORD, Server, address};

/// A new address and one that has an account get the same answer; the mails differ, and nobody else reads those.
#[tokio::test]
async fn registration_is_silent_about_a_taken_address() {
    let server = Server::start().await;
    let (mut owner, mut other) = (server.browser(), server.browser());
    let (taken, free) = (address("taken"), address("free"));
    owner.join(&taken).await;
    let for_taken = other.post("/register", &format!("email={taken}")).await;
    let for_free = other.post("/register", &format!("email={free}")).await;
    assert_eq!(for_taken, for_free);
    assert_eq!(for_taken.status, 200);
    let told = server.mail.take(&taken, "address-taken").await;
    assert_eq!(told.what, "somebody typed your address to register");
    assert_eq!(told.token, "");
    assert_ne!(server.mail.take(&free, "join").await.token, "");
    assert_eq!(server.mail.count(&taken, "join"), 0);
    // The account is as it was.
    assert_eq!(other.sign_in(&taken, PASSWORD).await.leads, "/account");
}

/// The password is chosen by who reads the mail, so nobody holds an address that is not theirs.
#[tokio::test]
async fn account_begins_with_its_link() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("begins");
    browser.post("/register", &format!("email={email}")).await;
    let token = browser.mail.take(&email, "join").await.token;
    assert_eq!(browser.sign_in(&email, PASSWORD).await.status, 401);
    assert_eq!(browser.get("/welcome").await.status, 200); // a scanner uses nothing up
    let short = format!("token={token}&password=short");
    assert_eq!(browser.post("/welcome", &short).await.status, 422);
    let form = format!("token={token}&password={PASSWORD}");
    assert_eq!(browser.post("/welcome", &form).await.status, 200);
    assert_eq!(browser.post("/welcome", &form).await.status, 401);
    assert_eq!(browser.sign_in(&email, PASSWORD).await.leads, "/account");
}

/// Of two links to one address, the second one changes nothing.
#[tokio::test]
async fn second_link_of_an_address_makes_no_account() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("second");
    let form = format!("email={email}");
    browser.post("/register", &form).await;
    let first = browser.mail.take(&email, "join").await.token;
    browser.post("/register", &form).await;
    let second = browser.mail.take(&email, "join").await.token;
    let made = format!("token={second}&password={PASSWORD}");
    assert_eq!(browser.post("/welcome", &made).await.status, 200);
    let late = format!("token={first}&password=battery horse correct");
    assert_ne!(browser.post("/welcome", &late).await.status, 200);
    assert_eq!(browser.sign_in(&email, PASSWORD).await.leads, "/account");
}

/// Whoever types a stranger's address fills that mailbox with ten mails, and is answered as before.
#[tokio::test]
async fn mailbox_gets_no_more_than_its_pace() {
    let server = Server::start().await;
    let mut browser = server.browser();
    let email = address("filled");
    browser.join(&email).await; // one of ten
    for _ in 0..12 {
        let page = browser.post("/register", &format!("email={email}")).await;
        assert_eq!(page.status, 200);
    }
    for _ in 0..9 {
        server.mail.take(&email, "address-taken").await;
    }
    // What would be the eleventh is asked for last, and would have come before this one's answer.
    let other = address("after");
    browser.post("/register", &format!("email={other}")).await;
    server.mail.take(&other, "join").await;
    assert_eq!(server.mail.count(&email, "address-taken"), 0);
}
