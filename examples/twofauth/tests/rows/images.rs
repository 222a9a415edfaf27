//! Pictures that a URI names.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
};

use serde_json::{Value, json};

use crate::support::{SECRET, Site, Visitor};

const SVG: &[u8] = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><path d="M0 0h1v1z"/></svg>"#;

/// A server of pictures, which says what it was asked for.
fn pictures() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = vec![0; 4_096];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            if asked.send(path.clone()).is_err() {
                return;
            }
            let large = [SVG, &vec![b' '; 3 << 20]].concat();
            let (status, body) = match path.as_str() {
                "/icon.svg" => ("200 OK", SVG),
                "/large.svg" => ("200 OK", &large[..]),
                "/page.html" => ("200 OK", &b"<html><body>no picture</body></html>"[..]),
                "/moved.svg" => ("302 Found\r\nlocation: /icon.svg", &b""[..]),
                "/silent.svg" => {
                    // Open, and without a word.
                    core::mem::forget(stream);
                    continue;
                }
                _ => ("404 Not Found", SVG),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(body);
        }
    });
    (address, heard)
}

fn made(by: &Visitor, image: &str) -> Value {
    let image = image.replace(':', "%3A").replace('/', "%2F");
    let uri = format!("otpauth://totp/Example:alice?secret={SECRET}&issuer=Example&image={image}");
    let made = by.post("/api/v1/twofaccounts", &json!({"uri": uri}));
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()["icon"].clone()
}

/// 002-2. Nothing is fetched unless the administrator says so, and then nothing of this machine or a private network.
#[test]
fn row_02_images_are_not_fetched() {
    let (address, heard) = pictures();
    let port = address.rsplit_once(':').unwrap().1;
    let allowed = json!({"throttle_api": 0, "block_otpauth_imagelink_fetching": false});
    for (settings, hosts) in [
        (json!({"throttle_api": 0}), vec!["127.0.0.1"]),
        (
            allowed,
            vec![
                "127.0.0.1",
                "localhost",
                "[::1]",
                "[::ffff:127.0.0.1]",
                "0.0.0.0",
            ],
        ),
    ] {
        let site = Site::with(&settings);
        for host in hosts {
            let icon = made(&site.by("alice"), &format!("http://{host}:{port}/icon.svg"));
            assert_eq!(icon, Value::Null, "{host}");
        }
    }
    assert!(heard.recv_timeout(Duration::from_millis(200)).is_err());
}

/// 002-2. Where pictures are fetched, one becomes an icon, sanitised; what is large, late, elsewhere or no picture does not.
#[test]
fn row_02_images_become_icons() {
    let (address, heard) = pictures();
    let site = Site::with(&json!({
        "throttle_api": 0, "block_otpauth_imagelink_fetching": false, "otpauth_imagelink_private_networks": true,
    }));
    let alice = site.by("alice");
    let icon = made(&alice, &format!("{address}/icon.svg"));
    let icon = icon.as_str().unwrap();
    assert_eq!(heard.recv().unwrap(), "/icon.svg");
    let picture = alice.get(&format!("/storage/icons/{icon}"));
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    let svg = String::from_utf8(picture.body).unwrap();
    assert!(
        svg.contains("M0 0h1v1z") && !svg.contains("script"),
        "{svg}"
    );
    for path in [
        "large.svg",
        "page.html",
        "moved.svg",
        "missing.svg",
        "silent.svg",
    ] {
        let icon = made(&alice, &format!("{address}/{path}"));
        assert_eq!(icon, Value::Null, "{path}");
        assert_eq!(heard.recv().unwrap(), format!("/{path}"));
    }
    // What is refused for another reason has no picture fetched.
    let uri = format!("otpauth://totp/a?secret={SECRET}&image={address}/icon.svg");
    let foreign = alice.post(
        "/api/v1/twofaccounts",
        &json!({"uri": uri, "group_id": 999}),
    );
    assert_eq!(foreign.status, 422, "{}", foreign.json());
    // Nothing came behind: no redirect is followed, and a preview fetches nothing.
    let preview = alice.post("/api/v1/twofaccounts/preview", &json!({"uri": uri}));
    assert_eq!(
        (preview.status, &preview.json()["icon"]),
        (200, &Value::Null)
    );
    assert_eq!(made(&alice, "file:///etc/hostname"), Value::Null);
    assert!(heard.recv_timeout(Duration::from_millis(200)).is_err());
}
