//! Row 003-4: a request token is made, validated on a page, and exchanged once. Row 003-6: the administrator's own.

use serde_json::json;

use crate::{
    gateway::{Answer, Gateway},
    support::{EXCHANGE, REQUEST, Site, count, invalid, is_alphanumeric, refused_somehow, token},
};

const FIELD: &str = "account_creation_request_token";

fn made(site: &Site) -> String {
    let response = site.post(REQUEST, &json!({}));
    assert_eq!(response.status, 201);
    token(&response)
}

fn exchange(site: &Site, token: &str) -> contract_server::testing::Response {
    site.post(EXCHANGE, &json!({FIELD: token}))
}

fn validate(site: &Site, token: &str, captcha: &str) -> contract_server::testing::Response {
    site.submit(
        "/creation_token/validate",
        &[(FIELD, token), ("h-captcha-response", captcha)],
    )
}

/// From the request to a creation token that an account consumes; no step can be repeated, and no GET validates.
#[test]
fn request_token_is_validated_and_exchanged_once() {
    let site = Site::start();
    let response = site.post(REQUEST, &json!({}));
    let json = response.json();
    let text = token(&response);
    assert!(is_alphanumeric(&text, 13));
    assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
    let url = json["validation_url"].as_str().unwrap();
    let path = url.strip_prefix(site.server.url()).unwrap();
    assert!(path.ends_with(&text));
    refused_somehow(&exchange(&site, &text), 404);
    for _ in 0..2 {
        let page = site.send(&contract_server::testing::Request::new("GET", path));
        let html = String::from_utf8(page.body).unwrap();
        assert_eq!(page.status, 200);
        assert_eq!(html.matches("<form").count(), 1);
        assert!(
            html.contains(&format!("name=\"{FIELD}\" value=\"{text}\"")),
            "{html}"
        );
    }
    refused_somehow(&exchange(&site, &text), 404);
    assert_eq!(validate(&site, &text, "").status, 200);
    assert_eq!(validate(&site, &text, "").status, 404);
    let statuses = site.at_once(12, |_| {
        let response = exchange(&site, &text);
        (response.status, response.json())
    });
    let won: Vec<_> = statuses
        .iter()
        .filter(|(status, _)| *status == 201)
        .collect();
    let [(_, made)] = won.as_slice() else {
        panic!("one exchange: {statuses:?}")
    };
    assert!(
        statuses
            .iter()
            .all(|(status, _)| [201, 404].contains(status))
    );
    let fields: Vec<_> = made
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(fields, ["expire_at", "ip", "token", "user_agent"]);
    let made = made["token"].as_str().unwrap();
    assert!(is_alphanumeric(made, 13));
    assert_eq!(site.consume("bob", made).status, 200);
}

/// Both policies on what cannot be exchanged; a missing parameter is 422 under both.
#[test]
fn exchange_refuses_as_each_policy_says() {
    for (settings, unknown) in [
        (json!({}), 404),
        (json!({"resend_policy": "current-429"}), 422),
    ] {
        let site = Site::with(&settings);
        for body in [
            json!({}),
            json!({FIELD: null}),
            json!({FIELD: ""}),
            json!({FIELD: ["a"]}),
        ] {
            invalid(&site.post(EXCHANGE, &body), FIELD);
        }
        let text = made(&site);
        refused_somehow(&exchange(&site, &text), 404);
        assert_eq!(validate(&site, &text, "").status, 200);
        assert_eq!(exchange(&site, &text).status, 201);
        for wrong in [text.as_str(), "0123456789abc", "short", &format!(" {text}")] {
            refused_somehow(&exchange(&site, wrong), unknown);
        }
    }
}

/// A request token has a lifetime where the settings give it one, and it counts once it is validated too.
#[test]
fn request_token_can_have_a_lifetime() {
    for (policy, status) in [("documented-403", 404), ("current-429", 422)] {
        let site = Site::with(&json!({
            "account_creation_request_token_expiration_minutes": 5, "resend_policy": policy,
        }));
        let (one, two, three) = (made(&site), made(&site), made(&site));
        assert_eq!(validate(&site, &one, "").status, 200);
        assert_eq!(validate(&site, &two, "").status, 200);
        site.server.ahead(270);
        assert_eq!(exchange(&site, &one).status, 201);
        site.server.ahead(301);
        refused_somehow(&exchange(&site, &two), status);
        assert_eq!(validate(&site, &three, "").status, 404);
    }
    let site = Site::start();
    let text = made(&site);
    site.server.ahead(20 * 365 * 24 * 3_600);
    assert_eq!(validate(&site, &text, "").status, 200);
    assert_eq!(exchange(&site, &text).status, 201);
}

/// The verifier of the CAPTCHA is asked as it wants to be; nothing but its yes is one.
#[test]
fn captcha_says_yes_or_nothing_is_validated() {
    let verifier = Gateway::start(Answer::Status(200, r#"{"success":false}"#));
    let captcha =
        json!({"site_key": "site-<key>", "secret": "s&cret", "verify_url": verifier.url()});
    let site = Site::with(&json!({"captcha": captcha, "push_timeout_seconds": 1}));
    let text = made(&site);
    let path = format!("/creation_token/check/{text}");
    let page = site.send(&contract_server::testing::Request::new("GET", &path));
    assert!(
        String::from_utf8(page.body)
            .unwrap()
            .contains("data-sitekey=\"site-&lt;key&gt;\"")
    );
    assert_eq!(validate(&site, &text, "").status, 422);
    assert!(verifier.received().is_empty(), "nothing to ask");
    assert_eq!(validate(&site, &text, "no").status, 422);
    for answer in [
        Answer::Drop,
        Answer::Hang,
        Answer::Half,
        Answer::Status(500, r#"{"success":true}"#),
        Answer::Status(302, r#"{"success":true}"#),
        Answer::Status(200, "true"),
        Answer::Status(200, r#"{"success":"true"}"#),
        Answer::Status(200, ""),
    ] {
        verifier.answers(answer);
        assert_eq!(validate(&site, &text, "yes").status, 503);
        refused_somehow(&exchange(&site, &text), 404);
    }
    verifier.answers(Answer::Status(200, r#"{"success":true,"hostname":"x"}"#));
    let long = "P1_".repeat(1_000);
    assert_eq!(validate(&site, &text, &long).status, 200);
    let received = verifier.received();
    let (head, body) = received.last().unwrap();
    assert!(
        head.to_lowercase()
            .contains("content-type: application/x-www-form-urlencoded")
    );
    assert_eq!(*body, format!("secret=s%26cret&response={long}"));
    assert_eq!(exchange(&site, &text).status, 201);
}

/// The administrator's token says when it ends, in ISO form, or that it does not.
#[test]
fn admin_token_says_when_it_ends() {
    let site = Site::start();
    let issue = |site: &Site| site.post_as("admin", "account_creation_tokens", &json!({}));
    let forever = issue(&site);
    assert_eq!(
        (forever.status, &forever.json()["expire_at"]),
        (201, &json!(null))
    );
    assert!(is_alphanumeric(&token(&forever), 13));
    assert_eq!(forever.json()["ip"], "127.0.0.1");
    site.server.ahead(20 * 365 * 24 * 3_600);
    assert_eq!(site.consume("bob", &token(&forever)).status, 200);

    let site = Site::with(&json!({"account_creation_token_expiration_minutes": 30}));
    let half_an_hour = issue(&site);
    let end = half_an_hour.json()["expire_at"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        (end.len(), &end[10..11], &end[26..]),
        (27, "T", "Z"),
        "{end}"
    );
    let other = token(&issue(&site));
    site.server.ahead(1_770);
    assert_eq!(site.consume("bob", &token(&half_an_hour)).status, 200);
    site.server.ahead(1_801);
    assert_eq!(site.consume("alicia", &other).status, 404);
}

/// Of many who validate at once one does.
#[test]
fn validating_at_once_validates_once() {
    let site = Site::start();
    let text = made(&site);
    let statuses = site.at_once(12, |_| validate(&site, &text, "").status);
    assert_eq!((count(&statuses, 200), count(&statuses, 404)), (1, 11));
}
