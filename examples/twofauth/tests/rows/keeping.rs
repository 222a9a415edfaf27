//! How long icons are kept, and how many.

use core::time::Duration;
use std::thread::sleep;

use serde_json::{Value, json};

use crate::{
    file::{add_old, execute, number, rows},
    pictures::{icon, is_there},
    support::{SECRET, Site, T, Visitor, refused},
};

/// In seconds, and a minute more.
const DAY: u64 = 86_460;

/// Waits until it is so.
#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let so = (0..500).any(|_| {
        sleep(Duration::from_millis(100));
        is()
    });
    assert!(so, "{what}");
}

fn body(icon: &str) -> Value {
    json!({
        "otp_type": "totp", "account": "a", "service": null, "icon": icon, "secret": SECRET, "digits": 6,
        "algorithm": "sha1",
    })
}

/// 002-12. However many icons waited for too long, all of them go at once.
#[test]
fn row_12_all_old_icons_go() {
    let mut site = Site::start();
    add_old(&site, "waiting-icon", 1_200);
    site.server.kill_and_restart();
    wait_until("all go", || rows(&site, "waiting-icon") == 0);
}

/// An SVG of a third of a mebibyte.
fn large() -> Vec<u8> {
    let path = "M0 0h1v1z".repeat(340_000 / 9);
    format!(r#"<svg xmlns="http://www.w3.org/2000/svg"><path d="{path}"/></svg>"#).into_bytes()
}

/// One user keeps so many pictures a day, of uploads and previews alike; others are not held up by it.
#[test]
fn pictures_of_a_day_are_bounded() {
    let settings = json!({"throttle_api": 0, "icon_mebibytes_a_day": 1});
    let site = Site::with(&settings);
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let upload = |by: &Visitor| by.upload("/api/v1/icons", "icon", "a.svg", &large());
    for _ in 0..3 {
        assert_eq!(upload(&alice).status, 201);
    }
    assert_eq!(upload(&bob).status, 201);
    let full = upload(&alice);
    refused(&full, 429, "Too Many Attempts.");
    let wait: u64 = full.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    let picture = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, large());
    let info = json!({"secret": SECRET, "algo": "SHA1", "digits": 6, "period": 30});
    let entry = json!({
        "type": "totp", "name": "a", "issuer": "b", "icon": picture, "icon_mime": "image/svg+xml", "info": info,
    });
    let file = json!({"version": 1, "db": {"entries": [entry]}}).to_string();
    let preview = || alice.upload(&format!("{T}/migration"), "file", "a.json", file.as_bytes());
    refused(&preview(), 429, "Too Many Attempts.");
    site.server.ahead(DAY);
    assert_eq!(upload(&alice).status, 201);
    assert_eq!(preview().status, 200);
}

/// 002-12. A change that fails keeps no icon: it waits as before, and goes.
#[test]
fn row_12_icons_of_failed_changes_wait() {
    let site = Site::start();
    let alice = site.by("alice");
    let (made, changed) = (icon(&alice), icon(&alice));
    let id = alice.add_totp("a");
    let stop = "BEGIN SELECT RAISE(ABORT, 'no'); END";
    for verb in ["INSERT", "UPDATE"] {
        execute(
            &site,
            &format!("CREATE TRIGGER no_{verb} BEFORE {verb} ON vault_accounts {stop}"),
        );
    }
    assert_eq!(alice.post(T, &body(&made)).status, 503);
    let put = alice.call("PUT", &format!("{T}/{id}"), &body(&changed));
    assert_eq!(put.status, 503);
    assert_eq!((rows(&site, "icon"), rows(&site, "waiting-icon")), (0, 2));
}

/// 002-12. What a crash left is found: the icon that an account has stays, one that none has goes, and nothing goes of somebody
/// whose accounts cannot be read.
#[test]
fn row_12_icons_are_found_after_a_crash() {
    let mut site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let (had, left, unread) = (icon(&alice), icon(&alice), icon(&bob));
    let id = alice.add(&body(&left));
    bob.add(&body(&unread));
    execute(
        &site,
        "CREATE TRIGGER no BEFORE INSERT ON contract_documents WHEN NEW.kind = 'icon'
         BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    // The account is made, and its icon waits still.
    alice.add(&body(&had));
    execute(&site, "DROP TRIGGER no");
    execute(
        &site,
        &format!("DELETE FROM vault_accounts WHERE id = {id}"),
    );
    execute(
        &site,
        "UPDATE vault_accounts SET sealed = x'00' WHERE owner = '2'",
    );
    assert_eq!((rows(&site, "icon"), rows(&site, "waiting-icon")), (2, 1));
    site.server.ahead(DAY);
    site.server.kill_and_restart();
    let waits = |site: &Site, name: &str| {
        let sql = format!(
            "SELECT count(*) FROM contract_documents WHERE kind = 'waiting-icon' AND id = '{name}'"
        );
        number(site, &sql) == 1
    };
    wait_until("they change places", || {
        !waits(&site, &had) && waits(&site, &left)
    });
    for name in [&had, &left, &unread] {
        assert!(is_there(&site, name), "{name}");
    }
    site.server.ahead(2 * DAY);
    site.server.kill_and_restart();
    wait_until("it goes", || !is_there(&site, &left));
    assert!(is_there(&site, &had) && is_there(&site, &unread));
}

/// A user is deleted whole, also where an account of theirs cannot be read.
#[test]
fn users_with_an_unreadable_account_go() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    bob.add_totp("a");
    execute(
        &site,
        "UPDATE vault_accounts SET sealed = x'00' WHERE owner = '2'",
    );
    assert_eq!(alice.delete("/api/v1/users/2").status, 204);
    let left = "SELECT count(*) FROM vault_accounts WHERE owner = '2'";
    assert_eq!(number(&site, left), 0);
    assert_eq!(rows(&site, "user"), 2, "alice, and nobody");
}
