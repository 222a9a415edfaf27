//! Users, sharing and logs.

use core::sync::atomic::{AtomicBool, Ordering};

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{PASSWORD, SECRET, Site, T, invalid, refused};

const U: &str = "/api/v1/users";

fn carol() -> Value {
    json!({
        "name": "carol", "email": "carol@example.org", "password": "a long password", "password_confirmation": "a long password",
        "is_admin": false,
    })
}

/// 002-20. Administrators make, promote and remove users; one administrator stays.
#[test]
fn row_20_users_are_administered() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    refused(&bob.get(U), 403, "forbidden");
    refused(&bob.post(U, &carol()), 403, "forbidden");
    let made = alice.post(U, &carol());
    assert_eq!(
        (made.status, &made.json()["info"]["name"]),
        (201, &json!("carol"))
    );
    for (field, wrong) in [
        ("name", json!("alice")),
        ("email", json!("ALICE@example.org")),
        ("email", json!("no address")),
        ("password", json!("short")),
        ("password", json!("another password")),
        ("is_admin", json!("perhaps")),
        ("is_admin", json!(null)),
    ] {
        let mut body = carol();
        body["name"] = json!("dora");
        body["email"] = json!("dora@example.org");
        body[field] = wrong;
        invalid(&alice.post(U, &body), field);
    }
    let id = made.json()["info"]["id"].as_i64().unwrap();
    let path = format!("{U}/{id}");
    assert_eq!(alice.get(&path).json()["email"], "carol@example.org");
    let promote = |id: i64, admin: bool| {
        alice.call(
            "PATCH",
            &format!("{U}/{id}/promote"),
            &json!({"is_admin": admin}),
        )
    };
    refused(&promote(1, false), 403, "forbidden");
    assert_eq!(
        promote(1, false).json()["reason"],
        "Cannot demote the only admin account"
    );
    assert_eq!(
        alice.delete(&format!("{U}/1")).json()["reason"],
        "Cannot delete the only admin account"
    );
    assert_eq!(promote(id, true).json()["is_admin"], true);
    assert_eq!(promote(id, false).json()["is_admin"], false);
    // Who is removed has nothing left.
    let account = bob.add_totp("a");
    assert_eq!(alice.delete(&format!("{U}/2")).status, 204);
    refused(&bob.get("/api/v1/user"), 401, "Unauthenticated.");
    refused(&alice.get(&format!("{T}/{account}")), 404, "not found");
    refused(&alice.get(&format!("{U}/2")), 404, "not found");
    assert_eq!(alice.get(U).json().as_array().unwrap().len(), 2);
    assert_eq!(alice.delete(&format!("{path}/credentials")).status, 204);
}

/// 002-20. A reset ends the password, and a token of the mail sets another, once.
#[test]
fn row_20_passwords_are_reset_by_mail() {
    let site = Site::start();
    let alice = site.by("alice");
    let reset = alice.call("PATCH", &format!("{U}/2/password/reset"), &Value::Null);
    assert_eq!(reset.status, 200, "{}", reset.json());
    let mail = site.server.outbox().pop().unwrap();
    assert_eq!(
        (&mail["to"], &mail["channel"]),
        (&json!("bob@example.org"), &json!("email"))
    );
    let token = mail["token"].as_str().unwrap();
    assert!(mail["text"].as_str().unwrap().contains(token));
    let sign_in = |password: &str| {
        let body = json!({"email": "bob@example.org", "password": password});
        site.send(&Request::new("POST", "/user/login").json(&body))
            .status
    };
    assert_eq!(sign_in(PASSWORD), 401);
    let set = |token: &str| {
        let body = json!({"token": token, "password": "a new password", "password_confirmation": "a new password"});
        site.send(&Request::new("POST", "/user/password/reset").json(&body))
    };
    invalid(&set("wrong"), "token");
    assert_eq!(set(token).status, 200);
    invalid(&set(token), "token");
    assert_eq!(sign_in("a new password"), 200);
}

/// 002-20. A sixth mail within ten minutes has to wait, and leaves the password as it is.
#[test]
fn row_20_resets_are_paced() {
    let site = Site::start();
    let alice = site.by("alice");
    let reset = || alice.call("PATCH", &format!("{U}/2/password/reset"), &Value::Null);
    for _ in 0..5 {
        assert_eq!(reset().status, 200);
    }
    let late = reset();
    refused(&late, 429, "Too Many Attempts.");
    assert!(late.header("retry-after").is_some());
}

/// 002-10, 002-20. An order may name what is borrowed: it stands behind one's own.
#[test]
fn row_20_borrowed_accounts_are_ordered_last() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let lent = alice.add_totp("lent");
    let on = json!({"value": true});
    assert_eq!(
        alice
            .call("PUT", "/api/v1/settings/enableSharing", &on)
            .status,
        200
    );
    let shared = alice.post(&format!("{T}/{lent}/shares"), &json!({"user_ids": [2]}));
    assert_eq!(shared.status, 201);
    let [one, two] = ["one", "two"].map(|name| bob.add_totp(name));
    let order = bob.post(
        &format!("{T}/reorder"),
        &json!({"orderedIds": [lent, two, one]}),
    );
    assert_eq!(order.json()["orderedIds"], json!([two, one, lent]));
    let foreign = alice.post(&format!("{T}/reorder"), &json!({"orderedIds": [one]}));
    refused(&foreign, 403, "forbidden");
}

/// 002-20. Who signs in is logged, also where it failed.
#[test]
fn row_20_authentications_are_logged() {
    let site = Site::start();
    let alice = site.by("alice");
    site.sign_in("bob");
    let body = json!({"email": "bob@example.org", "password": "wrong"});
    assert_eq!(
        site.send(
            &Request::new("POST", "/user/login")
                .header("user-agent", "curl/8")
                .json(&body)
        )
        .status,
        401
    );
    let path = format!("{U}/2/authentications");
    let log = alice.get(&path).json();
    assert_eq!(
        (&log[0]["login_successful"], &log[0]["browser"]),
        (&json!(false), &json!("curl"))
    );
    assert_eq!(
        (&log[1]["login_successful"], &log[1]["ip_address"]),
        (&json!(true), &json!("127.0.0.1"))
    );
    assert_eq!(
        alice
            .get(&format!("{path}?limit=1"))
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    site.server.ahead(70 * 86_400);
    assert_eq!(alice.get(&format!("{path}?period=1")).json(), json!([]));
    site.server.ahead(0);
    let count = |query: &str| {
        let log = alice.get(&format!("{path}?{query}")).json();
        log.as_array().unwrap().len()
    };
    // Any number is one; of a fraction counts what is whole.
    for (query, lines) in [
        ("limit=0", 0),
        ("limit=-1", 0),
        ("limit=1.9", 1),
        ("limit=1e3", 2),
        ("period=0.5", 2),
        ("period=1e300", 2),
        ("period=-2", 0),
    ] {
        assert_eq!(count(query), lines, "{query}");
    }
    for wrong in ["limit=x", "limit=", "limit=nan", "limit=inf"] {
        invalid(&alice.get(&format!("{path}?{wrong}")), "limit");
    }
    refused(&site.by("bob").get(&path), 403, "forbidden");
    refused(
        &alice.get(&format!("{U}/99/authentications")),
        404,
        "not found",
    );
}

/// 002-20. Sharing is off; once it is on, who borrows an account reads its codes and never its secret.
#[test]
fn row_20_accounts_are_shared() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let id = alice.add(&json!({"otp_type": "hotp", "account": "a", "secret": SECRET}));
    let path = format!("{T}/{id}");
    let shares = format!("{path}/shares");
    for response in [
        alice.get(&shares),
        alice.post(&shares, &json!({"user_ids": [2]})),
        alice.delete(&shares),
        alice.post(&format!("{shares}/all"), &Value::Null),
        alice.delete(&format!("{shares}/2")),
        alice.get(&format!("{path}/recipients?filter[nameOrEmail]=bob")),
        alice.call(
            "PATCH",
            &format!("{path}/owner"),
            &json!({"new_owner_id": 2, "confirm_password": PASSWORD}),
        ),
    ] {
        refused(&response, 403, "Sharing feature is disabled");
    }
    let on = alice.call(
        "PUT",
        "/api/v1/settings/enableSharing",
        &json!({"value": true}),
    );
    assert_eq!(on.status, 200);
    refused(&bob.get(&path), 403, "forbidden");
    let shared = alice.post(&shares, &json!({"user_ids": [2]}));
    assert_eq!(
        (shared.status, &shared.json()["specific_users"][0]["name"]),
        (201, &json!("bob"))
    );
    assert_eq!(alice.post(&shares, &json!({"user_ids": [2]})).status, 200);
    for wrong in [json!([]), json!([99]), json!([1]), json!("2"), json!(null)] {
        invalid(
            &alice.post(&shares, &json!({"user_ids": wrong})),
            "user_ids",
        );
    }
    let borrowed = bob.get(&path).json();
    assert_eq!(
        (
            &borrowed["is_borrowed"],
            &borrowed["borrowed_by"],
            borrowed.get("secret")
        ),
        (&json!(true), &json!("alice"), None)
    );
    assert_eq!(
        bob.get(&format!("{T}?withSecret=1")).json()[0].get("secret"),
        None
    );
    assert_eq!(alice.get(&path).json()["is_shared"], true);
    assert_eq!(
        bob.get(&format!("{T}/count")).json(),
        json!({"owned": 0, "shared": 1, "total": 1})
    );
    assert_eq!(bob.get(&format!("{path}/otp")).json()["counter"], 1);
    assert_eq!(alice.get(&format!("{path}/otp")).json()["counter"], 2);
    for response in [
        bob.delete(&path),
        bob.get(&format!("{path}/qrcode")),
        bob.get(&format!("{T}/export?ids={id}")),
        bob.post(&shares, &json!({"user_ids": [1]})),
        bob.get(&format!("{path}/otp-logs")),
    ] {
        refused(&response, 403, "forbidden");
    }
    let log = alice.get(&format!("{path}/otp-logs")).json();
    assert_eq!(
        (
            &log[1]["requester_name"],
            &log[1]["owner_email"],
            &log[1]["counter"]
        ),
        (&json!("bob"), &json!("alice@example.org"), &json!(0))
    );
    let found = alice
        .get(&format!("{path}/recipients?filter[nameOrEmail]=BOB"))
        .json();
    assert_eq!(
        (&found[0]["id"], &found[0]["is_shared_with"]),
        (&json!(2), &json!(true))
    );
    invalid(
        &alice.get(&format!("{path}/recipients")),
        "filter[nameOrEmail]",
    );
    assert_eq!(alice.delete(&format!("{shares}/2")).status, 204);
    refused(&alice.delete(&format!("{shares}/2")), 404, "not found");
    refused(&bob.get(&format!("{path}/otp")), 403, "forbidden");
    let all = format!("{shares}/all");
    assert_eq!(alice.post(&all, &Value::Null).status, 201);
    assert_eq!(alice.post(&all, &Value::Null).status, 200);
    assert_eq!(bob.get(&format!("{path}/otp")).status, 200);
    assert_eq!(alice.post(&shares, &json!({"user_ids": [2]})).status, 409);
    assert_eq!(alice.delete(&format!("{shares}/2")).status, 409);
    assert_eq!(alice.delete(&shares).status, 204);
    refused(&bob.get(&path), 403, "forbidden");
}

/// 002-20. An account is given to somebody else by who says their password.
#[test]
fn row_20_accounts_change_hands() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let id = alice.add_totp("a");
    let on = alice.call(
        "PUT",
        "/api/v1/settings/enableSharing",
        &json!({"value": true}),
    );
    assert_eq!(on.status, 200);
    let path = format!("{T}/{id}/owner");
    let give = |to: Value, password: &str| {
        alice.call(
            "PATCH",
            &path,
            &json!({"new_owner_id": to, "confirm_password": password}),
        )
    };
    refused(&give(json!(2), "wrong"), 401, "unauthorized");
    invalid(&give(json!(99), PASSWORD), "new_owner_id");
    assert_eq!(give(json!(1), PASSWORD).status, 400);
    assert_eq!(
        give(json!(2), PASSWORD).json(),
        json!({"twofaccount_id": id, "owner_id": 2})
    );
    assert_eq!(bob.get(&format!("{T}/{id}")).json()["secret"], SECRET);
    refused(&alice.get(&format!("{T}/{id}")), 403, "forbidden");
}

/// 002-20. A share that races a change of owner does not outlive it: who owns the account says who reads its codes.
#[test]
fn row_20_shares_do_not_outlive_their_owner() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    alice.switch_on("enableSharing");
    let carol = alice.post(U, &carol()).json()["info"]["id"].clone();
    for _ in 0..4 {
        let id = alice.add_totp("a");
        let (shares, done) = (format!("{T}/{id}/shares"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut refused = false;
                    while !refused {
                        // One that began before the account was given may end behind it.
                        refused = done.load(Ordering::Acquire);
                        let shared = alice.post(&shares, &json!({"user_ids": [carol]}));
                        assert!(
                            [200, 201, 403].contains(&shared.status),
                            "{}",
                            shared.json()
                        );
                    }
                });
            }
            let give = json!({"new_owner_id": 2, "confirm_password": PASSWORD});
            let given = alice.call("PATCH", &format!("{T}/{id}/owner"), &give);
            done.store(true, Ordering::Release);
            assert_eq!(given.status, 200, "{}", given.json());
        });
        let seen = bob.get(&format!("{T}/{id}")).json();
        assert_eq!(seen.get("is_shared"), None, "{seen}");
        assert_eq!(bob.get(&shares).json()["specific_users"], json!([]));
    }
}
