//! Import: six formats.

use serde_json::{Value, json};

use crate::support::{SECRET, Site, T, Visitor, invalid, refused};

const PATH: &str = "/api/v1/twofaccounts/migration";

#[track_caller]
fn read(by: &Visitor, payload: &str) -> Vec<Value> {
    let response = by.post(
        &format!("{PATH}?withSecret=1"),
        &json!({"payload": payload}),
    );
    assert_eq!(response.status, 200, "{}", response.json());
    response.json().as_array().unwrap().clone()
}

#[track_caller]
fn ids(entries: &[Value]) -> Vec<i64> {
    entries
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect()
}

fn aegis(entries: &Value) -> String {
    json!({"version": 1, "header": {"slots": null, "params": null}, "db": {"version": 2, "entries": entries}}).to_string()
}

/// 002-8. Each format is known by its content; nothing is kept, and what the user has is told.
#[test]
fn row_08_six_formats_are_read() {
    let site = Site::start();
    let alice = site.by("alice");
    let uri = |kind: &str, more: &str| {
        format!("otpauth://{kind}/service:account?secret={SECRET}&issuer=service{more}")
    };
    let (totp, hotp) = (
        uri("totp", "&digits=7&period=40&algorithm=sha256"),
        uri("hotp", "&digits=7&counter=5&algorithm=sha256"),
    );
    let steam = "XJGTDRUUKZH3X7TQN2QZUGCGXZCC5LXE";
    let info = |moving: Value| {
        let mut info = json!({"secret": SECRET, "algo": "SHA256", "digits": 7});
        info.as_object_mut()
            .unwrap()
            .extend(moving.as_object().unwrap().clone());
        info
    };
    let files = [
        json!({"app": "2fauth_v3.4.1", "schema": 1, "datetime": "x", "data": [
            {"otp_type": "totp", "account": "account", "service": "service", "icon": null, "icon_mime": null, "icon_file": null,
             "secret": SECRET, "digits": 7, "algorithm": "sha256", "period": 40, "counter": null, "legacy_uri": totp},
            {"otp_type": "hotp", "account": "account", "service": "service", "secret": SECRET, "digits": 7,
             "algorithm": "sha256", "period": null, "counter": 5},
            {"otp_type": "steamtotp", "account": "account", "service": "Steam", "secret": steam, "digits": 5,
             "algorithm": "sha1", "period": 30, "counter": null}]}).to_string(),
        aegis(&json!([
            {"type": "totp", "name": "account", "issuer": "service", "icon": null, "info": info(json!({"period": 40}))},
            {"type": "hotp", "name": "account", "issuer": "service", "icon": null, "info": info(json!({"counter": 5}))},
            {"type": "steam", "name": "account", "issuer": "Steam", "info": {"secret": steam, "algo": "SHA1", "digits": 5, "period": 30}}])),
        json!({"schemaVersion": 4, "groups": [], "services": [
            {"name": "service", "secret": SECRET, "otp": {"account": "account", "digits": 7, "period": 40, "counter": 0,
             "algorithm": "SHA256", "tokenType": "TOTP"}},
            {"name": "service", "secret": SECRET, "otp": {"account": "account", "digits": 7, "period": 30, "counter": 5,
             "algorithm": "SHA256", "tokenType": "HOTP"}},
            {"name": "Steam", "secret": steam, "otp": {"account": "account", "tokenType": "STEAM"}}]}).to_string(),
        json!({"encrypted": false, "items": [
            {"name": "a note", "type": 2},
            {"name": "service", "login": {"username": "account", "totp": totp}},
            {"name": "service", "login": {"username": "account", "totp": hotp}},
            {"name": "Steam", "login": {"username": "account", "totp": format!("steam://{steam}")}}]}).to_string(),
        format!("\u{feff}{totp}\r\n\r\n{hotp}\notpauth://totp/Steam:account?secret={steam}&issuer=Steam\n"),
    ];
    for file in &files {
        let entries = read(&alice, file);
        assert_eq!(ids(&entries), [0, 0, 0], "{file}");
        let expected = |kind: &str, period: Value, counter: Value| {
            json!({
                "id": 0, "group_id": null, "otp_type": kind, "account": "account", "service": "service", "icon": null,
                "secret": SECRET, "digits": 7, "algorithm": "sha256", "period": period, "counter": counter,
            })
        };
        assert_eq!(
            entries[0],
            expected("totp", json!(40), Value::Null),
            "{file}"
        );
        assert_eq!(
            entries[1],
            expected("hotp", Value::Null, json!(5)),
            "{file}"
        );
        assert_eq!(
            (
                &entries[2]["otp_type"],
                &entries[2]["digits"],
                &entries[2]["secret"]
            ),
            (&json!("steamtotp"), &json!(5), &json!(steam)),
            "{file}"
        );
    }
    assert!(alice.ids().is_empty());
    // A file is as good as a text; secrets are told to who asks for them.
    let file = alice
        .upload(PATH, "file", "export.json", files[1].as_bytes())
        .json();
    assert_eq!(file.as_array().unwrap().len(), 3);
    assert!(file[0].get("secret").is_none());
    alice.add(&json!({"uri": totp}));
    for file in &files {
        assert_eq!(ids(&read(&alice, file)), [-1, 0, 0], "{file}");
    }
}

/// 002-8. Google's codes: enumerations that are left at 0, MD5, and a prefix in the name.
#[test]
fn row_08_google_migrations_are_read() {
    let site = Site::start();
    let alice = site.by("alice");
    let line = |base64: &str| format!("otpauth-migration://offline?data={base64}");
    // Made by hand: secret "Hello!\xde\xad\xbe\xef"; the first has name "alice" alone, the second "Example:bob", issuer
    // "Example", MD5, eight digits, HOTP with counter 7.
    let first = b"\x0a\x13\x0a\x0aHello!\xde\xad\xbe\xef\x12\x05alice";
    let second = b"\x0a\x2b\x0a\x0aHello!\xde\xad\xbe\xef\x12\x0bExample:bob\x1a\x07Example\x20\x04\x28\x02\x30\x01\x38\x07\x10\x01\x18\x03\x20\x01";
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let entries = read(&alice, &line(&STANDARD.encode(first)));
    let entry = &entries[0];
    assert_eq!(
        (
            &entry["account"],
            &entry["digits"],
            &entry["algorithm"],
            &entry["otp_type"],
            &entry["period"]
        ),
        (
            &json!("alice"),
            &json!(6),
            &json!("sha1"),
            &json!("totp"),
            &json!(30)
        )
    );
    assert_eq!(entry["secret"], "JBSWY3DPEHPK3PXP");
    // Without a name there is no account, whoever issued it.
    let nameless = b"\x0a\x0c\x0a\x0aHello!\xde\xad\xbe\xef\x0a\x15\x0a\x0aHello!\xde\xad\xbe\xef\x1a\x07Example";
    let entries = read(
        &alice,
        &line(&STANDARD.encode([&nameless[..], first].concat())),
    );
    assert_eq!(ids(&entries), [-2, -2, 0]);
    assert_eq!(
        (&entries[1]["account"], &entries[1]["service"]),
        (&json!("Example"), &json!("Example"))
    );
    // One of three of a batch is read alone.
    let mut batch = second.to_vec();
    batch[1] = u8::try_from(batch.len() - 2 - 6).unwrap();
    let entries = read(&alice, &line(&STANDARD.encode(&batch)));
    let entry = &entries[0];
    assert_eq!(
        (
            entries.len(),
            &entry["account"],
            &entry["service"],
            &entry["algorithm"],
            &entry["digits"],
            &entry["counter"]
        ),
        (
            1,
            &json!("bob"),
            &json!("Example"),
            &json!("md5"),
            &json!(8),
            &json!(7)
        )
    );
    for broken in [
        line("CiQKCgcNEp61iE2P0RYSB2FjY291bnQaB3NlcnZpY"),
        line(""),
        line("!"),
        format!("{}\n{0}", line(&STANDARD.encode(first))),
    ] {
        let response = alice.post(PATH, &json!({"payload": broken}));
        refused(
            &response,
            400,
            "Invalid or unreadable Google Authenticator data",
        );
    }
}

/// 002-8. One entry that cannot be read is −2 among the others, and its error stands where its secret would.
#[test]
fn row_08_entries_that_cannot_be_read() {
    let site = Site::start();
    let alice = site.by("alice");
    let info = json!({"secret": SECRET, "algo": "SHA1", "digits": 6, "period": 30});
    let file = aegis(&json!([
        {"type": "yandex", "name": "a", "issuer": "b", "info": info},
        {"type": "totp", "name": "", "issuer": "only issuer", "info": info},
        {"type": "totp", "name": "a", "issuer": "b", "info": {"secret": "0189", "algo": "SHA1", "digits": 6, "period": 30}}]));
    let entries = read(&alice, &file);
    assert_eq!(ids(&entries), [-2, 0, -2]);
    assert!(entries[0]["secret"].as_str().unwrap().contains("otp type"));
    assert_eq!(entries[1]["account"], "only issuer");
    let hidden = alice.post(PATH, &json!({"payload": file})).json();
    assert!(
        hidden
            .as_array()
            .unwrap()
            .iter()
            .all(|entry| entry.get("secret").is_none())
    );
    let shown = alice
        .post(PATH, &json!({"payload": file, "withSecret": true}))
        .json();
    assert!(shown[1]["secret"].is_string());
    let lines = format!("otpauth://totp/a?secret={SECRET}\notpauth://totp/");
    assert_eq!(ids(&read(&alice, &lines)), [0, -2]);
}

/// 002-8. What is encrypted, broken, of no format or lacks a key says so.
#[test]
fn row_08_files_that_are_refused() {
    let site = Site::start();
    let alice = site.by("alice");
    let post = |payload: &str| alice.post(PATH, &json!({"payload": payload}));
    let (encrypted, unknown) = (
        "Unreadable, the data seem encrypted",
        "Data do not match any supported format",
    );
    for (payload, message) in [
        (
            json!({"version": 1, "header": {"slots": [], "params": {}}, "db": "AAAA"}).to_string(),
            encrypted,
        ),
        (
            json!({"schemaVersion": 4, "services": [], "servicesEncrypted": "a:b:c"}).to_string(),
            encrypted,
        ),
        (
            json!({"encrypted": true, "items": [{"name": "x"}]}).to_string(),
            encrypted,
        ),
        (
            json!({"encrypted": true, "data": "x"}).to_string(),
            encrypted,
        ),
        (
            json!({"encrypted": false, "other": []}).to_string(),
            unknown,
        ),
        (json!({"db": {"other": []}}).to_string(), unknown),
        (
            format!("otpauth://totp/a?secret={SECRET}\nan intruder"),
            unknown,
        ),
        (SECRET.into(), unknown),
        (
            json!({"schemaVersion": 1, "services": []}).to_string(),
            unknown,
        ),
        (
            r#"{"app": "2fauth_v3", "schema": 1, "data": [,]}"#.into(),
            "Invalid or unreadable 2FAuth data",
        ),
        (
            r#"{"db": {"entries": [}}"#.into(),
            "Invalid or unreadable Aegis data",
        ),
        (
            r#"{"schemaVersion": 2, "services": [}"#.into(),
            "Invalid or unreadable 2FAS Auth data",
        ),
        (aegis(&json!("x")), "Invalid or unreadable Aegis data"),
    ] {
        refused(&post(&payload), 400, message);
    }
    for payload in [
        aegis(&json!([{"type": "totp", "name": "a"}])),
        json!({"app": "2fauth_v3", "schema": 1, "data": [{"otp_type": "totp", "account": "a"}]})
            .to_string(),
        json!({"encrypted": false, "items": [{"login": {"totp": SECRET}}]}).to_string(),
        String::new(),
        " \n ".into(),
    ] {
        invalid(&post(&payload), "payload");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post(&deep).status, 400);
    assert!(alice.get(T).json().as_array().unwrap().is_empty());
}

/// 002-8, 002-12. A picture of an entry becomes an icon, and one of a type that is none of the import's is left out.
#[test]
fn row_08_entries_bring_icons() {
    let site = Site::start();
    let alice = site.by("alice");
    let svg = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPjxwYXRoIGQ9Ik0wIDBoMXYxeiIvPjwvc3ZnPg==";
    let info = json!({"secret": SECRET, "algo": "SHA1", "digits": 6, "period": 30});
    let gif = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==";
    let entry = |icon: &str, mime: &str| json!({"type": "totp", "name": "a", "issuer": "b", "icon": icon, "icon_mime": mime, "info": info});
    let entries = read(
        &alice,
        &aegis(&json!([
            entry(svg, "image/svg+xml"),
            entry(gif, "image/gif")
        ])),
    );
    let name = entries[0]["icon"].as_str().unwrap();
    assert!(name.ends_with(".svg") && name.len() == 44, "{name}");
    assert_eq!(entries[1]["icon"], Value::Null);
    let picture = alice.get(&format!("/storage/icons/{name}"));
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, Some("image/svg+xml"))
    );
}
