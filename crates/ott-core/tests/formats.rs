//! The vectors of docs/formats.md, from the crate itself. `formats.py` beside this file gets the
//! same ones from the page's words.

#[path = "support/common.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Scripted, at, hex};
use ott_core::{
    Binding, Destination, Extra, Format, Handle, Issuer, KeyRing, LimitKey, Policy, Purpose,
    Stored, Subject, Token, Verdict, chrono::TimeDelta,
};

const PAGE: &str = include_str!("../../../docs/formats.md");

const DIGITS: &str = "0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn rows(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix("` |"))
        .filter_map(|line| line.split_once("` | `"))
        .collect()
}

/// The random bytes from which the generator draws this text: a block of 64.
fn drawn(text: &str, alphabet: &str) -> Vec<u8> {
    let mut block: Vec<u8> = text
        .chars()
        .filter_map(|symbol| alphabet.find(symbol))
        .map(|value| u8::try_from(value).expect("an alphabet below 256"))
        .collect();
    block.resize(64, 0);
    block
}

fn note(out: &mut BTreeMap<String, String>, name: &str, stored: &Stored) {
    let mut put = |part: &str, bytes: &[u8]| {
        out.insert(format!("{name}: {part}"), hex(bytes));
    };
    put("record id", stored.id.as_bytes());
    put("policy", &stored.policy);
    put("binding", &stored.binding);
    put("digest", stored.digest.as_bytes());
    put("tag", &stored.tag);
    if let Some(slot) = stored.slot {
        put("slot", &slot);
    }
}

#[test]
fn the_crate_makes_the_bytes_that_the_page_describes() {
    let (inputs, outputs) = PAGE
        .split_once("## Vectors")
        .and_then(|(_, rest)| rest.split_once("What comes out."))
        .unwrap();
    let given = rows(inputs);
    let number = |name: &str| given[name].parse::<i64>().unwrap();
    let parameter = |name: &str| given[name].split_once('=').unwrap();

    let ring = format!("{} {}", given["key id"], given["key"]);
    let issuer = Issuer::new(KeyRing::from_text(&ring).unwrap());
    let owner = Subject::new(given["tenant"], given["subject"]).unwrap();
    let email = Destination::email(given["email"]).unwrap();
    let epoch = u64::try_from(number("epoch")).unwrap();
    let operation = [parameter("first parameter"), parameter("second parameter")];
    let handle = Handle::parse(&format!("{}{}", given["flow"], given["nonce"])).unwrap();
    let handle_bytes = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };

    let mut out = BTreeMap::new();
    let issue = |policy: &Policy, binding: &Binding<'_>, token: &str, alphabet, data: &str| {
        let mut bytes = drawn(token, alphabet);
        bytes.extend(handle_bytes(&handle.expose_secret()));
        bytes.push(u8::try_from(number("number") - 10).unwrap());
        let extra = Extra {
            data: data.as_bytes(),
            resend: None,
        };
        let time = at(number("issued at"));
        let issued = issuer
            .issue_from_rng(policy, binding, extra, time, &mut Scripted::new(bytes))
            .unwrap();
        assert_eq!(issued.token.expose_secret(), token);
        issued
    };

    let sign_in = Policy::code(Purpose::new("sign-in"));
    let whole = Binding::subject(&owner)
        .destination(&email)
        .epoch(epoch)
        .operation(&operation);
    let issued = issue(&sign_in, &whole, given["code"], DIGITS, "");
    note(&mut out, "by id", issued.record.stored());
    out.insert("handle".into(), issued.handle.expose_secret().to_string());
    let nobody = issue(&sign_in, &Binding::tenant(""), given["code"], DIGITS, "");
    out.insert("registration".into(), hex(&nobody.record.stored().binding));

    let recovery = Policy::recovery(Purpose::new("recovery"));
    let alone = Binding::subject(&owner);
    let issued = issue(&recovery, &alone, given["recovery code"], BASE32, "");
    note(&mut out, "by subject", issued.record.stored());

    let session =
        Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::days(1));
    let with_epoch = Binding::subject(&owner).epoch(epoch);
    let issued = issue(&session, &with_epoch, given["bearer token"], BASE64, "");
    note(&mut out, "by itself", issued.record.stored());

    let prompt = Policy::prompt(Purpose::new("approve"));
    let data = given["record data"];
    let issued = issue(&prompt, &alone, given["prompt token"], BASE64, data);
    note(&mut out, "prompt", issued.record.stored());
    let shown = u8::try_from(number("number")).unwrap();
    assert_eq!(issued.record.stored().number, Some(shown));
    let decision = issuer
        .decide(
            &issued.record,
            &owner,
            Verdict::Approve {
                number: Some(shown),
            },
            given["decision data"].as_bytes(),
            at(number("decided at")),
        )
        .unwrap();
    out.insert("prompt: decision tag".into(), hex(&decision.tag));

    let limit = LimitKey::new(given["limit name"], &alone);
    out.insert("limit key".into(), hex(limit.as_bytes()));
    out.insert(
        "pseudonym".into(),
        issuer.keys().pseudonym(&email).to_string(),
    );
    let (_, seal) = issuer.keys().sealing().unwrap();
    out.insert("seal sub-key".into(), hex(seal));

    assert_eq!(given["prefix"], "ott_");
    let symbols = given["symbols"];
    let format = Format::alphanumeric(u8::try_from(symbols.len()).unwrap()).prefixed("ott_");
    let mut source = Scripted::new(drawn(symbols, BASE62));
    let token = Token::try_generate_from_rng(&format, &mut source).unwrap();
    out.insert("prefixed token".into(), token.expose_secret().into());

    let expected = rows(outputs);
    let names: BTreeSet<&str> = expected.keys().copied().collect();
    assert_eq!(names, out.keys().map(String::as_str).collect());
    for (name, value) in expected {
        assert_eq!(out[name], value, "{name}");
    }
}
