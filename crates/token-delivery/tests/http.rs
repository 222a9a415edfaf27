//! The client that asks once.

use core::time::Duration;
use std::time::Instant;

use token_delivery::{HttpClient, HttpError, HttpRequest};

use crate::{
    certificates::tls,
    gateway::{Say, Server},
};

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/gateway.rs"]
mod gateway;

/// Where something hangs.
const PATIENCE: Duration = Duration::from_secs(1);
/// Everywhere else.
const LONG: Duration = Duration::from_secs(20);

fn post(url: &str) -> HttpRequest {
    HttpRequest::new("POST", url, "secret body").expect("a request")
}

fn client() -> HttpClient {
    HttpClient::new(LONG).expect("a client")
}

fn hasty() -> HttpClient {
    HttpClient::new(PATIENCE).expect("a client")
}

/// With certificates of these authorities alone.
fn of(pem: &[u8]) -> Result<HttpClient, HttpError> {
    HttpClient::builder(LONG).authorities(pem).build()
}

/// An error's own texts and those of its sources.
fn everything(error: &dyn core::error::Error) -> String {
    let chain = core::iter::successors(Some(error), |error| error.source());
    chain.map(|error| format!("{error} {error:?} ")).collect()
}

/// One attempt each, whatever happens, and within its patience; a redirect is an answer.
#[tokio::test]
async fn client_asks_once() {
    for say in [Say::Drop, Say::Hang, Say::Garbage] {
        let server = Server::start([say.clone(), Say::status(200)]);
        let began = Instant::now();
        let error = hasty()
            .send(post(&server.url("/")))
            .await
            .expect_err("no answer");
        let late = matches!(error, HttpError::Late);
        assert_eq!(late, matches!(say, Say::Hang), "{error:?}");
        assert!(began.elapsed() < PATIENCE * 3);
        assert_eq!(server.received().len(), 1, "{say:?}");
    }
    let server = Server::start([Say::Answer(307, "location: /other\r\n", String::new())]);
    let answer = hasty()
        .send(post(&server.url("/")))
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status(), answer.header("location")),
        (307, Some("/other"))
    );
    assert_eq!(server.received().len(), 1);
}

/// A connection that died while nobody used it fails no request: each has its own.
#[tokio::test]
async fn connection_is_used_once() {
    let server = Server::start([Say::Open(200), Say::status(201)]);
    let client = client();
    for status in [200, 201] {
        let answer = client.send(post(&server.url("/"))).await;
        assert_eq!(answer.expect("an answer").status(), status);
    }
    assert_eq!(server.received().len(), 2);
}

/// HTTP/2 is spoken over TLS alone: without it, not even a greeting is sent.
#[tokio::test]
async fn http2_is_spoken_over_tls_alone() {
    let server = Server::start([Say::status(200)]);
    let client = HttpClient::builder(PATIENCE).http2().build();
    let sent = client.expect("a client").send(post(&server.url("/"))).await;
    assert!(matches!(sent, Err(HttpError::Unreachable(_))), "{sent:?}");
    assert!(server.received().is_empty());
}

/// The status comes first; a body that is cut off, too long or late is an error of the body.
#[tokio::test]
async fn body_is_read_to_its_end_or_not() {
    let server = Server::start([
        Say::body(200, "whole"),
        Say::Cut,
        Say::Stall,
        Say::body(200, &"a".repeat(64 * 1_024)),
        Say::body(200, &"a".repeat(64 * 1_024 + 1)),
    ]);
    let ask = async || {
        let answer = hasty().send(post(&server.url("/"))).await.expect("a head");
        assert!(answer.is_success());
        answer.body().await
    };
    assert_eq!(ask().await.expect("whole"), b"whole");
    assert!(matches!(ask().await, Err(HttpError::Unreachable(_))));
    let began = Instant::now();
    assert!(matches!(ask().await, Err(HttpError::Late)));
    assert!(began.elapsed() < PATIENCE * 3);
    assert_eq!(ask().await.expect("just so long").len(), 64 * 1_024);
    assert!(matches!(ask().await, Err(HttpError::TooLong)));
}

/// A certificate of another authority, or for another name, ends the connection before anything is sent.
#[tokio::test]
async fn certificate_is_verified() {
    let (authority, config) = tls("127.0.0.1", &[]);
    let server = Server::over([Say::status(204)], Some(config));
    let trusting = of(authority.as_bytes()).expect("a client");
    let answer = trusting
        .send(post(&server.url("/")))
        .await
        .expect("verified");
    let received = server.received().remove(0);
    assert_eq!(answer.status(), 204);
    assert_eq!(
        (received.line.as_str(), received.body.as_str()),
        ("POST / HTTP/1.1", "secret body")
    );
    let (other, config) = tls("other.example.org", &[]);
    for distrusting in [client(), of(other.as_bytes()).expect("a client")] {
        assert!(distrusting.send(post(&server.url("/"))).await.is_err());
    }
    let misnamed = Server::over([Say::status(204)], Some(config));
    let trusting = of(other.as_bytes()).expect("a client");
    let refused = trusting.send(post(&misnamed.url("/"))).await;
    let told = everything(&refused.expect_err("another name"));
    assert!(told.contains("certificate"), "{told}");
    assert!(
        !told.contains("127.0.0.1") && !told.contains("example.org"),
        "{told}"
    );
    assert!(misnamed.received().is_empty());
    let url = misnamed.url("/");
    drop(misnamed);
    let told = everything(&client().send(post(&url)).await.expect_err("nobody there"));
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .expect("a port");
    assert!(told.contains("refused") && !told.contains(port), "{told}");
    assert_eq!(server.received().len(), 1);
    for none in [
        "",
        "text",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    ] {
        assert!(of(none.as_bytes()).is_err(), "{none}");
    }
}

/// What is for strangers' addresses reaches neither this machine nor a private network: by number, by a number that
/// only a resolver reads, or by a name.
#[tokio::test]
async fn public_client_stays_in_public() {
    let server = Server::start([Say::status(200)]);
    let public = HttpClient::builder(LONG).public_only().build();
    let public = public.expect("a client");
    let port = server.url("").rsplit(':').next().map(str::to_owned);
    let port = port.expect("a port");
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let sent = public.send(post(&format!("http://{host}:{port}/"))).await;
        assert!(matches!(sent, Err(HttpError::Private)), "{host} {sent:?}");
    }
    for host in ["localhost", "2130706433", "0x7f.1", "127.1"] {
        let sent = public.send(post(&format!("http://{host}:{port}/"))).await;
        assert!(
            matches!(sent, Err(HttpError::Unreachable(_) | HttpError::Late)),
            "{host} {sent:?}"
        );
    }
    assert!(server.received().is_empty());
    // The names lead to the server, for a client that may go there.
    let answer = client()
        .send(post(&format!("http://localhost:{port}/")))
        .await;
    assert_eq!(answer.expect("an answer").status(), 200);
}

/// A wait is a number of seconds or a date; a date that is over is no wait.
#[tokio::test]
async fn retry_after_is_seconds_or_a_date() {
    for (header, least, most) in [
        ("retry-after: 120\r\n", 120, 120),
        (
            "retry-after: Tue, 31 Dec 2999 23:59:59 GMT\r\n",
            86_400,
            u64::MAX,
        ),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 0, 0),
    ] {
        let server = Server::start([Say::Answer(503, header, String::new())]);
        let answer = client().send(post(&server.url("/"))).await;
        let wait = answer.expect("an answer").retry_after().expect(header);
        assert!(
            (least..=most).contains(&wait.as_secs()),
            "{header} {wait:?}"
        );
    }
    for none in ["", "retry-after: soon\r\n", "retry-after: -1\r\n"] {
        let server = Server::start([Say::Answer(503, none, String::new())]);
        let answer = client().send(post(&server.url("/"))).await;
        assert_eq!(answer.expect("an answer").retry_after(), None, "{none}");
    }
}

/// No line break gets into a head, and nothing of a request into a `Debug` text.
#[test]
fn requests_are_checked_and_silent() {
    for (method, address) in [
        ("PO ST", "https://a.example/"),
        ("POST\r\n", "https://a.example/"),
        ("POST", "https://a.example/\r\nx: y"),
        ("POST", "ftp://a.example/"),
        ("POST", "file:///etc/passwd"),
        ("POST", "a.example/"),
        ("POST", "/"),
        ("POST", "https:///a"),
        ("POST", "https://:443/a"),
        ("POST", "https://user@/a"),
        ("POST", "http://@:80"),
    ] {
        assert!(
            HttpRequest::new(method, address, "").is_err(),
            "{method} {address}"
        );
    }
    for (name, value) in [
        ("a\r\nb", "c"),
        ("a", "b\r\nc: d"),
        ("a", "b\nc"),
        ("", "a"),
        ("a", "\0"),
    ] {
        assert!(
            post("https://a.example/").header(name, value).is_err(),
            "{name:?} {value:?}"
        );
    }
    let request = post("https://user.example/secret-path").header("x-key", "secret-key");
    let told = format!("{:?} {:?}", request.expect("a request"), client());
    assert!(
        !told.contains("secret") && !told.contains("user.example"),
        "{told}"
    );
}
