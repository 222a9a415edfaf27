//! Rows 004-15 to 004-17: how long, how often, and how many wrong ones; and what a crash leaves.

use core::time::Duration;
use std::thread::sleep;

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{EMAIL, PASSWORD, Site, done, refused, user, with, wrong};

const NULL: &Value = &Value::Null;

fn changed(token: &str) -> Value {
    json!({"oneTimeToken": token, "newPassword": "anew and longer"})
}

/// 004-15: a token is good just before its half hour is over, and not after; a process for a day.
#[test]
fn token_expires_at_thirty_minutes() {
    let site = Site::start();
    let ask = |name: &str| {
        site.mail(|| site.post_as(name, "token/password/changing", NULL))
            .1
            .token
    };
    let (early, late) = (ask("alice"), ask("bob"));
    let started = json!({"userKey": "alice@example.org"});
    let id = site.process("password/recovery", &started);
    site.server.ahead(1_780);
    done(&site.post_as("alice", "password/changing", &changed(&early)));
    site.server.ahead(1_801);
    refused(
        &site.post_as("bob", "password/changing", &changed(&late)),
        422,
    );
    site.server.ahead(86_300);
    let wanted = json!({"processingId": id, "destination": EMAIL});
    assert_eq!(site.post("token/password/recovery", &wanted).status, 200);
    site.server.ahead(86_410);
    refused(&site.post("token/password/recovery", &wanted), 404);
}

/// The lifetime of the settings is that of the token, and what `expiration` says.
#[test]
fn expiration_follows_the_setting() {
    let site = Site::of(&[user("alice", 1)], &json!({"tokenLifetimeMinutes": 5}));
    let (response, mail) = site.mail(|| site.post_as("alice", "token/password/changing", NULL));
    assert_eq!(response.json()["expiration"], "5min.");
    site.server.ahead(301);
    refused(
        &site.post_as("alice", "password/changing", &changed(&mail.token)),
        422,
    );
}

/// 004-16: a token works once, a newer one replaces it, and it is no good for another operation, which changes nothing.
#[test]
fn token_is_good_once_and_for_its_operation() {
    let site = Site::start();
    let ask = || {
        site.mail(|| site.post_as("alice", "token/password/changing", NULL))
            .1
            .token
    };
    let (older, newer) = (ask(), ask());
    refused(
        &site.post_as("alice", "password/changing", &changed(&older)),
        422,
    );
    for path in [
        "userKeys/removing",
        "userKeys/changing",
        "userKeys/adding/email",
        "mfa/disabling",
    ] {
        refused(
            &site.post_as("alice", path, &json!({"oneTimeToken": newer})),
            422,
        );
    }
    done(&site.post_as("alice", "password/changing", &changed(&newer)));
    refused(
        &site.post_as("alice", "password/changing", &changed(&newer)),
        422,
    );
}

/// 004-17: the fifth wrong token ends a process, and of a signed-in user the token; newer ones give no new tries.
#[test]
fn fifth_wrong_token_is_the_last() {
    let site = Site::start();
    let ask = || {
        site.mail(|| site.post_as("alice", "token/password/changing", NULL))
            .1
            .token
    };
    let mut token = ask();
    for tried in 1..=4 {
        refused(
            &site.post_as("alice", "password/changing", &changed(&wrong(&token))),
            422,
        );
        if tried == 3 {
            token = ask();
        }
    }
    refused(
        &site.post_as("alice", "password/changing", &changed(&wrong(&token))),
        429,
    );
    refused(
        &site.post_as("alice", "password/changing", &changed(&token)),
        422,
    );
    done(&site.post_as("alice", "password/changing", &changed(&ask())));

    let id = site.process("password/recovery", &json!({"userKey": "bob@example.org"}));
    let wanted = json!({"processingId": id, "destination": EMAIL});
    let (_, mail) = site.mail(|| site.post("token/password/recovery", &wanted));
    let body =
        |token: &str| json!({"processingId": id, "oneTimeToken": token, "newPassword": PASSWORD});
    for _ in 0..4 {
        refused(
            &site.post("password/recovery/verification", &body(&wrong(&mail.token))),
            422,
        );
    }
    refused(
        &site.post("password/recovery/verification", &body(&wrong(&mail.token))),
        429,
    );
    refused(
        &site.post("password/recovery/verification", &body(&mail.token)),
        404,
    );
    refused(&site.post("token/password/recovery", &wanted), 404);
}

/// The fifth wrong password of an address closes it for a quarter of an hour, somebody's or nobody's.
#[test]
fn fifth_wrong_password_waits_fifteen_minutes() {
    let site = Site::start();
    for key in ["alice@example.org", "nobody@example.org"] {
        let try_with =
            |password: &str| site.post("login", &json!({"userKey": key, "password": password}));
        for _ in 0..4 {
            refused(&try_with("not theirs"), 401);
        }
        let last = try_with("not theirs");
        refused(&last, 429);
        let wait: u64 = last.header("retry-after").unwrap().parse().unwrap();
        assert!((890..=901).contains(&wait), "{wait}");
        refused(&try_with(PASSWORD), 429);
    }
    site.server.ahead(905);
    let right = site.post(
        "login",
        &json!({"userKey": "alice@example.org", "password": PASSWORD}),
    );
    assert_eq!(right.status, 200);
}

/// Headers that name another address give no new passwords to try.
#[test]
fn headers_do_not_move_a_visitor() {
    let site = Site::start();
    let body = json!({"userKey": "alice@example.org", "password": "not theirs"});
    for at in 1..=5 {
        let address = format!("198.51.100.{at}");
        let request = Request::new("POST", "/api/v1/login")
            .header("x-real-ip", &address)
            .header("x-forwarded-for", &address)
            .header("forwarded", &format!("for={address}"));
        refused(
            &site.send(&request.json(&body)),
            if at < 5 { 401 } else { 429 },
        );
    }
}

/// A change of key, password or MFA ends what was asked for before it.
#[test]
fn change_ends_what_was_asked_before() {
    let mfa = with("alice", 1, &json!({"mfa": {"email": true, "phone": false}}));
    let site = Site::of(&[mfa, user("bob", 2)], &json!({}));
    let (_, mfa) = site.mail(|| {
        site.post_as(
            "alice",
            "token/mfa/disabling",
            &json!({"destination": EMAIL}),
        )
    });
    let id = site.process(
        "password/recovery",
        &json!({"userKey": "alice@example.org"}),
    );
    let wanted = json!({"processingId": id, "destination": EMAIL});
    let (_, recovery) = site.mail(|| site.post("token/password/recovery", &wanted));
    let (_, password) = site.mail(|| site.post_as("alice", "token/password/changing", NULL));
    done(&site.post_as("alice", "password/changing", &changed(&password.token)));
    refused(
        &site.post_as(
            "alice",
            "mfa/disabling",
            &json!({"oneTimeToken": mfa.token}),
        ),
        422,
    );
    let body = json!({"processingId": id, "oneTimeToken": recovery.token, "newPassword": PASSWORD});
    refused(&site.post("password/recovery/verification", &body), 422);
}

/// What was acknowledged stands after SIGKILL: a token that was sent, one that was spent, and the change.
#[test]
fn killed_server_goes_on_where_it_ended() {
    let mut site = Site::start();
    let (_, mail) = site.mail(|| site.post_as("alice", "token/password/changing", NULL));
    // Killed before its entry is out of the queue, it would send a newer token, and this one would be void.
    sleep(Duration::from_secs(1));
    site.again();
    done(&site.post_as("alice", "password/changing", &changed(&mail.token)));
    site.again();
    refused(
        &site.post_as("alice", "password/changing", &changed(&mail.token)),
        422,
    );
    let new = json!({"userKey": "alice@example.org", "password": "anew and longer"});
    assert_eq!(site.post("login", &new).status, 200);
    let (status, took) = site.server.terminate();
    assert!(
        status.success() && took < Duration::from_millis(2_500),
        "{status:?} {took:?}"
    );
}
