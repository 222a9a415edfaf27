//! Accounts: registered, set up, changed, wiped, deleted.

use contract_server::testing::{Request, Response};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Site, account, done, other_case, refused, text};

const NULL: &Value = &Value::Null;

fn register(site: &Site, name: &str, email: &str) -> Response {
    site.post("/accounts", &json!({"username": name, "alt_email": email}))
}

/// The code of the last invitation.
fn invitation(site: &Site, to: &str) -> String {
    let sent = site.server.outbox();
    let mail = sent.last().unwrap();
    assert_eq!(
        (&mail["channel"], &mail["to"], &mail["purpose"]),
        (&json!("email"), &json!(to), &json!("verify"))
    );
    let code = text(&mail["token"]);
    assert!(text(&mail["text"]).contains(&code));
    code
}

/// Somebody registers, follows the invitation, chooses a password, and signs in.
#[test]
fn account_is_made_in_three_steps() {
    let mut site = Site::start();
    let response = register(&site, "Ann.Other!", "ann@example.org");
    let json = response.json();
    assert_eq!(response.status, 201, "{json}");
    assert_eq!(
        json["message"],
        "Your account has been added to the beta queue"
    );
    let account = &json["account"];
    assert_eq!(
        (&account["name"], &account["styled_name"]),
        (&json!("annother"), &json!("ann.other"))
    );
    assert_eq!(
        (&account["status"], &account["alt_email"]),
        (&json!("registered"), &json!("ann@example.org"))
    );
    let code = invitation(&site, "ann@example.org");
    // An acknowledged invitation stands.
    site.again();
    refused(
        &site.try_sign_in("annother", "", ""),
        403,
        "Wrong username or password",
    );
    // It is no bearer token.
    refused(
        &site.get(&code, "/accounts/me"),
        401,
        "Invalid authorization token",
    );
    let verify = json!({"username": "ann.other", "invite_code": code});
    for _ in 0..2 {
        done(&site.post("/accounts", &verify), "Valid token was provided");
    }
    let with =
        |password: &str| json!({"username": "annother", "invite_code": code, "password": password});
    for weak in [
        "password",
        "5E884898DA28047151D0E56F8DC6292773603D0D6AABBDD62A11EF721D1542D8",
    ] {
        refused(&site.post("/accounts", &with(weak)), 403, "Weak password");
    }
    let response = site.post("/accounts", &with(PASSWORD));
    assert_eq!(
        (response.status, &response.json()["message"]),
        (
            200,
            &json!("Your account has been initialized successfully")
        )
    );
    assert_eq!(response.json()["account"]["status"], "setup");
    refused(
        &site.post("/accounts", &with(PASSWORD)),
        403,
        "This account was already configured",
    );
    refused(
        &site.post("/accounts", &verify),
        403,
        "This account was already configured",
    );
    site.sign_in("annother");
}

/// What is wrong with a registration or an invitation is told.
#[test]
fn registration_errors_are_told_apart() {
    let site = Site::start();
    let long = "a".repeat(33);
    let length = "Invalid username - it has to be at least 3 and at max 32 characters long";
    for name in ["ab", "a.b", "...", "a!", &long, "\u{e9}\u{e9}\u{e9}\u{e9}"] {
        refused(&register(&site, name, "x@example.org"), 400, length);
    }
    refused(
        &register(&site, "john.doe", "x@example.org"),
        409,
        "Username already used",
    );
    assert_eq!(register(&site, "ann", "ann@example.org").status, 201);
    let anns = invitation(&site, "ann@example.org");
    refused(
        &register(&site, "a.n.n", "x@example.org"),
        409,
        "Username already used",
    );
    refused(
        &register(&site, "bob", "ann@example.org"),
        409,
        "Email already used",
    );
    // A refused registration leaves the name free.
    assert_eq!(register(&site, "bob", "bob@example.org").status, 201);
    let invalid = "Invalid invitation code";
    let verify = |name: &str, code: &str| {
        site.post("/accounts", &json!({"username": name, "invite_code": code}))
    };
    refused(&verify("nobody", &anns), 400, "Invalid username");
    for code in ["x", "AAAAAAAAAAAAAAAAAAAA", &other_case(&anns)] {
        refused(&verify("ann", code), 400, invalid);
    }
    refused(&verify("bob", &anns), 400, invalid);
    refused(&verify("johndoe", &anns), 400, invalid);
    for body in [
        json!({}),
        json!({"username": "x"}),
        json!({"alt_email": "x@example.org"}),
        json!({"username": "xyz", "password": "x"}),
        json!({"username": "xyz", "alt_email": "x@example.org", "invite_code": "x"}),
        json!({"username": "xyz", "alt_email": "no address"}),
    ] {
        refused(&site.post("/accounts", &body), 400, "Invalid request");
    }
    let bad = Request::new("POST", "/accounts").header("content-type", "application/json");
    refused(&site.send(&bad.body("{")), 400, "Invalid input format");
    site.server.ahead(240 * 3_600 - 10);
    done(&verify("ann", &anns), "Valid token was provided");
    site.server.ahead(240 * 3_600 + 1);
    refused(&verify("ann", &anns), 400, "Expired invitation code");
}

/// Of many who register one name at once one gets it, and of many who set it up one does.
#[test]
fn registrations_at_once_have_one_winner() {
    let site = Site::start();
    let at_once = |ask: &(dyn Fn(usize) -> u16 + Sync)| -> Vec<u16> {
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|at| scope.spawn(move || ask(at))).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let statuses = at_once(&|at| register(&site, "ann", &format!("ann{at}@example.org")).status);
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(register(&site, "bob", "bob@example.org").status, 201);
    let code = invitation(&site, "bob@example.org");
    let body = json!({"username": "bob", "invite_code": code, "password": PASSWORD});
    let statuses = at_once(&|_| site.post("/accounts", &body).status);
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [200, 403].contains(status)),
        "{statuses:?}"
    );
    site.sign_in("bob");
}

/// What an owner sees of their account: these fields, and never a password or a factor. Another id is not implemented.
#[test]
fn account_shows_no_secret() {
    let site = Site::of(&[
        crate::support::with_factor("johndoe", "yubicloud", &["cccccccccccc"]),
        account("jane"),
    ]);
    let token = site.sign_in("jane");
    refused(
        &site.get(&token, "/accounts"),
        501,
        "Sorry, not implemented yet",
    );
    let me = site.get(&token, "/accounts/me").json();
    let mut names: Vec<_> = me["user"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    let expected = [
        "alt_email",
        "date_created",
        "date_modified",
        "id",
        "name",
        "owner",
        "public_key",
        "settings",
        "status",
        "styled_name",
        "type",
    ];
    assert_eq!(names, expected);
    let only_me = r#"Only the "me" user is implemented"#;
    for (method, path) in [
        ("GET", "/accounts/other"),
        ("PUT", "/accounts/johndoe"),
        ("DELETE", "/accounts/other"),
        ("POST", "/accounts/other/wipe-data"),
    ] {
        let body = if method == "PUT" {
            json!({})
        } else {
            Value::Null
        };
        refused(&site.call(&token, method, path, &body), 501, only_me);
    }
}

/// A changed password is the only one that signs in; the tokens of before live on, as upstream.
#[test]
fn password_changes_with_the_present_one() {
    let site = Site::start();
    let token = site.sign_in("johndoe");
    let put = |body: &Value| site.call(&token, "PUT", "/accounts/me", body);
    let new = "another one of theirs";
    refused(
        &put(&json!({"new_password": new})),
        403,
        "Invalid current password",
    );
    refused(
        &put(&json!({"new_password": new, "current_password": "no"})),
        403,
        "Invalid current password",
    );
    for weak in ["123456", "dragon"] {
        refused(
            &put(&json!({"new_password": weak, "current_password": PASSWORD})),
            400,
            "Weak new password",
        );
    }
    refused(
        &put(&json!({"new_password": 7})),
        409,
        "Invalid input format",
    );
    site.sign_in("johndoe");
    let response = put(&json!({"new_password": new, "current_password": PASSWORD}));
    assert_eq!(
        (response.status, &response.json()["message"]),
        (200, &json!("Your account has been successfully updated"))
    );
    refused(
        &site.try_sign_in("johndoe", PASSWORD, ""),
        403,
        "Wrong username or password",
    );
    assert_eq!(site.try_sign_in("johndoe", new, "").status, 201);
    assert_eq!(site.get(&token, "/tokens").status, 200);
}

/// Of racing changes of a password that prove the same one, one counts: the others come after it.
#[test]
fn racing_password_changes_have_one_winner() {
    let site = Site::start();
    let token = site.sign_in("johndoe");
    let new = ["another one of theirs", "one of somebody else"];
    let change = &|new: &str| {
        let body = json!({"new_password": new, "current_password": PASSWORD});
        site.call(&token, "PUT", "/accounts/me", &body)
    };
    let answers = std::thread::scope(|scope| {
        let asked = new.map(|new| scope.spawn(move || change(new)));
        asked.map(|one| one.join().unwrap())
    });
    let winner = answers.iter().position(|answer| answer.status == 200);
    let winner = winner.unwrap();
    refused(&answers[1 - winner], 403, "Invalid current password");
    assert_eq!(site.try_sign_in("johndoe", new[winner], "").status, 201);
}

/// Settings, key and address are kept as they were sent; an address of somebody else is not.
#[test]
fn profile_is_kept() {
    let site = Site::start();
    let token = site.sign_in("johndoe");
    let put = |token: &str, body: &Value| site.call(token, "PUT", "/accounts/me", body);
    let settings = json!({"first": {"second": [1, null, "\u{1f600}"]}});
    let body =
        json!({"settings": settings, "public_key": "abcdef", "alt_email": "john@example.org"});
    let account = put(&token, &body).json();
    assert_eq!(account["account"]["settings"], settings);
    let me = site.get(&token, "/accounts/me").json();
    assert_eq!(me["user"], account["account"]);
    assert_eq!(
        (&me["user"]["public_key"], &me["user"]["alt_email"]),
        (&json!("abcdef"), &json!("john@example.org"))
    );
    let jane = site.sign_in("jane");
    refused(
        &put(&jane, &json!({"alt_email": "john@example.org"})),
        409,
        "Email already used",
    );
    assert_eq!(
        put(&token, &json!({"alt_email": "doe@example.org"})).status,
        200
    );
    assert_eq!(
        put(&jane, &json!({"alt_email": "john@example.org"})).status,
        200
    );
}

/// Wiping and deleting end every token of the owner, and of nobody else; a deleted account is gone.
#[test]
fn wiped_and_deleted_accounts_lose_all_tokens() {
    let site = Site::start();
    let jane = site.sign_in("jane");
    let tokens = [site.sign_in("johndoe"), site.sign_in("johndoe")];
    let wiped = site.call(&tokens[0], "POST", "/accounts/me/wipe-data", NULL);
    done(&wiped, "Your account has been successfully wiped");
    for token in &tokens {
        refused(
            &site.get(token, "/tokens"),
            401,
            "Invalid authorization token",
        );
    }
    let tokens = [site.sign_in("johndoe"), site.sign_in("johndoe")];
    let deleted = site.call(&tokens[0], "DELETE", "/accounts/me", NULL);
    done(&deleted, "Your account has been successfully deleted");
    for token in &tokens {
        refused(
            &site.get(token, "/tokens"),
            401,
            "Invalid authorization token",
        );
    }
    refused(
        &site.try_sign_in("johndoe", PASSWORD, ""),
        403,
        "Wrong username or password",
    );
    assert_eq!(site.get(&jane, "/tokens").status, 200);
    assert_eq!(register(&site, "johndoe", "new@example.org").status, 201);
}
