//! Bad input, forged requests, outages and races, over plain HTTP.

#[path = "common/support.rs"]
mod support;

use support::{
    Answer, PASSWORD, Person, REGISTER, Site, code_at, exchange, form, other_than, signed_in,
};
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

/// Every form of the showcase, with the fields it has beside its token.
const FORMS: [(&str, &[&str]); 33] = [
    ("/register", &["email", "password"]),
    ("/register/confirm", &["code"]),
    ("/sign-in", &["email", "password"]),
    ("/sign-out", &[]),
    ("/welcome", &["provider", "label"]),
    ("/welcome/confirm", &["provider", "factor", "code"]),
    ("/welcome/again", &[]),
    ("/welcome/drop", &[]),
    ("/second-factor", &["provider", "factor", "code"]),
    ("/second-factor/request", &["provider", "factor"]),
    ("/account/prove", &["provider", "factor", "code"]),
    ("/account/prove/request", &["provider", "factor"]),
    ("/account/add", &["provider", "label"]),
    ("/account/add/device", &[]),
    ("/account/add/confirm", &["provider", "factor", "code"]),
    ("/account/add/again", &[]),
    ("/account/add/drop", &[]),
    ("/account/password", &["current", "password"]),
    ("/account/rename", &["factor", "label"]),
    ("/account/remove", &["factor"]),
    ("/account/end-session", &["session"]),
    ("/account/end-sessions", &[]),
    ("/forgot", &["email"]),
    ("/reset", &["link", "password"]),
    ("/not-me", &["link", "word"]),
    ("/account/address", &["email"]),
    ("/account/address/confirm", &["email", "code"]),
    ("/account/recovery", &["instead_of"]),
    ("/account/recovery/download", &["codes", "made"]),
    ("/devices/forget", &["device"]),
    ("/account/trusted/end", &["device"]),
    ("/account/trusted/end-all", &[]),
    ("/devices/forget-all", &[]),
];

/// Those of an approving device, which its script fills in and sends.
const DEVICE_FORMS: [(&str, &[&str]); 2] = [
    ("/device", &["prompt", "verdict", "signature", "number"]),
    ("/pair", &["link", "key"]),
];

/// What only somebody who is signed in may open, and send.
const PRIVATE_PAGES: [&str; 14] = [
    "/account",
    "/activity",
    "/account/add",
    "/account/add/device",
    "/account/prove",
    "/account/prove/recovery",
    "/account/prove/app",
    "/account/recovery",
    "/account/address",
    "/account/password",
    "/account/rename",
    "/account/remove",
    "/account/add/confirm",
    "/devices",
];
const PRIVATE_FORMS: [&str; 20] = [
    "/account/prove",
    "/account/prove/request",
    "/account/add",
    "/account/add/device",
    "/account/add/confirm",
    "/account/add/again",
    "/account/add/drop",
    "/account/password",
    "/account/rename",
    "/account/remove",
    "/account/end-session",
    "/account/end-sessions",
    "/account/recovery",
    "/account/recovery/download",
    "/account/address",
    "/account/address/confirm",
    "/devices/forget",
    "/devices/forget-all",
    "/account/trusted/end",
    "/account/trusted/end-all",
];

/// That of a server with push, which `browser_push.rs` holds.
const PUSH_FORM: &str = "push::PATH";

/// [`FORMS`], [`DEVICE_FORMS`] and [`PUSH_FORM`] are every route that takes a form.
#[test]
fn forms_are_all_listed() {
    let router = include_str!("../src/router.rs");
    let mut routes = Vec::new();
    for route in router.split(".route(").skip(1) {
        let whole = route.split(".route(").next().unwrap_or_default();
        if whole.contains("post(") {
            let path = whole
                .split([',', '\n'])
                .map(str::trim)
                .find(|part| !part.is_empty());
            routes.push(match path.expect("a path") {
                "register::CONFIRM" => REGISTER,
                "pairing::PATH" => "/account/add/device",
                "approving::PATH" => "/device",
                path => path.trim_matches('"'),
            });
        }
    }
    let listed = FORMS.iter().chain(&DEVICE_FORMS).map(|(path, _)| *path);
    let mut listed: Vec<_> = listed.chain([PUSH_FORM]).collect();
    routes.sort_unstable();
    listed.sort_unstable();
    assert_eq!(routes, listed);
}

/// A clear page and a 4xx, or the way to the sign-in page.
#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    match answer.status {
        303 => assert!(
            // The last one: a set of codes that is no longer there is not replaced.
            ["/sign-in", "/account/prove", "/account/recovery"].contains(&answer.leads_to_path()),
            "{what}: {answer:?}"
        ),
        400..500 => assert!(answer.body.contains("<h1>"), "{what}: {answer:?}"),
        _ => panic!("{what}: {answer:?}"),
    }
}

/// Everything in the database that a request may change, but limits and times of last use.
async fn state(site: &Site) -> Vec<String> {
    let mut rows = Vec::new();
    for query in [
        "SELECT id || email || password || epoch FROM accounts ORDER BY id",
        "SELECT hex(id) || label || state || coalesce(last, '-') FROM ott_factors ORDER BY id",
    ] {
        let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&site.pool)
            .await
            .expect("rows");
        rows.extend(found);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_refusal_on_every_route() {
    let megabyte = "7".repeat(1_048_576);
    let hostile = [
        "",
        "%20",
        "%00",
        "7%000000",
        "%FF%FE",
        "\u{fffd}",
        "%C3%28",
        "%ED%A0%80",
        "%0A",
        "1%2B2",
        "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
        "%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6",
        "-1",
        "1_23456",
        "00000000000000000000000000000000",
        "%F0%9F%92%A9",
        "%zz",
        "..%2F..%2Fetc%2Fpasswd",
        "%27%20OR%201%3D1--",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        &megabyte,
    ];
    let site = Site::start().await;
    let (_, secret, factor) = signed_in(&site, "bad@example.org").await;
    let value = |field: &str| match field {
        "provider" => "totp",
        "factor" => &factor,
        "email" => "bad%40example.org",
        _ => "x",
    };
    for (path, fields) in FORMS {
        // The sessions of each round are fresh, and so are the limits.
        site.wait(3_600);
        let mut half = Person::new(&site);
        half.password("bad@example.org").await;
        let mut person = half.clone();
        assert_eq!(
            person.code(&site.code(&secret)).await.leads_to(),
            "/account"
        );
        half.password("bad@example.org").await;
        let before = state(&site).await;
        for (who, name) in [
            (&person, "signed in"),
            (&half, "half"),
            (&Person::new(&site), "nobody"),
        ] {
            let mut who = who.clone();
            who.csrf().await;
            for (spoilt, bad) in fields
                .iter()
                .flat_map(|field| hostile.map(|bad| (*field, bad)))
            {
                // Whatever can be shown is a name for a second step, and none is a name too where
                // one is made up; but bytes that no page can show are none.
                let unreadable = ["%00", "%0A", "%C3%28", "%ED%A0%80", "%FF"];
                let shown = !unreadable.iter().any(|bytes| bad.contains(bytes));
                let empty = ["", "%20"].contains(&bad) && path.ends_with("/rename");
                if spoilt == "label" && bad.len() < 1_000 && shown && !empty {
                    continue;
                }
                // A password is one whoever has the address, and nobody is told who has.
                let long = (8..1_000).contains(&bad.len());
                if (path, spoilt) == ("/register", "password") && shown && long {
                    continue;
                }
                let pairs: Vec<String> = fields
                    .iter()
                    .map(|field| {
                        format!(
                            "{field}={}",
                            if *field == spoilt { bad } else { value(field) }
                        )
                    })
                    .collect();
                let answer = who.post_encoded(path, &pairs.join("&")).await;
                let shown: String = bad.chars().take(40).collect();
                assert_refused(&answer, &format!("{path} with {spoilt}={shown}, {name}"));
                assert!(!answer.body.contains("<script>"), "{path} echoes markup");
                if path == "/register" || path == "/sign-in" {
                    site.wait(20);
                }
            }
        }
        assert_eq!(state(&site).await, before, "{path} changed something");
        assert_eq!(
            person.get("/account").await.status,
            200,
            "still signed in after {path}"
        );
    }
}

/// What one form answered: its status, the page that it leads to, and the cookies that it sets. The message for the next page is
/// sealed anew each time.
type Told = (u16, String, Vec<String>);

fn told(answer: &Answer) -> Told {
    let set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let set = set.map(|(_, cookie)| match cookie.split_once('=') {
        Some(("said", _)) => "said".to_owned(),
        _ => cookie.clone(),
    });
    let set = set.collect();
    (answer.status, answer.leads_to().to_owned(), set)
}

/// Somebody who is where this form is sent from, and what they would type into it.
async fn about_to_send(
    site: &Site,
    path: &str,
    number: usize,
) -> (Person, Vec<(&'static str, String)>) {
    // The sessions of each round are fresh, and so are the limits.
    site.wait(3_600);
    let email = format!("press{number}@example.org");
    let mut values = vec![
        ("email", email.clone()),
        ("password", PASSWORD.to_owned()),
        ("current", PASSWORD.to_owned()),
        ("provider", "totp".to_owned()),
        ("label", "Phone".to_owned()),
    ];
    let mut person = Person::new(site);
    person.csrf().await;
    if path == "/register" {
        return (person, values);
    }
    if path == REGISTER {
        person.ask_to_register(&email).await;
        values.push(("code", site.registration_code(&email).await));
        return (person, values);
    }
    if path.starts_with("/welcome") {
        person.register(&email).await;
        if path != "/welcome" {
            let page = person.open("/welcome", &[("provider", "totp"), ("label", "Phone")]);
            let page = page.await;
            values.push(("factor", page.factor().to_owned()));
            values.push(("code", site.code(&page.secret())));
        }
        return (person, values);
    }
    let (signed_in, secret, factor) = signed_in(site, &email).await;
    site.wait(30);
    match path {
        "/sign-in" | "/forgot" | "/reset" | "/not-me" => {}
        "/second-factor" | "/second-factor/request" => {
            person.password(&email).await;
            person.csrf().await;
        }
        "/account/add/confirm" | "/account/add/again" | "/account/add/drop" => {
            person = signed_in;
            let page = person.open("/account/add", &[("provider", "totp"), ("label", "Tablet")]);
            let page = page.await;
            values.push(("factor", page.factor().to_owned()));
            values.push(("code", site.code(&page.secret())));
        }
        "/account/remove" => {
            person = signed_in;
            let page = person.open("/account/add", &[("provider", "totp"), ("label", "Tablet")]);
            let page = page.await;
            let (added, code) = (page.factor().to_owned(), site.code(&page.secret()));
            let confirmed = person.confirm("/account/add/confirm", "totp", &added, &code);
            assert_eq!(confirmed.await.leads_to(), "/account");
            values.push(("factor", added));
        }
        "/account/address/confirm" => {
            person = signed_in;
            person.open("/account/address", &[("email", &email)]).await;
            values.push(("code", site.sent_code()));
        }
        _ => person = signed_in,
    }
    values.push(("factor", factor));
    values.push(("code", site.code(&secret)));
    (person, values)
}

/// Whatever form is sent twice at once, as by a button that is pressed twice on a slow line, to two processes: both get one
/// answer, and one message at most goes out. [`forms_are_all_listed`] holds the list against the routes.
#[tokio::test(flavor = "multi_thread")]
async fn form_that_is_pressed_twice_has_one_answer() {
    let site = Site::start().await;
    let beside = site.beside().await;
    let sent = || {
        let (one, other) = (site.outbox.messages(), beside.outbox.messages());
        one.len().saturating_add(other.len())
    };
    let mut done = 0_usize;
    for (number, (path, fields)) in FORMS.into_iter().enumerate() {
        let (mut person, values) = about_to_send(&site, path, number).await;
        // One visit, whatever it was before.
        person.csrf().await;
        let typed: Vec<_> = fields
            .iter()
            .map(|field| {
                let value = values.iter().find(|(name, _)| name == field);
                (*field, value.map_or("x", |(_, value)| value.as_str()))
            })
            .collect();
        let before = sent();
        let press = async |at: &Site| {
            let mut person = person.clone();
            person.go_to(&Person::new(at));
            told(&person.post(path, &typed).await)
        };
        // Whichever of two processes either comes to.
        let (first, second) = tokio::join!(press(&site), press(&beside));
        // What was refused is tried again, and costs again.
        let refused = first.0 >= 400 || second.0 >= 400;
        assert!(refused || first == second, "{path}: {first:?}, {second:?}");
        let sent = sent().saturating_sub(before);
        assert!(sent <= 1, "{path}");
        done = done.saturating_add(usize::from(first.0 == 303));
    }
    // Most of them did what they are for.
    assert!(done >= 20, "{done}");
}

/// What is no answer of an approving device is refused, whoever sends it, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_devices_refuse_what_is_no_answer() {
    let site = Site::start().await;
    let (person, ..) = signed_in(&site, "bad@example.org").await;
    let before = state(&site).await;
    let long = "x".repeat(10_000);
    for who in [&person, &Person::new(&site)] {
        let mut who = who.clone();
        who.csrf().await;
        for (path, fields) in DEVICE_FORMS {
            for (spoilt, bad) in fields.iter().flat_map(|field| {
                ["", "x", "%00", "%FF", "%ED%A0%80", &long].map(|bad| (field, bad))
            }) {
                let value = |field: &&str| if field == spoilt { bad } else { "x" };
                let pairs = fields
                    .iter()
                    .map(|field| format!("{field}={}", value(field)));
                let pairs: Vec<_> = pairs.collect();
                let answer = who.post_encoded(path, &pairs.join("&")).await;
                let shown: String = bad.chars().take(40).collect();
                assert_refused(&answer, &format!("{path} with {spoilt}={shown}"));
            }
        }
    }
    assert_eq!(state(&site).await, before);
}

/// Missing and doubled fields and wrong types are refused.
#[tokio::test(flavor = "multi_thread")]
async fn fields_missing_doubled_or_wrong_are_refused() {
    let site = Site::start().await;
    let (person, _, factor) = signed_in(&site, "fields@example.org").await;
    let mut half = Person::new(&site);
    half.password("fields@example.org").await;
    let before = state(&site).await;
    for who in [&person, &half] {
        for (path, fields) in FORMS {
            let value = |field: &str| match field {
                "provider" => "totp".to_owned(),
                "factor" => factor.clone(),
                _ => "x".to_owned(),
            };
            for spoilt in fields {
                let without: Vec<_> = fields.iter().filter(|field| *field != spoilt).collect();
                let without: Vec<_> = without
                    .iter()
                    .map(|field| format!("{field}={}", value(field)))
                    .collect();
                // Naming no factor means any: that one may be missing.
                if !(*spoilt == "factor" && path.ends_with("/second-factor")) {
                    let answer = who.clone().post_encoded(path, &without.join("&")).await;
                    assert_refused(&answer, &format!("{path} without {spoilt}"));
                }
                let twice = format!("{0}&{spoilt}=x&{spoilt}=y", without.join("&"));
                let answer = who.clone().post_encoded(path, &twice).await;
                assert_refused(&answer, &format!("{path} with {spoilt} twice"));
            }
            let mut who = who.clone();
            let csrf = who.csrf().await;
            for kind in [
                "application/json",
                "text/plain",
                "multipart/form-data; boundary=x",
                "",
            ] {
                let headers = [("Content-Type", kind)];
                let body = format!("csrf={csrf}");
                let answer = who.send("POST", path, &headers, body.as_bytes()).await;
                assert_refused(&answer, &format!("{path} as {kind}"));
            }
            let twice = format!("csrf={csrf}&csrf={csrf}");
            let answer = who.send("POST", path, &[], twice.as_bytes()).await;
            assert_refused(&answer, &format!("{path} with two tokens"));
            for method in ["PUT", "DELETE", "PATCH"] {
                let answer = who.send(method, path, &[], b"").await;
                assert_eq!(answer.status, 405, "{method} {path}");
            }
        }
    }
    // An app sends nothing, so it cannot be asked to.
    let app = [("provider", "totp"), ("factor", factor.as_str())];
    for (mut who, path) in [
        (half.clone(), "/second-factor/request"),
        (person.clone(), "/account/prove/request"),
    ] {
        let answer = who.post(path, &app).await;
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    for path in [
        "/nothing",
        "/account/",
        "/second-factor/request/x",
        "/%00",
        "/%ff",
        "//evil",
    ] {
        let answer = person.clone().get(path).await;
        assert_refused(&answer, path);
    }
    assert_eq!(state(&site).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_come_from_our_own_pages_alone() {
    let site = Site::start().await;
    let (mut person, _, factor) = signed_in(&site, "forged@example.org").await;
    let (mut stranger, ..) = signed_in(&site, "stranger@example.org").await;
    let (own, foreign) = (person.csrf().await, stranger.csrf().await);
    assert_ne!(own, foreign);
    let before = state(&site).await;
    let rename = |csrf: &str| form(&[("csrf", csrf), ("factor", &factor), ("label", "Taken")]);

    let edited = other_than(&own);
    for csrf in ["", "x", &foreign, &edited, &own[1..], &own.to_uppercase()] {
        let body = rename(csrf);
        let answer = person
            .send("POST", "/account/rename", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, 403, "{csrf}: {answer:?}");
    }
    let without = form(&[("factor", &factor), ("label", "Taken")]);
    let answer = person
        .send("POST", "/account/rename", &[], without.as_bytes())
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");

    let evil = "https://evil.example";
    let host = site.address.to_string();
    let cases: [&[(&str, &str)]; 12] = [
        &[("Origin", evil)],
        &[("Origin", "null")],
        &[("Origin", "")],
        &[("Origin", "http://127.0.0.1")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Host", "evil.example")],
        &[("Host", "")],
        &[("Host", "127.0.0.1")],
        &[("Host", "user@127.0.0.1")],
        &[("Host", "evil.example"), ("X-Forwarded-Host", &host)],
        &[
            ("Host", "evil.example"),
            ("Forwarded", &format!("host={host}")),
        ],
    ];
    for headers in cases {
        let body = rename(&own);
        let answer = person
            .send("POST", "/account/rename", headers, body.as_bytes())
            .await;
        let another_name = headers[0].0 == "Host";
        let refused = if another_name { 421 } else { 403 };
        assert_eq!(answer.status, refused, "{headers:?}: {answer:?}");
        if another_name {
            let answer = person.send("GET", "/account", headers, b"").await;
            assert_eq!(answer.status, refused, "{headers:?}: {answer:?}");
        }
    }
    assert_eq!(
        state(&site).await,
        before,
        "a forged form changed something"
    );

    // What a proxy adds changes neither the answer nor any link in it.
    let poisoned = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example"),
    ];
    let answer = person.send("GET", "/account", &poisoned, b"").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("evil"));
    let absolute = format!(
        "GET http://evil.example/sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        site.address
    );
    let answer = exchange(site.address, absolute.into_bytes()).await;
    assert_eq!(answer.status, 421, "the target goes before the header");

    // The same form from our own page works.
    let body = rename(&own);
    let own = [("Sec-Fetch-Site", "same-origin")];
    let answer = person
        .send("POST", "/account/rename", &own, body.as_bytes())
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert!(person.get("/account").await.body.contains("Taken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_of_the_password_proves_nothing_else() {
    let site = Site::start().await;
    let (_, _, factor) = signed_in(&site, "half@example.org").await;
    let mut half = Person::new(&site);
    assert_eq!(
        half.password("half@example.org").await.leads_to(),
        "/second-factor"
    );
    let before = state(&site).await;
    let value = half.cookies["half"].clone();

    // As it is, and under the name of the other cookie, also after an answer that says "signed in".
    let mut renamed = half.clone();
    renamed.cookies.insert("session".into(), value.clone());
    let mut moved = renamed.clone();
    moved.cookies.remove("half");
    for who in [&mut half, &mut renamed, &mut moved] {
        for path in PRIVATE_PAGES {
            let answer = who.get(path).await;
            assert_eq!(
                (answer.status, answer.leads_to_path()),
                (303, "/sign-in"),
                "{path}"
            );
        }
        for path in PRIVATE_FORMS {
            let fields = [
                ("provider", "totp"),
                ("factor", factor.as_str()),
                ("label", "x"),
                ("code", "000000"),
            ];
            let answer = who.post(path, &fields).await;
            assert_eq!(
                (answer.status, answer.leads_to_path()),
                (303, "/sign-in"),
                "{path}"
            );
        }
    }
    // Nor does it enrol another factor beside the one that guards the account.
    assert_eq!(half.get("/welcome").await.leads_to(), "/second-factor");
    let answer = half
        .open("/welcome", &[("provider", "totp"), ("label", "x")])
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!answer.body.contains("id=\"secret\""));
    assert_eq!(state(&site).await, before);

    // The other way round: a session is not half of a sign-in.
    let (whole, ..) = signed_in(&site, "whole@example.org").await;
    let mut swapped = Person::new(&site);
    swapped
        .cookies
        .insert("half".into(), whole.cookies["session"].clone());
    assert_eq!(
        swapped.get("/second-factor").await.leads_to_path(),
        "/sign-in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_or_foreign_cookie_opens_nothing() {
    let site = Site::start().await;
    let (mut person, ..) = signed_in(&site, "cookie@example.org").await;
    let mut half = Person::new(&site);
    half.password("cookie@example.org").await;
    for (who, name, page) in [
        (&person, "session", "/account"),
        (&half, "half", "/second-factor"),
    ] {
        let value = who.cookies[name].clone();
        let mut variants = vec![
            String::new(),
            "x".into(),
            value.to_uppercase(),
            value.repeat(2),
        ];
        for at in 0..value.len() {
            let (before, after) = (&value[..at], &value[at + 1..]);
            variants.push(format!("{before}{after}"));
            variants.push(format!("{before}%00{after}"));
            let other = if value.as_bytes()[at] == b'A' {
                'B'
            } else {
                'A'
            };
            variants.push(format!("{before}{other}{after}"));
        }
        for variant in variants {
            let mut who = who.clone();
            who.cookies.insert(name.into(), variant.clone());
            let answer = who.get(page).await;
            assert_eq!(
                answer.leads_to_path(),
                "/sign-in",
                "{variant} of {value}: {answer:?}"
            );
        }
    }
    // Each step changes the value, and leaving ends it.
    let old = person.clone();
    person.sign_out().await;
    // What is left says so, once.
    let left: Vec<_> = person.cookies.keys().collect();
    assert_eq!(left, ["said"]);
    assert!(person.get("/").await.body.contains("You are signed out."));
    assert!(!person.cookies.contains_key("said"));
    assert_eq!(
        old.clone().get("/account").await.leads_to_path(),
        "/sign-in"
    );
    assert_eq!(
        old.clone().get("/activity").await.leads_to_path(),
        "/sign-in"
    );
    // A token of half a sign-in that was given up is void too.
    let given_up = half.clone();
    half.sign_out().await;
    assert_eq!(
        given_up.clone().get("/second-factor").await.leads_to_path(),
        "/sign-in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn factor_of_another_account_is_of_no_use() {
    let site = Site::start().await;
    let (mut alice, alice_secret, alice_factor) = signed_in(&site, "alice@example.org").await;
    let (mut bob, bob_secret, bob_factor) = signed_in(&site, "bob@example.org").await;
    site.wait(60);
    let people = [
        (
            &mut alice,
            "alice@example.org",
            &alice_secret,
            &alice_factor,
        ),
        (&mut bob, "bob@example.org", &bob_secret, &bob_factor),
    ];
    let keys = [
        (alice_secret.clone(), alice_factor.clone()),
        (bob_secret.clone(), bob_factor.clone()),
    ];
    for (at, (person, email, ..)) in people.into_iter().enumerate() {
        let (secret, factor) = &keys[1 - at];
        let before = state(&site).await;
        let label = [("factor", factor.as_str()), ("label", "Mine now")];
        assert_eq!(person.post("/account/rename", &label).await.status, 404);
        assert_eq!(
            person.post("/account/remove", &label[..1]).await.status,
            404
        );
        let answer = person
            .confirm("/account/prove", "totp", factor, &site.code(secret))
            .await;
        assert_eq!(answer.status, 401, "{answer:?}");

        let mut half = Person::new(&site);
        half.password(email).await;
        // Of (whose code × whose factor named), none but one's own.
        for named in ["", &keys[0].1, &keys[1].1] {
            let fields = [
                ("provider", "totp"),
                ("factor", named),
                ("code", &site.code(secret)),
            ];
            let answer = half.post("/second-factor", &fields).await;
            assert_eq!(answer.status, 401, "{answer:?}");
            assert_eq!(half.get("/account").await.leads_to_path(), "/sign-in");
        }
        assert_eq!(state(&site).await, before);
        let (secret, factor) = &keys[at];
        let fields = [
            ("provider", "totp"),
            ("factor", factor),
            ("code", &site.code(secret)),
        ];
        let answer = half.post("/second-factor", &fields).await;
        assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    }
}

/// A code from the mail belongs to one sign in of one account.
#[tokio::test(flavor = "multi_thread")]
async fn mailed_code_belongs_to_one_sign_in() {
    let site = Site::start().await;
    let mut people = Vec::new();
    for email in ["one@example.org", "two@example.org"] {
        let (mut person, ..) = signed_in(&site, email).await;
        let page = person
            .open("/account/add", &[("provider", "email"), ("label", "Mail")])
            .await;
        let factor = page.factor().to_owned();
        let code = site.sent_code();
        let confirmed = person
            .confirm("/account/add/confirm", "email", &factor, &code)
            .await;
        assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
        people.push((email, factor));
    }
    site.wait(3_600);
    let start = async |at: usize| {
        let (email, factor) = &people[at];
        let mut half = Person::new(&site);
        half.password(email).await;
        let fields = [("provider", "email"), ("factor", factor.as_str())];
        let answer = half.open("/second-factor/request", &fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (half, site.sent_code())
    };
    let (mut first, first_code) = start(0).await;
    let (mut second, second_code) = start(0).await;
    let (mut other, other_code) = start(1).await;
    let enter = async |who: &mut Person, at: usize, code: &str| {
        who.confirm("/second-factor", "email", &people[at].1, code)
            .await
    };
    if first_code != second_code {
        assert_eq!(enter(&mut second, 0, &first_code).await.status, 401);
        assert_eq!(enter(&mut first, 0, &second_code).await.status, 401);
    }
    // Neither does another account's code, flow or factor help.
    let mut stolen = first.clone();
    stolen
        .cookies
        .insert("flow".into(), other.cookies["flow"].clone());
    for at in [0, 1] {
        assert_eq!(enter(&mut stolen, at, &other_code).await.status, 401);
    }
    let answer = enter(&mut first, 0, &first_code).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert_eq!(
        enter(&mut second, 0, &second_code).await.leads_to(),
        "/account"
    );
    assert_eq!(
        enter(&mut other, 1, &other_code).await.leads_to(),
        "/account"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn used_code_is_refused_for_its_use_alone() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "replay@example.org").await;
    let code = site.code(&secret);
    let mut half = Person::new(&site);
    half.password("replay@example.org").await;
    let kept = half.clone();
    // The step before it counts as used too.
    let before = code_at(&secret, site.now() - TimeDelta::seconds(30));
    for used in [&code, &before] {
        let answer = half.code(used).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    // Had its use not been written down, the same code would be good.
    let forget = "UPDATE ott_factors SET last = NULL";
    let forget = sqlx::query(forget).execute(&site.pool).await;
    assert_eq!(forget.expect("an update").rows_affected(), 1);
    assert_eq!(half.code(&code).await.leads_to(), "/account");

    // What proved the password was given back for it: it starts no second session.
    site.wait(30);
    let answer = kept.clone().code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to_path(), "/sign-in", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_used_32_times_at_once_succeeds_once() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "race@example.org").await;
    let mut halves = Vec::new();
    for _ in 0..32 {
        site.wait(30);
        let mut half = Person::new(&site);
        half.password("race@example.org").await;
        half.csrf().await;
        halves.push(half);
    }
    // Half a sign-in lives for ten minutes: the first ones are over by now.
    let old = halves[0].code(&site.code(&secret)).await;
    assert_eq!(old.leads_to_path(), "/sign-in", "{old:?}");
    for half in &mut halves[..14] {
        half.password("race@example.org").await;
        half.csrf().await;
    }
    let code = site.code(&secret);
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(halves.len()));
    let tries = halves.into_iter().map(|mut half| {
        let (code, barrier) = (code.clone(), std::sync::Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            (half.code(&code).await, half)
        })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        let (answer, mut half) = tried.await.expect("no panic");
        let page = half.get("/account").await;
        if answer.leads_to() == "/account" {
            won += 1;
            assert_eq!(page.status, 200);
        } else {
            assert!([401, 429].contains(&answer.status), "{answer:?}");
            assert_eq!(page.leads_to_path(), "/sign-in");
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_wait_as_long_as_the_answer_says() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "often@example.org").await;
    site.wait(60);
    let mut half = Person::new(&site);
    half.password("often@example.org").await;
    let wrong = other_than(&site.code(&secret));
    let mut answer = half.code(&wrong).await;
    let mut tries = 1;
    while answer.status == 401 {
        assert_eq!(answer.header("retry-after"), None);
        answer = half.code(&wrong).await;
        tries += 1;
        assert!(tries < 20, "no limit");
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.contains("role=\"alert\""), "{answer:?}");
    let wait: i64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=360).contains(&wait), "{wait}");
    // The right code does not help while it lasts, and is not used up by trying.
    let refused = half.code(&site.code(&secret)).await;
    assert_eq!(refused.status, 429);
    site.wait(wait - 1);
    assert_eq!(half.code(&wrong).await.status, 429);
    site.wait(1);
    let answer = half.code(&site.code(&secret)).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");

    // Passwords are slowed down too, and the page of an error that stands alone says when.
    let mut stranger = Person::new(&site);
    let mut answer = stranger.password("nobody@example.org").await;
    for _ in 0..40 {
        answer = stranger.password("nobody@example.org").await;
    }
    assert_eq!(answer.status, 429, "{answer:?}");
    let wait: i64 = answer
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

/// An unknown address and a wrong password look the same.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_address_looks_like_a_wrong_password() {
    let site = Site::start().await;
    signed_in(&site, "known@example.org").await;
    let mut answers = Vec::new();
    let mut person = Person::new(&site);
    for email in ["known@example.org", "other@example.org"] {
        let fields = [("email", email), ("password", "wrong horse battery")];
        let mut answer = person.post("/sign-in", &fields).await;
        answer.headers.retain(|(name, _)| name != "date");
        answers.push((
            answer.status,
            answer.headers,
            answer.body.replace(email, "ADDRESS"),
        ));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_does_not_lock_the_owner_out() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "owner@example.org").await;
    let mut stranger = Person::new(&site);
    for _ in 0..100 {
        let fields = [("email", "owner@example.org"), ("password", "wrong")];
        stranger.post("/sign-in", &fields).await;
        // Without the first step there is no second one to try.
        assert_eq!(stranger.code("000000").await.leads_to_path(), "/sign-in");
    }
    // From the stranger's own address it takes a moment; nothing else was used up.
    site.wait(60);
    let mut owner = Person::new(&site);
    assert_eq!(
        owner.password("owner@example.org").await.leads_to(),
        "/second-factor"
    );
    assert_eq!(owner.code(&site.code(&secret)).await.leads_to(), "/account");
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_store_grants_nothing() {
    let site = Site::start().await;
    let (mut person, secret, factor) = signed_in(&site, "down@example.org").await;
    site.wait(30);
    let mut half = Person::new(&site);
    half.password("down@example.org").await;
    for who in [&mut person, &mut half] {
        who.csrf().await;
    }
    let mut stranger = Person::new(&site);
    stranger.csrf().await;
    site.pool.close().await;

    let code = site.code(&secret);
    for path in [
        "/account",
        "/activity",
        "/account/add",
        "/account/prove",
        "/",
    ] {
        let answer = person.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        assert!(answer.body.contains("nothing was granted"), "{answer:?}");
    }
    for path in PRIVATE_FORMS.into_iter().chain(["/sign-out"]) {
        let fields = [
            ("provider", "totp"),
            ("factor", factor.as_str()),
            ("label", "x"),
            ("code", code.as_str()),
        ];
        let fields: &[_] = if path == "/sign-out" { &[] } else { &fields };
        let answer = person.post(path, fields).await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        assert!(
            answer.header("set-cookie").is_none(),
            "{path} touched a cookie"
        );
    }
    for path in ["/second-factor", "/welcome"] {
        assert_eq!(half.get(path).await.status, 503, "{path}");
    }
    assert_eq!(half.code(&code).await.status, 503);
    assert_eq!(half.code("nonsense").await.status, 503);
    assert_eq!(stranger.password("down@example.org").await.status, 503);
    assert_eq!(
        stranger.ask_to_register("new@example.org").await.status,
        503
    );
    assert!(
        !stranger.cookies.contains_key("half"),
        "{:?}",
        stranger.cookies
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_mail_grants_nothing_and_passes() {
    let site = Site::start().await;
    let (mut person, secret, _) = signed_in(&site, "mail@example.org").await;
    let before = site.outbox.messages().len();
    site.outbox.fail();
    let add = [("provider", "email"), ("label", "Mail")];
    let answer = person.open("/account/add", &add).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(site.outbox.messages().len(), before);
    assert!(!person.get("/account").await.body.contains("Mail</h3>"));
    site.outbox.recover();
    let page = person.open("/account/add", &add).await;
    let factor = page.factor().to_owned();
    let code = site.sent_code();
    let confirmed = person
        .confirm("/account/add/confirm", "email", &factor, &code)
        .await;
    assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");

    site.wait(60);
    let mut half = Person::new(&site);
    half.password("mail@example.org").await;
    let wanted = [("provider", "email"), ("factor", factor.as_str())];
    let sent = site.sent_code();
    site.outbox.fail();
    assert_eq!(
        half.post("/second-factor/request", &wanted).await.status,
        503
    );
    let answer = half
        .confirm("/second-factor", "email", &factor, &sent)
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(half.get("/account").await.leads_to_path(), "/sign-in");
    // The app still works meanwhile, and the mail does again afterwards.
    assert_eq!(half.code(&site.code(&secret)).await.leads_to(), "/account");
    site.outbox.recover();
    let mut half = Person::new(&site);
    half.password("mail@example.org").await;
    assert_eq!(
        half.open("/second-factor/request", &wanted).await.status,
        200
    );
    let answer = half
        .confirm("/second-factor", "email", &factor, &site.sent_code())
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
}

/// The last second step stays also when two are removed at once.
#[tokio::test(flavor = "multi_thread")]
async fn last_step_stays_when_two_go_at_once() {
    let site = Site::start().await;
    for round in 0..8 {
        let (mut person, secret, first) =
            signed_in(&site, &format!("last{round}@example.org")).await;
        site.wait(30);
        let page = person
            .open("/account/add", &[("provider", "totp"), ("label", "Two")])
            .await;
        let (second_secret, second) = (page.secret(), page.factor().to_owned());
        assert_ne!(secret, second_secret);
        let code = site.code(&second_secret);
        let confirmed = person
            .confirm("/account/add/confirm", "totp", &second, &code)
            .await;
        assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
        person.csrf().await;
        let remove = |factor: String| {
            let mut person = person.clone();
            tokio::spawn(
                async move { person.post("/account/remove", &[("factor", &factor)]).await },
            )
        };
        let (one, two) = (remove(first), remove(second));
        let mut statuses = [one, two].map(|task| task);
        let mut seen = Vec::new();
        for task in &mut statuses {
            seen.push(task.await.expect("no panic"));
        }
        // The other is refused, or its session ended with the first one's removal.
        let done = seen.iter().filter(|answer| answer.leads_to() == "/account");
        assert!(done.count() <= 1, "{seen:?}");
        let left = "SELECT count(DISTINCT subject) FROM ott_factors WHERE state = 1";
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(&site.pool)
            .await
            .expect("a count");
        assert_eq!(left, round + 1, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_second_step_ends_every_other_session() {
    let site = Site::start().await;
    let (mut person, secret, first) = signed_in(&site, "stolen@example.org").await;
    site.wait(30);
    let mut thief = Person::new(&site);
    thief.password("stolen@example.org").await;
    let code = site.code(&secret);
    let answer = thief.confirm("/second-factor", "totp", "", &code).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    let page = person
        .open("/account/add", &[("provider", "totp"), ("label", "New")])
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let before = person.cookies.get("session").cloned();
    let code = site.code(&secret);
    let confirmed = person
        .confirm("/account/add/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(confirmed.leads_to(), "/account", "{confirmed:?}");
    // Another id after each factor.
    assert_ne!(person.cookies.get("session").cloned(), before);
    assert_eq!(thief.get("/account").await.status, 200);
    person.csrf().await;
    let removed = person.post("/account/remove", &[("factor", &first)]).await;
    assert_eq!(removed.leads_to(), "/account", "{removed:?}");
    assert_eq!(person.get("/account").await.status, 200);
    assert_eq!(thief.get("/account").await.leads_to_path(), "/sign-in");
}

/// A disabled second step is said and a password adds none.
#[tokio::test(flavor = "multi_thread")]
async fn disabled_step_is_said_and_password_adds_none() {
    let site = Site::start().await;
    let _ = signed_in(&site, "disabled@example.org").await;
    let disable = "UPDATE ott_factors SET state = 2 WHERE state = 1";
    sqlx::query(disable)
        .execute(&site.pool)
        .await
        .expect("an update");
    let mut half = Person::new(&site);
    let answer = half.password("disabled@example.org").await;
    assert_eq!(answer.leads_to(), "/second-factor", "{answer:?}");
    let page = half.get("/second-factor").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("is disabled"), "{page:?}");
    assert_eq!(half.get("/welcome").await.leads_to(), "/second-factor");
    half.csrf().await;
    let adds = half
        .open("/welcome", &[("provider", "totp"), ("label", "Mine")])
        .await;
    assert_eq!(adds.status, 422, "{adds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_is_asked_for_again_after_ten_minutes() {
    let site = Site::start().await;
    let (mut person, secret, factor) = signed_in(&site, "fresh@example.org").await;
    let rename = [("factor", factor.as_str()), ("label", "New name")];
    site.wait(599);
    assert_eq!(person.get("/account/add").await.status, 200);
    assert_eq!(
        person.post("/account/rename", &rename).await.leads_to(),
        "/account"
    );
    site.wait(1);
    let before = state(&site).await;
    assert_eq!(
        person.get("/account/add").await.leads_to(),
        "/account/prove?next=add"
    );
    for (path, fields) in [
        ("/account/rename", &rename[..]),
        ("/account/remove", &rename[..1]),
        ("/account/add", &[("provider", "totp"), ("label", "x")]),
    ] {
        assert_eq!(person.post(path, fields).await.status, 303);
    }
    assert_eq!(state(&site).await, before);
    let answer = person
        .confirm("/account/prove", "totp", "", &site.code(&secret))
        .await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
    assert_eq!(person.get("/account/add").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_the_headers_and_no_secret() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.register("headers@example.org").await;
    let page = person
        .open("/welcome", &[("provider", "totp"), ("label", "Phone")])
        .await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let code = site.code(&secret);
    let answer = person
        .confirm("/welcome/confirm", "totp", &factor, &other_than(&code))
        .await;
    assert_eq!(answer.status, 401);
    // The page of the setup shows it until it is confirmed; no other page does.
    assert!(answer.body.contains("Error: ") && answer.secret() == secret);
    let mut answers = Vec::new();
    answers.push(
        person
            .confirm("/welcome/confirm", "totp", &factor, &code)
            .await,
    );
    let whole = person.clone();
    let mut half = Person::new(&site);
    half.password("headers@example.org").await;
    answers.push(half.code(&code).await);
    for path in [
        "/",
        "/register",
        "/sign-in",
        "/second-factor",
        "/nothing",
        "/style.css",
        "/icon.svg",
    ] {
        answers.push(half.get(path).await);
    }
    for path in [
        "/account",
        "/activity",
        "/outbox",
        "/account/add",
        "/account/prove",
    ] {
        answers.push(person.get(path).await);
    }
    answers.push(
        half.send("GET", "/account", &[("Host", "evil.example")], b"")
            .await,
    );
    let tokens: Vec<&String> = whole
        .cookies
        .values()
        .chain(half.cookies.values())
        .collect();
    for answer in &answers {
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(answer.header("cache-control").is_some());
        if answer
            .header("content-type")
            .is_some_and(|kind| kind.contains("html"))
        {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert!(!answer.body.contains("<script"));
            assert!(!answer.body.contains("style=\""));
        }
        assert!(
            !answer.body.contains(&secret) && !answer.body.contains(&code),
            "{answer:?}"
        );
        assert!(!answer.body.contains(PASSWORD));
        assert!(
            tokens.iter().all(|token| !answer.body.contains(*token)),
            "{answer:?}"
        );
        for (_, cookie) in answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            assert!(
                cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"),
                "{cookie}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_behind_tls_are_for_this_host_and_tls() {
    let site =
        Site::start_with(|config| config.origin = Some("https://login.example.org".into())).await;
    assert_eq!(site.origin, "https://login.example.org");
    let mut person = Person::new(&site);
    let first = person.get("/").await;
    assert_eq!(first.status, 421, "another name");
    let cookie = first.header("set-cookie").unwrap_or("");
    assert!(
        cookie.starts_with("__Host-visit=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let host = [("Host", "login.example.org")];
    let answer = person.send("GET", "/register", &host, b"").await;
    assert_eq!(answer.status, 200);
    assert!(
        person.cookies.contains_key("__Host-visit"),
        "{:?}",
        person.cookies
    );
    assert!(answer.header("strict-transport-security").is_some());
    // Loopback behind a proxy is no longer this machine alone.
    assert_eq!(person.send("GET", "/outbox", &host, b"").await.status, 404);
}

/// A form from before another sign-in comes back filled, with a fresh value and without what was secret, and
/// does nothing until it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn form_of_an_old_tab_comes_back_filled() {
    let site = Site::start().await;
    let mut tab = Person::new(&site);
    let old = tab.csrf().await;
    tab.register("tabs@example.org").await;
    tab.sign_out().await;
    let sign_in = |csrf: &str| {
        let fields = [
            ("csrf", csrf),
            ("email", "tabs@example.org"),
            ("password", PASSWORD),
        ];
        form(&fields).into_bytes()
    };
    tab.get("/sign-in").await;
    let page = tab.send("POST", "/sign-in", &[], &sign_in(&old)).await;
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.body.contains("value=\"tabs@example.org\""), "{page:?}");
    assert!(page.body.contains("type=\"password\"") && !page.body.contains(PASSWORD));
    let fresh = page.csrf().expect("a fresh value").to_owned();
    assert_ne!(fresh, old);
    let again = tab.send("POST", "/sign-in", &[], &sign_in(&fresh)).await;
    assert_eq!(again.leads_to(), "/welcome", "{again:?}");

    // And so does every other form.
    let (mut person, ..) = signed_in(&site, "forms@example.org").await;
    let half = tab;
    let before = state(&site).await;
    for (path, fields) in FORMS {
        let value = |field: &str| format!("{field}-that-was-typed");
        let mut pairs = vec![("csrf".to_owned(), old.clone())];
        pairs.extend(
            fields
                .iter()
                .map(|field| ((*field).to_owned(), value(field))),
        );
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = form(&pairs);
        let mut who = if PRIVATE_FORMS.contains(&path) {
            person.clone()
        } else {
            half.clone()
        };
        let page = who.send("POST", path, &[], body.as_bytes()).await;
        assert_eq!(page.status, 403, "{path}: {page:?}");
        let action = format!("action=\"{path}\"");
        assert!(page.body.contains(&action), "{path}: {page:?}");
        assert!(page.csrf().is_some_and(|csrf| csrf != old), "{path}");
        for field in fields {
            let kept = page.body.contains(&value(field));
            let secret = ["code", "current", "password"].contains(field);
            assert_eq!(kept, !secret, "{path}: {field}");
            assert!(
                page.body.contains(&format!("name=\"{field}\"")),
                "{path}: {field}"
            );
        }
    }
    // Where no browser says that one of our pages sent it, nothing comes back.
    let body = form(&[("csrf", &old), ("factor", "x"), ("label", "typed")]);
    let (host, length) = (site.address, body.len());
    let cookie = format!("session={}", person.cookies["session"]);
    let request = format!(
        "POST /account/rename HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let answer = exchange(host, request.into_bytes()).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("typed"), "{answer:?}");
    // Nor for what no form of ours holds.
    let body = form(&[("csrf", "x"), ("factor", "x"), ("label", "typed")]);
    let answer = person
        .send("POST", "/account/rename", &[], body.as_bytes())
        .await;
    assert!(
        answer.status == 403 && !answer.body.contains("typed"),
        "{answer:?}"
    );
    assert_eq!(state(&site).await, before);
}

/// One `Host`, or none is served: a proxy and this server must not read two.
#[tokio::test(flavor = "multi_thread")]
async fn host_stands_once_or_it_is_400() {
    let site = Site::start().await;
    let ours = site.address.to_string();
    let ours = ours.as_str();
    let with = |hosts: &[&str], version: &str| {
        let mut request = format!("GET /sign-in HTTP/{version}\r\nConnection: close\r\n");
        for host in hosts {
            request.push_str(&format!("Host: {host}\r\n"));
        }
        request.push_str("\r\n");
        exchange(site.address, request.into_bytes())
    };
    assert_eq!(with(&[ours], "1.1").await.status, 200);
    for version in ["1.0", "1.1"] {
        for hosts in [
            &[][..],
            &[ours, ours],
            &[ours, "evil.example"],
            &["evil.example", ours],
        ] {
            let answer = with(hosts, version).await;
            assert_eq!(answer.status, 400, "{hosts:?} {version}: {answer:?}");
        }
    }
}

/// Where a request is for another host, the page says for which, and where the pages are.
#[tokio::test(flavor = "multi_thread")]
async fn other_host_is_named_beside_ours() {
    let site =
        Site::start_with(|config| config.origin = Some("https://login.example.org".into())).await;
    let mut person = Person::new(&site);
    // As nginx sends it unless somebody tells it to pass the header on.
    for (host, shown) in [
        ("showcase_upstream", "“showcase_upstream”"),
        ("<script>x</script>", "“&lt;script&gt;x&lt;/script&gt;”"),
        ("login.example.org:8443", "“login.example.org:8443”"),
    ] {
        let answer = person.send("GET", "/sign-in", &[("Host", host)], b"").await;
        assert_eq!(answer.status, 421);
        assert!(answer.body.contains(shown), "{answer:?}");
        assert!(
            answer.body.contains("https://login.example.org"),
            "{answer:?}"
        );
    }
}

/// The outbox is for this machine unless somebody says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn outbox_is_for_this_machine_unless_shown() {
    let everywhere = |config: &mut showcase::Config| {
        config.listen = ([0, 0, 0, 0], 0).into();
        config.origin = Some("http://showcase.example".into());
    };
    let host = [("Host", "showcase.example")];
    let site = Site::start_with(everywhere).await;
    let answer = Person::new(&site).send("GET", "/outbox", &host, b"").await;
    assert_eq!(answer.status, 404);
    let site = Site::start_with(|config| {
        everywhere(config);
        config.show_outbox = true;
    })
    .await;
    let answer = Person::new(&site).send("GET", "/outbox", &host, b"").await;
    assert_eq!(answer.status, 200);
    let site = Site::start().await;
    assert_eq!(Person::new(&site).get("/outbox").await.status, 200);
}
