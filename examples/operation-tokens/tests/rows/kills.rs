//! SIGKILL at any moment between begin, send, complete and apply.

use core::{panic::AssertUnwindSafe, time::Duration};
use std::{collections::BTreeSet, panic::catch_unwind, process::Command, thread, time::Instant};

use serde_json::{Value, json};

use crate::support::{Site, user};

/// How often it is killed: 20 times, 200 at night.
fn kills() -> u64 {
    if std::env::var_os("NIGHTLY").is_some_and(|set| set == "1") {
        200
    } else {
        20
    }
}

/// Killed at a moment of its own each time, the server never loses an entry that it acknowledged, never applies a token
/// twice, never leaves a token good whose effect is there, and spends none without its effect.
#[test]
fn killed_anywhere_nothing_happens_twice() {
    let number = u32::try_from(kills()).unwrap();
    // One more, whose change nobody interrupts.
    let users: Vec<_> = (0..=number).map(|at| user(&format!("u{at}"), at)).collect();
    let mut site = Site::of(&users, &json!({}));
    let began = Instant::now();
    let whole = change(&site, &format!("u{number}"));
    assert_eq!(whole, (true, Some(200)));
    let mut whole = began.elapsed();
    let (mut before, mut after) = (0, 0);
    for at in 0..kills() {
        let name = format!("u{at}");
        // From the first request to well after the last one, in uneven steps.
        let moment = whole.mul_f64(f64::from(u32::try_from(at * 7_919 % 1_500).unwrap()) / 1_000.0);
        let id = site.server.id().to_string();
        let killer = thread::spawn(move || {
            thread::sleep(moment);
            assert!(
                Command::new("kill")
                    .args(["-KILL", &id])
                    .status()
                    .unwrap()
                    .success()
            );
        });
        // Whatever this gets to.
        let (begun, done) = change(&site, &name);
        killer.join().unwrap();
        site.again();

        let works = |password: &str| {
            let body = json!({"userKey": format!("{name}@example.org"), "password": password});
            site.post("login", &body).status == 200
        };
        let applied = works(&another(&name));
        (before, after) = (before + u32::from(!applied), after + u32::from(applied));
        if done == Some(200) {
            assert!(applied, "{name}: what was acknowledged stands");
        }
        let try_with = |token: &str| {
            let body = json!({"oneTimeToken": token, "newPassword": "a third password"});
            site.post_as(&name, "password/changing", &body).status == 200
        };
        let mut tried = BTreeSet::new();
        let mut effects = u32::from(applied);
        // What was begun and not applied is there still, or was sent: its newest token is good. It may be sent once more.
        let until = Instant::now() + Duration::from_secs(20);
        while begun && effects == 0 {
            assert!(
                Instant::now() < until,
                "{name}: an entry or a token is lost"
            );
            match tokens_to(&site, &name).pop() {
                Some(token) if tried.insert(token.clone()) => {
                    effects += u32::from(try_with(&token))
                }
                _ => thread::sleep(Duration::from_millis(10)),
            }
        }
        // No token works beside an effect that is there.
        thread::sleep(Duration::from_millis(20));
        for token in tokens_to(&site, &name).into_iter().rev().take(4) {
            effects += u32::from(try_with(&token));
        }
        assert!(effects <= 1, "{name}: {effects} effects");
        // A server that was just started is slower, and the machine is what it is: half of the kills come after the effect.
        whole = whole.mul_f64(if applied { 0.9 } else { 1.1 });
    }
    assert!(
        before > 0 && after > 0,
        "killed before the effect {before} times, after it {after} times"
    );
    println!("killed before the effect {before} times, after it {after} times");
}

/// Begins a change of the password and applies it: whether it was begun, and the last answer.
fn change(site: &Site, name: &str) -> (bool, Option<u16>) {
    let changing = "token/password/changing";
    let begun = quietly(|| site.post_as(name, changing, &Value::Null).status) == Some(200);
    let mut tokens = Vec::new();
    let done = quietly(|| {
        // For as long as it runs: the message leaves after the answer.
        for _ in 0..400 {
            tokens = tokens_to(site, name);
            if !begun || !tokens.is_empty() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let token = tokens.last().cloned().unwrap_or_default();
        let body = json!({"oneTimeToken": token, "newPassword": another(name)});
        site.post_as(name, "password/changing", &body).status
    });
    (begun, done)
}

fn another(name: &str) -> String {
    format!("another of {name}")
}

/// The status, or nothing where the server was gone.
fn quietly(call: impl FnOnce() -> u16) -> Option<u16> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

fn tokens_to(site: &Site, name: &str) -> Vec<String> {
    let sent = site.server.outbox();
    let own = sent
        .iter()
        .filter(|sent| sent["to"] == format!("{name}@example.org"));
    own.map(|sent| sent["token"].as_str().unwrap().to_owned())
        .collect()
}
