//! Row 004-23: errors, their shape and their order.

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{EMAIL, Site, refused};

/// What needs sign-in is refused without, before its form is looked at.
#[test]
fn missing_sign_in_comes_before_the_form() {
    let site = Site::start();
    for path in [
        "token/password/changing",
        "token/userKeys/adding/email",
        "token/userKeys/adding/phoneNumber",
        "token/userKeys/changing",
        "token/userKeys/changing/newKey",
        "token/userKeys/removing",
        "token/antiPhishing/changing",
        "token/antiPhishing/adding",
        "token/mfa/disabling",
        "password/changing",
        "userKeys/adding/email",
        "userKeys/adding/phoneNumber",
        "userKeys/changing",
        "userKeys/removing",
        "antiPhishing/adding",
        "antiPhishing/changing",
        "mfa/disabling",
    ] {
        refused(&site.post(path, &json!({"x": 1})), 401);
        for bearer in ["", "Bearer", "Bearer mallory", "Basic YTpi"] {
            let request =
                Request::new("POST", &format!("/api/v1/{path}")).header("authorization", bearer);
            refused(&site.send(&request.header("content-length", "0")), 401);
        }
    }
}

/// An unknown process is 404, a malformed request 400, in every operation that has a process.
#[test]
fn unknown_process_and_bad_forms_are_told_apart() {
    let site = Site::start();
    let id = "123e4567-e89b-42d3-a456-426614174000";
    let whole = json!({
        "processingId": id, "destination": EMAIL, "oneTimeToken": "123456", "newPassword": "long enough",
    });
    for path in [
        "token/login",
        "token/password/recovery",
        "token/userKeys/recovery/verification",
        "registration/verification",
        "login/verification",
        "password/recovery/verification",
        "userKeys/recovery/verification",
        "userKeys/recovery/newKey",
    ] {
        refused(&site.post(path, &whole), 404);
        let mut bad = whole.clone();
        bad["processingId"] = json!("4711");
        refused(&site.post(path, &bad), 400);
        refused(&site.post(path, &json!([])), 400);
    }
    let mut new = whole.clone();
    new["destination"] = json!("a@example.org");
    refused(&site.post("token/userKeys/recovery/newKey", &new), 404);
    refused(
        &site.post(&format!("token/registration/{id}"), &Value::Null),
        404,
    );
    // One operation's process is no other's.
    let id = site.process(
        "password/recovery",
        &json!({"userKey": "alice@example.org"}),
    );
    refused(
        &site.post(
            "token/login",
            &json!({"processingId": id, "destination": EMAIL}),
        ),
        404,
    );
    for key in [
        "",
        "alice",
        "a@b@c",
        "a\u{0}@example.org",
        "+12",
        "a@example.org\r\nBcc: x@example.org",
    ] {
        for path in ["registration", "password/recovery"] {
            refused(&site.post(path, &json!({"userKey": key})), 400);
        }
        refused(
            &site.post(
                "userKeys/recovery",
                &json!({"userKey": key, "keyType": EMAIL}),
            ),
            400,
        );
        refused(
            &site.post("login", &json!({"userKey": key, "password": "x"})),
            400,
        );
    }
}

/// What the framework refuses has the contract's shape.
#[test]
fn framework_answers_in_the_contracts_shape() {
    let site = Site::start();
    let post = |body: &[u8]| {
        Request::new("POST", "/api/v1/registration")
            .header("content-type", "application/json")
            .body(body)
    };
    refused(&site.send(&Request::new("GET", "/")), 404);
    refused(
        &site.send(&Request::new("POST", "/api/v1/token/unheard").body("")),
        404,
    );
    let wrong_method = site.send(&Request::new("GET", "/api/v1/registration"));
    refused(&wrong_method, 405);
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    for method in ["DELETE", "PUT", "PATCH"] {
        refused(
            &site.send(&Request::new(method, "/api/v1/token/login")),
            405,
        );
        refused(
            &site.send(&Request::new(method, "/api/v1/token/registration/x")),
            405,
        );
    }
    refused(
        &site.send(&Request::new("BREW", "/api/v1/token/login")),
        405,
    );
    refused(&site.send(&post(b"{")), 400);
    refused(&site.send(&post(b"")), 400);
    refused(&site.send(&post(b"\xff\xfe")), 400);
    refused(
        &site.send(&post(
            b"{\"userKey\":\"a@example.org\",\"userKey\":\"b@example.org\"}",
        )),
        400,
    );
    refused(&site.send(&post("[".repeat(100_000).as_bytes())), 400);
    refused(
        &site.send(&post(
            format!("{{\"userKey\":\"{}\"}}", "a".repeat(300_000)).as_bytes(),
        )),
        413,
    );
    let text = Request::new("POST", "/api/v1/registration").header("content-type", "text/plain");
    refused(&site.send(&text.body("{}")), 415);
    for bad in ["%zz", "%ff", "%00", "..%2f"] {
        let response = site.send(&Request::new("GET", &format!("/{bad}")));
        assert!((400..500).contains(&response.status), "{bad}: {response:?}");
        refused(&response, response.status);
    }
    let long = site.send(&Request::new("GET", &format!("/{}", "a".repeat(100_000))));
    assert!((400..500).contains(&long.status), "{}", long.status);
    refused(&long, long.status);
    let garbage = site.bytes(b"no HTTP\r\n\r\n");
    refused(&garbage, 400);
}
