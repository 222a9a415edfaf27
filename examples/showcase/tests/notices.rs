//! Notices over plain HTTP: who is told, and who can say "this was not me".

#[path = "common/support.rs"]
mod support;

use support::{Person, Site, signed_in};

const NOT_ME: &str = "/not-me";

/// The person and the app's secret.
async fn with_mail(site: &Site, email: &str) -> (Person, String) {
    let (person, secret, _) = signed_in(site, email).await;
    (person, secret)
}

/// Somebody who knows the password and reads the app over the owner's shoulder.
async fn thief(site: &Site, email: &str, secret: &str) -> Person {
    site.wait(30);
    let mut thief = Person::new(site);
    thief.password(email).await;
    let answer = thief.code(&site.code(secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    thief
}

/// The thief adds an app of their own. Says its secret.
async fn add_app(site: &Site, who: &mut Person) -> String {
    let add = [("provider", "totp"), ("label", "Not mine")];
    let page = who.open("/account/add", &add).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let confirmed = who.confirm("/account/add/confirm", "totp", &factor, &code);
    assert_eq!(confirmed.await.leads_to(), "/account");
    secret
}

/// The second step on a device that is to be remembered.
async fn remembered(site: &Site, email: &str, code: &str) -> Person {
    let mut person = Person::new(site);
    person.password(email).await;
    let fields = [("provider", "totp"), ("code", code), ("remember", "yes")];
    let answer = person.post("/second-factor", &fields).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    person
}

async fn devices(person: &mut Person) -> usize {
    let page = person.get("/devices").await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body.matches("action=\"/devices/forget\"").count()
}

/// The link of the last message, whom it went to, and all of its text.
fn last_link(site: &Site) -> (String, String, String) {
    let sent = site.outbox.last().expect("a message");
    assert_eq!(sent.purpose().as_str(), "account-news");
    let text = sent.expose_text().expect("templates").to_owned();
    let link = text.lines().find(|line| line.starts_with(&site.origin));
    let link = link.expect("a link").to_owned();
    (link, sent.destination().address().to_owned(), text)
}

fn is_signed_in(answer: &support::Answer) -> bool {
    answer.status == 200
}

/// A person ends the thiefs sign in and no scanner does.
#[tokio::test(flavor = "multi_thread")]
async fn link_ends_the_sign_in_for_persons_alone() {
    const EMAIL: &str = "owner@example.org";
    let site = Site::start().await;
    let (mut owner, secret) = with_mail(&site, EMAIL).await;
    let mut thief = thief(&site, EMAIL, &secret).await;
    add_app(&site, &mut thief).await;
    let (link, to, text) = last_link(&site);
    assert_eq!(to, EMAIL);
    assert!(text.contains("a second step was added"), "{text}");
    assert!(text.contains("From: 127.0.0.1"), "{text}");
    let (page, token) = link.split_once('#').expect("a fragment");
    assert_eq!(page, format!("{}{NOT_ME}", site.origin));

    // Whoever opens and presses, in every way but with the word, ends nothing.
    let mut scanner = Person::new(&site);
    let with_query = format!("{NOT_ME}?link={token}&word=STOP");
    for method in ["GET", "HEAD"] {
        for path in [NOT_ME, &with_query] {
            for _ in 0..20 {
                let answer = scanner.send(method, path, &[], b"").await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        }
    }
    let presses: [&[(&str, &str)]; 7] = [
        &[("link", &link)],
        &[("link", &link), ("word", "")],
        &[("link", &link), ("word", " ")],
        &[("link", &link), ("word", &link)],
        &[("link", &link), ("word", "yes")],
        &[("link", &link), ("word", "STOP it")],
        &[("link", token), ("word", "test@example.org")],
    ];
    for fields in presses {
        let answer = scanner.post(NOT_ME, fields).await;
        assert_eq!(answer.status, 422, "{fields:?} {answer:?}");
    }
    let forged = support::form(&[("csrf", "made up"), ("link", &link), ("word", "STOP")]);
    let answer = scanner.send("POST", NOT_ME, &[], forged.as_bytes()).await;
    assert_eq!(answer.status, 403);
    for word in ["STOP", "stop"] {
        let fields = [
            ("link", "https://example.org/not-me#nothing"),
            ("word", word),
        ];
        assert_eq!(scanner.post(NOT_ME, &fields).await.status, 401);
    }
    assert!(is_signed_in(&thief.get("/account").await), "not yet");

    // A person reads the page, and types the word.
    let mut person = Person::new(&site);
    let wrong = person
        .post(NOT_ME, &[("link", &link), ("word", "Stopp")])
        .await;
    assert!(wrong.body.contains("Nothing was done yet"), "{wrong:?}");
    let fields = [("link", link.as_str()), ("word", " stop")];
    let done = person.open(NOT_ME, &fields).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.body.contains("is ended") && done.body.contains("is disabled"));
    assert!(!done.body.contains(token));
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
    let account = owner.get("/account").await;
    assert!(is_signed_in(&account), "the owner stays: {account:?}");
    let (_, of_thief) = account
        .body
        .split_once("Not mine")
        .expect("the thief's app is shown");
    assert!(of_thief.contains("Disabled"));
    assert_eq!(account.body.matches(">Active<").count(), 1, "{account:?}");

    // Once; a button that is pressed twice is one press.
    site.wait(6);
    let again = person.post(NOT_ME, &fields).await;
    assert_eq!(again.status, 401, "{again:?}");
    let activity = owner.get("/activity").await.body;
    assert!(activity.contains("said: this was not me"));
    assert!(!activity.contains(token));
}

/// Who guesses behind the password is told of once and thrown out.
#[tokio::test(flavor = "multi_thread")]
async fn guesser_is_told_of_once_and_thrown_out() {
    const EMAIL: &str = "guessed@example.org";
    let site = Site::start().await;
    let (mut owner, secret) = with_mail(&site, EMAIL).await;
    site.wait(30);
    let mut guesser = Person::new(&site);
    guesser.password(EMAIL).await;
    let before = site.outbox.messages().len();
    let wrong = support::other_than(&site.code(&secret));
    for _ in 0..30 {
        guesser.code(&wrong).await;
    }
    assert_eq!(site.outbox.messages().len(), before + 1);
    let (link, to, text) = last_link(&site);
    assert_eq!(to, EMAIL);
    assert!(text.contains("many wrong codes"), "{text}");
    assert_eq!(guesser.get("/second-factor").await.status, 200);
    let fields = [("link", link.as_str()), ("word", "STOP")];
    assert_eq!(Person::new(&site).open(NOT_ME, &fields).await.status, 200);
    assert_eq!(
        guesser.get("/second-factor").await.leads_to_path(),
        "/sign-in"
    );
    assert!(is_signed_in(&owner.get("/account").await));
}

/// A sign in that went on under another session ends too.
#[tokio::test(flavor = "multi_thread")]
async fn sign_in_ends_under_its_later_session_too() {
    const EMAIL: &str = "long@example.org";
    let site = Site::start().await;
    let (_, secret) = with_mail(&site, EMAIL).await;
    let mut thief = thief(&site, EMAIL, &secret).await;
    add_app(&site, &mut thief).await;
    let (link, ..) = last_link(&site);
    // Each proof makes another session of the same sign-in.
    site.wait(30);
    let fields = [("provider", "totp"), ("code", &*site.code(&secret))];
    assert_eq!(
        thief.post("/account/prove", &fields).await.leads_to(),
        "/account"
    );
    let fields = [("link", link.as_str()), ("word", "STOP")];
    assert_eq!(Person::new(&site).open(NOT_ME, &fields).await.status, 200);
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
}

/// From now on whoever proves a second step has the token behind it ended at that very moment: what
/// another request does while the code of this one is checked.
async fn ends_meanwhile(site: &Site, purpose: &str) {
    let trigger = format!(
        "CREATE TRIGGER \"ends {purpose}\" AFTER UPDATE OF last ON ott_factors BEGIN \
         UPDATE ott_tokens SET state = 4 WHERE purpose = '{purpose}'; END"
    );
    let made = sqlx::query(sqlx::AssertSqlSafe(trigger));
    made.execute(&site.pool).await.expect("a trigger");
}

/// A sign in that is ended while its code is checked gets no session.
#[tokio::test(flavor = "multi_thread")]
async fn sign_in_ended_meanwhile_gets_no_session() {
    const EMAIL: &str = "meanwhile@example.org";
    let site = Site::start().await;
    let (_, secret) = with_mail(&site, EMAIL).await;
    let sessions = async || {
        let live = "SELECT count(*) FROM ott_tokens WHERE purpose = 'session' AND state = 1";
        let count = sqlx::query_scalar::<_, i64>(live);
        count.fetch_one(&site.pool).await.expect("a count")
    };
    let before = sessions().await;
    let mut thief = thief(&site, EMAIL, &secret).await;
    assert_eq!(sessions().await, before + 1);
    site.wait(30);
    let mut half = Person::new(&site);
    half.password(EMAIL).await;
    ends_meanwhile(&site, "password-passed").await;
    let answer = half.code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to_path(), "/sign-in", "{answer:?}");
    assert!(!half.cookies.contains_key("session"));
    assert_eq!(sessions().await, before + 1);

    // The same where somebody who is signed in proves it again.
    site.wait(30);
    ends_meanwhile(&site, "session").await;
    let fields = [("provider", "totp"), ("code", &*site.code(&secret))];
    let answer = thief.post("/account/prove", &fields).await;
    assert_eq!(answer.leads_to_path(), "/sign-in", "{answer:?}");
    assert_eq!(sessions().await, 0);
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
}

/// Who signed in again with an app of their own is thrown out there too.
#[tokio::test(flavor = "multi_thread")]
async fn thief_with_an_own_app_is_thrown_out_there_too() {
    const EMAIL: &str = "twice@example.org";
    let site = Site::start().await;
    let (mut owner, secret) = with_mail(&site, EMAIL).await;
    let mut first = thief(&site, EMAIL, &secret).await;
    let of_thief = add_app(&site, &mut first).await;
    let (link, ..) = last_link(&site);
    site.wait(30);
    let second = remembered(&site, EMAIL, &site.code(&of_thief)).await;
    // In a third one they also read the owner's app once more: that proof hides nothing.
    site.wait(30);
    let mut third = remembered(&site, EMAIL, &site.code(&of_thief)).await;
    site.wait(30);
    let fields = [("provider", "totp"), ("code", &*site.code(&secret))];
    let proved = third.post("/account/prove", &fields).await;
    assert_eq!(proved.leads_to(), "/account", "{proved:?}");
    assert_eq!(devices(&mut owner).await, 2);

    let fields = [("link", link.as_str()), ("word", "STOP")];
    let done = Person::new(&site).open(NOT_ME, &fields).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.body.contains("Every other sign-in that used it"));
    assert!(done.body.contains("All remembered devices are forgotten"));
    for mut thief in [first, second, third] {
        assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
        assert_eq!(thief.get("/account/add").await.leads_to_path(), "/sign-in");
    }
    assert!(
        is_signed_in(&owner.get("/account").await),
        "the owner stays"
    );
    assert_eq!(devices(&mut owner).await, 0);
    // Nor do they get in again with it.
    site.wait(30);
    let mut again = Person::new(&site);
    again.password(EMAIL).await;
    assert_eq!(again.code(&site.code(&of_thief)).await.status, 401);
    let activity = owner.get("/activity").await.body;
    assert!(activity.contains("somebody said that it was not theirs"));
}

/// The page of a notice's link may run one script of ours, and other pages may run none.
#[tokio::test(flavor = "multi_thread")]
async fn script_of_ours_runs_on_one_page_alone() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    let policy = |answer: &support::Answer| {
        let policy = answer.header("content-security-policy");
        policy.expect("a policy").to_owned()
    };
    let page = person.get(NOT_ME).await;
    assert!(policy(&page).contains("script-src 'self';"));
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(
        page.body
            .contains("<script src=\"/link.js\" defer></script>")
    );
    let script = person.get("/link.js").await;
    let kind = script.header("content-type");
    assert_eq!(kind, Some("text/javascript; charset=utf-8"));
    let refused = person
        .post(NOT_ME, &[("link", "x"), ("word", "STOP")])
        .await;
    for answer in [&script, &refused, &person.get("/sign-in").await] {
        assert!(!policy(answer).contains("script-src"));
        assert!(!answer.body.contains("<script"));
    }
}

/// Where a link would be read on its way there is none.
#[tokio::test(flavor = "multi_thread")]
async fn link_is_left_out_over_plain_http() {
    let site = Site::start_with(|config| {
        config.origin = Some("http://showcase.example".into());
        config.show_outbox = true;
    })
    .await;
    assert_eq!(site.origin, "http://showcase.example");
    let mut person = Person::new(&site);
    let host = [("Host", "showcase.example")];
    let page = person.send("GET", NOT_ME, &host, b"").await;
    assert_eq!(page.status, 404);
}
