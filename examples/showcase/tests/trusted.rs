//! Trusted devices over plain HTTP: the password alone signs in there, and nothing more.

#[path = "common/support.rs"]
mod support;

use support::{Answer, PASSWORD, Person, Site, codes_on, signed_in};

const EMAIL: &str = "owner@example.org";
const NEW: &str = "a quite new password";

async fn site() -> Site {
    Site::start_with(|config| config.trust_devices = true).await
}

/// Somebody with an app. Says the app's secret and its id.
async fn owner(site: &Site) -> (Person, String, String) {
    signed_in(site, EMAIL).await
}

/// The second step with the box ticked.
async fn trust(person: &mut Person, code: &str) -> Answer {
    let fields = [("provider", "totp"), ("code", code), ("trust", "yes")];
    person.post("/second-factor", &fields).await
}

/// Signs in from a new browser, with the box ticked.
async fn trusted(site: &Site, secret: &str) -> Person {
    site.wait(30);
    let mut person = Person::new(site);
    person.password(EMAIL).await;
    let answer = trust(&mut person, &site.code(secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert!(person.cookies.contains_key("trusted"), "{answer:?}");
    person
}

/// Where this password leads a browser with the same device that is signed in nowhere.
async fn password_leads_to(person: &Person, password: &str) -> String {
    let mut again = person.clone();
    again.sign_out().await;
    let fields = [("email", EMAIL), ("password", password)];
    again.post("/sign-in", &fields).await.leads_to().to_owned()
}

fn ids(page: &Answer) -> Vec<String> {
    let parts = page.body.split("name=\"device\" value=\"").skip(1);
    let ids = parts.filter_map(|part| part.split_once('"'));
    ids.map(|(id, _)| id.to_owned()).collect()
}

/// Makes new recovery codes.
async fn sheet(person: &mut Person) -> Vec<String> {
    let page = person.get("/account/recovery").await;
    let made = page.between("name=\"instead_of\" value=\"", "\"");
    let made = made.expect("a form that makes codes").to_owned();
    let page = person
        .post("/account/recovery", &[("instead_of", &made)])
        .await;
    codes_on(&page.body)
}

/// Nobody is offered to trust a device unless a setting says so, and no form does it.
#[tokio::test(flavor = "multi_thread")]
async fn device_is_not_trusted_by_default() {
    let site = Site::start().await;
    let (mut person, secret, _) = owner(&site).await;
    let page = person.get("/account").await;
    assert!(!page.body.contains("Trusted devices"), "{page:?}");
    person.sign_out().await;
    site.wait(30);
    person.password(EMAIL).await;
    let page = person.get("/second-factor").await;
    assert!(page.body.contains("Keep tries for this device"), "{page:?}");
    assert!(!page.body.contains("Trust this device"), "{page:?}");
    let code = site.code(&secret);
    let answer = trust(&mut person, &code).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!person.cookies.contains_key("trusted"));
    // The code is still good.
    assert_eq!(person.code(&code).await.leads_to(), "/account");
    for path in ["/account/trusted/end", "/account/trusted/end-all"] {
        let device = [("device", "00".repeat(16))];
        let device = device.each_ref().map(|(name, id)| (*name, id.as_str()));
        assert_eq!(person.post(path, &device).await.status, 404, "{path}");
    }
}

/// Where a device is trusted, the password signs in; whatever changes the account asks for the second step first.
#[tokio::test(flavor = "multi_thread")]
async fn trusted_device_signs_in_by_password_alone() {
    let site = site().await;
    let (_, secret, factor) = owner(&site).await;
    let mut person = trusted(&site, &secret).await;
    person.sign_out().await;
    let mut page = person.get("/sign-in").await;
    assert!(!page.body.contains("Trusted"), "{page:?}");
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    page = person.open("/sign-in", &fields).await;
    assert_eq!(page.status, 200, "{page:?}");
    for words in [
        "You trust this device",
        "on a trusted device",
        "This device<",
    ] {
        assert!(page.body.contains(words), "{words} {page:?}");
    }
    let remove = format!("/account/remove?factor={factor}");
    for path in [
        "/account/add",
        "/account/recovery",
        "/account/address",
        "/account/password",
        &remove,
    ] {
        let answer = person.get(path).await;
        assert_eq!(answer.leads_to_path(), "/account/prove", "{path}");
    }
    // No box there: what is asked for is a code for this one thing.
    let page = person.get("/account/prove").await;
    assert!(!page.body.contains("Trust this device"), "{page:?}");
    let page = person.get("/activity").await;
    for words in ["A device was trusted", "A trusted device stood in"] {
        assert!(page.body.contains(words), "{words} {page:?}");
    }
    // Another person's password is not enough here, nor a wrong one.
    let other = "other@example.org";
    signed_in(&site, other).await;
    person.sign_out().await;
    assert_eq!(person.password(other).await.leads_to(), "/second-factor");
    let fields = [("email", EMAIL), ("password", NEW)];
    assert_eq!(person.post("/sign-in", &fields).await.status, 401);
    // Nor without the cookie.
    let mut bare = Person::new(&site);
    assert_eq!(bare.password(EMAIL).await.leads_to(), "/second-factor");
    // Nor after thirty days.
    site.wait(30 * 86_400);
    assert_eq!(password_leads_to(&person, PASSWORD).await, "/second-factor");
}

/// A recovery code trusts no device, and none is used up by trying.
#[tokio::test(flavor = "multi_thread")]
async fn recovery_code_trusts_no_device() {
    let site = site().await;
    let (mut owner, ..) = owner(&site).await;
    let codes = sheet(&mut owner).await;
    let mut person = Person::new(&site);
    person.password(EMAIL).await;
    let page = person.get("/second-factor/recovery").await;
    assert!(!page.body.contains("Trust this device"), "{page:?}");
    let code = codes.first().expect("a code");
    let fields = [("provider", "recovery"), ("code", code), ("trust", "yes")];
    let answer = person.post("/second-factor", &fields).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(person.recover(code).await.leads_to(), "/account");
}

/// What ends a trust on the pages.
#[derive(Clone, Copy, Debug)]
enum Ends {
    This,
    All,
    Password,
    Add,
    Remove,
    Codes,
    UsedCode,
    SignOut,
    NotMe,
}

/// Each of these ends the trust: the next password there leads to the second step.
#[tokio::test(flavor = "multi_thread")]
async fn trust_ends_with_each_of_these() {
    for ends in [
        Ends::This,
        Ends::All,
        Ends::Password,
        Ends::Add,
        Ends::Remove,
        Ends::Codes,
        Ends::UsedCode,
        Ends::SignOut,
        Ends::NotMe,
    ] {
        let site = site().await;
        let (mut owner, secret, _) = owner(&site).await;
        let second = add_app(&site, &mut owner).await;
        let codes = sheet(&mut owner).await;
        assert_eq!(codes.len(), 10);
        let device = trusted(&site, &secret).await;
        assert_eq!(
            password_leads_to(&device, PASSWORD).await,
            "/account",
            "{ends:?}"
        );
        let page = owner.get("/account").await;
        assert_eq!(ids(&page).len(), 1, "{page:?}");
        let mut password = PASSWORD;
        match ends {
            Ends::This => {
                let id = &ids(&page)[0];
                let done = owner.post("/account/trusted/end", &[("device", id)]).await;
                assert_eq!(done.leads_to(), "/account");
                let again = owner.post("/account/trusted/end", &[("device", id)]).await;
                assert_eq!(again.status, 404);
            }
            Ends::All => {
                let done = owner.post("/account/trusted/end-all", &[]).await;
                assert_eq!(done.leads_to(), "/account");
            }
            Ends::Password => {
                let fields = [("current", PASSWORD), ("password", NEW)];
                let done = owner.post("/account/password", &fields).await;
                assert_eq!(done.leads_to(), "/account", "{done:?}");
                password = NEW;
            }
            Ends::Add => drop(add_app(&site, &mut owner).await),
            Ends::Remove => {
                let done = owner.post("/account/remove", &[("factor", &second)]).await;
                assert_eq!(done.leads_to(), "/account", "{done:?}");
            }
            Ends::Codes => assert_eq!(sheet(&mut owner).await.len(), 10),
            Ends::UsedCode => {
                let mut other = Person::new(&site);
                other.password(EMAIL).await;
                assert_eq!(other.recover(&codes[0]).await.leads_to(), "/account");
            }
            Ends::SignOut => {
                let done = owner.post("/account/end-sessions", &[]).await;
                assert_eq!(done.leads_to(), "/account", "{done:?}");
            }
            Ends::NotMe => disown(&site, "a device was trusted").await,
        }
        assert_eq!(
            password_leads_to(&device, password).await,
            "/second-factor",
            "{ends:?}"
        );
        if !matches!(ends, Ends::NotMe) {
            assert_eq!(ids(&owner.get("/account").await).len(), 0, "{ends:?}");
        }
    }
}

/// Opens the link of the last message, which says this.
async fn disown(site: &Site, words: &str) {
    let sent = site.outbox.last().expect("a message");
    let text = sent.expose_text().expect("templates").to_owned();
    assert!(text.contains(words), "{text}");
    let link = text.lines().find(|line| line.starts_with(&site.origin));
    let fields = [("link", link.expect("a link")), ("word", "STOP")];
    let done = Person::new(site).open("/not-me", &fields).await;
    assert!(
        done.body.contains("No device is trusted any more."),
        "{done:?}"
    );
}

/// Adds another app. Says its id.
async fn add_app(site: &Site, who: &mut Person) -> String {
    let page = who
        .open(
            "/account/add",
            &[("provider", "totp"), ("label", "Another")],
        )
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let confirmed = who.confirm("/account/add/confirm", "totp", &factor, &code);
    assert_eq!(confirmed.await.leads_to(), "/account");
    factor
}

/// A thief who had a device trusted and signed in there is out when the owner says that it was not them, and the
/// owner stays.
#[tokio::test(flavor = "multi_thread")]
async fn disowned_trust_ends_what_it_opened() {
    let site = site().await;
    let (mut owner, secret, _) = owner(&site).await;
    let first = trusted(&site, &secret).await;
    let mut later = first.clone();
    later.cookies.remove("session");
    assert_eq!(later.password(EMAIL).await.leads_to(), "/account");
    assert_eq!(later.get("/account").await.status, 200);
    disown(&site, "a device was trusted").await;
    for mut out in [first, later] {
        assert_ne!(out.get("/account").await.status, 200);
        out.cookies.remove("session");
        assert_eq!(out.password(EMAIL).await.leads_to(), "/second-factor");
    }
    assert_eq!(owner.get("/account").await.status, 200);
}

/// Signing out everywhere else leaves this browser signed in, and a copy of its cookies not.
#[tokio::test(flavor = "multi_thread")]
async fn copy_of_a_browser_ends_with_the_others() {
    let site = site().await;
    let (mut owner, ..) = owner(&site).await;
    let mut copy = owner.clone();
    assert_eq!(copy.get("/account").await.status, 200);
    let done = owner.post("/account/end-sessions", &[]).await;
    assert_eq!(done.leads_to(), "/account", "{done:?}");
    assert_eq!(owner.get("/account").await.status, 200);
    assert_ne!(copy.get("/account").await.status, 200);
}

/// One person's devices are not another's to end, and the cookie is for this host and no script.
#[tokio::test(flavor = "multi_thread")]
async fn trusted_devices_are_their_owners_alone() {
    let site = site().await;
    let (mut owner, secret, _) = owner(&site).await;
    site.wait(30);
    let mut person = Person::new(&site);
    person.password(EMAIL).await;
    let answer = trust(&mut person, &site.code(&secret)).await;
    let set = answer.headers.iter().map(|(_, value)| value.as_str());
    let cookies: Vec<_> = set.filter(|value| value.starts_with("trusted=")).collect();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    for part in [
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=2592000",
    ] {
        assert!(cookies[0].contains(part), "{cookies:?}");
    }
    let id = ids(&owner.get("/account").await).remove(0);
    let (mut other, ..) = signed_in(&site, "other@example.org").await;
    let ended = other.post("/account/trusted/end", &[("device", &id)]).await;
    assert_eq!(ended.status, 404, "{ended:?}");
    other.post("/account/trusted/end-all", &[]).await;
    assert_eq!(password_leads_to(&person, PASSWORD).await, "/account");
    // This one's cookie goes with its trust.
    person.sign_out().await;
    let mut again = person.clone();
    again.password(EMAIL).await;
    let page = again.get("/account").await;
    assert_eq!(ids(&page), [id.as_str()]);
    let ended = again.post("/account/trusted/end", &[("device", &id)]).await;
    assert_eq!(ended.leads_to(), "/account");
    assert!(!again.cookies.contains_key("trusted"));
}

/// What somebody else's request does in between, as a statement of the database's own.
async fn meanwhile(site: &Site, trigger: &'static str) {
    let made = sqlx::query(trigger).execute(&site.pool).await;
    made.expect("a trigger");
}

async fn live_sessions(site: &Site) -> i64 {
    let count = "SELECT count(*) FROM ott_tokens WHERE purpose = 'session' AND state IN (0, 1)";
    let count = sqlx::query_scalar(count).fetch_one(&site.pool);
    count.await.expect("a count")
}

/// A trust that ends while a sign-in builds on it signs nobody in.
#[tokio::test(flavor = "multi_thread")]
async fn trust_that_ends_meanwhile_signs_nobody_in() {
    let site = site().await;
    let (_, secret, _) = owner(&site).await;
    let device = trusted(&site, &secret).await;
    assert_eq!(password_leads_to(&device, PASSWORD).await, "/account");
    meanwhile(
        &site,
        "CREATE TRIGGER ends_trust AFTER INSERT ON ott_tokens WHEN NEW.purpose = 'session'
        BEGIN UPDATE ott_tokens SET state = 4 WHERE purpose = 'trusted-device'; END",
    )
    .await;
    let mut again = device.clone();
    again.sign_out().await;
    let before = live_sessions(&site).await;
    let answer = again.password(EMAIL).await;
    assert_eq!(answer.leads_to_path(), "/sign-in", "{answer:?}");
    assert_ne!(again.get("/account").await.status, 200);
    assert_eq!(live_sessions(&site).await, before);
}

/// A device that the disowned sign-in has trusted while it is ended is trusted no more.
#[tokio::test(flavor = "multi_thread")]
async fn trust_made_meanwhile_ends_with_the_others() {
    let site = site().await;
    let (_, secret, _) = owner(&site).await;
    let device = trusted(&site, &secret).await;
    meanwhile(
        &site,
        "CREATE TRIGGER trusts_again AFTER UPDATE OF state ON ott_tokens
        WHEN NEW.purpose = 'session' AND NEW.state = 4
        BEGIN UPDATE ott_tokens SET state = 1 WHERE purpose = 'trusted-device'; END",
    )
    .await;
    disown(&site, "a device was trusted").await;
    let mut later = device.clone();
    later.cookies.remove("session");
    assert_eq!(later.password(EMAIL).await.leads_to(), "/second-factor");
}
