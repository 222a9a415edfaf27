//! The checker itself: what is wrong is named and counted, and nothing that a file holds ends the whole.

use std::io;

use serde_json::{Value, json};

use crate::{Check, checked, rows::Rows, uri, yubico};

/// The key of RFC 6238 in base32.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn keyuri(rows: &Value) -> Rows {
    checked(("keyuri", uri::keyuri), Ok(rows.to_string()))
}

/// A row about an URI without an issuer, as RFC 6238 appendix B has its code at 59 seconds.
fn accepted(id: &str, code: &str) -> Value {
    json!({
        "id": id,
        "uri": format!("otpauth://totp/alice?secret={SECRET}"),
        "verdict": "accept",
        "parsed": {
            "type": "totp", "issuer": null, "account": "alice", "algorithm": "SHA1", "digits": 6, "period": 30,
            "secret_hex": "3132333435363738393031323334353637383930", "code": code, "code_time": 59,
        },
    })
}

fn choice(id: &str, options: &[&str]) -> Value {
    let uri = format!("otpauth://totp/Acme:alice?secret={SECRET}&issuer=Other");
    json!({ "id": id, "uri": uri, "verdict": "choice", "options": options })
}

/// Of a right row and a wrong one, the wrong one alone is named.
#[test]
fn bad_row_is_named_and_the_others_count() {
    let rows = keyuri(&json!([
        accepted("good", "287082"),
        accepted("bad", "287083"),
        { "id": "worse", "uri": "otpauth://totp/a", "verdict": "perhaps" },
        { "id": "taken", "uri": format!("otpauth://totp/a?secret={SECRET}"), "verdict": "reject" },
        { "id": "refused", "uri": "otpauth://totp/a", "verdict": "reject" },
    ]));
    assert_eq!(rows.right(), 2);
    let names = rows.wrong().iter().map(|wrong| wrong.split(':').next());
    let names: Vec<_> = names.flatten().collect();
    assert_eq!(names, ["bad", "worse", "taken"]);
}

/// An issuer that is null, and one that is not there, are none.
#[test]
fn absent_issuer_is_none() {
    let mut without = accepted("without", "287082");
    let parsed = without.get_mut("parsed").and_then(Value::as_object_mut);
    parsed.expect("an object").remove("issuer");
    let rows = keyuri(&json!([accepted("null", "287082"), without]));
    assert_eq!((rows.right(), rows.wrong().len()), (2, 0));
    let build = |issuer: Value, account: &str| {
        let input = json!({ "issuer": issuer, "account": account, "secret": SECRET });
        json!({ "cases": [{ "input": input }] })
    };
    let built = |cases: Value| checked(("build", uri::keyuri_build), Ok(cases.to_string()));
    let rows = built(build(Value::Null, "alice"));
    assert_eq!((rows.right(), rows.wrong().len()), (2, 0));
    // A label that we refuse is not ours; a file with nothing else has shown nothing.
    let rows = built(build(Value::Null, "\u{202e}alice"));
    assert_eq!(
        (rows.right(), rows.not_ours(), rows.wrong().len()),
        (0, 1, 1)
    );
}

/// A choice is matched by its own row's options, whatever its id, in whatever order they are.
#[test]
fn choice_is_matched_by_its_options() {
    for id in ["u000", "another"] {
        let first = choice(id, &["issuer=Other account=alice", "reject"]);
        let last = choice(
            id,
            &["reject", "issuer=Nobody", "issuer=Other account=alice"],
        );
        let rows = keyuri(&json!([first, last]));
        assert_eq!(
            (rows.right(), rows.wrong().len()),
            (2, 0),
            "{:?}",
            rows.wrong()
        );
    }
    let rows = keyuri(&json!([
        choice("none", &["reject", "issuer=Nobody"]),
        choice("empty", &[]),
        accepted("good", "287082"),
    ]));
    assert_eq!(
        (rows.right(), rows.wrong().len()),
        (1, 2),
        "{:?}",
        rows.wrong()
    );
}

/// Whatever ends the check of a file is a fault of that file, with the rows before it counted.
#[test]
fn file_of_another_shape_is_a_fault() {
    let mut odd = accepted("odd", "287082");
    odd.as_object_mut().expect("an object").remove("parsed");
    let rows = keyuri(&json!([accepted("good", "287082"), odd]));
    assert_eq!((rows.right(), rows.wrong().len()), (1, 1));
    let check: Check = ("keyuri", uri::keyuri);
    for text in ["", "{}", "null", "[{}]", "not JSON"] {
        let rows = checked(check, Ok(text.into()));
        assert!(rows.right() == 0 && !rows.wrong().is_empty(), "{text}");
    }
    let gone = checked(check, Err(io::Error::other("gone")));
    assert!(gone.right() == 0 && !gone.wrong().is_empty());
    assert_eq!(keyuri(&json!([])).wrong().len(), 1, "nothing was read");
}

/// Of OTPs the ones that are wrong are named: another press, one that is read though it is to be refused, another text meant.
#[test]
fn wrong_otp_is_named() {
    let (key, private_id) = ("000102030405060708090a0b0c0d0e0f", "010203040506");
    let otp = "dvgtiblfkbgturecfllberrvkinnctnn";
    let press = |session: u32| {
        json!({
            "key": key, "private_id": private_id, "otp": otp,
            "session": session, "use": 1, "timestamp": 65_537, "random": 0,
        })
    };
    let checked = |session: u32, refused: &str, meant: &str| {
        let file = json!({
            "known": [press(session)], "generated": [], "sequences": [], "modhex": [], "crc16": [],
            "reject": [{ "key": key, "otp": refused }],
            "normalise_or_reject": [{ "otp": otp.to_uppercase(), "same_as": meant }],
        });
        let rows = checked(("yubico", yubico::otps), Ok(file.to_string()));
        (rows.right(), rows.wrong().len())
    };
    let short = &otp[1..];
    assert_eq!(checked(1, short, otp), (4, 0));
    assert_eq!(checked(2, short, otp), (2, 2));
    assert_eq!(checked(1, otp, otp), (3, 1));
    assert_eq!(checked(1, short, short), (3, 1));
}
