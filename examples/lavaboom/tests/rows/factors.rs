//! Rows 001-5 and 001-13: authenticators, and how a factor is changed.

use std::sync::Barrier;

use contract_server::testing::Response;
use serde_json::{Value, json};
use twofa_providers::oath_otp::{Hotp, Secret, Totp};

use crate::support::{PASSWORD, Site, account, refused, refused_with, text, with_factor};

const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn secret() -> Secret {
    Secret::from_base32(BASE32).unwrap()
}

fn hotp(counter: u64) -> String {
    Hotp::default()
        .generate(&secret(), counter)
        .expose_secret()
        .to_owned()
}

fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

fn totp(ahead: i64) -> String {
    let at = seconds().checked_add_signed(ahead).unwrap();
    Totp::default()
        .generate(&secret(), at)
        .expose_secret()
        .to_owned()
}

#[track_caller]
fn wrong(response: &Response) {
    let fields = json!({"factor_type": "authenticator"});
    refused_with(response, 403, "Invalid token passed", &fields);
}

fn challenge(site: &Site, name: &str) -> String {
    let response = site.try_sign_in(name, PASSWORD, "");
    assert_eq!(response.status, 403);
    text(&response.json()["factor_challenge"])
}

/// 001-5: a code of the counter signs in once, within ten ahead and never back; the challenge says the next one, has no
/// secret, and asking changes nothing.
#[test]
fn counter_codes_work_once_and_forward() {
    let site = Site::of(&[with_factor("johndoe", "authenticator", &[BASE32])]);
    let try_code = |code: &str| site.try_sign_in("johndoe", PASSWORD, code);
    for _ in 0..3 {
        let challenge = challenge(&site, "johndoe");
        assert!(
            challenge.ends_with("?counter=0") && !challenge.contains("secret"),
            "{challenge}"
        );
    }
    assert_eq!(try_code(&hotp(0)).status, 201);
    wrong(&try_code(&hotp(0)));
    assert!(challenge(&site, "johndoe").ends_with("?counter=1"));
    wrong(&try_code(&hotp(12)));
    assert_eq!(try_code(&hotp(11)).status, 201);
    wrong(&try_code(&hotp(5)));
    assert!(challenge(&site, "johndoe").ends_with("?counter=12"));
    for bad in ["abc", "12345", "1234567", "\u{661}23456", "-12345"] {
        wrong(&try_code(bad));
    }
    assert_eq!(try_code(&hotp(12)).status, 201);
}

/// 001-5: a URI says counter or clock; a code of the clock is good one step either way, and once.
#[test]
fn clock_codes_work_once_a_step_either_way() {
    let by_clock = format!("otpauth://totp/x?secret={BASE32}");
    let by_counter = format!("otpauth://hotp/x?secret={BASE32}&counter=7");
    let site = Site::of(&[
        with_factor("early", "authenticator", &[&by_clock]),
        with_factor("late", "authenticator", &[&by_clock]),
        with_factor("far", "authenticator", &[&by_clock]),
        with_factor("seventh", "authenticator", &[&by_counter]),
    ]);
    let try_code = |name: &str, code: &str| site.try_sign_in(name, PASSWORD, code);
    assert!(challenge(&site, "early").ends_with("?period=30"));
    assert!(challenge(&site, "early").starts_with("otpauth://totp/"));
    // The code of the step before is good until this one ends.
    while seconds() % 30 > 20 {
        std::thread::sleep(core::time::Duration::from_secs(1));
    }
    let code = totp(30);
    assert_eq!(try_code("early", &code).status, 201);
    wrong(&try_code("early", &code));
    assert_eq!(try_code("late", &totp(-29)).status, 201);
    wrong(&try_code("far", &totp(95)));
    wrong(&try_code("far", &totp(-95)));
    assert!(challenge(&site, "seventh").ends_with("?counter=7"));
    wrong(&try_code("seventh", &hotp(6)));
    assert_eq!(try_code("seventh", &hotp(7)).status, 201);
}

/// Of racing sign-ins with one code one wins.
#[test]
fn racing_sign_ins_with_one_code_have_one_winner() {
    let site = Site::of(&[with_factor("johndoe", "authenticator", &[BASE32])]);
    let code = hotp(3);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || site.try_sign_in("johndoe", PASSWORD, &code).status;
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [201, 403].contains(status)),
        "{statuses:?}"
    );
}

/// 001-13: a factor is added, changed and removed; the present one is asked each time.
#[test]
fn factor_changes_with_the_present_one() {
    let site = Site::of(&[account("johndoe")]);
    let token = site.sign_in("johndoe");
    let put = |body: &Value| site.call(&token, "PUT", "/accounts/me", body);
    let updated = |response: &Response| {
        let expected = "Your account has been successfully updated";
        assert_eq!(
            (response.status, &response.json()["message"]),
            (200, &json!(expected))
        );
    };
    for kind in ["sms", "Authenticator"] {
        let body = json!({"factor_type": kind, "factor_value": [BASE32]});
        refused(&put(&body), 400, "Invalid new 2FA type");
    }
    for values in [
        json!([]),
        json!(["not base32!"]),
        json!([BASE32, BASE32]),
        json!(["otpauth://hotp/x?counter=1"]),
    ] {
        let body = json!({"factor_type": "authenticator", "factor_value": values});
        refused(&put(&body), 400, "Invalid new 2FA value");
    }
    for values in [json!([]), json!(["cccc"]), json!(["aaaaaaaaaaaa"])] {
        let body = json!({"factor_type": "yubicloud", "factor_value": values});
        refused(&put(&body), 400, "Invalid new 2FA value");
    }
    refused(
        &put(&json!({"factor_type": "authenticator", "factor_value": BASE32})),
        409,
        "Invalid input format",
    );
    site.sign_in("johndoe");

    updated(&put(
        &json!({"factor_type": "authenticator", "factor_value": [BASE32]}),
    ));
    // From now on each change takes a code, also of something else.
    let asked = put(&json!({"settings": 1}));
    let fields =
        json!({"factor_type": "authenticator", "factor_challenge": challenge(&site, "johndoe")});
    refused_with(&asked, 403, "2FA token was not passed", &fields);
    wrong(&put(&json!({"settings": 1, "token": "000000"})));
    updated(&put(&json!({"settings": 1, "token": hotp(0)})));
    wrong(&put(&json!({"settings": 1, "token": hotp(0)})));

    let by_clock = format!("otpauth://totp/x?secret={BASE32}");
    updated(&put(
        &json!({"factor_type": "authenticator", "factor_value": [by_clock], "token": hotp(1)}),
    ));
    // The old one proves nothing any more.
    wrong(&site.try_sign_in("johndoe", PASSWORD, &hotp(2)));
    assert_eq!(site.try_sign_in("johndoe", PASSWORD, &totp(0)).status, 201);
    wrong(&put(&json!({"factor_type": "", "token": totp(0)})));
    updated(&put(&json!({"factor_type": "", "token": totp(30)})));
    site.sign_in("johndoe");
    updated(&put(&json!({"settings": 2})));
}

/// 001-13: what no authenticator of the contract can be is refused before a code is spent, and so are a weak password and no
/// address. Without a code it is asked for first.
#[test]
fn unfit_changes_cost_no_code() {
    let site = Site::of(&[with_factor("johndoe", "authenticator", &[BASE32])]);
    let signed_in = site.try_sign_in("johndoe", PASSWORD, &hotp(0)).json();
    let token = text(&signed_in["token"]["id"]);
    let put = |body: &Value| site.call(&token, "PUT", "/accounts/me", body);
    for uri in [
        "totp/x?digits=5",
        "totp/x?period=60",
        "totp/x?period=29",
        "totp/x?algorithm=SHA3-256",
        "hotp/x?counter=0&digits=5",
        "hotp/x?counter=0&algorithm=SHA3-512",
        "hotp/x?counter=18446744073709551615",
        "hotp/x?counter=9223372036854775808",
        "hotp/x?counter=9223372036854775807",
    ] {
        let uri = format!("otpauth://{uri}&secret={BASE32}");
        let mut body = json!({"factor_type": "authenticator", "factor_value": [uri]});
        let asked = put(&body);
        assert_eq!(asked.json()["message"], "2FA token was not passed", "{uri}");
        body["token"] = json!(hotp(1));
        refused(&put(&body), 400, "Invalid new 2FA value");
    }
    for (mut body, message) in [
        (json!({"factor_type": "sms"}), "Invalid new 2FA type"),
        (json!({"alt_email": "no address"}), "Invalid request"),
        (
            json!({"new_password": "dragon", "current_password": PASSWORD}),
            "Weak new password",
        ),
    ] {
        body["token"] = json!(hotp(1));
        refused(&put(&body), 400, message);
    }
    // The code is good still, and what fits is taken.
    let uri = format!("otpauth://totp/x?secret={BASE32}&digits=8&algorithm=SHA256&period=30");
    let body = json!({"factor_type": "authenticator", "factor_value": [uri], "token": hotp(1)});
    assert_eq!(put(&body).status, 200);
    assert!(challenge(&site, "johndoe").ends_with("?period=30"));
}

/// 001-13: of racing changes that found no factor one sets its own. The others are asked for that one, as if they had come
/// after it, and change nothing.
#[test]
fn racing_enrolments_have_one_winner() {
    let names: Vec<_> = (0..8).map(|at| format!("john{at}")).collect();
    let accounts: Vec<_> = names.iter().map(|name| account(name)).collect();
    let site = Site::of(&accounts);
    for name in &names {
        let token = site.sign_in(name);
        let start = Barrier::new(2);
        let counters = [0, 5_000];
        let emails = [format!("{name}@example.org"), format!("{name}@example.com")];
        let enrol = |at: usize| {
            let uri = format!("otpauth://hotp/x?secret={BASE32}&counter={}", counters[at]);
            let body = json!({
                "factor_type": "authenticator", "factor_value": [uri], "alt_email": emails[at],
            });
            start.wait();
            site.call(&token, "PUT", "/accounts/me", &body)
        };
        let answers = std::thread::scope(|scope| {
            let enrol = &enrol;
            let asked = [0, 1].map(|at| scope.spawn(move || enrol(at)));
            asked.map(|one| one.join().unwrap())
        });
        let winner = answers.iter().position(|answer| answer.status == 200);
        let winner = winner.unwrap();
        let challenge = challenge(&site, name);
        let fields = json!({"factor_type": "authenticator", "factor_challenge": challenge});
        let (loser, asked) = (&answers[1 - winner], "2FA token was not passed");
        refused_with(loser, 403, asked, &fields);
        let me = site.get(&token, "/accounts/me").json();
        assert_eq!(me["user"]["alt_email"], json!(emails[winner]));
        let code = hotp(counters[winner]);
        assert_eq!(site.try_sign_in(name, PASSWORD, &code).status, 201);
    }
}

/// Guesses are counted for an account; the right code waits too, and other accounts feel nothing.
#[test]
fn guesses_are_counted_for_the_account() {
    let site = Site::of(&[
        with_factor("johndoe", "authenticator", &[BASE32]),
        with_factor("jane", "authenticator", &[BASE32]),
    ]);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(site.try_sign_in("johndoe", PASSWORD, "000000").status);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 403).count(),
        10,
        "{statuses:?}"
    );
    let right = site.try_sign_in("johndoe", PASSWORD, &hotp(0));
    assert_eq!(right.status, 429, "{}", right.json());
    assert!(right.header("retry-after").is_some());
    assert_eq!(site.try_sign_in("jane", PASSWORD, &hotp(0)).status, 201);
    site.server.ahead(3_600);
    assert_eq!(site.try_sign_in("johndoe", PASSWORD, &hotp(0)).status, 201);
}
