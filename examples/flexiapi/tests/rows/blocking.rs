//! Accounts that were sent too many codes.

use serde_json::json;

use crate::support::{
    CONSUME, RECOVER, Site, count, device, empty, phone, refused, refused_somehow,
};

const BLOCKED: &str = "Account blocked";

fn ask(site: &Site, at: usize) -> contract_server::testing::Response {
    let (path, body) = match at % 2 {
        0 => (
            "accounts/me/phone/request",
            json!({"phone": "+4915188888888"}),
        ),
        _ => (
            "accounts/me/email/request",
            json!({"email": "new@example.org"}),
        ),
    };
    site.post_as("bob", path, &body)
}

/// Five codes in half an hour; the next request blocks, on all of the user's routes, until an administrator unblocks.
#[test]
fn sixth_code_blocks_until_unblocked() {
    let mut site = Site::start();
    site.validate("bob");
    let id = site.get_as("bob", "accounts/me").json()["id"].clone();
    for at in 0..5 {
        empty(&ask(&site, at));
    }
    assert_eq!(site.get_as("bob", "accounts/me").status, 200);
    refused(&ask(&site, 0), 403, BLOCKED);
    assert_eq!(site.server.outbox().len(), 5);
    let everywhere = |site: &Site| {
        refused(&site.get_as("bob", "accounts/me"), 403, BLOCKED);
        refused(
            &site.get_as("bob", "accounts/auth_token/x/attach"),
            403,
            BLOCKED,
        );
        refused(&site.post_as("bob", CONSUME, &json!({})), 403, BLOCKED);
        for path in [
            "accounts/me/phone",
            "accounts/me/email",
            "accounts/me/phone/request",
            "accounts/me/email/request",
        ] {
            refused(
                &site.post_as("bob", path, &json!({"code": "1234"})),
                403,
                BLOCKED,
            );
        }
    };
    everywhere(&site);
    site.server.ahead(30 * 24 * 3_600);
    everywhere(&site);
    site.again();
    everywhere(&site);
    let path = format!("accounts/{id}/unblock");
    refused_somehow(&site.post(&path, &json!({})), 401);
    refused(
        &site.post_as("bob", &path, &json!({})),
        403,
        "Unauthorized area",
    );
    refused_somehow(
        &site.post_as("admin", "accounts/9999/unblock", &json!({})),
        404,
    );
    refused_somehow(
        &site.post_as("admin", "accounts/x/unblock", &json!({})),
        404,
    );
    let shown = site.post_as("admin", &path, &json!({}));
    assert_eq!(
        (shown.status, &shown.json()["blocked"]),
        (200, &json!(false))
    );
    empty(&ask(&site, 0));
    assert_eq!(
        site.post_as("admin", &format!("accounts/{id}/block"), &json!({}))
            .status,
        200
    );
    everywhere(&site);
}

/// A blocked administrator has no user's route, and the administrator's: else nobody could unblock the only one.
#[test]
fn blocked_administrator_unblocks() {
    let site = Site::start();
    let id = site.get_as("admin", "accounts/me").json()["id"].clone();
    let verb = |verb: &str| site.post_as("admin", &format!("accounts/{id}/{verb}"), &json!({}));
    assert_eq!(verb("block").status, 200);
    for path in ["accounts/me/phone/request", "accounts/me/email/request"] {
        refused(&site.post_as("admin", path, &json!({})), 403, BLOCKED);
    }
    refused(&site.get_as("admin", "accounts/me"), 403, BLOCKED);
    let shown = site.get_as("admin", &format!("accounts/{id}"));
    assert_eq!(
        (shown.status, &shown.json()["blocked"]),
        (200, &json!(true))
    );
    assert_eq!(verb("unblock").status, 200);
    assert_eq!(site.get_as("admin", "accounts/me").status, 200);
}

/// Blocked comes before unvalidated, and what is older than the period does not count.
#[test]
fn old_codes_do_not_block() {
    let site = Site::with(&json!({
        "blocking_time_period_check": 10, "blocking_amount_events_authorized_during_period": 2,
    }));
    site.validate("bob");
    for minutes in [0, 6, 11, 17] {
        site.server.ahead(minutes * 60);
        empty(&ask(&site, 0));
    }
    refused(&ask(&site, 0), 403, BLOCKED);
    let id = site.get_as("admin", "accounts/me").json()["id"]
        .as_u64()
        .unwrap()
        + 2;
    assert_eq!(
        site.post_as("admin", &format!("accounts/{id}/block"), &json!({}))
            .status,
        200
    );
    let alicia = site.post_as("alicia", "accounts/me/phone/request", &json!({}));
    refused(&alicia, 403, BLOCKED);
}

/// Codes that were sent under a clock that was set back since block nobody, and no used token of then stops a device.
#[test]
fn clock_set_back_stops_nobody() {
    let site = Site::with(&json!({
        "blocking_amount_events_authorized_during_period": 2, "resend_policy": "current-429",
    }));
    site.server.ahead(24 * 3_600);
    assert_eq!(site.consume("bob", &site.pushed("id")).status, 200);
    for ahead in [24 * 3_600, 0] {
        site.server.ahead(ahead);
        for at in 0..2 {
            empty(&ask(&site, at));
        }
    }
    site.pushed("id");
}

/// Of twelve requests at once five are sent.
#[test]
fn codes_at_once_are_counted() {
    let site = Site::start();
    site.validate("bob");
    let statuses = site.at_once(12, |at| ask(&site, at).status);
    assert_eq!((count(&statuses, 200), count(&statuses, 403)), (5, 7));
    assert_eq!(site.server.outbox().len(), 5);
}

/// Codes of the recovery pages count too, and a blocked account's page looks like any other.
#[test]
fn recovery_codes_count_as_sent() {
    let site = Site::start();
    site.validate("bob");
    for at in 0..6 {
        let prid = format!("id{at}");
        let sent = site.sent(|| site.post(RECOVER, &device(&prid)));
        let token = sent["token"].as_str().unwrap();
        let fields = [("account_recovery_token", token), ("phone", &phone("bob"))];
        assert_eq!(site.submit("/recovery", &fields).status, 200);
        assert_eq!(site.server.outbox().len(), 2 * (at + 1) - at / 5);
    }
    refused(&ask(&site, 0), 403, BLOCKED);
}
