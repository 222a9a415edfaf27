//! What a page says once, how errors and limits are said, and that a form comes back.

use twofa_providers::token_store::ott_core::chrono::TimeDelta;

use crate::{
    follow, says, says_not,
    support::{Answer, PASSWORD, Person, Site, exchange, form, other_than, signed_in},
};

/// A message is shown once, and nobody else can put words on a page.
#[tokio::test(flavor = "multi_thread")]
async fn message_is_said_once_and_only_by_us() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "said@example.org").await;
    person.get("/account").await;
    let fields = [("factor", factor.as_str()), ("label", "<b>Blue</b>")];
    let renamed = person.post("/account/rename", &fields).await;
    let message = person.cookies["said"].clone();
    assert!(!message.contains("Blue"), "{message}");
    let page = follow(&mut person, &renamed).await;
    says(
        &page,
        "role=\"status\">It is called “&lt;b&gt;Blue&lt;/b&gt;” from now on.",
    );
    assert!(!person.cookies.contains_key("said"));
    says_not(&person.get("/account").await, "from now on");

    // Made up, edited, or sealed for another use.
    let mut strange = vec!["+You won".to_owned(), "2b596f75".into(), String::new()];
    for at in [0, 12, 70, message.len() - 1] {
        let other = if message.as_bytes()[at] == b'0' {
            '1'
        } else {
            '0'
        };
        strange.push(format!("{}{other}{}", &message[..at], &message[at + 1..]));
    }
    strange.push(person.cookies["last"].clone());
    for text in strange {
        let mut victim = person.clone();
        victim.cookies.insert("said".into(), text.clone());
        let page = victim.get("/account").await;
        assert_eq!(page.status, 200, "{text}");
        says_not(&page, "class=\"done\"");
        says_not(&page, "You won");
    }
}

/// An ended session says so, and keeps the address and the page that was wanted.
#[tokio::test(flavor = "multi_thread")]
async fn ended_session_says_so_and_leads_back() {
    let site = Site::start().await;
    let (mut person, secret, factor) = signed_in(&site, "late@example.org").await;
    let nobody = Person::new(&site).get("/devices").await;
    assert_eq!(nobody.leads_to(), "/sign-in?next=devices");
    for (wanted, next) in [
        ("/account", ""),
        ("/devices", "?next=devices"),
        ("/account/add", "?next=add"),
        (
            &*format!("/account/remove?factor={factor}"),
            &*format!("?next=remove-{factor}"),
        ),
        (
            &*format!("/account/rename?factor={factor}"),
            &*format!("?next=rename-{factor}"),
        ),
    ] {
        site.wait(13 * 3_600);
        let answer = person.get(wanted).await;
        assert_eq!(answer.leads_to(), format!("/sign-in{next}"), "{wanted}");
        let page = follow(&mut person, &answer).await;
        says(&page, "Your session has ended");
        says(&page, "value=\"late@example.org\"");
        says(&page, &format!("action=\"/sign-in{next}\""));
        let fields = [("email", "late@example.org"), ("password", "wrong")];
        let wrong = person.post(&format!("/sign-in{next}"), &fields).await;
        says(&wrong, &format!("action=\"/sign-in{next}\""));
        let fields = [("email", "late@example.org"), ("password", PASSWORD)];
        let half = person.post(&format!("/sign-in{next}"), &fields).await;
        assert_eq!(half.leads_to(), format!("/second-factor{next}"));
        let fields = [("provider", "totp"), ("code", &site.code(&secret))];
        let whole = person.post(&format!("/second-factor{next}"), &fields).await;
        assert_eq!(whole.leads_to(), wanted);
        assert_eq!(person.get(wanted).await.status, 200, "{wanted}");
    }
    // Whoever signs out is told no address afterwards, and no end of a session.
    let out = person.sign_out().await;
    follow(&mut person, &out).await;
    let page = person.get("/sign-in").await;
    says_not(&page, "late@example.org");
    says_not(&page, "has ended");
}

/// The last three wrong codes are announced, and the wait is said in minutes and by the clock.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_announced_and_said_with_the_clock() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "limit@example.org").await;
    site.wait(3_600);
    let mut half = Person::new(&site);
    half.password("limit@example.org").await;
    let wrong = other_than(&site.code(&secret));
    let mut tried = "0".to_owned();
    for at in 1..=10 {
        let fields = [("provider", "totp"), ("code", &*wrong), ("tried", &*tried)];
        let page = half.post("/second-factor", &fields).await;
        assert_eq!(page.status, 401, "{page:?}");
        tried = page
            .between("name=\"tried\" value=\"", "\"")
            .expect("a count")
            .to_owned();
        let left = 10 - at;
        assert_eq!(
            page.body.contains("and you have to wait"),
            (1..=3).contains(&left),
            "{at}"
        );
    }
    let page = half.code(&wrong).await;
    assert_eq!(page.status, 429);
    // The minute after it has begun.
    let at = (site.now() + TimeDelta::minutes(7))
        .format("%H:%M")
        .to_string();
    says(
        &page,
        &format!("Too many wrong codes. Try again in 6 minutes ({at} UTC)"),
    );
    // And what works still.
    says(
        &page,
        "until then only a device that you had remembered gets in",
    );
    says_not(&page, "aria-invalid");
    assert_eq!(page.header("retry-after"), Some("360"));
}

/// An error's page has the header of whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn error_page_has_the_true_header() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "header@example.org").await;
    let page = person.get("/nothing").await;
    says(&page, "href=\"/devices\"");
    says(&page, "<title>Error: ");
    says_not(&page, "href=\"/register\"");
    let page = Person::new(&site).get("/nothing").await;
    says(&page, "href=\"/register\"");
    says_not(&page, "href=\"/devices\"");
}

/// A form of an earlier visit is shown again, filled, where the browser says that it is ours.
#[tokio::test(flavor = "multi_thread")]
async fn stale_form_is_shown_again_without_its_password() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "stale@example.org").await;
    let old = "0".repeat(64);
    let fields = form(&[("csrf", &old), ("factor", &factor), ("label", "<i>New</i>")]);
    let page = person
        .send("POST", "/account/rename", &[], fields.as_bytes())
        .await;
    assert_eq!(page.status, 403);
    says(&page, "Send it again");
    says(&page, "name=\"label\" value=\"&lt;i&gt;New&lt;/i&gt;\"");
    assert_eq!(page.factor(), factor);
    let fresh = page.csrf().expect("a fresh value").to_owned();
    let fields = form(&[("csrf", &fresh), ("factor", &factor), ("label", "New")]);
    let done = person
        .send("POST", "/account/rename", &[], fields.as_bytes())
        .await;
    assert_eq!(done.leads_to(), "/account", "{done:?}");

    let fields = form(&[
        ("csrf", &old),
        ("email", "a@example.org"),
        ("password", PASSWORD),
    ]);
    let mut nobody = Person::new(&site);
    let page = nobody
        .send("POST", "/sign-in?next=add", &[], fields.as_bytes())
        .await;
    says(&page, "value=\"a@example.org\"");
    says(&page, "action=\"/sign-in?next=add\"");
    says_not(&page, PASSWORD);
    // Without the browser's word for it, nothing of the form comes back; nor of one that is none of ours.
    let host = site.address.to_string();
    let bare = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{fields}",
        fields.len()
    );
    let page = exchange(site.address, bare.into_bytes()).await;
    assert_eq!(page.status, 403);
    says_not(&page, "a@example.org");
    for strange in [
        "csrf=old&csrf=x&email=e",
        "csrf=old&a=1&a=2",
        "csrf=old&<b>=1",
        "csrf=old&a=%00",
        "csrf=x&email=e",
        "email=x",
    ] {
        let strange = strange.replace("old", &old);
        let page = nobody
            .send("POST", "/sign-in", &[], strange.as_bytes())
            .await;
        assert_eq!(page.status, 403, "{strange}");
        says_not(&page, "Send it again");
    }
}

/// A phone whose clock is ahead is told so, at the second step, at a new one, and when it is asked again; the next code
/// is right.
#[tokio::test(flavor = "multi_thread")]
async fn clock_that_is_ahead_is_told() {
    const WORDS: &str = "The clock of your phone is ahead";
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "ahead@example.org").await;
    let early = |secret: &str| {
        site.wait(30);
        let code = site.code(secret);
        site.wait(-30);
        code
    };
    site.wait(30);
    let add = [("provider", "totp"), ("label", "Tablet")];
    let page = person.open("/account/add", &add).await;
    let (tablet, factor) = (page.secret(), page.factor().to_owned());
    let confirm = "/account/add/confirm";
    let page = person
        .confirm(confirm, "totp", &factor, &early(&tablet))
        .await;
    assert_eq!(page.status, 401, "{page:?}");
    says(&page, WORDS);
    says(&page, "aria-invalid=\"true\"");
    assert_eq!(page.secret(), tablet, "there is still something to scan");
    let code = site.code(&tablet);
    let confirmed = person.confirm(confirm, "totp", &factor, &code).await;
    assert_eq!(confirmed.leads_to(), "/account");
    let fields = |code: &str| [("provider", "totp".to_owned()), ("code", code.to_owned())];
    let page = prove(&mut person, &fields(&early(&secret))).await;
    assert_eq!(page.status, 401, "{page:?}");
    says(&page, WORDS);
    person.sign_out().await;
    site.wait(60);
    person.password("ahead@example.org").await;
    let page = person.code(&early(&secret)).await;
    assert_eq!(page.status, 401, "{page:?}");
    says(&page, WORDS);
    // It was compared, so that it counts among the tries.
    says(&page, "name=\"tried\" value=\"1\"");
    site.wait(60);
    assert_eq!(
        person.code(&site.code(&secret)).await.leads_to(),
        "/account"
    );
}

async fn prove(person: &mut Person, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    person.post("/account/prove", &fields).await
}

/// The copy of a request gets the answer of the first, and nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn copy_of_a_request_gets_the_first_answer() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "copy@example.org").await;
    site.wait(30);
    let mut half = Person::new(&site);
    half.password("copy@example.org").await;
    half.csrf().await;
    let code = site.code(&secret);
    let press = || {
        let (mut half, code) = (half.clone(), code.clone());
        tokio::spawn(async move { (half.code(&code).await, half) })
    };
    let mut sessions = Vec::new();
    for pressed in [press(), press(), press()] {
        let (answer, who) = pressed.await.expect("no panic");
        assert_eq!(answer.leads_to(), "/account", "{answer:?}");
        sessions.push(who.cookies["session"].clone());
    }
    // One that follows after the first was answered, too.
    let (late, mut who) = press().await.expect("no panic");
    assert_eq!(late.leads_to(), "/account");
    sessions.push(who.cookies["session"].clone());
    sessions.dedup();
    assert_eq!(sessions.len(), 1);
    let account = who.get("/account").await;
    assert_eq!(
        account.body.matches("signed in <time").count(),
        2,
        "{account:?}"
    );

    // Another browser with the same code has none of it; nor has a later time.
    let mut other = Person::new(&site);
    other.password("copy@example.org").await;
    assert_eq!(other.code(&code).await.status, 401);
    site.wait(6);
    assert_eq!(half.clone().code(&code).await.leads_to_path(), "/sign-in");
    // What was refused is tried again.
    for _ in 0..2 {
        assert_eq!(other.code(&code).await.status, 401);
    }
    site.wait(30);
    assert_eq!(other.code(&site.code(&secret)).await.leads_to(), "/account");
}
