//! What pages say, what they carry on, and how they answer what is wrong.

#[path = "common/support.rs"]
mod support;

use std::io::Read as _;

use support::{Answer, PASSWORD, Person, Site, form, other_than, signed_in};
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

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

/// Removing asks first, says what ends, and is carried through a new proof.
#[tokio::test(flavor = "multi_thread")]
async fn removing_asks_first_and_survives_a_new_proof() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "ask@example.org").await;
    let factor = add_mail(&site, &mut person, "Mail").await;
    let path = format!("/account/remove?factor={factor}");
    let page = person.get(&path).await;
    for words in [
        "Remove “Mail”?",
        "Every other browser",
        "recovery codes",
        "Keep it",
    ] {
        says(&page, words);
    }
    says(&person.get("/account").await, "Mail</h3>");
    site.wait(660);
    let fields = [("factor", factor.as_str())];
    for answer in [
        person.get(&path).await,
        person.post("/account/remove", &fields).await,
    ] {
        let prove = format!("/account/prove?next=remove-{factor}");
        assert_eq!(answer.leads_to(), prove);
    }
    let prove = format!("/account/prove?next=remove-{factor}");
    says(&person.get(&prove).await, "Before you remove a second step");
    let proved = person
        .confirm(&prove, "totp", "", &site.code(&secret))
        .await;
    assert_eq!(proved.leads_to(), path);
    let removed = person.post("/account/remove", &fields).await;
    let page = follow(&mut person, &removed).await;
    says(
        &page,
        "“Mail” is removed. Every other browser is signed out.",
    );
    says_not(&page, "Mail</h3>");
    // Another account's, and one that is none. The proof was made before the removal: this takes another.
    prove_again(&site, &mut person, &secret).await;
    let (_, _, foreign) = signed_in(&site, "other@example.org").await;
    for factor in [foreign.as_str(), factor.as_str(), "1", ""] {
        let answer = person
            .get(&format!("/account/remove?factor={factor}"))
            .await;
        assert_eq!(answer.status, 404, "{factor}");
    }
}

/// A page with a field for a code that was sent sends nothing when it is loaded, while the code lives.
#[tokio::test(flavor = "multi_thread")]
async fn field_for_a_sent_code_stays_while_it_lives() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "field@example.org").await;
    let factor = add_mail(&site, &mut person, "Mail").await;
    site.wait(3_600);
    let mut half = Person::new(&site);
    half.password("field@example.org").await;
    let wanted = [("provider", "email"), ("factor", factor.as_str())];
    let sent = half.post("/second-factor/request", &wanted).await;
    let page = follow(&mut half, &sent).await;
    says(&page, "We sent a code to f…@example.org.");
    let mails = site.outbox.messages().len();
    for _ in 0..3 {
        let page = half.get("/second-factor").await;
        says(
            &page,
            "Enter the code that we sent to <strong class=\"hint\">f…@example.org",
        );
        assert_eq!(page.factor(), factor);
    }
    says(
        &half.get("/second-factor/app").await,
        "Open your authenticator app",
    );
    assert_eq!(site.outbox.messages().len(), mails);
    // A resend that is refused leaves the field, says when, and what is good meanwhile.
    let mut refused = half.post("/second-factor/request", &wanted).await;
    while refused.status == 303 {
        refused = half.post("/second-factor/request", &wanted).await;
    }
    assert_eq!(refused.status, 429, "{refused:?}");
    says(&refused, "Enter the code that we sent to");
    says(&refused, "Too many codes were sent. Ask for another in ");
    says(
        &refused,
        " UTC). What still works: the last one that we sent, your authenticator app.",
    );
    let fields = [
        ("provider", "email"),
        ("factor", &factor),
        ("code", &site.sent_code()),
    ];
    site.wait(599);
    says(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    // Another browser of the same sign-in is none of its business.
    let mut other = half.clone();
    other.cookies.remove("flow");
    says_not(
        &other.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    let answer = half.post("/second-factor", &fields).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    // A new sign-in in the same browser begins without it.
    site.wait(3_600);
    half.password("field@example.org").await;
    half.post("/second-factor/request", &wanted).await;
    says(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
    half.password("field@example.org").await;
    says_not(
        &half.get("/second-factor").await,
        "Enter the code that we sent to",
    );
}

/// What is set up is shown to the browser that started it, until it is confirmed or dropped.
#[tokio::test(flavor = "multi_thread")]
async fn pending_step_is_shown_until_confirmed_or_dropped() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("setup@example.org").await;
    let choice = [("provider", "totp"), ("label", "Phone")];
    let page = person.open("/welcome", &choice).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    says(&page, "<h1>Scan this code</h1>");
    says_not(&page, "autofocus");
    assert_eq!(person.get("/welcome").await.leads_to(), "/welcome/confirm");
    let code = site.code(&secret);
    for (wrong, words) in [
        (other_than(&code), "This code is not right"),
        ("12 34".into(), "A code has six digits."),
        ("abcdef".into(), "A code has six digits."),
    ] {
        let page = person
            .confirm("/welcome/confirm", "totp", &factor, &wrong)
            .await;
        assert_eq!(page.status, 401);
        assert_eq!(page.secret(), secret, "{wrong}");
        says(&page, words);
        says(&page, "<title>Error: ");
        says(&page, "aria-invalid=\"true\" aria-describedby=\"wrong\"");
    }
    // The same account elsewhere is shown nothing of it.
    let mut elsewhere = Person::new(&site);
    elsewhere.password("setup@example.org").await;
    assert_eq!(
        elsewhere.get("/welcome/confirm").await.leads_to(),
        "/welcome"
    );
    let setup = person.cookies["setup"].clone();
    assert!(!setup.contains(&secret));
    let mut stranger = Person::new(&site);
    stranger.register("stranger@example.org").await;
    stranger.open("/welcome", &choice).await;
    stranger.cookies.insert("setup".into(), setup);
    assert_eq!(
        stranger.get("/welcome/confirm").await.leads_to(),
        "/welcome"
    );
    // Dropped, there is another one.
    let mut dropped = person.clone();
    let back = dropped.post("/welcome/drop", &[]).await;
    assert_eq!(back.leads_to(), "/welcome");
    assert_ne!(dropped.open("/welcome", &choice).await.secret(), secret);
    // Confirmed, there is none.
    let done = person
        .confirm("/welcome/confirm", "totp", &factor, &code)
        .await;
    says(
        &follow(&mut person, &done).await,
        "Your second step is set up.",
    );
    let again = person.get("/account/add/confirm").await;
    assert_eq!(again.leads_to(), "/account/add");
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

/// At the second step it is said whose account it is, and where each code goes.
#[tokio::test(flavor = "multi_thread")]
async fn second_step_says_who_and_where() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "who@example.org").await;
    add_mail(&site, &mut person, "Mail").await;
    let mut half = Person::new(&site);
    half.password("who@example.org").await;
    let page = half.get("/second-factor").await;
    for words in [
        "Signing in as <strong>who@example.org",
        "Not you?",
        "Send a code: Mail <span class=\"hint\">(w…@example.org)",
    ] {
        says(&page, words);
    }
    // After a change of address, codes still go where they went, and that is said.
    says(
        &confirm_address(&site, &mut person, "who@example.org").await,
        "Your address is confirmed",
    );
    let page = confirm_address(&site, &mut person, "new@example.org").await;
    says(
        &page,
        "new@example.org is your address from now on. Every other browser is signed out.",
    );
    says(&page, "Codes of “Mail” still go to who@example.org.");
    says(&person.get("/account").await, "codes go to who@example.org");
    // The proof was made before the change: this takes another.
    prove_again(&site, &mut person, &secret).await;
    add_mail(&site, &mut person, "New").await;
    let page = person.get("/account").await;
    says(&page, "codes go to new@example.org");
}

/// Sessions are ended one by one, by their owner alone.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_one_by_one() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "one@example.org").await;
    let (mut stranger, ..) = signed_in(&site, "stranger@example.org").await;
    let mut others = Vec::new();
    for _ in 0..2 {
        site.wait(30);
        let mut other = Person::new(&site);
        other.password("one@example.org").await;
        other.code(&site.code(&secret)).await;
        others.push(other);
    }
    let page = person.get("/account").await;
    let ids: Vec<_> = page
        .body
        .split("name=\"session\" value=\"")
        .skip(1)
        .collect();
    let ids: Vec<_> = ids
        .iter()
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert_eq!(ids.len(), 2, "{page:?}");
    let fields = [("session", ids[0])];
    assert_eq!(
        stranger.post("/account/end-session", &fields).await.status,
        404
    );
    let ended = person.post("/account/end-session", &fields).await;
    says(
        &follow(&mut person, &ended).await,
        "A browser is signed out.",
    );
    let mut left = 0;
    for other in &mut others {
        left += u32::from(other.get("/account").await.status == 200);
    }
    assert_eq!(left, 1);
    assert_eq!(
        person.post("/account/end-session", &fields).await.status,
        404
    );
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
    let page = support::exchange(site.address, bare.into_bytes()).await;
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

/// A changed password ends every other session and what was remembered, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn password_change_ends_what_its_page_says() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "pass@example.org").await;
    confirm_address(&site, &mut person, "pass@example.org").await;
    site.wait(30);
    let mut other = Person::new(&site);
    other.password("pass@example.org").await;
    let fields = [
        ("provider", "totp"),
        ("code", &*site.code(&secret)),
        ("remember", "yes"),
    ];
    assert_eq!(other.post("/second-factor", &fields).await.status, 303);
    let mut half = Person::new(&site);
    half.password("pass@example.org").await;
    let page = person.get("/account/password").await;
    for words in [
        "Every other browser",
        "Every remembered or trusted device",
        "your second steps",
    ] {
        says(&page, words);
    }
    const NEW: &str = "a quite new password";
    for (current, new, status, words) in [
        ("wrong", NEW, 401, "not your password until now"),
        (PASSWORD, "short", 422, "8 to 256 characters"),
    ] {
        let fields = [("current", current), ("password", new)];
        let page = person.post("/account/password", &fields).await;
        assert_eq!(page.status, status, "{page:?}");
        says(&page, words);
        says(&page, "aria-invalid=\"true\"");
        says_not(&page, PASSWORD);
    }
    let before = site.outbox.messages().len();
    let fields = [("current", PASSWORD), ("password", NEW)];
    let changed = person.post("/account/password", &fields).await;
    says(
        &follow(&mut person, &changed).await,
        "Your password is changed. Every other browser is signed out.",
    );
    let told = site.outbox.messages();
    let told: Vec<_> = told[before..]
        .iter()
        .map(|sent| sent.expose_text().expect("words").to_owned())
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("password of your account was changed"),
        "{told:?}"
    );
    assert_eq!(other.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(half.get("/second-factor").await.leads_to_path(), "/sign-in");
    says(&person.get("/devices").await, "None.");
    assert_eq!(
        Person::new(&site).password("pass@example.org").await.status,
        401
    );
    let mut again = Person::new(&site);
    let fields = [("email", "pass@example.org"), ("password", NEW)];
    assert_eq!(
        again.post("/sign-in", &fields).await.leads_to(),
        "/second-factor"
    );
    // With an old proof it leads back; and guesses are limited.
    site.wait(660);
    assert_eq!(
        person.get("/account/password").await.leads_to(),
        "/account/prove?next=password"
    );
    person
        .confirm(
            "/account/prove?next=password",
            "totp",
            "",
            &site.code(&secret),
        )
        .await;
    let mut answer = person
        .post(
            "/account/password",
            &[("current", "wrong"), ("password", NEW)],
        )
        .await;
    for _ in 0..12 {
        answer = person
            .post(
                "/account/password",
                &[("current", "wrong"), ("password", NEW)],
            )
            .await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    says(&answer, "Try again in ");
}

/// A link by mail changes a forgotten password once, ends every session, and is no second step.
#[tokio::test(flavor = "multi_thread")]
async fn forgotten_password_is_changed_by_link_once() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "forgot@example.org").await;
    let mut stranger = Person::new(&site);
    let ask = async |who: &mut Person, email: &str| {
        let asked = who.post("/forgot", &[("email", email)]).await;
        let page = follow(who, &asked).await;
        says(
            &page,
            "If this is the confirmed address of an account, a link is on its way.",
        );
    };
    let links = |site: &Site| {
        let sent = site.outbox.messages();
        let texts = sent
            .iter()
            .filter(|sent| sent.purpose().as_str() == "password-reset");
        let texts: Vec<_> = texts
            .map(|sent| sent.expose_text().expect("words").to_owned())
            .collect();
        let link = |text: &String| {
            text.lines()
                .find(|line| line.contains("/reset#"))
                .map(str::to_owned)
        };
        texts.iter().filter_map(link).collect::<Vec<_>>()
    };
    // Nobody's: the same words, and no mail.
    ask(&mut stranger, "nobody@example.org").await;
    site.wait(3_600);
    person
        .confirm("/account/prove", "totp", "", &site.code(&secret))
        .await;
    ask(&mut stranger, "forgot@example.org").await;
    for _ in 0..100 {
        if !links(&site).is_empty() {
            break;
        }
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    }
    let sent = links(&site);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let link = sent[0].as_str();
    const NEW: &str = "a quite new password";
    let page = stranger.get("/reset").await;
    says(&page, "Every other browser");
    says(&page, "<script src=\"/link.js\" defer>");
    let token = link.rsplit_once('#').expect("a token").1;
    for (link, new, status, words) in [
        (&*other_than(token), NEW, 401, "This link is not right"),
        ("", NEW, 401, "This link is not right"),
        (link, "short", 422, "8 to 256 characters"),
    ] {
        let page = stranger
            .post("/reset", &[("link", link), ("password", new)])
            .await;
        assert_eq!(page.status, status, "{page:?}");
        says(&page, words);
    }
    assert_eq!(person.get("/account").await.status, 200);
    let fields = [("link", link), ("password", NEW)];
    let done = stranger.post("/reset", &fields).await;
    assert_eq!(done.leads_to(), "/sign-in");
    let page = follow(&mut stranger, &done).await;
    says(
        &page,
        "every browser is signed out. Sign in with the new one.",
    );
    says(&page, "value=\"forgot@example.org\"");
    assert_eq!(person.get("/account").await.leads_to_path(), "/sign-in");
    site.wait(30);
    assert_eq!(stranger.post("/reset", &fields).await.status, 401);
    let old = [("email", "forgot@example.org"), ("password", PASSWORD)];
    assert_eq!(stranger.post("/sign-in", &old).await.status, 401);
    let fields = [("email", "forgot@example.org"), ("password", NEW)];
    assert_eq!(
        stranger.post("/sign-in", &fields).await.leads_to(),
        "/second-factor"
    );
    assert_eq!(stranger.get("/account").await.leads_to_path(), "/sign-in");
    assert_eq!(
        stranger.code(&site.code(&secret)).await.leads_to(),
        "/account"
    );

    // Nobody's mailbox is filled.
    let mut answer = stranger
        .post("/forgot", &[("email", "forgot@example.org")])
        .await;
    for _ in 0..4 {
        answer = stranger
            .post("/forgot", &[("email", "forgot@example.org")])
            .await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
}

/// What pages load is compressed and asked for again only when changed; pages themselves are neither.
#[tokio::test(flavor = "multi_thread")]
async fn assets_are_compressed_and_kept() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    for path in ["/style.css", "/icon.svg", "/link.js", "/copy.js"] {
        let plain = person.get(path).await;
        let tag = plain.header("etag").expect("a tag").to_owned();
        let again = person
            .send("GET", path, &[("If-None-Match", &tag)], b"")
            .await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        let other = [("If-None-Match", "\"other\"")];
        assert_eq!(person.send("GET", path, &other, b"").await.status, 200);
        assert_eq!(plain.header("content-encoding"), None);
        let packed = person
            .send("GET", path, &[("Accept-Encoding", "br, gzip")], b"")
            .await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
    }
    let asked = [("Accept-Encoding", "gzip")];
    let page = person.send("GET", "/sign-in", &asked, b"").await;
    assert_eq!(page.header("content-encoding"), None);
    assert_eq!(page.header("cache-control"), Some("no-store"));

    // What is sent is what it says, and shorter.
    let plain = person.get("/style.css").await.body;
    let request = format!(
        "GET /style.css HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        site.address
    );
    let mut stream = std::net::TcpStream::connect(site.address).expect("a connection");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let head = bytes
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("a head");
    let packed = &bytes[head + 4..];
    assert!(packed.len() * 2 < plain.len(), "{}", packed.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut unpacked)
        .expect("gzip");
    assert_eq!(unpacked, plain);
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

/// A name that cannot be one is refused at its field, in words of its own; what is there stays.
#[tokio::test(flavor = "multi_thread")]
async fn name_says_what_is_wrong_with_it() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "name@example.org").await;
    let long = "x".repeat(65);
    for (label, words) in [
        ("  ", "Give it a name."),
        (long.as_str(), "64 characters at most"),
        (
            "my\u{202e}phone",
            "a character in this name that cannot be seen",
        ),
    ] {
        let rename = [("factor", factor.as_str()), ("label", label)];
        let add = [("provider", "totp"), ("label", label)];
        for (path, fields) in [("/account/rename", rename), ("/account/add", add)] {
            // A new step without a name is called as its kind is.
            if path == "/account/add" && label.trim().is_empty() {
                continue;
            }
            let page = person.post(path, &fields).await;
            assert_eq!(page.status, 422, "{path} {label:?} {page:?}");
            says(&page, words);
            says(&page, "aria-invalid=\"true\"");
        }
    }
    says(&person.get("/account").await, "<h3>Phone</h3>");
}

/// The picture to scan says nothing that every app takes for granted: 41 modules, and 4 around them.
#[tokio::test(flavor = "multi_thread")]
async fn picture_to_scan_is_small() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("alice@example.org").await;
    let fields = [("provider", "totp"), ("label", "Phone")];
    let page = person.open("/welcome", &fields).await;
    says(&page, "viewBox=\"0 0 49 49\"");
}
