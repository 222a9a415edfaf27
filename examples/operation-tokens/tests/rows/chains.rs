//! Rows 004-4, 004-5, 004-9, 004-10, 004-20 and 004-21: two tokens, one after the other.

use serde_json::{Value, json};

use crate::support::{EMAIL, PHONE, Site, done, refused, user, with, wrong};

const NULL: &Value = &Value::Null;

/// 004-20: a key is changed by a token of the present one and a token of the new one, and by nothing less.
#[test]
fn key_changes_by_both_tokens() {
    let mfa = with("carol", 3, &json!({"mfa": {"email": true, "phone": false}}));
    let site = Site::of(&[user("alice", 1), user("bob", 2), mfa], &json!({}));
    refused(
        &site.post_as("carol", "token/userKeys/changing?keyType=EMAIL", NULL),
        409,
    );
    let (response, old) =
        site.mail(|| site.post_as("alice", "token/userKeys/changing?keyType=EMAIL", NULL));
    assert_eq!(response.json(), json!({"expiration": "30min."}));
    assert_eq!(old.to, "alice@example.org");
    let next = |token: &str, key: &str| json!({"oneTimeToken": token, "newUserKey": key});
    let path = "token/userKeys/changing/newKey";
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": old.token}),
        ),
        422,
    );
    refused(
        &site.post_as("alice", path, &next(&old.token, "+4915188888888")),
        400,
    );
    refused(
        &site.post_as(
            "alice",
            path,
            &next(&wrong(&old.token), "alice@example.net"),
        ),
        422,
    );
    refused(
        &site.post_as("bob", path, &next(&old.token, "alice@example.net")),
        422,
    );
    let (response, new) =
        site.mail(|| site.post_as("alice", path, &next(&old.token, "alice@example.net")));
    assert_eq!(response.json(), json!({"expiration": "30min."}));
    assert_eq!(new.to, "alice@example.net");
    refused(
        &site.post_as("alice", path, &next(&old.token, "alice@example.com")),
        422,
    );
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.org");
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": old.token}),
        ),
        422,
    );
    done(&site.post_as(
        "alice",
        "userKeys/changing",
        &json!({"oneTimeToken": new.token}),
    ));
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.net");
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": new.token}),
        ),
        422,
    );
}

/// 004-20: wrong tokens count over both steps: the fifth is the last.
#[test]
fn key_change_shares_one_count() {
    let site = Site::start();
    let path = "token/userKeys/changing/newKey";
    let (_, old) = site.mail(|| {
        site.post_as(
            "alice",
            "token/userKeys/changing?keyType=PHONE_NUMBER",
            NULL,
        )
    });
    let next = |token: &str| json!({"oneTimeToken": token, "newUserKey": "+4915188888888"});
    for _ in 0..3 {
        refused(&site.post_as("alice", path, &next(&wrong(&old.token))), 422);
    }
    let (_, new) = site.mail(|| site.post_as("alice", path, &next(&old.token)));
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": wrong(&new.token)}),
        ),
        422,
    );
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": wrong(&new.token)}),
        ),
        429,
    );
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": new.token}),
        ),
        422,
    );
}

/// 004-10: a new key that somebody has is asked for alike; the completion says that it cannot be used.
#[test]
fn changing_to_a_taken_key_is_told_at_the_end() {
    let site = Site::start();
    let (_, old) =
        site.mail(|| site.post_as("alice", "token/userKeys/changing?keyType=EMAIL", NULL));
    let body = json!({"oneTimeToken": old.token, "newUserKey": "bob@example.org"});
    let (_, new) = site.mail(|| site.post_as("alice", "token/userKeys/changing/newKey", &body));
    refused(
        &site.post_as(
            "alice",
            "userKeys/changing",
            &json!({"oneTimeToken": new.token}),
        ),
        409,
    );
    assert_eq!(site.details("bob-bearer")["email"], "bob@example.org");
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.org");
}

/// 004-21: a lost key is replaced by a token of the other one and a token of the new one; the lost kind is no channel.
#[test]
fn lost_key_is_replaced_over_the_other() {
    let site = Site::start();
    let started = json!({"userKey": "alice@example.org", "keyType": EMAIL});
    let id = site.process("userKeys/recovery", &started);
    let wanted = |kind| json!({"processingId": id, "destination": kind});
    let path = "token/userKeys/recovery/verification";
    refused(&site.post(path, &wanted(EMAIL)), 409);
    let new_key = |key: &str| json!({"processingId": id, "destination": key});
    refused(
        &site.post(
            "token/userKeys/recovery/newKey",
            &new_key("alice@example.net"),
        ),
        409,
    );
    refused(
        &site.post(
            "userKeys/recovery/newKey",
            &json!({"processingId": id, "oneTimeToken": "000000"}),
        ),
        409,
    );
    let (response, mail) = site.mail(|| site.post(path, &wanted(PHONE)));
    assert_eq!(
        response.json(),
        json!({"destination": "+*********", "expiration": "30min."})
    );
    assert_eq!(mail.to, "+491510000001");
    // Without a destination it is the other kind.
    let (_, mail) = site.mail(|| site.post(path, &json!({"processingId": id})));
    let typed = |token: &str| json!({"processingId": id, "oneTimeToken": token});
    done(&site.post("userKeys/recovery/verification", &typed(&mail.token)));
    refused(
        &site.post("userKeys/recovery/verification", &typed(&mail.token)),
        409,
    );
    refused(&site.post(path, &wanted(PHONE)), 409);
    refused(
        &site.post("token/userKeys/recovery/newKey", &new_key("+4915188888888")),
        400,
    );
    refused(
        &site.post("token/userKeys/recovery/newKey", &new_key(EMAIL)),
        400,
    );
    let path = "token/userKeys/recovery/newKey";
    let (_, first) = site.mail(|| site.post(path, &new_key("alice@example.com")));
    let (response, second) = site.mail(|| site.post(path, &new_key("alice@example.net")));
    assert_eq!(response.json(), json!({"expiration": "30min."}));
    refused(
        &site.post("userKeys/recovery/newKey", &typed(&first.token)),
        422,
    );
    done(&site.post("userKeys/recovery/newKey", &typed(&second.token)));
    assert_eq!(site.details("alice-bearer")["email"], "alice@example.net");
    refused(
        &site.post("userKeys/recovery/newKey", &typed(&second.token)),
        404,
    );
}
