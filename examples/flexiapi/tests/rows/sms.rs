//! Codes to phones over a gateway, within a budget.

use core::time::Duration;
use std::thread::sleep;

use serde_json::{Value, json};

use crate::{
    gateway::{Answer, Gateway},
    support::{RECOVER, Site, account, device, empty, phone, refused},
};

fn site(gateway: &Gateway, folder: &tempfile::TempDir, budget: u32) -> Site {
    let file = folder.path().join("sms.json");
    let sms = json!({
        "address": gateway.url(), "headers": {"x-key": "the operator's"}, "idempotency_header": "x-once",
        "json": {"to": "{number}", "text": "{text}"}, "budget": budget, "prices": {"+49": 5},
    });
    std::fs::write(&file, sms.to_string()).unwrap();
    let accounts = json!({"accounts": [account("admin", true), account("bob", false)]});
    let file = file.display().to_string();
    let site = Site::on(&accounts, &json!({}), &["--sms-gateway", &file]);
    site.validate("bob");
    site
}

fn ask(site: &Site, field: &str, to: &str) -> contract_server::testing::Response {
    site.post_as(
        "bob",
        &format!("accounts/me/{field}/request"),
        &json!({field: to}),
    )
}

/// The code leaves by the gateway and works; e-mail leaves as before.
#[test]
fn code_leaves_by_the_gateway() {
    let gateway = Gateway::start(Answer::Status(202, "{}"));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    empty(&ask(&site, "phone", "+4915188888888"));
    let [(head, body)] = gateway.received().try_into().unwrap();
    assert!(
        head.contains("x-key: the operator's") && head.contains("x-once: "),
        "{head}"
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["to"], "4915188888888");
    let code = body["text"]
        .as_str()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    let changed = site.post_as("bob", "accounts/me/phone", &json!({"code": code}));
    assert_eq!(changed.json()["phone"], "+4915188888888");
    empty(&ask(&site, "email", "new@example.org"));
    assert_eq!(
        (gateway.received().len(), site.server.outbox().len()),
        (1, 1)
    );
}

/// Where nothing is paid for, or nothing is left, no code is sent; recoveries have a budget of their own.
#[test]
fn codes_stay_within_the_budget() {
    let gateway = Gateway::start(Answer::Status(200, ""));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 20);
    let kept_back = "Too many codes were sent to such numbers";
    refused(&ask(&site, "phone", "+882123456789"), 429, kept_back);
    empty(&ask(&site, "phone", "+4915100010001"));
    empty(&ask(&site, "phone", "+4915100020001"));
    refused(&ask(&site, "phone", "+4915100030001"), 429, kept_back);
    assert_eq!(gateway.received().len(), 2);
    recover(&site);
    wait_for(&gateway, 3);
}

/// Has a code of a recovery sent.
#[track_caller]
fn recover(site: &Site) {
    let sent = site.sent(|| site.post(RECOVER, &device("id")));
    let token = sent["token"].as_str().unwrap();
    let fields = [("account_recovery_token", token), ("phone", &phone("bob"))];
    assert_eq!(site.submit("/recovery", &fields).status, 200);
}

/// Waits until the gateway got so many codes.
#[track_caller]
fn wait_for(gateway: &Gateway, codes: usize) {
    let got = (0..300).any(|_| {
        sleep(Duration::from_millis(100));
        gateway.received().len() == codes
    });
    assert!(got, "{:?}", gateway.received());
}

/// The page of a recovery is answered before the gateway is: the time of one that waits tells that there is an account.
#[test]
fn recovery_page_waits_for_no_gateway() {
    let gateway = Gateway::start(Answer::Late(Duration::from_secs(8)));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    recover(&site);
    assert_eq!(gateway.answered(), 0);
    wait_for(&gateway, 1);
}

/// Codes that are not sent block nobody, also where many are on their way at once.
#[test]
fn codes_at_once_that_fail_block_nobody() {
    let gateway = Gateway::start(Answer::Status(400, "{}"));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    let statuses = site.at_once(16, |at| {
        ask(&site, "phone", &format!("+49151{at:02}0010001")).status
    });
    assert_eq!(statuses, [503; 16]);
    gateway.answers(Answer::Status(200, ""));
    empty(&ask(&site, "phone", "+4915188888888"));
}

/// A gateway that refuses or is down: nothing is pending, and it does not count as sent.
#[test]
fn gateway_that_fails_leaves_nothing_pending() {
    let gateway = Gateway::start(Answer::Status(400, "{}"));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    for at in 0..7 {
        let failed = ask(&site, "phone", &format!("+49151000{at}0001"));
        assert_eq!(failed.status, 503, "{failed:?}");
    }
    let none = site.post_as("bob", "accounts/me/phone", &json!({"code": "1234"}));
    assert_eq!(none.status, 422);
    gateway.answers(Answer::Status(200, ""));
    empty(&ask(&site, "phone", "+4915188888888"));
}

/// A code that could not be sent takes no code's place that was: that one still works.
#[test]
fn code_that_was_not_sent_spends_none() {
    let gateway = Gateway::start(Answer::Status(200, ""));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    empty(&ask(&site, "phone", "+4915188888888"));
    let (_, body) = gateway.received().pop().unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let code: String = body["text"].as_str().unwrap().chars().take(4).collect();
    gateway.answers(Answer::Status(400, "{}"));
    assert_eq!(ask(&site, "phone", "+4915199999999").status, 503);
    let done = site.post_as("bob", "accounts/me/phone", &json!({"code": code}));
    assert_eq!(
        (done.status, &done.json()["phone"]),
        (200, &json!("+4915188888888"))
    );
}

/// Recovery codes that could not be sent block nobody, and the pages do not tell.
#[test]
fn recovery_that_was_not_sent_blocks_nobody() {
    let gateway = Gateway::start(Answer::Status(400, "{}"));
    let folder = tempfile::tempdir().unwrap();
    let site = site(&gateway, &folder, 1_000);
    for at in 0..7 {
        let sent = site.sent(|| site.post(RECOVER, &device(&format!("id{at}"))));
        let token = sent["token"].as_str().unwrap();
        let fields = [("account_recovery_token", token), ("phone", &phone("bob"))];
        let page = site.submit("/recovery", &fields);
        assert_eq!(page.status, 200);
    }
    gateway.answers(Answer::Status(200, ""));
    empty(&ask(&site, "phone", "+4915188888888"));
}
