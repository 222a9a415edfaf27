//! Files that are made to cost much.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use contract_server::testing::Response;

use crate::support::{SECRET, Site, Visitor, invalid};

const PATH: &str = "/api/v1/twofaccounts/migration";
/// The longest that is read: 8 MiB, the form around it included.
const LONGEST: usize = 8 * 1_024 * 1_024 - 1_024;

/// The most memory that the server had, in MiB.
fn peak(site: &Site) -> u64 {
    let status = format!("/proc/{}/status", site.server.id());
    let status = std::fs::read_to_string(status).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() / 1_024
}

fn upload(by: &Visitor, file: &str) -> Response {
    by.upload(PATH, "file", "export", file.as_bytes())
}

/// So often that all of it fits.
fn full(begin: &str, often: &str, end: &str) -> String {
    let room = LONGEST.checked_sub(begin.len().saturating_add(end.len()));
    let count = room.and_then(|room| room.checked_div(often.len()));
    let many = often.repeat(count.unwrap());
    format!("{begin}{}{end}", many.trim_end_matches(','))
}

/// Whatever 8 MiB of JSON, of URIs or of a migration ask for, the server takes less than 400 MiB, and serves on.
#[test]
fn hostile_files_take_little_memory() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let site = Site::start();
    let alice = site.by("alice");
    let empty = STANDARD.encode(b"\x0a\x00".repeat(LONGEST / 3));
    for (what, file) in [
        (
            "objects",
            full(r#"{"db":{"entries":["#, r#"{"":0},"#, "]}}"),
        ),
        ("lists", full(r#"{"db":{"entries":["#, "[],", "]}}")),
        (
            "numbers",
            full(r#"{"encrypted":false,"items":["#, "0,", "]}"),
        ),
        (
            "items",
            full(
                r#"{"encrypted":false,"items":["#,
                r#"{"name":"a","login":{"totp":"A"}},"#,
                "]}",
            ),
        ),
        (
            "services",
            full(
                r#"{"schemaVersion":4,"services":["#,
                r#"{"secret":"A","otp":{}},"#,
                "]}",
            ),
        ),
        ("uris", full("", "otpauth://totp/a\n", "")),
        (
            "google",
            format!("otpauth-migration://offline?data={empty}"),
        ),
    ] {
        let response = upload(&alice, &file);
        assert!(
            (400..500).contains(&response.status),
            "{what}: {}",
            response.status
        );
        assert!(peak(&site) < 400, "{what}: {} MiB", peak(&site));
    }
    // The same in place of a body.
    for often in [r#"{"":0},"#, "[],"] {
        let request = alice
            .request("POST", PATH)
            .header("content-type", "application/json");
        let response = alice.send(&request.body(full(r#"{"a":["#, often, "]}")));
        assert_eq!(response.status, 422);
        assert!(peak(&site) < 400, "{often}: {} MiB", peak(&site));
    }
    assert_eq!(alice.get("/api/v1/user").status, 200);
}

/// 20,000 entries of a file are read, and one more is too much.
#[test]
fn entries_of_a_file_are_bounded() {
    let site = Site::start();
    let alice = site.by("alice");
    let uri = format!("otpauth://totp/a?secret={SECRET}\n");
    let read = upload(&alice, &uri.repeat(20_000));
    assert_eq!(
        (read.status, read.json().as_array().unwrap().len()),
        (200, 20_000)
    );
    invalid(&upload(&alice, &uri.repeat(20_001)), "payload");
}

/// A file of somebody whose credential is nobody's is not kept while it comes: who they are is known before it is read.
#[test]
fn files_of_nobody_are_not_kept() {
    let site = Site::start();
    // What any request takes.
    invalid(&upload(&site.by("alice"), ""), "file");
    let before = peak(&site);
    let address = site.server.url().strip_prefix("http://").unwrap();
    let begin = |at: usize| {
        let credential = match at % 3 {
            0 => "authorization: Bearer forged",
            1 => "cookie: twofauth_session=forged",
            _ => "x-nobody: at all",
        };
        let path = [PATH, "/api/v1/icons", "/api/v1/qrcode/decode"][at / 3 % 3];
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{credential}\r\n\
             content-type: application/json\r\ncontent-length: {LONGEST}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b' '; LONGEST - 1]).unwrap();
        stream
    };
    // So many at once that twice what is allowed for them would be kept.
    let mut streams: Vec<TcpStream> = (0..18).map(begin).collect();
    for stream in &mut streams {
        stream.write_all(b" ").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let took = peak(&site).saturating_sub(before);
    assert!(took < 72, "{took} MiB");
}
