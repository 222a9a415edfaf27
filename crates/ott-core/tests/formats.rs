//! The vectors of docs/formats.md, from the crate itself. `formats.py` beside this file gets the
//! same ones from the page's words.

#[path = "support/common.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Scripted, at, hex, issue_with, only, waiting};
use ott_core::{
    Binding, Decider, Destination, Format, Handle, IssueOptions, Issuer, KeyRing, LimitKey,
    LimitScope, Matching, Policy, Purpose, Record, Stored, Subject, Token, Verdict,
    chrono::TimeDelta,
};

const PAGE: &str = include_str!("../docs/formats.md");

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

fn bytes_of(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(str::from_utf8);
    pairs
        .map(|pair| u8::from_str_radix(pair.expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

/// The crate makes the bytes that the page describes.
#[test]
fn page_describes_the_bytes_that_are_made() {
    let (inputs, outputs) = PAGE
        .split_once("## Vectors")
        .and_then(|(_, rest)| rest.split_once("What comes out."))
        .unwrap();
    let given = rows(inputs);
    let number = |name: &str| given[name].parse::<i64>().unwrap();
    let shown = |name: &str| u32::try_from(number(name)).unwrap();
    let parameter = |name: &str| given[name].split_once('=').unwrap();

    let ring = format!("{} {}", given["key id"], given["key"]);
    let issuer = Issuer::new(KeyRing::from_text(&ring).unwrap());
    let owner = Subject::new(given["tenant"], given["subject"]).unwrap();
    let email = Destination::email(given["email"]).unwrap();
    let epoch = u64::try_from(number("epoch")).unwrap();
    let operation = [parameter("first parameter"), parameter("second parameter")];
    let handle = Handle::parse(&format!("{}{}", given["flow"], given["nonce"])).unwrap();
    let time = at(number("issued at"));

    let mut out = BTreeMap::new();
    let issue = |policy: &Policy, binding: &Binding<'_>, token: &str, alphabet| {
        let mut bytes = drawn(token, alphabet);
        bytes.extend(bytes_of(&handle.expose_secret()));
        let mut source = Scripted::new(bytes);
        let options = IssueOptions::default();
        let issued = issue_with(&issuer, policy, binding, options, time, &mut source).unwrap();
        assert_eq!(issued.token.expose_secret(), token);
        // One that exists already gets the very same record.
        let mut source = Scripted::new(bytes_of(&handle.expose_secret()));
        let texts = [token];
        let adopted = issuer
            .issue_given_from_rng(policy, binding, &texts, options, time, &mut source)
            .unwrap();
        assert!(only(adopted, "one token").record == issued.record);
        issued
    };
    let park = |policy: &Policy, binding: &Binding<'_>, data: &str, offset: u32| -> Record {
        let mut bytes = bytes_of(&handle.expose_secret());
        bytes.extend(offset.to_be_bytes());
        let options = IssueOptions {
            data: data.as_bytes(),
            ..IssueOptions::default()
        };
        let mut source = Scripted::new(bytes);
        let parked = issuer.park_from_rng(policy, binding, options, time, &mut source);
        parked.unwrap().record
    };

    let sign_in = Policy::code(Purpose::new("sign-in"));
    let whole = Binding::subject(&owner)
        .destination(&email)
        .epoch(epoch)
        .operation(&operation);
    let issued = issue(&sign_in, &whole, given["code"], DIGITS);
    note(&mut out, "by handle", issued.record.stored());
    out.insert("handle".into(), issued.handle.expose_secret().to_string());
    let nobody = issue(&sign_in, &Binding::tenant(""), given["code"], DIGITS);
    note(&mut out, "registration", nobody.record.stored());

    let recovery = Policy::recovery(Purpose::new("recovery"));
    let alone = Binding::subject(&owner);
    let issued = issue(&recovery, &alone, given["recovery code"], BASE32);
    note(&mut out, "by subject", issued.record.stored());

    let tombstone = |out: &mut BTreeMap<_, _>, name: &str, policy: &Policy, text: &str| {
        let made = issuer.tombstones(policy, &alone, &[text], time).unwrap();
        note(out, name, only(made, "one tombstone").stored());
    };
    tombstone(
        &mut out,
        "tombstone by subject",
        &recovery,
        given["recovery code"],
    );

    let session =
        Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::days(1));
    let with_epoch = Binding::subject(&owner).epoch(epoch);
    let issued = issue(&session, &with_epoch, given["bearer token"], BASE64);
    note(&mut out, "by itself", issued.record.stored());
    tombstone(
        &mut out,
        "tombstone by itself",
        &session,
        given["bearer token"],
    );

    let step = Policy::parked(Purpose::new("step"));
    let parked = park(&step, &with_epoch, given["record data"], 0);
    note(&mut out, "parked", parked.stored());
    assert_eq!(parked.stored().number, None);

    let prompt = Policy::prompt(Purpose::new("approve"));
    let two = shown("number");
    let waits = park(&prompt, &alone, given["record data"], two - 10);
    note(&mut out, "prompt", waits.stored());
    assert_eq!(waits.stored().number, Some(two));
    let system = Decider::System(given["system"].into());
    for (name, decider, verdict) in [
        (
            "approval",
            Decider::from(&owner),
            Verdict::Approve { number: Some(two) },
        ),
        ("denial", Decider::from(&owner), Verdict::Deny),
        ("report", system, Verdict::Report),
    ] {
        let data = given["decision data"].as_bytes();
        let decided_at = at(number("decided at"));
        let decision = issuer.decide(&prompt, &waits, &decider, verdict, data, decided_at);
        let tag = hex(&decision.unwrap().stored().tag);
        out.insert(format!("prompt: {name} tag"), tag);
    }

    let attach = Policy::prompt(Purpose::new("attach")).start(waiting(Matching::SixDigits, true));
    let six = shown("long number");
    let waits = park(
        &attach,
        &Binding::tenant(given["tenant"]),
        "",
        six - 100_000,
    );
    note(&mut out, "attach", waits.stored());
    assert_eq!(waits.stored().number, Some(six));

    for (name, scope) in [
        ("application", LimitScope::Application),
        ("engine", LimitScope::Engine),
        ("policy", LimitScope::Policy),
    ] {
        let limit = LimitKey::new(scope, given["limit name"], &alone);
        out.insert(format!("limit key: {name}"), hex(limit.as_bytes()));
    }
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

    if std::env::var_os("PRINT").is_some() {
        for (name, value) in &out {
            println!("| `{name}` | `{value}` |");
        }
    }
    let expected = rows(outputs);
    let names: BTreeSet<&str> = expected.keys().copied().collect();
    assert_eq!(names, out.keys().map(String::as_str).collect());
    for (name, value) in expected {
        assert_eq!(out[name], value, "{name}");
    }
}
