//! What pages say, what they carry on, and how they answer what is wrong.

mod assets;
mod factors;
mod messages;
mod passwords;
mod sessions;
#[path = "../common/support.rs"]
mod support;

use crate::support::{Answer, Person, Site};

/// The page that an answer leads to.
async fn follow(person: &mut Person, answer: &Answer) -> Answer {
    assert_eq!(answer.status, 303, "{answer:?}");
    person.get(answer.leads_to()).await
}

fn says(page: &Answer, words: &str) {
    assert!(page.body.contains(words), "{words}: {page:?}");
}

fn says_not(page: &Answer, words: &str) {
    assert!(!page.body.contains(words), "{words}: {page:?}");
}

/// Adds a step by mail to the account's address, and says its id.
async fn add_mail(site: &Site, person: &mut Person, label: &str) -> String {
    let page = person
        .open("/account/add", &[("provider", "email"), ("label", label)])
        .await;
    let factor = page.factor().to_owned();
    let code = site.sent_code();
    let added = person
        .confirm("/account/add/confirm", "email", &factor, &code)
        .await;
    assert_eq!(added.leads_to(), "/account", "{added:?}");
    factor
}

/// Gives a fresh proof.
async fn prove_again(site: &Site, person: &mut Person, secret: &str) {
    site.wait(30);
    let code = site.code(secret);
    let proved = person.confirm("/account/prove", "totp", "", &code).await;
    assert_eq!(proved.leads_to(), "/account", "{proved:?}");
}

/// Confirms the account's own address.
async fn confirm_address(site: &Site, person: &mut Person, email: &str) -> Answer {
    person.open("/account/address", &[("email", email)]).await;
    let fields = [("email", email), ("code", &site.sent_code())];
    let answer = person.post("/account/address/confirm", &fields).await;
    follow(person, &answer).await
}
