//! The account's address over plain HTTP: confirmed by a code, and both are told when it changes.

#[path = "common/support.rs"]
mod support;

use std::sync::Arc;

use support::{Person, REGISTER, Site, other_than, signed_in};
use twofa_providers::token_delivery::Sent;

const FORM: &str = "/account/address";
const PROVE: &str = "/account/prove?next=address";
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

/// Proves the second step once more, for the next change.
async fn prove(site: &Site, person: &mut Person, secret: &str) {
    site.wait(30);
    let fields = [("provider", "totp"), ("code", &*site.code(secret))];
    assert_eq!(person.post(PROVE, &fields).await.leads_to(), FORM);
}

async fn disown(site: &Site, link: &str) -> support::Answer {
    let fields = [("link", link), ("word", "STOP")];
    Person::new(site).open("/not-me", &fields).await
}

/// Asks for a code at this address, and enters it.
async fn take(site: &Site, person: &mut Person, email: &str) -> support::Answer {
    let page = person.open(FORM, &[("email", email)]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let code = site.sent_code();
    person
        .post(CONFIRM, &[("email", email), ("code", &code)])
        .await
}

/// A code is bound to the address that it was sent to. The account's own address may be confirmed again, which changes
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn code_confirms_its_own_address_alone() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "one@example.org").await;
    let from = site.outbox.messages().len();
    let page = person.open(FORM, &[("email", "one@example.org")]).await;
    assert_eq!(page.status, 200);
    assert_eq!(told(&site, "address-code", from), ["one@example.org"]);
    let code = site.sent_code();
    let email = ("email", "one@example.org");
    let wrong = person
        .post(CONFIRM, &[email, ("code", &other_than(&code))])
        .await;
    assert_eq!(wrong.status, 401, "{wrong:?}");
    // Another one, which reads no code, is not confirmed by it.
    let other = [("email", "other@example.org"), ("code", code.as_str())];
    assert_eq!(person.post(CONFIRM, &other).await.status, 401);
    let right = person.post(CONFIRM, &[email, ("code", &code)]).await;
    assert_eq!(right.leads_to(), "/account", "{right:?}");
    assert!(told(&site, "account-news", from).is_empty());
    let add = [("provider", "totp"), ("label", "Second")];
    let page = person.open("/account/add", &add).await;
    let (code, factor) = (site.code(&page.secret()), page.factor().to_owned());
    person
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(told(&site, "account-news", from), ["one@example.org"]);
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
    assert_eq!(elsewhere.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(half.get("/second-factor").await.leads_to_path(), "/sign-in");
    assert_eq!(person.get("/account").await.status, 200);
    // The proof was made before the change: the next one takes another.
    assert_eq!(person.get(FORM).await.leads_to(), PROVE);
    prove(&site, &mut person, &secret).await;
    assert_eq!(person.get(FORM).await.status, 200);
}

/// A thief changes the address twice. The owner's link puts the old one back and signs everybody out, and the thief's addresses open and
/// hear nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn owner_takes_a_thiefs_change_of_address_back() {
    const OWN: &str = "owner@example.org";
    let site = Site::start().await;
    let (mut owner, secret, _) = signed_in(&site, OWN).await;
    take(&site, &mut owner, OWN).await;
    let mut thief = again(&site, OWN, &secret).await;
    let from = site.outbox.messages().len();
    for thiefs in ["thiefs@example.net", "another@example.net"] {
        assert_eq!(take(&site, &mut thief, thiefs).await.leads_to(), "/account");
        prove(&site, &mut thief, &secret).await;
    }
    // Both changes are told to the owner, with a link, and none of the thief's addresses gets one.
    assert_eq!(told(&site, "account-news", from), [OWN, OWN]);
    let (first, second) = ("thiefs@example.net", "another@example.net");
    let plain = told(&site, "account-news-without-link", from);
    assert_eq!(plain, [first, second]);
    let messages = site.outbox.messages();
    let mut linked = messages.iter().skip(from).filter_map(|sent| {
        let news = sent.purpose().as_str() == "account-news";
        news.then(|| format!("{}/not-me#{}", site.origin, sent.expose_token()))
    });
    let (own, later) = (linked.next().expect("two"), linked.next().expect("two"));
    // The thief cannot take the old address with a new account, nor for another account.
    assert_eq!(site.asks_for_a_taken(OWN).await, OWN);
    let (mut accomplice, ..) = signed_in(&site, "accomplice@example.net").await;
    assert_eq!(take(&site, &mut accomplice, OWN).await.status, 422);
    let mut in_since = again(&site, "another@example.net", &secret).await;

    let done = disown(&site, &own).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.body.contains("again the one that it was before"));
    assert!(done.body.contains("Every browser is signed out"));
    for who in [&mut thief, &mut in_since] {
        assert_eq!(who.get("/account").await.leads_to_path(), "/sign-in");
    }
    for thiefs in ["thiefs@example.net", "another@example.net"] {
        assert_eq!(Person::new(&site).password(thiefs).await.status, 401);
    }
    // The link of the second change puts nothing back: that is undone already.
    let undone = disown(&site, &later).await;
    assert!(undone.body.contains("Not undone"), "{undone:?}");
    // And the thief hears nothing more.
    let from = site.outbox.messages().len();
    let mut owner = again(&site, OWN, &secret).await;
    let account = owner.get("/account").await;
    assert!(account.body.contains(OWN));
    let page = owner.get("/account/recovery").await;
    let earlier = page.between("name=\"instead_of\" value=\"", "\"");
    let made = [("instead_of", earlier.expect("a form"))];
    assert_eq!(owner.post("/account/recovery", &made).await.status, 200);
    assert_eq!(told(&site, "account-news", from), [OWN]);
    assert!(told(&site, "account-news-without-link", from).is_empty());
    // Nobody else's address is kept for the thief.
    assert_eq!(
        Person::new(&site)
            .register("thiefs@example.net")
            .await
            .leads_to(),
        "/welcome"
    );
}

/// Whichever message of the thief's sign-in the owner got first: its link puts the address back.
#[tokio::test(flavor = "multi_thread")]
async fn links_of_the_sign_in_put_the_address_back() {
    const OWN: &str = "whole@example.org";
    let site = Site::start().await;
    let (mut owner, secret, _) = signed_in(&site, OWN).await;
    take(&site, &mut owner, OWN).await;
    let mut thief = again(&site, OWN, &secret).await;
    let add = [("provider", "totp"), ("label", "Not mine")];
    let page = thief.open("/account/add", &add).await;
    let (code, factor) = (site.code(&page.secret()), page.factor().to_owned());
    let confirmed = thief.confirm("/account/add/confirm", "totp", &factor, &code);
    assert_eq!(confirmed.await.leads_to(), "/account");
    let added = format!("x#{}", last_of(&site, "account-news").expose_token());
    let moved = take(&site, &mut thief, "theirs@example.net").await;
    assert_eq!(moved.leads_to(), "/account");
    let done = disown(&site, &added).await;
    assert!(done.body.contains("again the one that it was before"));
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
    let mut owner = again(&site, OWN, &secret).await;
    assert!(owner.get("/account").await.body.contains(OWN));
}

/// A code that was sent while its address was free makes no account once the address may be put back.
#[tokio::test(flavor = "multi_thread")]
async fn address_that_may_come_back_makes_no_account() {
    const LEFT: &str = "left@example.org";
    let site = Site::start().await;
    let mut stranger = Person::new(&site);
    stranger.ask_to_register(LEFT).await;
    let code = site.registration_code(LEFT).await;
    let (mut owner, secret, _) = signed_in(&site, "owner@example.org").await;
    take(&site, &mut owner, LEFT).await;
    prove(&site, &mut owner, &secret).await;
    take(&site, &mut owner, "moved@example.org").await;
    let refused = stranger.post(REGISTER, &[("code", &code)]).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let accounts = sqlx::query_scalar::<_, String>("SELECT email FROM accounts");
    let accounts = accounts.fetch_all(&site.pool).await.expect("the accounts");
    assert_eq!(accounts, ["moved@example.org"]);
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
    assert_eq!(site.asks_for_a_taken(OLD).await, OLD);
    site.wait(86_400 + 1);
    assert_eq!(disown(&site, &link).await.status, 401);
    assert_eq!(
        Person::new(&site).register(OLD).await.leads_to(),
        "/welcome"
    );
}

/// A session whose second step was disabled changes no address before a step that still counts is proved.
#[tokio::test(flavor = "multi_thread")]
async fn step_that_proves_no_more_changes_no_address() {
    const EMAIL: &str = "kept@example.org";
    let site = Site::start().await;
    let (mut owner, secret, _) = signed_in(&site, EMAIL).await;
    take(&site, &mut owner, EMAIL).await;
    // An app that was added after, so that its owner is still signed in when it is disabled.
    let add = [("provider", "totp"), ("label", "Second")];
    let page = owner.open("/account/add", &add).await;
    let (second, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&second);
    let confirmed = owner.confirm("/account/add/confirm", "totp", &factor, &code);
    assert_eq!(confirmed.await.leads_to(), "/account");
    let mut thief = again(&site, EMAIL, &second).await;
    let page = thief.open(FORM, &[("email", "thiefs@example.net")]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let code = site.sent_code();

    let disable = sqlx::query("UPDATE ott_factors SET state = 2 WHERE lower(hex(id)) = ?");
    let disabled = disable.bind(&factor).execute(&site.pool).await;
    assert_eq!(disabled.expect("an update").rows_affected(), 1);
    let prove = PROVE;
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
    assert_eq!(thief.open(FORM, &wanted).await.status, 200);
    // One from the future will not: the clock was set back.
    site.wait(-60);
    assert_eq!(thief.post(FORM, &wanted).await.leads_to(), prove);
}

/// An address of another account, a text that is no address and a proof of more than ten minutes change nothing.
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
    let page = person.open(FORM, &[("email", "late@example.org")]).await;
    assert_eq!(page.status, 200);
    let code = site.sent_code();
    site.wait(601);
    let fields = [("email", "late@example.org"), ("code", code.as_str())];
    let prove = PROVE;
    assert_eq!(person.post(CONFIRM, &fields).await.leads_to(), prove);
    assert_eq!(
        person
            .post(FORM, &[("email", "x@example.org")])
            .await
            .leads_to(),
        prove
    );
    assert_eq!(person.get(FORM).await.leads_to(), prove);
    assert_eq!(
        Person::new(&site).get(FORM).await.leads_to_path(),
        "/sign-in"
    );
}

/// An account has codes sent to five addresses, and then to no more.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_mailboxes_are_not_filled() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "sender@example.org").await;
    let mut sent = 0;
    for at in 0..20 {
        let email = format!("stranger{at}@example.net");
        let answer = person.post(FORM, &[("email", &email)]).await;
        sent += u32::from(answer.status == 303);
    }
    assert_eq!(sent, 5);
    assert_eq!(told(&site, "address-code", 0).len(), 5);
}

/// From one network, many accounts fill no thousand mailboxes.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_one_network_fill_no_thousand_mailboxes() {
    let site = Site::start().await;
    let mut sent = 0;
    for at in 0..8 {
        let email = format!("sender{at}@example.org");
        let (mut person, ..) = signed_in(&site, &email).await;
        let one = [("email", "victim@example.net")];
        let answer = person.post(FORM, &one).await;
        assert_eq!(answer.status, if at < 6 { 303 } else { 429 }, "{answer:?}");
        for to in 0..5 {
            let email = format!("stranger{at}-{to}@example.net");
            let answer = person.post(FORM, &[("email", &email)]).await;
            sent += usize::from(answer.status == 303);
        }
    }
    let codes = told(&site, "address-code", 0);
    let victim = codes.iter().filter(|to| *to == "victim@example.net");
    assert_eq!(victim.count(), 6);
    assert_eq!((sent, codes.len()), (24, 30), "{codes:?}");
}

/// One mailbox gets thirty messages a day, whoever types its address into whichever form.
#[tokio::test(flavor = "multi_thread")]
async fn mailbox_gets_thirty_messages_a_day() {
    const VICTIM: &str = "victim@example.org";
    let site = Site::start().await;
    let (mut victim, ..) = signed_in(&site, VICTIM).await;
    // The second message; the first came when the account was made.
    assert_eq!(victim.post(FORM, &[("email", VICTIM)]).await.status, 303);
    let confirmed = [("email", VICTIM), ("code", &site.sent_code())];
    let confirmed = victim.post("/account/address/confirm", &confirmed).await;
    assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
    let mut stranger = Person::new(&site);
    let mut asked = 0;
    for step in 0..144 {
        if step % 18 == 0 {
            let (mut sender, ..) = signed_in(&site, &format!("sender{step}@example.net")).await;
            for spelling in ["victim@example.org", "Victim@example.org"] {
                asked += u32::from(sender.post(FORM, &[("email", spelling)]).await.status == 303);
            }
        }
        asked += u32::from(stranger.post("/forgot", &[("email", VICTIM)]).await.status == 303);
        site.wait(600);
    }
    // The last may be earned in the last moment.
    assert!((27..=28).contains(&asked), "{asked}");
    let count = || {
        let messages = site.outbox.messages();
        let purposes = ["registration", "address-code", "password-reset"];
        let to_victim = messages.iter().filter(|message| {
            purposes.contains(&message.purpose().as_str())
                && message.destination().address().eq_ignore_ascii_case(VICTIM)
        });
        u32::try_from(to_victim.count()).expect("few")
    };
    // Links are sent behind the answer's back.
    for _ in 0..500 {
        if count() == asked + 2 {
            break;
        }
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    }
    assert_eq!(count(), asked + 2);
}
