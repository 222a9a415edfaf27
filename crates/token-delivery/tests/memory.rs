//! What the memory of a process holds of a code that was sent over a gateway.
#![cfg(target_os = "linux")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a helper that panics fails its test"
)]

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write, stdin, stdout},
    process::{Command, Stdio},
};

use token_delivery::{
    Delivery as _, Gateway, GatewayBuilder, Message,
    ott_core::{Destination, Format, Token, rand::rngs::SysRng},
};

use crate::{
    gateway::{Say, Server},
    words::{SIGN_IN, templates},
};

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/words.rs"]
#[expect(dead_code, reason = "no mail")]
mod words;

const PAGE: [u8; 4_096] = [0; 4_096];

/// Names the form of the body, and the gateway, to the process that is searched.
const SEARCHED: &str = "TOKEN_DELIVERY_SEARCHED";

/// A code is sent in every form and then dropped: no buffer of the gateway's or the client's holds eight symbols of it.
#[test]
fn memory_holds_no_code_that_was_sent() {
    if let Ok(searched) = std::env::var(SEARCHED) {
        let (form, url) = searched.split_once(' ').expect("two words");
        return send_and_drop(form, url);
    }
    for form in ["json", "form", "spoken"] {
        let server = Server::start([Say::status(200)]);
        let mut searched = Command::new(std::env::current_exe().expect("a program"))
            .args([
                "--exact",
                "memory_holds_no_code_that_was_sent",
                "--nocapture",
            ])
            .env(SEARCHED, format!("{form} {}", server.url("/")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(searched.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.map(|line| line.expect("a line"));
        for (moment, held) in [("alive", true), ("dropped", false)] {
            let line = lines.find(|line| line.contains(moment)).expect(moment);
            let token = unmasked(line.rsplit(' ').next().expect("a word"));
            let found = search(searched.id(), &token, form == "spoken");
            assert_eq!(!found.is_empty(), held, "{form}, {moment}: {found:#?}");
            let mut goes_on = searched.stdin.as_ref().expect("a pipe");
            writeln!(goes_on).expect("it reads");
        }
        assert_ne!(lines.count(), 0);
        assert!(searched.wait().expect("it ends").success());
        assert_eq!(server.received().len(), 1);
    }
}

fn masked(one: char) -> String {
    format!("{:02x}", u32::from(one) ^ 0xff)
}

fn unmasked(text: &str) -> String {
    let number = |at| u8::from_str_radix(text.get(at..at + 2).expect("two digits"), 16);
    let bytes = (0..text.len())
        .step_by(2)
        .map(|at| number(at).expect("a number") ^ 0xff);
    bytes.map(char::from).collect()
}

/// Says when the code was sent and when it was dropped, and waits each time. It names the code in other symbols.
fn send_and_drop(form: &str, url: &str) {
    let wait = |moment: &str, name: &str| {
        let line = format!("{moment} {name}\n");
        stdout().write_all(line.as_bytes()).expect("a pipe");
        stdin().read_line(&mut String::new()).expect("a pipe");
    };
    let token = Token::try_generate_from_rng(&Format::LINK, &mut SysRng).expect("random bytes");
    let name: String = token.expose_secret().chars().map(masked).collect();
    let builder: GatewayBuilder = Gateway::builder(url, templates());
    let builder = match form {
        "json" => builder.json(r#"{"to": "{to}", "text": ["{text}", "{text}"]}"#),
        "form" => builder.form(&[("to", "{to}"), ("text", "{text}")]),
        _ => builder.json(r#"{"to": "{to}", "text": "{text}"}"#).spoken(),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let gateway = builder.build().expect("a gateway");
            let phone = Destination::phone("+4915112345678").expect("a number");
            let message = Message::new(SIGN_IN.purpose(), &phone, &token);
            gateway.deliver(&message).await.expect("taken");
        });
    wait("alive", &name);
    drop(token);
    wait("dropped", &name);
}

/// Where memory that can be written holds eight symbols of the code, beside each other or as a voice reads them.
fn search(pid: u32, token: &str, spoken: bool) -> Vec<String> {
    let pieces = |text: &str, length: usize| -> HashSet<Vec<u8>> {
        text.as_bytes()
            .windows(length)
            .map(<[u8]>::to_vec)
            .collect()
    };
    let apart: Vec<_> = token.chars().map(String::from).collect();
    let mut all = vec![pieces(token, 8)];
    if spoken {
        // Eight symbols and what parts them; no blank begins or ends it.
        all.push(pieces(&apart.join(", "), 22));
    }
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("its memory");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its maps");
    let mut found = Vec::new();
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (start, rest) = map.split_once('-').expect("a range");
        let (end, _) = rest.split_once(' ').expect("a range");
        let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).expect("hex"));
        let mut bytes = vec![0; usize::try_from(end - start).expect("it fits")];
        memory.seek(SeekFrom::Start(start)).expect("its memory");
        // What is reserved and never touched cannot be read in some maps.
        if memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        // Most pages are empty; some bytes more than a page, so that no piece is cut in two.
        for place in (0..bytes.len()).step_by(PAGE.len()) {
            let page = &bytes[place..bytes.len().min(place + PAGE.len() + 24)];
            if page.starts_with(&PAGE) {
                continue;
            }
            for pieces in &all {
                let length = pieces.iter().next().map_or(1, Vec::len);
                let hits = page.windows(length).filter(|window| {
                    // Not more than letters, digits and what parts them.
                    window[0].is_ascii_graphic()
                        && window[length - 1].is_ascii_graphic()
                        && pieces.contains(*window)
                });
                let hits = hits.count();
                if hits > 0 {
                    found.push(format!("{hits} in {map}"));
                }
            }
        }
    }
    found
}
