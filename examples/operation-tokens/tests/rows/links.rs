//! Links, and the times in which nothing changes.

use contract_server::testing::{Request, Response};
use serde_json::{Value, json};

use crate::support::{EMAIL, Mail, Site, done, refused, user};

const PAGES: &str = "https://accounts.example";

fn site() -> Site {
    let settings = json!({"pages": PAGES, "putBackHours": 48});
    Site::of(&[user("alice", 1), user("bob", 2)], &settings)
}

/// What a scanner does with a link: the page is fetched again and again.
fn scanned(site: &Site, path: &str) {
    for _ in 0..20 {
        for method in ["GET", "HEAD"] {
            let response = site.send(&Request::new(method, path));
            assert_eq!(response.status, 200);
            assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        }
    }
}

/// A link is to the configured address, whatever the request says of hosts. Fetching it consumes nothing, and posting its
/// token without what the browser holds that began neither; then it works once.
#[test]
fn link_is_consumed_by_its_browser_alone() {
    let site = site();
    let mut texts = Vec::new();
    for header in [
        "x-nothing",
        "x-original-host",
        "x-forwarded-host",
        "forwarded",
    ] {
        let id = site.process("registration", &json!({"userKey": "new@example.org"}));
        let path = format!("/api/v1/token/registration/{id}");
        let request = Request::new("POST", &path).header("content-length", "0");
        let request = request.header(header, "evil.example");
        let (_, mail) = site.mail(|| site.send(&request));
        let link = format!("{PAGES}/confirm#{}", mail.token);
        assert!(mail.text.contains(&link), "{}", mail.text);
        texts.push(mail.text.replace(&mail.token, "TOKEN"));
        if texts.len() == 4 {
            scanned(&site, "/confirm");
            let post = |body: &Value| site.post("registration/verification", body);
            for _ in 0..20 {
                refused(&post(&json!({"oneTimeToken": mail.token})), 400);
            }
            let other = "00000000-0000-4000-8000-000000000000";
            let body = json!({"oneTimeToken": mail.token, "processingId": other});
            refused(&post(&body), 404);
            let body = json!({"oneTimeToken": mail.token, "processingId": id});
            done(&post(&body));
            refused(&post(&body), 404);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

fn change_email(site: &Site, to: &str) -> Mail {
    let (_, old) = site.mail(|| {
        site.post_as(
            "alice",
            "token/userKeys/changing?keyType=EMAIL",
            &Value::Null,
        )
    });
    let new = json!({"oneTimeToken": old.token, "newUserKey": to});
    let (_, new) = site.mail(|| site.post_as("alice", "token/userKeys/changing/newKey", &new));
    let body = json!({"oneTimeToken": new.token});
    let (_, link) = site.mail(|| site.post_as("alice", "userKeys/changing", &body));
    link
}

fn put_back(site: &Site, token: &str) -> Response {
    site.post("userKeys/puttingBack", &json!({"oneTimeToken": token}))
}

/// Whoever had a key before it was changed puts it back by the link that went there, once, and within its time.
#[test]
fn changed_key_is_put_back_by_who_had_it() {
    let mut site = site();
    let link = change_email(&site, "thief@example.org");
    assert_eq!(link.to, "alice@example.org");
    let page = format!("{PAGES}/putBack#{}", link.token);
    assert!(link.text.contains(&page), "{}", link.text);
    assert_eq!(site.details("alice-bearer")["email"], "thief@example.org");
    scanned(&site, "/putBack");
    refused(&put_back(&site, "no token"), 422);
    site.again();
    // Who took the account over changes it once more, and gets a link for that.
    let thief = change_email(&site, "another@example.org");
    assert_eq!(thief.to, "thief@example.org");
    done(&put_back(&site, &link.token));
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.org");
    refused(&put_back(&site, &link.token), 422);
    refused(&put_back(&site, &thief.token), 409);

    let late = change_email(&site, "thief@example.org");
    site.server.ahead(48 * 3_600 + 1);
    refused(&put_back(&site, &late.token), 422);
}

/// Without the settings there are neither pages nor links.
#[test]
fn links_are_off_by_default() {
    let site = Site::start();
    for path in ["/confirm", "/putBack", "/pages.js"] {
        refused(&site.send(&Request::new("GET", path)), 404);
    }
    refused(&put_back(&site, "no token"), 404);
}

/// For 24 hours after a change, and 48 after a recovery, nothing that signs in changes, where the settings say so.
#[test]
fn holds_stop_changes_until_they_are_over() {
    let settings = json!({"holdHoursAfterChange": 24, "holdHoursAfterRecovery": 48});
    let site = Site::of(&[user("alice", 1), user("bob", 2)], &settings);
    let ask = || site.post_as("alice", "token/password/changing", &Value::Null);
    let (_, mail) = site.mail(ask);
    let body = json!({"oneTimeToken": mail.token, "newPassword": "a password more"});
    done(&site.post_as("alice", "password/changing", &body));
    refused(&ask(), 409);
    site.server.ahead(24 * 3_600 - 60);
    refused(&ask(), 409);
    site.server.ahead(24 * 3_600 + 1);
    let id = site.process(
        "password/recovery",
        &json!({"userKey": "alice@example.org"}),
    );
    let wanted = json!({"processingId": id, "destination": EMAIL});
    let (_, mail) = site.mail(|| site.post("token/password/recovery", &wanted));
    let body =
        json!({"processingId": id, "oneTimeToken": mail.token, "newPassword": "yet another one"});
    done(&site.post("password/recovery/verification", &body));
    site.server.ahead(72 * 3_600 - 60);
    refused(&ask(), 409);
    site.server.ahead(72 * 3_600 + 60);
    assert_eq!(ask().status, 200);
}
