//! Codes.

use std::{collections::BTreeSet, process::Command, sync::Barrier, thread};

use serde_json::{Value, json};

use crate::support::{SECRET, Site, T, refused};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// What oathtool makes of it; only six to eight digits, and no MD5.
fn oathtool(algorithm: &str, digits: &str, period: u64, at: u64) -> String {
    let ran = Command::new("oathtool")
        .args([
            &format!("--totp={algorithm}"),
            "-b",
            "-d",
            digits,
            &format!("-s{period}s"),
            &format!("--now=@{at}"),
            SECRET,
        ])
        .output()
        .expect("oathtool");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).unwrap().trim().into()
}

/// 002-3, 002-5. Codes of every hash, length and period are those of another program; the next one is of two seconds
/// behind the end.
#[test]
fn row_03_codes_are_those_of_oathtool() {
    let site = Site::start();
    let alice = site.by("alice");
    let body = |algorithm: &str, digits: &str, period: u64| {
        let digits: u8 = digits.parse().unwrap();
        json!({"otp_type": "totp", "account": "a", "secret": SECRET, "algorithm": algorithm, "digits": digits, "period": period})
    };
    for (algorithm, digits, period) in [
        ("sha1", "6", 30),
        ("sha256", "7", 40),
        ("sha512", "8", 60),
        ("sha1", "6", 1),
        ("sha1", "8", 2_147_483_647),
    ] {
        let otp = alice
            .post(&format!("{T}/otp"), &body(algorithm, digits, period))
            .json();
        let at = number(&otp["generated_at"]);
        assert_eq!(
            otp["password"],
            oathtool(algorithm, digits, period, at),
            "{otp}"
        );
        let next = at + (period - at % period) + 2;
        assert_eq!(
            otp["next_password"],
            oathtool(algorithm, digits, period, next),
            "{otp}"
        );
        assert_eq!(
            (&otp["otp_type"], number(&otp["period"])),
            (&json!("totp"), period)
        );
    }
    // Their last digits are those of a shorter code.
    let [five, six, ten] = ["5", "6", "10"].map(|digits| {
        let otp = alice
            .post(&format!("{T}/otp"), &body("sha1", digits, 2_147_483_647))
            .json();
        otp["password"].as_str().unwrap().to_owned()
    });
    assert!(ten.len() == 10 && ten.ends_with(&six) && six.ends_with(&five) && five.len() == 5);
}

/// 002-3. MD5 has codes, and none where its sixteen bytes are too short: that is a refusal.
#[test]
fn row_03_md5_has_codes_or_says_so() {
    let site = Site::start();
    let alice = site.by("alice");
    let otp = |secret: &str, counter: u64| {
        let body = json!({"otp_type": "hotp", "account": "a", "secret": secret, "algorithm": "md5", "counter": counter});
        alice.post(&format!("{T}/otp"), &body)
    };
    // HMAC-MD5 under 842ee22423f23f786b32 of 51353 ends in d: four bytes from there are not in it.
    refused(
        &otp("QQXOEJBD6I7XQ2ZS", 51_353),
        400,
        "invalid OTP parameters",
    );
    let made = (51_354..51_370).map(|counter| otp("QQXOEJBD6I7XQ2ZS", counter).status);
    assert!(made.filter(|status| *status == 200).count() > 5);
}

/// 002-3. Steam's codes are five letters and digits.
#[test]
fn row_03_steam_has_letters() {
    let site = Site::start();
    let alice = site.by("alice");
    let body = json!({"otp_type": "steamtotp", "account": "a", "secret": "XJGTDRUUKZH3X7TQN2QZUGCGXZCC5LXE"});
    let otp = alice.post(&format!("{T}/otp"), &body).json();
    assert_eq!(
        (&otp["otp_type"], number(&otp["period"])),
        (&json!("steamtotp"), 30)
    );
    let code = otp["password"].as_str().unwrap();
    assert!(
        code.len() == 5
            && code
                .chars()
                .all(|c| "23456789BCDFGHJKMNPQRTVWXY".contains(c)),
        "{code}"
    );
}

/// 002-4. A counter is kept, and what is told is the next one; a change without it keeps it; behind the last is none.
#[test]
fn row_04_counters_are_kept() {
    let site = Site::start();
    let alice = site.by("alice");
    let body = json!({
        "otp_type": "hotp", "account": "a", "service": null, "icon": null, "secret": SECRET, "digits": 6, "algorithm": "sha1",
        "counter": 5,
    });
    let path = format!("{T}/{}", alice.add(&body));
    let otp = |counter: u64| {
        let otp = alice.get(&format!("{path}/otp")).json();
        assert_eq!(
            otp,
            json!({"password": otp["password"], "otp_type": "hotp", "counter": counter})
        );
        otp["password"].clone()
    };
    let (first, second) = (otp(6), otp(7));
    assert_ne!(first, second);
    assert_eq!(alice.get(&path).json()["counter"], 7);
    let mut put = body.clone();
    put.as_object_mut().unwrap().remove("counter");
    assert_eq!(alice.call("PUT", &path, &put).json()["counter"], 7);
    put["counter"] = json!(5);
    assert_eq!(alice.call("PUT", &path, &put).json()["counter"], 5);
    assert_eq!(otp(6), first);
    // Of what is only sent nothing is kept.
    let sent = alice.post(&format!("{T}/otp"), &body).json();
    assert_eq!((&sent["password"], &sent["counter"]), (&first, &json!(6)));
    put["counter"] = json!(9_223_372_036_854_775_806_i64);
    assert_eq!(alice.call("PUT", &path, &put).status, 200);
    assert_eq!(alice.get(&format!("{path}/otp")).status, 200);
    refused(
        &alice.get(&format!("{path}/otp")),
        400,
        "invalid OTP parameters",
    );
}

/// 002-4. Fifty who ask at once, beside changes, get fifty codes.
#[test]
fn row_04_fifty_at_once_get_fifty_codes() {
    let site = Site::start();
    let alice = site.by("alice");
    let body = json!({
        "otp_type": "hotp", "account": "a", "service": null, "icon": null, "secret": SECRET, "digits": 8, "algorithm": "sha1",
    });
    let path = format!("{T}/{}", alice.add(&body));
    let barrier = Barrier::new(80);
    let counters: Vec<u64> = thread::scope(|scope| {
        let changes: Vec<_> = (0..30)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let changed = alice.call("PUT", &path, &body);
                    assert_eq!(changed.status, 200, "{}", changed.json());
                })
            })
            .collect();
        let reads: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let otp = alice.get(&format!("{path}/otp"));
                    assert_eq!(otp.status, 200, "{}", otp.json());
                    number(&otp.json()["counter"])
                })
            })
            .collect();
        changes
            .into_iter()
            .for_each(|change| change.join().unwrap());
        reads.into_iter().map(|read| read.join().unwrap()).collect()
    });
    assert_eq!(
        counters.into_iter().collect::<BTreeSet<_>>(),
        (1..51).collect()
    );
    assert_eq!(alice.get(&path).json()["counter"], 50);
}

/// 002-5. A list has codes of one instant where it is asked for them, with any value; of counters it has none.
#[test]
fn row_05_lists_have_codes_of_one_instant() {
    let site = Site::start();
    let alice = site.by("alice");
    let first = alice.add_totp("a");
    let hotp = alice.add(&json!({"otp_type": "hotp", "account": "b", "secret": SECRET}));
    let third = alice.add_totp("c");
    let list = alice.get(&format!("{T}?withOtp=0")).json();
    let otp = &list[0]["otp"];
    assert_eq!(*otp, list[2]["otp"]);
    assert_eq!(otp.as_object().unwrap().len(), 3, "{otp}");
    assert!(list[1].get("otp").is_none());
    assert!(alice.get(T).json()[0].get("otp").is_none());
    let one = alice.get(&format!("{T}/{first}?withOtp")).json();
    assert!(one["otp"]["password"].is_string());
    let some = alice.get(&format!("{T}?ids={third},{hotp}")).json();
    let ids: Vec<_> = some
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [hotp, third]);
}

/// 002-3. Beside `uri` and `custom_otp` nothing stands.
#[test]
fn row_03_uris_stand_alone() {
    let site = Site::start();
    let alice = site.by("alice");
    let body = json!({"uri": format!("otpauth://totp/a?secret={SECRET}"), "digits": 7});
    let response = alice.post(&format!("{T}/otp"), &body);
    refused(&response, 400, "bad request");
    assert!(response.json()["reason"]["uri"].is_string());
}

/// 002-3. A field that may be left out may be null, which the OpenAPI file says too.
#[test]
fn row_03_null_is_a_field_that_is_left_out() {
    let site = Site::start();
    let alice = site.by("alice");
    let account =
        json!({"otp_type": "totp", "account": "a", "service": "s", "icon": null, "secret": SECRET});
    let uri = json!({"uri": format!("otpauth://totp/a?secret={SECRET}")});
    let sent = [
        (
            format!("{T}/otp"),
            &account,
            "digits algorithm period counter custom_otp",
        ),
        (
            T.to_owned(),
            &account,
            "digits algorithm period counter custom_otp",
        ),
        (format!("{T}/preview"), &uri, "custom_otp"),
        (
            String::from("/api/v1/icons/default"),
            &json!({"service": "nobody's"}),
            "iconPack iconCollection variant",
        ),
    ];
    for (path, body, fields) in sent {
        let without = alice.post(&path, body).status;
        assert!((200..300).contains(&without), "{path}: {without}");
        for field in fields.split(' ') {
            let mut body = body.clone();
            body[field] = Value::Null;
            assert_eq!(alice.post(&path, &body).status, without, "{path}: {field}");
        }
    }
}
