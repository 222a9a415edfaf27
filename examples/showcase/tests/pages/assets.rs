//! The style sheet and the scripts.

use std::io::Read as _;

use crate::support::{Person, Site};

/// What pages load is compressed and asked for again only when changed; pages themselves are neither.
#[tokio::test(flavor = "multi_thread")]
async fn assets_are_compressed_and_kept() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    for path in ["/style.css", "/icon.svg", "/link.js", "/copy.js"] {
        let plain = person.get(path).await;
        let tag = plain.header("etag").expect("a tag").to_owned();
        let again = person
            .send("GET", path, &[("If-None-Match", &tag)], b"")
            .await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        let other = [("If-None-Match", "\"other\"")];
        assert_eq!(person.send("GET", path, &other, b"").await.status, 200);
        assert_eq!(plain.header("content-encoding"), None);
        let packed = person
            .send("GET", path, &[("Accept-Encoding", "br, gzip")], b"")
            .await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
    }
    let asked = [("Accept-Encoding", "gzip")];
    let page = person.send("GET", "/sign-in", &asked, b"").await;
    assert_eq!(page.header("content-encoding"), None);
    assert_eq!(page.header("cache-control"), Some("no-store"));

    // What is sent is what it says, and shorter.
    let plain = person.get("/style.css").await.body;
    let request = format!(
        "GET /style.css HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        site.address
    );
    let mut stream = std::net::TcpStream::connect(site.address).expect("a connection");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let head = bytes
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("a head");
    let packed = &bytes[head + 4..];
    assert!(packed.len() * 2 < plain.len(), "{}", packed.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut unpacked)
        .expect("gzip");
    assert_eq!(unpacked, plain);
}
