//! The program of `docs/app-passwords.md`.

use ott_bearer::{
    Bearers, Kind, New,
    token_store::ott_core::{Purpose, Subject},
};

use super::{page_shows, tokens};

const APP: Kind = Kind::app_password(Purpose::new("app-password"));

/// The page shows this program, and it does what the page says.
#[tokio::test]
async fn app_passwords_do_what_the_page_says() {
    let page = include_str!("../../../../docs/app-passwords.md");
    page_shows(page, include_str!("app_passwords.rs"), 2);
    let (tokens, _) = tokens(&APP);
    let alice = Subject::new("", "4711").unwrap();
    let apps: Bearers = Bearers::new(&tokens, APP).unwrap();
    let issued = apps
        .issue(&New::of(&alice).named("mail on the tablet"))
        .await
        .unwrap();
    let shown = issued.token.expose_secret(); // XXXX-XXXX-XXXX-XXXX-XXXX-XXXX: shown once
    assert_eq!(shown.len(), 29);

    let typed = shown.to_lowercase().replace('-', " "); // IMAP, CalDAV, Basic: the user's name and this
    let (user, password) = ("4711", typed.as_str());
    let bearer = apps.authenticate("", password).await.unwrap();
    assert_eq!(bearer.subject().id(), user); // else refuse: it is somebody else's
    assert!(apps.revoke(&alice, bearer.id()).await.unwrap());
}
