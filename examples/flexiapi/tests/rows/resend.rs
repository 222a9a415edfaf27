//! Row 003-3: another token for the same device, under both policies.

use serde_json::json;

use crate::support::{PUSH, RECOVER, Site, device, empty, refused};

const SIMILAR: &str = "A similar token was already used";
const LIMIT: &str = "The limit of tokens generated for this device has been reached";
const RECENT: &str = "Last token requested too recently";

/// As documented: none beside an unused one, four in all, each device and each kind for itself.
#[test]
fn documented_policy_stops_unused_and_fifth() {
    let mut site = Site::start();
    for _ in 0..4 {
        let token = site.pushed("one");
        refused(&site.post(PUSH, &device("one")), 403, SIMILAR);
        assert_eq!(site.consume("bob", &token).status, 200);
    }
    refused(&site.post(PUSH, &device("one")), 403, LIMIT);
    // No window, and no restart.
    site.server.ahead(400 * 24 * 3_600);
    refused(&site.post(PUSH, &device("one")), 403, LIMIT);
    site.again();
    refused(&site.post(PUSH, &device("one")), 403, LIMIT);
    empty(&site.post(PUSH, &device("two")));
    empty(&site.post(RECOVER, &device("one")));
    let null = json!({"pn_provider": "fcm", "pn_param": "param"});
    empty(&site.post(PUSH, &null));
    refused(
        &site.post(
            PUSH,
            &json!({"pn_provider": "fcm", "pn_param": "param", "pn_prid": ""}),
        ),
        403,
        SIMILAR,
    );
}

/// One whose time is over stands against nothing but the limit.
#[test]
fn expired_token_lets_another_be_sent() {
    let site = Site::with(&json!({"account_creation_token_expiration_minutes": 10}));
    site.pushed("one");
    refused(&site.post(PUSH, &device("one")), 403, SIMILAR);
    site.server.ahead(570);
    refused(&site.post(PUSH, &device("one")), 403, SIMILAR);
    site.server.ahead(601);
    empty(&site.post(PUSH, &device("one")));
}

/// As of now: unused ones stop nothing, a used one that was made in the last hour does.
#[test]
fn current_policy_stops_after_a_used_one() {
    let site = Site::with(&json!({"resend_policy": "current-429"}));
    let first = site.pushed("one");
    for _ in 0..6 {
        site.pushed("one");
    }
    assert_eq!(site.consume("bob", &first).status, 200);
    refused(&site.post(PUSH, &device("one")), 429, RECENT);
    empty(&site.post(PUSH, &device("two")));
    empty(&site.post(RECOVER, &device("one")));
    site.server.ahead(3_570);
    refused(&site.post(PUSH, &device("one")), 429, RECENT);
    site.server.ahead(3_602);
    empty(&site.post(PUSH, &device("one")));
}

/// A recovery token that was used stops the next one as well.
#[test]
fn recovery_has_its_own_window() {
    let settings =
        json!({"resend_policy": "current-429", "account_recovery_token_retry_minutes": 5});
    let site = Site::with(&settings);
    let sent = site.sent(|| site.post(RECOVER, &device("one")));
    let token = sent["token"].as_str().unwrap();
    let page = site.submit(
        "/account/recovery",
        &[("account_recovery_token", token), ("phone", "+4999999999")],
    );
    assert_eq!(page.status, 200);
    refused(&site.post(RECOVER, &device("one")), 429, RECENT);
    empty(&site.post(PUSH, &device("one")));
    site.server.ahead(302);
    empty(&site.post(RECOVER, &device("one")));
}

/// Of those that the other policy sent, an unused one stops the next as well: not the newest alone.
#[test]
fn unused_token_stops_the_next() {
    let mut site = Site::with(&json!({"resend_policy": "current-429"}));
    let unused = site.pushed("one");
    let newest = site.pushed("one");
    assert_eq!(site.consume("bob", &newest).status, 200);
    std::fs::write(site.server.folder().join("settings.json"), "{}").unwrap();
    site.again();
    refused(&site.post(PUSH, &device("one")), 403, SIMILAR);
    assert_eq!(site.consume("bob", &unused).status, 200);
    empty(&site.post(PUSH, &device("one")));
}
