//! Two processes over one database.

use core::time::Duration;
use std::{io::Write as _, net::TcpStream};

use serde_json::{Value, json};

use crate::{
    gateway::{Answer, Gateway},
    support::{CREATE, PUSH, Site, count, device, empty},
};

/// Two of each process at once: which races are lost shows in a few rounds.
const ROUNDS: usize = 8;
const AT_ONCE: usize = 4;

/// Of four who want one name at once, two at each process, one gets it, and the others keep their tokens.
#[test]
fn name_is_given_once_by_two_processes() {
    let one = Site::start();
    let both = [&one, &one.beside()];
    for round in 0..ROUNDS {
        let name = format!("same{round}");
        let tokens: Vec<_> = (0..AT_ONCE).map(|_| one.issued()).collect();
        let statuses = one.at_once(AT_ONCE, |at| {
            let new = json!({
                "username": name, "password": "abc", "algorithm": "SHA-256", "account_creation_token": tokens[at],
            });
            both[at % 2].post(CREATE, &new).status
        });
        let told = (count(&statuses, 200), count(&statuses, 422));
        assert_eq!(told, (1, AT_ONCE - 1), "{statuses:?}");
        let kept = tokens
            .iter()
            .filter(|token| one.consume("bob", token).status == 200);
        assert_eq!(kept.count(), AT_ONCE - 1);
    }
}

/// Of two who prove one number at once, one at each process, one gets it; the other's code is not spent, and proves it once
/// the number is free.
#[test]
fn number_is_proved_once_by_two_processes() {
    let settings = json!({"blocking_amount_events_authorized_during_period": 100});
    let one = Site::with(&settings);
    let both = [&one, &one.beside()];
    let names = ["bob", "alicia"];
    for name in names {
        one.validate(name);
    }
    let request = |name: &str, to: &str| {
        let path = "accounts/me/phone/request";
        let sent = one.sent(|| one.post_as(name, path, &json!({"phone": to})));
        json!({"code": token_of(&sent)})
    };
    let prove = |site: &Site, name: &str, code: &Value| {
        site.post_as(name, "accounts/me/phone", code).status
    };
    for round in 0..ROUNDS {
        let to = format!("+49151000001{round:02}");
        let codes = names.map(|name| request(name, &to));
        let statuses = one.at_once(2, |at| prove(both[at], names[at], &codes[at]));
        let told = (count(&statuses, 200), count(&statuses, 422));
        assert_eq!(told, (1, 1), "{statuses:?}");
        let (won, lost) = if statuses[0] == 200 { (0, 1) } else { (1, 0) };
        let elsewhere = request(names[won], &format!("+49151000002{round:02}"));
        assert_eq!(prove(both[lost], names[won], &elsewhere), 200);
        assert_eq!(prove(both[won], names[lost], &codes[lost]), 200, "{round}");
    }
}

fn token_of(sent: &Value) -> &str {
    sent["token"].as_str().unwrap()
}

/// Ten requests for one device at once, at two processes: one is sent. Where the push fails, all are told so by that one push.
#[test]
fn push_is_sent_once_by_two_processes() {
    let gateway = Gateway::start(Answer::Late(Duration::from_millis(300)));
    let settings = json!({"push_timeout_seconds": 1});
    let one = Site::of(&settings, &json!({"fcm": gateway.url()}));
    let both = [&one, &one.beside()];
    let ask =
        |prid: &'static str| one.at_once(10, |at| both[at % 2].post(PUSH, &device(prid)).status);
    let statuses = ask("one");
    let told = (count(&statuses, 200), count(&statuses, 403));
    assert_eq!(told, (1, 9), "{statuses:?}");
    assert_eq!(gateway.received().len(), 1);
    gateway.answers(Answer::Hang);
    let statuses = ask("two");
    assert_eq!(count(&statuses, 503), 10, "{statuses:?}");
    assert_eq!(gateway.received().len(), 2);
    // Nothing of that stays: the next one is sent.
    gateway.answers(Answer::Late(Duration::ZERO));
    empty(&both[1].post(PUSH, &device("two")));
}

/// A process that dies while it pushes keeps the device waiting for the push's time-out and ten seconds, and no longer.
#[test]
fn push_of_a_process_that_died_is_over() {
    let gateway = Gateway::start(Answer::Hang);
    let settings = json!({"push_timeout_seconds": 30});
    let one = Site::of(&settings, &json!({"fcm": gateway.url()}));
    let dies = one.beside();
    let body = device("id").to_string();
    let (_, address) = dies.server.url().split_once("://").unwrap();
    let mut asks = TcpStream::connect(address).unwrap();
    write!(
        asks,
        "POST /api/{PUSH} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
    while gateway.received().is_empty() {
        std::thread::yield_now();
    }
    drop(dies);
    gateway.answers(Answer::Late(Duration::ZERO));
    one.server.ahead(41);
    empty(&one.post(PUSH, &device("id")));
    assert_eq!(gateway.received().len(), 2);
}
