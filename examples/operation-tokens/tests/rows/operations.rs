//! Rows 004-1 to 004-14, 004-18, 004-19 and 004-22: each operation from its token to its effect.

use serde_json::{Value, json};

use crate::support::{EMAIL, PASSWORD, PHONE, Site, done, refused, user, with, wrong};

const NULL: &Value = &Value::Null;

/// 004-1: a registration's token goes to the key that registers; then there is an account.
#[test]
fn registration_makes_an_account_of_its_key() {
    let site = Site::start();
    for (key, kind) in [
        ("carol@example.org", "email"),
        ("+4915199999999", "phoneNumber"),
    ] {
        let id = site.process(
            "registration",
            &json!({"userKey": key, "referralCode": "x"}),
        );
        let path = format!("token/registration/{id}");
        let (response, mail) = site.mail(|| site.post(&path, NULL));
        assert_eq!(
            response.json(),
            json!({"destination": key, "expiration": "30min."})
        );
        assert_eq!(mail.to, key);
        // The sister page's spelling.
        let alias = format!("token/registration/verification/{id}");
        let (_, newer) = site.mail(|| site.post(&alias, NULL));
        let body =
            |token: &str| json!({"processingId": id, "oneTimeToken": token, "isMfaEnabled": true});
        refused(
            &site.post("registration/verification", &body(&mail.token)),
            422,
        );
        done(&site.post("registration/verification", &body(&newer.token)));
        refused(
            &site.post("registration/verification", &body(&newer.token)),
            404,
        );
        refused(&site.post(&path, NULL), 404);

        let id = site.process("password/recovery", &json!({"userKey": key}));
        let destination = if kind == "email" { EMAIL } else { PHONE };
        let wanted = json!({"processingId": id, "destination": destination});
        let (_, mail) = site.mail(|| site.post("token/password/recovery", &wanted));
        let body = json!({"processingId": id, "oneTimeToken": mail.token, "newPassword": PASSWORD});
        done(&site.post("password/recovery/verification", &body));
        let id = site.process("login", &json!({"userKey": key, "password": PASSWORD}));
        let wanted = json!({"processingId": id, "destination": destination});
        let (_, mail) = site.mail(|| site.post("token/login", &wanted));
        let body = json!({"processingId": id, "oneTimeToken": mail.token});
        let signed_in = site.post("login/verification", &body).json();
        let details = site.details(signed_in["authorization"].as_str().unwrap());
        assert_eq!(details[kind], key);
        assert_eq!(details["mfa"][destination], true);
    }
}

/// 004-1: a key that somebody has registers alike, and the completion is refused.
#[test]
fn registration_of_a_taken_key_is_told_at_the_end() {
    let site = Site::start();
    let id = site.process("registration", &json!({"userKey": "alice@example.org"}));
    let (_, mail) = site.mail(|| site.post(&format!("token/registration/{id}"), NULL));
    let body = json!({"processingId": id, "oneTimeToken": mail.token});
    refused(&site.post("registration/verification", &body), 409);
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.org");
}

/// 004-2: sign-in with MFA takes a token over a key whose MFA is on; without MFA the password is enough.
#[test]
fn sign_in_takes_a_token_where_mfa_is_on() {
    let mfa = with("alice", 1, &json!({"mfa": {"email": true, "phone": false}}));
    let site = Site::of(&[mfa, user("bob", 2)], &json!({}));
    let plain = site
        .post(
            "login",
            &json!({"userKey": "+491510000002", "password": PASSWORD}),
        )
        .json();
    assert_eq!(
        site.details(plain["authorization"].as_str().unwrap())["email"],
        "bob@example.org"
    );

    let id = site.process(
        "login",
        &json!({"userKey": "+491510000001", "password": PASSWORD}),
    );
    let wanted = |kind| json!({"processingId": id, "destination": kind});
    refused(&site.post("token/login", &wanted(PHONE)), 409);
    refused(&site.post("token/login", &wanted("email")), 400);
    let (response, mail) = site.mail(|| site.post("token/login", &wanted(EMAIL)));
    assert_eq!(
        response.json(),
        json!({"destination": "alice@example.org", "expiration": "30min."})
    );
    assert_eq!(mail.to, "alice@example.org");
    let body = |token: &str| json!({"processingId": id, "oneTimeToken": token});
    refused(
        &site.post("login/verification", &body(&wrong(&mail.token))),
        422,
    );
    let signed_in = site.post("login/verification", &body(&mail.token)).json();
    let bearer = signed_in["authorization"].as_str().unwrap();
    assert_eq!(site.details(bearer)["email"], "alice@example.org");
    refused(&site.post("login/verification", &body(&mail.token)), 404);
    refused(&site.post("token/login", &wanted(EMAIL)), 404);
}

/// 004-3: a forgotten password is set anew over either key; the second step is asked for as before.
#[test]
fn recovery_sets_a_password_and_keeps_mfa() {
    let mfa = with("alice", 1, &json!({"mfa": {"email": true, "phone": true}}));
    let site = Site::of(&[mfa, user("bob", 2)], &json!({}));
    for (kind, to, shown) in [
        (EMAIL, "alice@example.org", "alice@example.org"),
        (PHONE, "+491510000001", "+*********"),
    ] {
        let id = site.process(
            "password/recovery",
            &json!({"userKey": "alice@example.org"}),
        );
        let wanted = json!({"processingId": id, "destination": kind});
        let (response, mail) = site.mail(|| site.post("token/password/recovery", &wanted));
        assert_eq!(
            response.json(),
            json!({"destination": shown, "expiration": "30min."})
        );
        assert_eq!(mail.to, to);
        let body = |password: &str| json!({"processingId": id, "oneTimeToken": mail.token, "newPassword": password});
        refused(
            &site.post("password/recovery/verification", &body("short")),
            400,
        );
        let password = format!("anew over {kind}");
        done(&site.post("password/recovery/verification", &body(&password)));
        refused(
            &site.post("password/recovery/verification", &body(&password)),
            404,
        );
        refused(
            &site.post(
                "login",
                &json!({"userKey": "alice@example.org", "password": PASSWORD}),
            ),
            401,
        );
        site.process(
            "login",
            &json!({"userKey": "alice@example.org", "password": password}),
        );
    }
}

/// 004-6: the token goes to the e-mail address, or to the phone where there is none.
#[test]
fn password_changing_prefers_the_mailbox() {
    let users = [user("alice", 1), with("bob", 2, &json!({"email": null}))];
    let site = Site::of(&users, &json!({}));
    for (name, to) in [("alice", "alice@example.org"), ("bob", "+491510000002")] {
        let (response, mail) = site.mail(|| site.post_as(name, "token/password/changing", NULL));
        assert_eq!(
            response.json(),
            json!({"destination": to, "expiration": "30min."})
        );
        assert_eq!(mail.to, to);
        let body = json!({"oneTimeToken": mail.token, "newPassword": "anew and longer"});
        done(&site.post_as(name, "password/changing", &body));
        refused(
            &site.post("login", &json!({"userKey": to, "password": PASSWORD})),
            401,
        );
        let new = json!({"userKey": to, "password": "anew and longer"});
        assert_eq!(site.post("login", &new).status, 200);
    }
}

/// 004-7, 004-8: a key is added once its own token was read; a second of a kind is refused, another's at the end.
#[test]
fn adding_puts_a_key_that_was_read() {
    let users = [
        with("alice", 1, &json!({"email": null})),
        with("bob", 2, &json!({"phone": null})),
    ];
    let site = Site::of(&users, &json!({}));
    let path = "token/userKeys/adding/email?newEmail=alice%40example.net";
    let (response, mail) = site.mail(|| site.post_as("alice", path, NULL));
    assert_eq!(response.json(), json!({"expiration": "30min."}));
    assert_eq!(mail.to, "alice@example.net");
    let body = json!({"oneTimeToken": mail.token});
    refused(
        &site.post_as("alice", "userKeys/adding/phoneNumber", &body),
        422,
    );
    refused(&site.post_as("bob", "userKeys/adding/email", &body), 422);
    done(&site.post_as("alice", "userKeys/adding/email", &body));
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.net");
    refused(&site.post_as("alice", path, NULL), 409);

    // The plus arrives unescaped, as a blank.
    let path = "token/userKeys/adding/phoneNumber?newPhoneNumber=+4915177777777";
    let (_, mail) = site.mail(|| site.post_as("bob", path, NULL));
    assert_eq!(mail.to, "+4915177777777");
    done(&site.post_as(
        "bob",
        "userKeys/adding/phoneNumber",
        &json!({"oneTimeToken": mail.token}),
    ));
    assert_eq!(site.details("bob-bearer")["phoneNumber"], "+4915177777777");
    for bad in [
        "",
        "?newPhoneNumber=123",
        "?newPhoneNumber=%2B1&newPhoneNumber=%2B2",
        "?newPhoneNumber=%zz",
        "?newPhoneNumber=a%40example.org",
    ] {
        refused(
            &site.post_as(
                "bob",
                &format!("token/userKeys/adding/phoneNumber{bad}"),
                NULL,
            ),
            400,
        );
    }
}

/// 004-7: somebody else's key is asked for alike; the completion says that it cannot be used.
#[test]
fn adding_a_taken_key_is_told_at_the_end() {
    let users = [with("alice", 1, &json!({"email": null})), user("bob", 2)];
    let site = Site::of(&users, &json!({}));
    let path = "token/userKeys/adding/email?newEmail=bob%40example.org";
    let (_, mail) = site.mail(|| site.post_as("alice", path, NULL));
    refused(
        &site.post_as(
            "alice",
            "userKeys/adding/email",
            &json!({"oneTimeToken": mail.token}),
        ),
        409,
    );
    assert_eq!(site.details("alice-bearer")["email"], NULL.clone());
    assert_eq!(site.details("bob-bearer")["email"], "bob@example.org");
}

/// 004-11: the token goes to the key that stays; the last key and one with MFA stay.
#[test]
fn removing_asks_the_other_key() {
    let mfa = with("carol", 3, &json!({"mfa": {"email": true, "phone": false}}));
    let site = Site::of(&[user("alice", 1), user("bob", 2), mfa], &json!({}));
    refused(
        &site.post_as("carol", "token/userKeys/removing?keyType=EMAIL", NULL),
        409,
    );
    let path = "token/userKeys/removing?keyType=EMAIL";
    let (_, mail) = site.mail(|| site.post_as("alice", path, NULL));
    assert_eq!(mail.to, "+491510000001");
    done(&site.post_as(
        "alice",
        "userKeys/removing",
        &json!({"oneTimeToken": mail.token}),
    ));
    assert_eq!(site.details("alice-bearer")["email"], NULL.clone());
    refused(
        &site.post_as(
            "alice",
            "token/userKeys/removing?keyType=PHONE_NUMBER",
            NULL,
        ),
        409,
    );
    refused(&site.post_as("alice", path, NULL), 409);
    refused(
        &site.post_as("alice", "token/userKeys/removing?keyType=email", NULL),
        400,
    );
    // The address is free for somebody else.
    let id = site.process("registration", &json!({"userKey": "alice@example.org"}));
    let (_, mail) = site.mail(|| site.post(&format!("token/registration/{id}"), NULL));
    done(&site.post(
        "registration/verification",
        &json!({"processingId": id, "oneTimeToken": mail.token}),
    ));
}

/// 004-12, 004-13, 004-22: the anti-phishing code is added and changed over the mailbox, and stands in each message to
/// an address that was proved before.
#[test]
fn phrase_is_set_by_mail_and_stands_in_it() {
    let users = [
        user("alice", 1),
        user("bob", 2),
        with("carol", 3, &json!({"email": null})),
    ];
    let site = Site::of(&users, &json!({}));
    refused(
        &site.post_as("alice", "token/antiPhishing/changing", NULL),
        409,
    );
    refused(
        &site.post_as("carol", "token/antiPhishing/adding", NULL),
        409,
    );
    let (response, mail) = site.mail(|| site.post_as("alice", "token/antiPhishing/adding", NULL));
    assert_eq!(response.json(), json!({"expiration": "30min."}));
    assert_eq!(mail.to, "alice@example.org");
    let body = |token: &str, code: &str| json!({"oneTimeToken": token, "antiPhishingCode": code});
    refused(
        &site.post_as("alice", "antiPhishing/adding", &body(&mail.token, "a\nb")),
        400,
    );
    done(&site.post_as(
        "alice",
        "antiPhishing/adding",
        &body(&mail.token, "purple otter"),
    ));
    refused(
        &site.post_as("alice", "token/antiPhishing/adding", NULL),
        409,
    );
    let (_, mail) = site.mail(|| site.post_as("alice", "token/antiPhishing/changing", NULL));
    assert!(mail.text.contains("purple otter"));
    done(&site.post_as(
        "alice",
        "antiPhishing/changing",
        &body(&mail.token, "green heron"),
    ));
    assert_eq!(
        site.details("alice-bearer")["antiPhishingCode"],
        "green heron"
    );

    let (_, mail) =
        site.mail(|| site.post_as("alice", "token/userKeys/removing?keyType=EMAIL", NULL));
    assert!(mail.text.contains("green heron") && mail.to.starts_with('+'));
    done(&site.post_as(
        "alice",
        "userKeys/removing",
        &json!({"oneTimeToken": mail.token}),
    ));
    let path = "token/userKeys/adding/email?newEmail=new%40example.org";
    let (_, mail) = site.mail(|| site.post_as("alice", path, NULL));
    assert!(!mail.text.contains("green heron"), "to a new address");
}

/// 004-14: MFA ends for a key where it is on.
#[test]
fn mfa_ends_where_it_is_on() {
    let mfa = with("alice", 1, &json!({"mfa": {"email": true, "phone": false}}));
    let site = Site::of(&[mfa, user("bob", 2)], &json!({}));
    refused(
        &site.post_as(
            "alice",
            "token/mfa/disabling",
            &json!({"destination": PHONE}),
        ),
        409,
    );
    let wanted = json!({"destination": EMAIL});
    let (response, mail) = site.mail(|| site.post_as("alice", "token/mfa/disabling", &wanted));
    assert_eq!(
        response.json(),
        json!({"destination": "alice@example.org", "expiration": "30min."})
    );
    done(&site.post_as(
        "alice",
        "mfa/disabling",
        &json!({"oneTimeToken": mail.token}),
    ));
    assert_eq!(site.details("alice-bearer")["mfa"][EMAIL], false);
    refused(&site.post_as("alice", "token/mfa/disabling", &wanted), 409);
}

/// 004-18: without MFA its operations are not there, its flags stop nothing, and sign-in has one step.
#[test]
fn mfa_switched_off_is_not_there() {
    let mfa = with("alice", 1, &json!({"mfa": {"email": true, "phone": true}}));
    let site = Site::of(
        &[mfa, user("bob", 2)],
        &json!({"multifactorAuthSystemEnabled": false}),
    );
    let id = "123e4567-e89b-42d3-a456-426614174000";
    for path in [
        "token/login",
        "login/verification",
        "userKeys/recovery",
        "token/userKeys/recovery/verification",
        "userKeys/recovery/verification",
        "token/userKeys/recovery/newKey",
        "userKeys/recovery/newKey",
        "token/mfa/disabling",
        "mfa/disabling",
    ] {
        refused(&site.post(path, &json!({"processingId": id})), 404);
    }
    let signed_in = site.post(
        "login",
        &json!({"userKey": "alice@example.org", "password": PASSWORD}),
    );
    assert!(signed_in.json()["authorization"].is_string());
    let (_, mail) =
        site.mail(|| site.post_as("alice", "token/userKeys/removing?keyType=EMAIL", NULL));
    done(&site.post_as(
        "alice",
        "userKeys/removing",
        &json!({"oneTimeToken": mail.token}),
    ));
}

/// 004-19: without anti-phishing codes their operations are not there, and no message has one.
#[test]
fn phrases_switched_off_are_not_there() {
    let alice = with("alice", 1, &json!({"anti_phishing_code": "purple otter"}));
    let site = Site::of(
        &[alice, user("bob", 2)],
        &json!({"antiPhishingCodeEnabled": false}),
    );
    for path in ["adding", "changing"] {
        refused(
            &site.post_as("alice", &format!("token/antiPhishing/{path}"), NULL),
            404,
        );
        refused(
            &site.post_as("alice", &format!("antiPhishing/{path}"), &json!({})),
            404,
        );
    }
    let (_, mail) = site.mail(|| site.post_as("alice", "token/password/changing", NULL));
    assert!(!mail.text.contains("purple otter"));
}
