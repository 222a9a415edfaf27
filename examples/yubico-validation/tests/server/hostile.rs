//! Servers, and whoever stands between, that answer wrongly.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::Arc,
};

use twofa_providers::yubico::{ApiKey, Fault, Status, ValidationError};

use crate::{
    client::signing,
    support::{API_KEY, Soft, value},
};

/// The parameters of a request, as lines.
type Asked = String;

/// A server that answers each connection with what `answer` makes of its request: a whole HTTP answer. Counts them.
fn answering(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    // It ends with the process, as the test does.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut line = String::new();
            BufReader::new(&stream)
                .read_line(&mut line)
                .expect("a request");
            counted.fetch_add(1, Ordering::SeqCst);
            let query = line.split(['?', ' ']).nth(2).unwrap_or_default();
            let asked = query.replace('&', "\r\n");
            let _ = stream.write_all(&answer(&asked));
        }
    });
    (format!("http://{address}/wsapi/2.0/verify"), count)
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into()
}

/// Lines with a right signature in front.
fn signed(lines: &[(&str, &str)]) -> String {
    let key = ApiKey::from_base64(API_KEY).expect("base64");
    let mut text = format!("h={}\r\n", key.sign(lines));
    for (name, value) in lines {
        text.extend([name, "=", value, "\r\n"]);
    }
    text
}

/// The answer that would be right, with this in place of its status, OTP and nonce where they are named.
fn changed(asked: &Asked, name: &'static str, other: &str) -> String {
    let right = [
        ("status", "OK"),
        ("otp", value(asked, "otp").expect("an OTP")),
        ("nonce", value(asked, "nonce").expect("a nonce")),
        ("sl", "100"),
        ("t", "2026-01-01T00:00:00Z0123"),
    ];
    let lines = right.map(|(own, value)| (own, if own == name { other } else { value }));
    signed(&lines)
}

async fn told(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Result<(), ValidationError> {
    let (url, count) = answering(answer);
    let client = signing(1).server(&url).build().expect("a client");
    let told = client.verify(&Soft::new().press(1, 1)).await;
    assert_eq!(count.load(Ordering::SeqCst), 1, "each server is asked once");
    told
}

/// The answer that is right is accepted: what the others change is what they are refused for.
#[tokio::test]
async fn right_answer_is_believed() {
    let accepted = told(|asked| ok(&changed(asked, "", ""))).await;
    assert!(accepted.is_ok(), "{accepted:?}");
    // Line ends and order are free.
    let accepted = told(|asked| ok(&changed(asked, "", "").replace("\r\n", "\n\n"))).await;
    assert!(accepted.is_ok(), "{accepted:?}");
}

/// A request carries a fresh nonce and a right signature.
#[tokio::test]
async fn requests_are_signed_with_a_fresh_nonce() {
    let nonces = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let seen = Arc::clone(&nonces);
    let (url, _) = answering(move |asked| {
        let key = ApiKey::from_base64(API_KEY).expect("base64");
        let pairs = asked.split("\r\n").filter_map(|line| line.split_once('='));
        let pairs: Vec<_> = pairs.filter(|(name, _)| *name != "h").collect();
        let h = value(asked, "h").expect("a signature");
        // As a form has it: a plus would be a blank.
        assert!(!h.contains(['+', '/', '=']), "{h}");
        let h = h
            .replace("%2B", "+")
            .replace("%2F", "/")
            .replace("%3D", "=");
        key.verify(&pairs, &h).expect("the right signature");
        let nonce = value(asked, "nonce").expect("a nonce");
        assert!((16..=40).contains(&nonce.len()));
        seen.lock().expect("no panic").insert(nonce.to_owned());
        ok(&changed(asked, "", ""))
    });
    let client = signing(1)
        .server(&url)
        .sync_level(50)
        .build()
        .expect("a client");
    for uses in 0..10 {
        client
            .verify(&Soft::new().press(1, uses))
            .await
            .expect("believed");
    }
    assert_eq!(nonces.lock().expect("no panic").len(), 10);
}

/// Each request has a connection of its own: none waits on one that died, and nothing is sent twice.
#[tokio::test]
async fn request_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut line = String::new();
            let read = BufReader::new(&stream).read_line(&mut line);
            read.expect("a request");
            let query = line.split(['?', ' ']).nth(2).unwrap_or_default();
            let body = changed(&query.replace('&', "\r\n"), "", "");
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).expect("sent");
            // Left open: a second request on it would never be answered.
            open.push(stream);
        }
    });
    let url = format!("http://{address}/wsapi/2.0/verify");
    let second = core::time::Duration::from_secs(1);
    let client = signing(1).server(&url).timeout(second).build();
    let client = client.expect("a client");
    for uses in 0..2 {
        let told = client.verify(&Soft::new().press(1, uses)).await;
        assert!(told.is_ok(), "{told:?}");
    }
}

/// A stale answer, one about another OTP, and one that was tampered with are no answers.
#[tokio::test]
async fn tampered_answers_are_outages() {
    let foreign = |told: Result<(), ValidationError>| {
        matches!(told, Err(ValidationError::Fault(Fault::Foreign)))
    };
    let stale = "0123456789abcdef0123456789abcdef";
    assert!(foreign(
        told(move |asked| ok(&changed(asked, "nonce", stale))).await
    ));
    let other = Soft::new().typed(1, 2);
    assert!(foreign(
        told(move |asked| ok(&changed(asked, "otp", &other))).await
    ));
    for gone in ["otp", "nonce"] {
        let without = move |asked: &Asked| {
            let text = changed(asked, "", "");
            let lines: Vec<_> = text
                .split("\r\n")
                .filter_map(|line| line.split_once('='))
                .collect();
            let kept: Vec<_> = lines
                .into_iter()
                .filter(|(name, _)| ![gone, "h"].contains(name))
                .collect();
            ok(&signed(&kept))
        };
        assert!(foreign(told(without).await), "{gone}");
    }
    // A refusal of another request refuses nothing here.
    let replayed = move |asked: &Asked| {
        ok(&signed(&[
            ("nonce", stale),
            ("otp", value(asked, "otp").unwrap_or_default()),
            ("status", "REPLAYED_OTP"),
        ]))
    };
    assert!(foreign(told(replayed).await));
    let unsigned = |told: Result<(), ValidationError>| {
        matches!(told, Err(ValidationError::Fault(Fault::Unsigned)))
    };
    let bad = |asked: &Asked| changed(asked, "status", "BAD_OTP");
    assert!(unsigned(
        told(move |asked| ok(&bad(asked).replace("BAD_OTP", "OK"))).await
    ));
    assert!(unsigned(
        told(|asked| ok(&changed(asked, "", "").replace("sl=100", "sl=1"))).await
    ));
    assert!(unsigned(
        told(|asked| ok(changed(asked, "", "").split_once('\n').expect("lines").1)).await
    ));
    assert!(unsigned(told(|_| ok("h=\r\nstatus=OK\r\n")).await));
    assert!(unsigned(told(|_| ok("status=BAD_OTP\r\n")).await));
}

/// What is no answer of the protocol is an outage, and never a wrong code.
#[tokio::test]
async fn unreadable_answers_are_outages() {
    let malformed = |told: Result<(), ValidationError>| {
        matches!(told, Err(ValidationError::Fault(Fault::Malformed)))
    };
    for status in ["", "ok", "OK OK", "FINE", "BAD_OTP2"] {
        assert!(
            malformed(told(move |asked| ok(&changed(asked, "status", status))).await),
            "{status}"
        );
    }
    assert!(malformed(
        told(|asked| ok(&format!("{}status=OK\r\n", changed(asked, "", "")))).await
    ));
    assert!(malformed(
        told(|asked| ok(&format!("{}nonsense\r\n", changed(asked, "", "")))).await
    ));
    assert!(malformed(told(|_| ok(&signed(&[("t", "now")]))).await));
    assert!(malformed(
        told(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe".to_vec()).await
    ));
    let answer = |head: &'static str| {
        told(move |asked| {
            let text = String::from_utf8(ok(&changed(asked, "", ""))).expect("text");
            text.replace("200 OK", head).into()
        })
    };
    for (head, status) in [
        ("500 Broken", 500),
        ("404 Gone", 404),
        ("302 Found\r\nLocation: /elsewhere", 302),
    ] {
        assert!(matches!(answer(head).await, Err(ValidationError::Http(found)) if found == status));
    }
    let huge = told(|asked| {
        ok(&format!(
            "{}{}",
            changed(asked, "", ""),
            "\r\n".repeat(40_000)
        ))
    })
    .await;
    assert!(matches!(huge, Err(ValidationError::Unavailable(_))));
    let nothing = told(|_| Vec::new()).await;
    assert!(matches!(nothing, Err(ValidationError::Unavailable(_))));
}

/// Each status is what it is: two are refusals, the others outages.
#[tokio::test]
async fn statuses_are_refusals_or_outages() {
    for status in Status::ALL {
        let answered = told(move |asked| ok(&changed(asked, "status", status.as_str()))).await;
        let as_it_is = match (&answered, status) {
            (Ok(()), Status::Ok) => true,
            (Err(ValidationError::Refused(told)), Status::BadOtp | Status::ReplayedOtp) => {
                *told == status
            }
            (Err(ValidationError::Status(told)), _) => {
                *told == status && ![Status::BadOtp, Status::ReplayedOtp].contains(told)
            }
            _ => false,
        };
        assert!(as_it_is, "{status:?}: {answered:?}");
    }
}
