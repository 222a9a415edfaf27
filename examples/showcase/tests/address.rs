//! The account's address over plain HTTP: confirmed by a code, and both are told when it changes.

#[path = "common/support.rs"]
mod support;

use support::{Person, Site, other_than, signed_in};

const FORM: &str = "/account/address";
const CONFIRM: &str = "/account/address/confirm";

/// Whom messages of this purpose went to, since `from`.
fn told(site: &Site, purpose: &str, from: usize) -> Vec<String> {
    let sent = site.outbox.messages();
    let of_purpose = sent
        .iter()
        .skip(from)
        .filter(|sent| sent.purpose().as_str() == purpose);
    of_purpose
        .map(|sent| sent.destination().address().to_owned())
        .collect()
}

/// Asks for a code at this address, and enters it.
async fn take(site: &Site, person: &mut Person, email: &str) -> support::Answer {
    let page = person.post(FORM, &[("email", email)]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let code = site.sent_code();
    person
        .post(CONFIRM, &[("email", email), ("code", &code)])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_told_news_once_a_code_was_read_there() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "one@example.org").await;
    assert!(
        person
            .get("/account")
            .await
            .body
            .contains("Confirm or change")
    );
    let from = site.outbox.messages().len();
    let page = person.post(FORM, &[("email", "one@example.org")]).await;
    assert_eq!(page.status, 200);
    assert_eq!(told(&site, "address-code", from), ["one@example.org"]);
    let code = site.sent_code();
    let email = ("email", "one@example.org");
    let wrong = person
        .post(CONFIRM, &[email, ("code", &other_than(&code))])
        .await;
    assert_eq!(wrong.status, 401, "{wrong:?}");
    // Bound to its address: another one, which reads no code, is not confirmed by it.
    let other = [("email", "other@example.org"), ("code", code.as_str())];
    assert_eq!(person.post(CONFIRM, &other).await.status, 401);
    assert!(
        person
            .get("/account")
            .await
            .body
            .contains("Confirm or change")
    );
    let right = person.post(CONFIRM, &[email, ("code", &code)]).await;
    assert_eq!(right.leads_to(), "/account", "{right:?}");
    assert!(
        !person
            .get("/account")
            .await
            .body
            .contains("Confirm or change")
    );
    assert!(
        told(&site, "account-news", 0).is_empty(),
        "nothing was changed"
    );
    let add = [("provider", "totp"), ("label", "Second")];
    let page = person.post("/account/add", &add).await;
    let (code, factor) = (site.code(&page.secret()), page.factor().to_owned());
    person
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(told(&site, "account-news", 0), ["one@example.org"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_to_the_old_address_and_the_new_one() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "old@example.org").await;
    assert_eq!(
        take(&site, &mut person, "old@example.org").await.leads_to(),
        "/account"
    );
    let from = site.outbox.messages().len();
    assert_eq!(
        take(&site, &mut person, "new@example.org").await.leads_to(),
        "/account"
    );
    assert_eq!(
        told(&site, "account-news", from),
        ["new@example.org", "old@example.org"]
    );
    let sent = site.outbox.last().expect("a message");
    let text = sent.expose_text().expect("templates");
    assert!(
        text.contains("address of your account was changed"),
        "{text}"
    );
    // The new one signs in, the old one does not.
    site.wait(30);
    let mut elsewhere = Person::new(&site);
    assert_eq!(elsewhere.password("old@example.org").await.status, 401);
    assert_eq!(
        elsewhere.password("new@example.org").await.leads_to(),
        "/second-factor"
    );
    assert_eq!(
        elsewhere.code(&site.code(&secret)).await.leads_to(),
        "/account"
    );
    // Whoever did not do it ends the sign-in that did.
    let link = format!("x#{}", sent.expose_token());
    let fields = [("link", link.as_str()), ("word", "STOP")];
    assert_eq!(
        Person::new(&site).post("/not-me", &fields).await.status,
        200
    );
    assert_eq!(person.get("/account").await.leads_to(), "/sign-in");
    assert_eq!(elsewhere.get("/account").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_never_confirmed_is_told_of_no_change() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "stranger@example.net").await;
    take(&site, &mut person, "mine@example.org").await;
    assert_eq!(told(&site, "account-news", 0), ["mine@example.org"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_address_and_a_stale_proof_change_nothing() {
    let site = Site::start().await;
    let _ = signed_in(&site, "taken@example.org").await;
    let (mut person, ..) = signed_in(&site, "mine@example.org").await;
    let answer = take(&site, &mut person, "taken@example.org").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(
        person
            .get("/account")
            .await
            .body
            .contains("mine@example.org")
    );
    for email in ["", "no address", "a@b@c"] {
        assert_eq!(person.post(FORM, &[("email", email)]).await.status, 422);
    }
    let page = person.post(FORM, &[("email", "late@example.org")]).await;
    assert_eq!(page.status, 200);
    let code = site.sent_code();
    site.wait(601);
    let fields = [("email", "late@example.org"), ("code", code.as_str())];
    let prove = "/account/prove?next=address";
    assert_eq!(person.post(CONFIRM, &fields).await.leads_to(), prove);
    assert_eq!(
        person
            .post(FORM, &[("email", "x@example.org")])
            .await
            .leads_to(),
        prove
    );
    assert_eq!(person.get(FORM).await.leads_to(), prove);
    assert_eq!(Person::new(&site).get(FORM).await.leads_to(), "/sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_mailboxes_are_not_filled() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "sender@example.org").await;
    let mut sent = 0;
    for at in 0..20 {
        let email = format!("stranger{at}@example.net");
        let answer = person.post(FORM, &[("email", &email)]).await;
        sent += u32::from(answer.status == 200);
    }
    assert_eq!(sent, 5);
    assert_eq!(told(&site, "address-code", 0).len(), 5);
}
