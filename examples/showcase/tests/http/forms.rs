//! Every form of the showcase, and how a refusal of one looks.

use crate::support::{Answer, REGISTER, Site};

/// Every form of the showcase, with the fields it has beside its token.
pub(crate) const FORMS: [(&str, &[&str]); 33] = [
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
pub(crate) const DEVICE_FORMS: [(&str, &[&str]); 2] = [
    ("/device", &["prompt", "verdict", "signature", "number"]),
    ("/pair", &["link", "key"]),
];

/// What only somebody who is signed in may open, and send.
pub(crate) const PRIVATE_PAGES: [&str; 14] = [
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
pub(crate) const PRIVATE_FORMS: [&str; 20] = [
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
    let router = include_str!("../../src/router.rs");
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
pub(crate) fn assert_refused(answer: &Answer, what: &str) {
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
pub(crate) async fn state(site: &Site) -> Vec<String> {
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
