//! Making, reading, changing and removing accounts.

use serde_json::{Value, json};

use crate::support::{SECRET, Site, T, invalid, refused};

fn totp() -> Value {
    json!({"otp_type": "totp", "account": "john@example.org", "service": "Example", "secret": SECRET})
}

fn with(change: &Value) -> Value {
    let mut body = totp();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// 002-1. What is made is read, changed and removed; defaults are those of the contract.
#[test]
fn row_01_accounts_are_made_and_read() {
    let site = Site::start();
    let alice = site.by("alice");
    let made = alice.post(
        T,
        &json!({"otp_type": "TOTP", "account": " john@example.org ", "secret": "a4grfhvvrbgy7uiw"}),
    );
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_i64().unwrap();
    let expected = json!({
        "id": id, "group_id": null, "otp_type": "totp", "account": "john@example.org", "service": null, "icon": null,
        "secret": SECRET, "digits": 6, "algorithm": "sha1", "period": 30, "counter": null,
    });
    assert_eq!(made.json(), expected);
    let path = format!("{T}/{id}");
    assert_eq!(alice.get(&path).json(), expected);
    assert!(
        alice
            .get(&format!("{path}?withSecret=0"))
            .json()
            .get("secret")
            .is_none()
    );
    for query in ["", "?withSecret=0", "?withSecret=neither"] {
        let list = alice.get(&format!("{T}{query}")).json();
        assert!(list[0].get("secret").is_none(), "{query}");
    }
    assert_eq!(
        alice.get(&format!("{path}?withSecret=neither")).json(),
        expected
    );
    assert_eq!(
        alice.get(&format!("{T}?withSecret=1")).json()[0]["secret"],
        SECRET
    );
    let put = with(
        &json!({"icon": null, "digits": 8, "algorithm": "SHA256", "period": 60, "service": "Other"}),
    );
    let changed = alice.call("PUT", &path, &put);
    assert_eq!(changed.status, 200, "{}", changed.json());
    let now = alice.get(&path).json();
    assert_eq!(changed.json(), now);
    let expected = (json!("Other"), json!(8), json!("sha256"), json!(60));
    assert_eq!(
        (
            now["service"].clone(),
            now["digits"].clone(),
            now["algorithm"].clone(),
            now["period"].clone()
        ),
        expected
    );
    for field in [
        "service",
        "account",
        "icon",
        "otp_type",
        "secret",
        "digits",
        "algorithm",
    ] {
        let mut lacking = put.clone();
        lacking.as_object_mut().unwrap().remove(field);
        invalid(&alice.call("PUT", &path, &lacking), field);
    }
    let second = alice.add(&totp());
    assert_eq!(alice.delete(&path).status, 204);
    refused(&alice.get(&path), 404, "not found");
    refused(&alice.delete(&path), 404, "not found");
    // An id that nobody has is passed over.
    assert_eq!(
        alice
            .delete(&format!("{T}?ids={second},{id},999999"))
            .status,
        204
    );
    assert!(alice.ids().is_empty());
}

/// 002-1. A secret is padded, and drawn where none is sent; null is none.
#[test]
fn row_01_secrets_are_base32() {
    let site = Site::start();
    let alice = site.by("alice");
    let made = alice
        .post(T, &with(&json!({"secret": "JBSWY3DPEB"})))
        .json();
    assert_eq!(made["secret"], "JBSWY3DPEB======");
    let mut without = totp();
    without.as_object_mut().unwrap().remove("secret");
    let drawn = alice.post(T, &without).json();
    assert_eq!(drawn["secret"].as_str().unwrap().len(), 32);
    for wrong in [
        json!(null),
        json!(""),
        json!("0189"),
        json!("ABC"),
        json!("A"),
        json!("ABCDEF"),
        json!("JBSW Y3DP"),
        json!(7),
    ] {
        invalid(&alice.post(T, &with(&json!({"secret": wrong}))), "secret");
    }
}

/// 002-1. What cannot be is refused by its field; what is empty is null.
#[test]
fn row_01_fields_have_bounds() {
    let site = Site::start();
    let alice = site.by("alice");
    for (field, wrong) in [
        ("service", json!("a:b")),
        ("account", json!("a:b")),
        ("account", json!("  ")),
        ("account", json!(null)),
        ("otp_type", json!("motp")),
        ("otp_type", json!(null)),
        ("digits", json!(4)),
        ("digits", json!(11)),
        ("digits", json!("six")),
        ("algorithm", json!("sha224")),
        ("period", json!(0)),
        ("period", json!(-1)),
        ("period", json!(1.5)),
        ("counter", json!(-1)),
        ("counter", json!(9_223_372_036_854_775_807_i64)),
        ("group_id", json!(4_711)),
        ("icon", json!([])),
    ] {
        invalid(&alice.post(T, &with(&json!({field: wrong}))), field);
    }
    let empty = alice.post(T, &with(&json!({"service": ""})));
    assert_eq!(
        (empty.status, &empty.json()["service"]),
        (201, &Value::Null)
    );
    let last = with(&json!({"otp_type": "hotp", "counter": 9_223_372_036_854_775_806_i64}));
    assert_eq!(alice.post(T, &last).status, 201);
}

/// 002-1. Another user's account is forbidden, and a batch with one does nothing.
#[test]
fn row_01_accounts_of_others_are_forbidden() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let (own, theirs) = (alice.add(&totp()), bob.add(&totp()));
    let path = format!("{T}/{theirs}");
    let put = with(&json!({"icon": null, "digits": 6, "algorithm": "sha1"}));
    for response in [
        alice.get(&path),
        alice.delete(&path),
        alice.call("PUT", &path, &put),
        alice.get(&format!("{path}/otp")),
        alice.get(&format!("{path}/qrcode")),
        alice.get(&format!("{path}/otp-logs")),
        alice.delete(&format!("{T}?ids={own},{theirs}")),
        alice.call(
            "PATCH",
            &format!("{T}/withdraw?ids={own},{theirs}"),
            &Value::Null,
        ),
        alice.get(&format!("{T}/export?ids={own},{theirs}")),
        alice.post(
            &format!("{T}/reorder"),
            &json!({"orderedIds": [theirs, own]}),
        ),
    ] {
        refused(&response, 403, "forbidden");
        assert!(response.json()["reason"].is_string());
    }
    assert_eq!((alice.ids(), bob.ids()), (vec![own], vec![theirs]));
}

/// 002-2. A URI makes an account: issuer, label, counter, and Steam's rule.
#[test]
fn row_02_uris_make_accounts() {
    let site = Site::start();
    let alice = site.by("alice");
    let preview = |uri: &str| alice.post(&format!("{T}/preview"), &json!({"uri": uri}));
    let names = |uri: &str| {
        let read = preview(uri);
        assert_eq!(read.status, 200, "{uri}: {}", read.json());
        (
            read.json()["service"].clone(),
            read.json()["account"].clone(),
        )
    };
    let named = |service: &str, account: &str| (json!(service), json!(account));
    let s = format!("secret={SECRET}");
    assert_eq!(
        names(&format!("otpauth://totp/Label:john?{s}&issuer=Issuer")),
        named("Issuer", "john")
    );
    assert_eq!(
        names(&format!("otpauth://totp/Label%3Ajohn?{s}")),
        named("Label", "john")
    );
    assert_eq!(
        names(&format!("otpauth://totp/john?{s}")),
        (Value::Null, json!("john"))
    );
    assert_eq!(
        names(&format!("otpauth://totp/Example:jo%23hn#1?{s}")),
        named("Example", "jo#hn#1")
    );
    let steam = preview(&format!("otpauth://totp/steam:john?{s}&digits=8&period=60")).json();
    assert_eq!(
        (&steam["otp_type"], &steam["digits"], &steam["period"]),
        (&json!("steamtotp"), &json!(5), &json!(30))
    );
    let custom = json!({"uri": format!("otpauth://totp/a:john?{s}"), "custom_otp": "steamtotp"});
    assert_eq!(alice.post(T, &custom).json()["otp_type"], "steamtotp");
    let hotp = preview(&format!(
        "otpauth://hotp/a:john?{s}&counter=5&digits=7&algorithm=sha512"
    ))
    .json();
    assert_eq!(
        (&hotp["counter"], &hotp["digits"], &hotp["algorithm"]),
        (&json!(5), &json!(7), &json!("sha512"))
    );
    assert_eq!(
        preview(&format!("otpauth://hotp/a:john?{s}")).json()["counter"],
        0
    );
    for wrong in [
        format!("otpauth://totp/?{s}"),
        format!("otpauth://totp?{s}"),
        format!("otpauth://yubi/a?{s}"),
        "https://example.org".into(),
        String::new(),
    ] {
        invalid(&preview(&wrong), "uri");
    }
    invalid(
        &alice.post(
            T,
            &json!({"uri": format!("otpauth://totp/a?{s}"), "custom_otp": "other"}),
        ),
        "custom_otp",
    );
    refused(
        &preview("otpauth://totp/a?secret=0189"),
        400,
        "not a valid base32 encoded secret",
    );
    refused(
        &preview(&format!("otpauth://totp/a?{s}&digits=4")),
        400,
        "invalid OTP parameters",
    );
}

/// 002-2. A colon that a URI brought can be sent back with a change, and no other one.
#[test]
fn row_02_colons_of_a_uri_stay() {
    let site = Site::start();
    let alice = site.by("alice");
    let uri = format!("otpauth://totp/Example:with%3Acolon?secret={SECRET}&issuer=Example");
    let id = alice.add(&json!({"uri": uri}));
    let path = format!("{T}/{id}");
    let mut account = alice.get(&path).json();
    assert_eq!(account["account"], "with:colon");
    account["digits"] = json!(8);
    let changed = alice.call("PUT", &path, &account);
    assert_eq!(
        (changed.status, &changed.json()["digits"]),
        (200, &json!(8))
    );
    for (field, other) in [("account", "another:colon"), ("service", "with:colon")] {
        let mut account = account.clone();
        account[field] = json!(other);
        invalid(&alice.call("PUT", &path, &account), field);
    }
}

/// 002-6. A preview keeps nothing.
#[test]
fn row_06_previews_keep_nothing() {
    let site = Site::start();
    let alice = site.by("alice");
    let body =
        json!({"uri": format!("otpauth://totp/Example:john?secret={SECRET}&issuer=Example")});
    let preview = alice.post(&format!("{T}/preview"), &body);
    assert_eq!(
        (preview.status, &preview.json()["secret"]),
        (200, &json!(SECRET))
    );
    assert!(alice.ids().is_empty());
    assert_eq!(
        alice.get(&format!("{T}/count")).json(),
        json!({"owned": 0, "shared": 0, "total": 0})
    );
}

/// 002-9. What was exported is read again, both ways.
#[test]
fn row_09_exports_come_back() {
    let site = Site::start();
    let alice = site.by("alice");
    let bodies = [
        with(
            &json!({"service": "A & B", "account": "jo#hn 100%", "digits": 7, "period": 40, "algorithm": "sha256"}),
        ),
        with(&json!({"otp_type": "hotp", "counter": 5, "digits": 8, "algorithm": "md5"})),
        with(&json!({"otp_type": "steamtotp", "service": "Valve"})),
    ];
    let ids: Vec<String> = bodies
        .iter()
        .map(|body| alice.add(body).to_string())
        .collect();
    let ids = ids.join(",");
    let accounts = alice.get(&format!("{T}?withSecret=1")).json();
    let export = alice.get(&format!("{T}/export?ids={ids}"));
    assert_eq!(export.status, 200);
    let export = export.json();
    assert_eq!(
        (&export["app"], &export["schema"]),
        (&json!("2fauth_v8.0.1"), &json!(1))
    );
    let path = format!("{T}/migration?withSecret=1");
    let again = alice
        .post(&path, &json!({"payload": export.to_string()}))
        .json();
    let uris = alice.get(&format!("{T}/export?ids={ids}&otpauth=1")).json();
    let read = |at: usize| {
        let uri = uris["data"][at]["uri"].clone();
        alice
            .post(&format!("{T}/preview"), &json!({"uri": uri}))
            .json()
    };
    for at in 0..3 {
        let (read, again, account) = (read(at), &again[at], &accounts[at]);
        // They are the user's already.
        assert_eq!(again["id"], -1, "{again}");
        for field in [
            "otp_type",
            "account",
            "service",
            "secret",
            "digits",
            "algorithm",
            "period",
            "counter",
        ] {
            assert_eq!(again[field], account[field], "{field} of {account}");
            assert_eq!(read[field], account[field], "{field} of {account}");
        }
    }
    invalid(&alice.get(&format!("{T}/export")), "ids");
    for (form, is_uri) in [("0", false), ("false", false), ("true", true)] {
        let export = alice.get(&format!("{T}/export?ids={ids}&otpauth={form}"));
        assert_eq!(export.json().get("schema").is_none(), is_uri, "{form}");
    }
    let neither = alice.get(&format!("{T}/export?ids={ids}&otpauth=neither"));
    invalid(&neither, "otpauth");
}

/// 002-1. What is read of an account is what changes it: null stands for what does not apply, there and here.
#[test]
fn row_01_what_was_read_is_sent_back() {
    let site = Site::start();
    let alice = site.by("alice");
    for kind in ["totp", "hotp", "steamtotp"] {
        let id = alice.add(&json!({"otp_type": kind, "account": "a", "secret": SECRET}));
        let path = format!("{T}/{id}");
        let read = alice.get(&path).json();
        assert!(read["period"].is_null() || read["counter"].is_null());
        let sent = alice.call("PUT", &path, &read);
        assert_eq!((sent.status, sent.json()), (200, read), "{kind}");
    }
}
