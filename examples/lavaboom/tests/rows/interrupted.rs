//! Outages and ends in the middle of a change: what stood before stands, and what was begun goes away.

use core::time::Duration;
use std::{fs, os::unix::fs::symlink, time::Instant};

use contract_server::testing::Response;
use serde_json::{Value, json};

use crate::{
    support::{PASSWORD, Site, account, refused, text, with_factor},
    yubikeys::{Soft, site},
};

/// In seconds: what was begun before is interrupted.
const TWO_HOURS: u64 = 7_200;
/// The validation server's own keys are rows there, too.
const FACTORS: &str = "SELECT COUNT(*) FROM ott_factors WHERE removed_at IS NULL AND provider IN ('hotp', 'totp', 'yubico-remote')";
const BEGUN: &str = "SELECT COUNT(*) FROM contract_documents WHERE kind = 'begun'";

#[track_caller]
fn outage(response: &Response) {
    refused(response, 503, "Something did not answer, try again later");
}

/// Starts the server again, two hours later: it tidies up at once, and this is waited for.
#[track_caller]
fn until_tidy(site: &mut Site) {
    site.server.ahead(TWO_HOURS);
    site.again();
    let began = Instant::now();
    while site.server.count(BEGUN) > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// 001-13: where a change of keys ends in an outage, the present ones sign in still, also if the new ones would not fit
/// beside them; the next change is as good as the first, and what nobody named goes away.
#[test]
fn interrupted_change_keeps_the_present_keys() {
    let keys: Vec<_> = (1..=3).chain(11..=13).map(Soft::new).collect();
    let ids: Vec<_> = keys.iter().map(Soft::id).collect();
    let present: Vec<_> = ids[..3].iter().map(String::as_str).collect();
    let mut site = site(&[with_factor("johndoe", "yubicloud", &present)], &json!({}));
    let signed_in = site.try_sign_in("johndoe", PASSWORD, &keys[0].typed(1, 1));
    let token = text(&signed_in.json()["token"]["id"]);
    site.lose_changes_of_accounts();
    for uses in 2..5 {
        let body = json!({
            "factor_type": "yubicloud", "factor_value": &ids[3..], "token": keys[0].typed(1, uses),
        });
        outage(&site.call(&token, "PUT", "/accounts/me", &body));
    }
    site.lose_nothing();
    site.again();
    for key in &keys[..2] {
        let again = site.try_sign_in("johndoe", PASSWORD, &key.typed(2, 1));
        assert_eq!(again.status, 201, "{}", again.json());
    }
    until_tidy(&mut site);
    assert_eq!(site.server.count(FACTORS), 3);
    for key in &keys[..2] {
        let again = site.try_sign_in("johndoe", PASSWORD, &key.typed(3, 1));
        assert_eq!(again.status, 201, "{}", again.json());
    }
    let body = json!({
        "factor_type": "yubicloud", "factor_value": [ids[0]], "token": keys[1].typed(4, 1),
    });
    assert_eq!(site.call(&token, "PUT", "/accounts/me", &body).status, 200);
    assert_eq!(site.server.count(FACTORS), 1);
    assert_eq!(site.server.count(BEGUN), 0);
}

/// 001-13: however many changes ended in an outage, the next one has room.
#[test]
fn interrupted_enrolments_take_no_room() {
    let mut site = Site::start();
    let token = site.sign_in("johndoe");
    let body = json!({
        "factor_type": "authenticator", "factor_value": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
    });
    let put = |site: &Site| site.call(&token, "PUT", "/accounts/me", &body);
    site.lose_changes_of_accounts();
    for _ in 0..6 {
        outage(&put(&site));
    }
    site.sign_in("johndoe");
    site.lose_nothing();
    let enrolled = put(&site);
    assert_eq!(enrolled.status, 200, "{}", enrolled.json());
    assert_eq!(site.server.count(FACTORS), 7);
    until_tidy(&mut site);
    assert_eq!(site.server.count(FACTORS), 1);
    let asked = site.try_sign_in("johndoe", PASSWORD, "");
    assert_eq!(asked.json()["message"], "2FA token was not passed");
}

/// Of an account that is deleted no factor stays.
#[test]
fn deleted_account_leaves_no_factor() {
    let key = Soft::new(1);
    let site = site(
        &[with_factor("johndoe", "yubicloud", &[&key.id()])],
        &json!({}),
    );
    let signed_in = site.try_sign_in("johndoe", PASSWORD, &key.typed(1, 1));
    let token = text(&signed_in.json()["token"]["id"]);
    let deleted = site.call(&token, "DELETE", "/accounts/me", &Value::Null);
    assert_eq!(deleted.status, 200);
    assert_eq!(
        (site.server.count(FACTORS), site.server.count(BEGUN)),
        (0, 0)
    );
}

fn register(site: &Site) -> Response {
    let body = json!({"username": "ann", "alt_email": "ann@example.org"});
    site.post("/accounts", &body)
}

/// From the next start on nothing can be sent, or all can again.
fn send(site: &mut Site, works: bool) {
    let outbox = site.server.folder().join("outbox");
    fs::remove_file(&outbox).unwrap();
    if !works {
        symlink("/dev/full", &outbox).unwrap();
    }
    site.again();
}

/// An invitation that did not leave burns neither name nor address: whoever registers again is invited.
#[test]
fn unsent_invitation_burns_no_name() {
    let mut site = Site::of(&[account("johndoe")]);
    send(&mut site, false);
    for _ in 0..2 {
        outage(&register(&site));
    }
    send(&mut site, true);
    let response = register(&site);
    assert_eq!(response.status, 201, "{}", response.json());
    // It is there, and somebody's from now on.
    until_tidy(&mut site);
    refused(&register(&site), 409, "Username already used");
    let code = text(&site.server.outbox()[0]["token"]);
    let body = json!({"username": "ann", "invite_code": code, "password": PASSWORD});
    assert_eq!(site.post("/accounts", &body).status, 200);
    site.sign_in("ann");
}

/// An account whose set-up ended in an outage is set up by the same invitation, once.
#[test]
fn interrupted_set_up_keeps_its_invitation() {
    let mut site = Site::of(&[account("johndoe")]);
    send(&mut site, true);
    assert_eq!(register(&site).status, 201);
    let code = text(&site.server.outbox()[0]["token"]);
    let body = json!({"username": "ann", "invite_code": code, "password": PASSWORD});
    site.lose_changes_of_accounts();
    outage(&site.post("/accounts", &body));
    site.lose_nothing();
    assert_eq!(site.post("/accounts", &body).status, 200);
    let again = site.post("/accounts", &body);
    refused(&again, 403, "This account was already configured");
    site.sign_in("ann");
}

/// Somebody registers while nothing can be deleted.
fn registered_in_an_outage(site: &Site) {
    site.server.execute(
        "CREATE TRIGGER kept BEFORE DELETE ON contract_documents
         BEGIN SELECT RAISE(ABORT, 'outage'); END",
    );
    outage(&register(site));
    site.server.execute("DROP TRIGGER kept");
}

/// An invitation may have left though nobody was told so: whoever answers it keeps the account.
#[test]
fn answered_invitation_keeps_its_account() {
    let mut site = Site::of(&[account("johndoe")]);
    registered_in_an_outage(&site);
    let code = text(&site.server.outbox()[0]["token"]);
    let body = json!({"username": "ann", "invite_code": code, "password": PASSWORD});
    assert_eq!(site.post("/accounts", &body).status, 200);
    until_tidy(&mut site);
    site.sign_in("ann");
}

/// A registration that nothing could take back is taken back later.
#[test]
fn interrupted_registration_is_taken_back() {
    let mut site = Site::of(&[account("johndoe")]);
    send(&mut site, false);
    registered_in_an_outage(&site);
    send(&mut site, true);
    refused(&register(&site), 409, "Username already used");
    until_tidy(&mut site);
    let response = register(&site);
    assert_eq!(response.status, 201, "{}", response.json());
}
