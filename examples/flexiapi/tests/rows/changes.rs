//! Row 003-10: a new phone number or e-mail address is proved by a code that was sent there.

use serde_json::{Value, json};

use crate::support::{Site, count, empty, invalid, phone, refused, refused_somehow};

/// The two of them: path, field, a new value, another one, and what is none.
fn both() -> [(&'static str, [&'static str; 2], Vec<Value>); 2] {
    let never = || {
        vec![
            json!(null),
            json!(""),
            json!(7),
            json!(["a"]),
            json!({}),
            json!("a".repeat(256)),
        ]
    };
    let more = |more: &[&str]| {
        let more = more.iter().map(|text| json!(text));
        never().into_iter().chain(more).collect()
    };
    [
        (
            "phone",
            ["+4915188888888", "+4915177777777"],
            more(&[
                "015188888888",
                "+49x",
                "+4915188888888 ",
                "+49\u{0}15188888888",
                "new@example.org",
            ]),
        ),
        (
            "email",
            ["new@example.org", "other@example.org"],
            more(&[
                "new",
                " new@example.org",
                "a@b@c",
                "a\u{0}@example.org",
                "a@example.org\r\nBcc: x@example.org",
            ]),
        ),
    ]
}

fn ask(site: &Site, field: &str, to: &str) -> String {
    let path = format!("accounts/me/{field}/request");
    let sent = site.sent(|| site.post_as("bob", &path, &json!({field: to})));
    assert_eq!((&sent["channel"], &sent["to"]), (&json!(field), &json!(to)));
    let code = sent["token"].as_str().unwrap();
    assert!(sent["text"].as_str().unwrap().contains(code));
    assert!(
        (1_000..10_000).contains(&code.parse::<u32>().unwrap()),
        "{code}"
    );
    code.into()
}

fn give(site: &Site, field: &str, code: &Value) -> contract_server::testing::Response {
    site.post_as(
        "bob",
        &format!("accounts/me/{field}"),
        &json!({"code": code}),
    )
}

/// The right code changes it, once, as a text or as a number; what is asked for has to be one, and nobody else's.
#[test]
fn right_code_changes_phone_or_email() {
    let site = Site::start();
    site.validate("bob");
    for (field, [new, other], never) in both() {
        for value in never {
            let response = site.post_as(
                "bob",
                &format!("accounts/me/{field}/request"),
                &json!({field: value}),
            );
            invalid(&response, field);
        }
        let theirs = if field == "phone" {
            phone("alicia")
        } else {
            "alicia@example.org".into()
        };
        let response = site.post_as(
            "bob",
            &format!("accounts/me/{field}/request"),
            &json!({field: theirs}),
        );
        invalid(&response, field);
        invalid(&give(&site, field, &json!("1234")), "code");
        let code = ask(&site, field, new);
        for unread in [
            json!(null),
            json!(""),
            json!("12"),
            json!("abcd"),
            json!([code]),
            json!(true),
            json!(1.5),
            json!(-1),
        ] {
            invalid(&give(&site, field, &unread), "code");
        }
        let changed = give(&site, field, &json!(code));
        assert_eq!((changed.status, &changed.json()[field]), (200, &json!(new)));
        assert_eq!(site.get_as("bob", "accounts/me").json()[field], new);
        invalid(&give(&site, field, &json!(code)), "code");
        let code: u64 = ask(&site, field, other).parse().unwrap();
        assert_eq!(give(&site, field, &json!(code)).status, 200);
        assert_eq!(site.get_as("bob", "accounts/me").json()[field], other);
    }
}

/// Three wrong codes end it: then 410, for the right one too. What is not four digits does not count.
#[test]
fn wrong_codes_end_a_change() {
    let site = Site::with(&json!({"blocking_amount_events_authorized_during_period": 100}));
    site.validate("bob");
    for (field, [new, other], _) in both() {
        let code = ask(&site, field, new);
        for unread in ["12345", "abcd", "١٢٣٤", "123"] {
            invalid(&give(&site, field, &json!(unread)), "code");
        }
        for wrong in ["0000", "0001", "0002"] {
            invalid(&give(&site, field, &json!(wrong)), "code");
        }
        refused(&give(&site, field, &json!(code)), 410, "Expired code");
        refused(&give(&site, field, &json!("0000")), 410, "Expired code");
        // A new one works: the newest alone.
        let first = ask(&site, field, new);
        let second = ask(&site, field, other);
        if first != second {
            invalid(&give(&site, field, &json!(first)), "code");
        }
        assert_eq!(give(&site, field, &json!(second)).json()[field], other);
    }
}

/// Ten minutes, or as the settings have it.
#[test]
fn change_codes_expire() {
    let settings = json!({"phone_change_code_expiration_minutes": 3});
    let site = Site::with(&settings);
    site.validate("bob");
    for (field, seconds) in [("phone", 180), ("email", 600)] {
        let new = both()
            .into_iter()
            .find(|(one, ..)| *one == field)
            .unwrap()
            .1;
        let code = ask(&site, field, new[0]);
        site.server.ahead(seconds + 1);
        refused(&give(&site, field, &json!(code)), 410, "Expired code");
        site.server.ahead(0);
        let code = ask(&site, field, new[1]);
        site.server.ahead(seconds - 30);
        assert_eq!(give(&site, field, &json!(code)).status, 200);
        site.server.ahead(0);
    }
}

/// Of twelve who give the right code at once one is told yes; of twelve wrong ones three are compared.
#[test]
fn change_codes_at_once_are_counted() {
    let site = Site::start();
    site.validate("bob");
    let code = ask(&site, "phone", "+4915188888888");
    let statuses = site.at_once(12, |_| give(&site, "phone", &json!(code)).status);
    assert_eq!(
        (count(&statuses, 200), count(&statuses, 422)),
        (1, 11),
        "{statuses:?}"
    );
    ask(&site, "phone", "+4915177777777");
    let statuses = site.at_once(12, |_| give(&site, "phone", &json!("0000")).status);
    assert_eq!(
        (count(&statuses, 422), count(&statuses, 410)),
        (3, 9),
        "{statuses:?}"
    );
}

/// Of two accounts that prove one number, the second finds it taken; the one that was left is free again.
#[test]
fn number_belongs_to_one_account() {
    let site = Site::start();
    for name in ["bob", "alicia"] {
        site.validate(name);
    }
    let to = "+4915188888888";
    let request = |name: &str| {
        let path = "accounts/me/phone/request";
        let sent = site.sent(|| site.post_as(name, path, &json!({"phone": to})));
        json!({"code": sent["token"]})
    };
    let (bobs, alicias) = (request("bob"), request("alicia"));
    assert_eq!(site.post_as("bob", "accounts/me/phone", &bobs).status, 200);
    invalid(
        &site.post_as("alicia", "accounts/me/phone", &alicias),
        "phone",
    );
    // That refusal spent nothing: once the number is free, the code proves it.
    let other = site.sent(|| {
        let other = json!({"phone": "+4915177777777"});
        site.post_as("bob", "accounts/me/phone/request", &other)
    });
    let other = json!({"code": other["token"]});
    assert_eq!(site.post_as("bob", "accounts/me/phone", &other).status, 200);
    let proved = site.post_as("alicia", "accounts/me/phone", &alicias);
    assert_eq!((proved.status, &proved.json()["phone"]), (200, &json!(to)));
    // Bob's former number is nobody's.
    let free = site.post_as(
        "alicia",
        "accounts/me/phone/request",
        &json!({"phone": phone("bob")}),
    );
    empty(&free);
    refused_somehow(&site.post("accounts/me/phone", &bobs), 401);
}
