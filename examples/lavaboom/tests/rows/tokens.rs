//! Rows 001-6 to 001-10: tokens, and who is signed in.

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{Site, account, done, other_case, refused, text};

const NULL: &Value = &Value::Null;

/// 001-6: a token has the present shape, and the document's times.
#[test]
fn token_has_both_shapes() {
    let site = Site::start();
    let created = site
        .try_sign_in("johndoe", crate::support::PASSWORD, "")
        .json();
    let token = text(&created["token"]["id"]);
    let response = site.get(&token, "/tokens");
    assert_eq!(response.status, 200);
    let json = response.json();
    assert_eq!(json["success"], true);
    assert_eq!(json["token"], created["token"]);
    assert_eq!(json["created"], created["token"]["date_created"]);
    assert_eq!(json["expires"], created["token"]["expiry_date"]);
}

/// 001-7: one's own token is there by its id and can be deleted by it; an unknown one and somebody else's are unknown.
#[test]
fn tokens_by_id_are_ones_own() {
    let site = Site::start();
    let (john, other, jane) = (
        site.sign_in("johndoe"),
        site.sign_in("johndoe"),
        site.sign_in("jane"),
    );
    let shown = site.get(&john, &format!("/tokens/{other}"));
    assert_eq!(
        (shown.status, &shown.json()["token"]["id"]),
        (200, &json!(other))
    );
    let own = site.get(&john, &format!("/tokens/{john}"));
    assert_eq!(own.json(), site.get(&john, "/tokens").json());
    for unknown in [jane.as_str(), "x", "AAAAAAAAAAAAAAAAAAAA", "%00", "a%20b"] {
        let path = format!("/tokens/{unknown}");
        refused(&site.get(&john, &path), 404, "Invalid token ID");
        refused(
            &site.call(&john, "DELETE", &path, NULL),
            404,
            "Invalid token ID",
        );
    }
    done(
        &site.call(&john, "DELETE", &format!("/tokens/{other}"), NULL),
        "Successfully logged out",
    );
    refused(
        &site.call(&john, "DELETE", &format!("/tokens/{other}"), NULL),
        404,
        "Invalid token ID",
    );
    refused(
        &site.get(&other, "/tokens"),
        401,
        "Invalid authorization token",
    );
    assert_eq!(site.get(&jane, "/tokens").status, 200);
    assert_eq!(site.get(&john, "/tokens").status, 200);
}

/// 001-8: after it was deleted, a token is unknown; the others of its owner live on.
#[test]
fn deleted_token_is_unknown() {
    let site = Site::start();
    let (token, other) = (site.sign_in("johndoe"), site.sign_in("johndoe"));
    done(
        &site.call(&token, "DELETE", "/tokens", NULL),
        "Successfully logged out",
    );
    refused(
        &site.get(&token, "/tokens"),
        401,
        "Invalid authorization token",
    );
    refused(
        &site.call(&token, "DELETE", "/tokens", NULL),
        401,
        "Invalid authorization token",
    );
    assert_eq!(site.get(&other, "/tokens").status, 200);
}

/// 001-9: an expired token is told once, whatever is asked with it, and is unknown from then on, also after a restart.
#[test]
fn expired_token_is_told_once() {
    let mut site = Site::start();
    let tokens = [
        site.sign_in("johndoe"),
        site.sign_in("johndoe"),
        site.sign_in("johndoe"),
    ];
    let hours = 72 * 3_600;
    site.server.ahead(hours - 60);
    for token in &tokens {
        assert_eq!(site.get(token, "/accounts/me").status, 200);
    }
    site.server.ahead(hours + 1);
    let expired = "Authorization token has expired";
    refused(&site.get(&tokens[0], "/accounts/me"), 419, expired);
    refused(
        &site.get(&tokens[0], "/accounts/me"),
        401,
        "Invalid authorization token",
    );
    // Nobody swept the others away meanwhile.
    site.server.ahead(hours * 100);
    site.again();
    refused(
        &site.call(&tokens[1], "DELETE", "/tokens", NULL),
        419,
        expired,
    );
    site.again();
    refused(
        &site.get(&tokens[1], "/tokens"),
        401,
        "Invalid authorization token",
    );
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = || site.get(&tokens[2], "/tokens").status;
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        answers.iter().filter(|status| **status == 419).count(),
        1,
        "{answers:?}"
    );
    assert!(answers.iter().all(|status| [401, 419].contains(status)));
}

/// The lifetime is that of the settings, in the name too.
#[test]
fn lifetime_follows_the_setting() {
    let accounts = json!({"accounts": [account("johndoe")]});
    let site = Site::with(&accounts, &json!({"session_duration": 1}));
    let token = site.sign_in("johndoe");
    site.server.ahead(3_500);
    assert_eq!(site.get(&token, "/tokens").status, 200);
    site.server.ahead(3_601);
    refused(
        &site.get(&token, "/tokens"),
        419,
        "Authorization token has expired",
    );
}

/// 001-10: a header that is missing, of another form, or has an unknown token, wherever one is needed.
#[test]
fn header_errors_are_told_apart() {
    let site = Site::start();
    let token = site.sign_in("johndoe");
    let invalid = "Invalid authorization header";
    let cases = [
        (String::new(), "Missing auth token"),
        ("Bearer".into(), invalid),
        ("Bearer ".into(), invalid),
        (token.clone(), invalid),
        (format!("bearer {token}"), invalid),
        (format!("BEARER {token}"), invalid),
        (format!("Bearer  {token}"), invalid),
        (format!("Bearer {token} x"), invalid),
        (format!("Basic {token}"), invalid),
        (format!("Bearer {token}x"), "Invalid authorization token"),
        (
            format!("Bearer {}", other_case(&token)),
            "Invalid authorization token",
        ),
        (
            "Bearer AAAAAAAAAAAAAAAAAAAA".into(),
            "Invalid authorization token",
        ),
        ("Bearer \u{e9}".into(), invalid),
        (format!("Bearer {token}\u{e9}"), invalid),
        ("\u{e9}".into(), invalid),
    ];
    for (method, path) in [
        ("GET", "/tokens"),
        ("GET", "/tokens/x"),
        ("DELETE", "/tokens"),
        ("DELETE", "/tokens/x"),
        ("GET", "/accounts"),
        ("GET", "/accounts/me"),
        ("GET", "/accounts/other"),
        ("PUT", "/accounts/me"),
        ("DELETE", "/accounts/me"),
        ("POST", "/accounts/me/wipe-data"),
    ] {
        refused(
            &site.send(&Request::new(method, path)),
            401,
            "Missing auth token",
        );
        for (header, message) in &cases {
            let request = Request::new(method, path).header("authorization", header);
            refused(&site.send(&request), 401, message);
        }
        let twice = Request::new(method, path)
            .header("authorization", &format!("Bearer {token}"))
            .header("authorization", &format!("Bearer {token}"));
        refused(&site.send(&twice), 401, invalid);
    }
    assert_eq!(site.get(&token, "/tokens").status, 200);
}
