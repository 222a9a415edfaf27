//! The account's address over plain HTTP: confirmed by a code, and both are told when it changes.

#[path = "common/support.rs"]
mod support;

use std::sync::Arc;

use support::{Person, Site, other_than, signed_in};
use twofa_providers::token_delivery::Sent;

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

/// The last message of this purpose.
fn last_of(site: &Site, purpose: &str) -> Arc<Sent> {
    let sent = site.outbox.messages();
    let mut last = sent.into_iter().rev();
    let found = last.find(|sent| sent.purpose().as_str() == purpose);
    found.expect("such a message")
}

/// Signs in once more, in another browser.
async fn again(site: &Site, email: &str, secret: &str) -> Person {
    site.wait(30);
    let mut person = Person::new(site);
    person.password(email).await;
    let answer = person.code(&site.code(secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    person
}

async fn disown(site: &Site, link: &str) -> support::Answer {
    let fields = [("link", link), ("word", "STOP")];
    Person::new(site).post("/not-me", &fields).await
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

/// A change is told to the old address and the new one.
#[tokio::test(flavor = "multi_thread")]
async fn change_is_told_at_both_addresses() {
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
        told(&site, "account-news-without-link", from),
        ["new@example.org"]
    );
    assert_eq!(told(&site, "account-news", from), ["old@example.org"]);
    let sent = last_of(&site, "account-news");
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
}

/// A change ends every other session and keeps this browser.
#[tokio::test(flavor = "multi_thread")]
async fn change_ends_other_sessions_and_keeps_this() {
    const EMAIL: &str = "first@example.org";
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, EMAIL).await;
    take(&site, &mut person, EMAIL).await;
    let mut elsewhere = again(&site, EMAIL, &secret).await;
    let mut half = Person::new(&site);
    half.password(EMAIL).await;
    let before = person.cookies.get("session").cloned();
    assert_eq!(
        take(&site, &mut person, "second@example.org")
            .await
            .leads_to(),
        "/account"
    );
    assert_ne!(person.cookies.get("session").cloned(), before);
    assert_eq!(elsewhere.get("/account").await.leads_to(), "/sign-in");
    assert_eq!(half.get("/second-factor").await.leads_to(), "/sign-in");
    // It goes on with the proof that it has, also to the next change.
    assert_eq!(person.get("/account").await.status, 200);
    assert_eq!(person.get(FORM).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_takes_a_thiefs_change_of_address_back() {
    const OWN: &str = "owner@example.org";
    let site = Site::start().await;
    let (mut owner, secret, _) = signed_in(&site, OWN).await;
    take(&site, &mut owner, OWN).await;
    let mut thief = again(&site, OWN, &secret).await;
    let from = site.outbox.messages().len();
    for thiefs in ["thiefs@example.net", "another@example.net"] {
        assert_eq!(take(&site, &mut thief, thiefs).await.leads_to(), "/account");
    }
    // The first change is told to the owner; the second one to the thief alone.
    let links = told(&site, "account-news", from);
    assert_eq!(links, [OWN, "thiefs@example.net"]);
    let messages = site.outbox.messages();
    let of = |address: &str| {
        let mut linked = messages.iter().skip(from).filter(|sent| {
            sent.purpose().as_str() == "account-news" && sent.destination().address() == address
        });
        let sent = linked.next().expect("a link");
        format!("{}/not-me#{}", site.origin, sent.expose_token())
    };
    let (own, thiefs) = (of(OWN), of("thiefs@example.net"));
    // The thief cannot take the old address with a new account, nor for another account.
    let taken = Person::new(&site).register(OWN).await;
    assert_eq!(taken.status, 422, "{taken:?}");
    let (mut accomplice, ..) = signed_in(&site, "accomplice@example.net").await;
    assert_eq!(take(&site, &mut accomplice, OWN).await.status, 422);
    let mut in_since = again(&site, "another@example.net", &secret).await;

    let done = disown(&site, &own).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.body.contains("again the one that it was before"));
    assert!(done.body.contains("Every browser is signed out"));
    for who in [&mut thief, &mut in_since] {
        assert_eq!(who.get("/account").await.leads_to(), "/sign-in");
    }
    for thiefs in ["thiefs@example.net", "another@example.net"] {
        assert_eq!(Person::new(&site).password(thiefs).await.status, 401);
    }
    // The thief's own link puts nothing back.
    let again_thiefs = disown(&site, &thiefs).await;
    assert!(again_thiefs.body.contains("Not undone"), "{again_thiefs:?}");
    let mut owner = again(&site, OWN, &secret).await;
    let account = owner.get("/account").await;
    assert!(account.body.contains(OWN) && !account.body.contains("Confirm or change"));
    // Nobody else's address is kept for the thief.
    assert_eq!(
        Person::new(&site)
            .register("thiefs@example.net")
            .await
            .leads_to(),
        "/welcome"
    );
}

/// An address that cannot be put back any more is free.
#[tokio::test(flavor = "multi_thread")]
async fn address_that_cannot_come_back_is_free() {
    const OLD: &str = "left@example.org";
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, OLD).await;
    take(&site, &mut person, OLD).await;
    take(&site, &mut person, "moved@example.org").await;
    let link = format!("x#{}", last_of(&site, "account-news").expose_token());
    site.wait(7 * 86_400 - 1);
    assert_eq!(Person::new(&site).register(OLD).await.status, 422);
    site.wait(86_400 + 1);
    assert_eq!(disown(&site, &link).await.status, 401);
    assert_eq!(
        Person::new(&site).register(OLD).await.leads_to(),
        "/welcome"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_proves_no_more_changes_no_address() {
    const EMAIL: &str = "kept@example.org";
    let site = Site::start().await;
    let (mut owner, secret, _) = signed_in(&site, EMAIL).await;
    take(&site, &mut owner, EMAIL).await;
    // An app that was added after, so that its owner is still signed in when it is disabled.
    let add = [("provider", "totp"), ("label", "Second")];
    let page = owner.post("/account/add", &add).await;
    let (second, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&second);
    let confirmed = owner.confirm("/account/add/confirm", "totp", &factor, &code);
    assert_eq!(confirmed.await.leads_to(), "/account");
    let mut thief = again(&site, EMAIL, &second).await;
    let page = thief.post(FORM, &[("email", "thiefs@example.net")]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let code = site.sent_code();

    let disable = sqlx::query("UPDATE ott_factors SET state = 2 WHERE lower(hex(id)) = ?");
    let disabled = disable.bind(&factor).execute(&site.pool).await;
    assert_eq!(disabled.expect("an update").rows_affected(), 1);
    let prove = "/account/prove?next=address";
    let fields = [("email", "thiefs@example.net"), ("code", code.as_str())];
    assert_eq!(thief.post(CONFIRM, &fields).await.leads_to(), prove);
    let from = site.outbox.messages().len();
    let wanted = [("email", "other@example.net")];
    assert_eq!(thief.post(FORM, &wanted).await.leads_to(), prove);
    assert_eq!(thief.get(FORM).await.leads_to(), prove);
    let add = thief.get("/account/add").await;
    assert_eq!(add.leads_to(), "/account/prove?next=add");
    assert_eq!(site.outbox.messages().len(), from);
    assert!(thief.get("/account").await.body.contains(EMAIL));
    // A proof by a step that still counts will do.
    site.wait(30);
    let fields = [("provider", "totp"), ("code", &*site.code(&secret))];
    assert_eq!(thief.post(prove, &fields).await.leads_to(), FORM);
    assert_eq!(thief.post(FORM, &wanted).await.status, 200);
    // One from the future will not: the clock was set back.
    site.wait(-60);
    assert_eq!(thief.post(FORM, &wanted).await.leads_to(), prove);
}

/// An address that was never confirmed is told of no change.
#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_address_is_told_of_no_change() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "stranger@example.net").await;
    take(&site, &mut person, "mine@example.org").await;
    assert!(told(&site, "account-news", 0).is_empty());
    assert_eq!(
        told(&site, "account-news-without-link", 0),
        ["mine@example.org"]
    );
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

/// Many accounts fill no mailbox either and one network no thousand.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_fill_no_mailbox_and_networks_no_thousand() {
    let site = Site::start().await;
    let mut sent = 0;
    for at in 0..8 {
        let email = format!("sender{at}@example.org");
        let (mut person, ..) = signed_in(&site, &email).await;
        let one = [("email", "victim@example.net")];
        let answer = person.post(FORM, &one).await;
        assert_eq!(answer.status, if at < 5 { 200 } else { 429 }, "{answer:?}");
        for to in 0..5 {
            let email = format!("stranger{at}-{to}@example.net");
            let answer = person.post(FORM, &[("email", &email)]).await;
            sent += usize::from(answer.status == 200);
        }
    }
    let codes = told(&site, "address-code", 0);
    let victim = codes.iter().filter(|to| *to == "victim@example.net");
    assert_eq!(victim.count(), 5);
    assert!((20..=30).contains(&sent), "{sent}");
    assert!(codes.len() <= 30, "{codes:?}");
}
