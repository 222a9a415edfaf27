//! A client that sends exactly what it is told.

use core::{fmt::Write as _, time::Duration};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::OpenApi;

/// A client of one server. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    tls: Option<Arc<ClientConfig>>,
    openapi: Option<OpenApi>,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub struct Request {
    head: String,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"),
            body: Vec::new(),
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    /// With Basic authentication (RFC 7617).
    #[must_use]
    pub fn basic(self, user: &str, secret: &str) -> Self {
        let text = STANDARD.encode(format!("{user}:{secret}"));
        self.header("authorization", &format!("Basic {text}"))
    }

    /// With Bearer authentication: base64 of this text, as the contract has it.
    #[must_use]
    pub fn bearer(self, text: &str) -> Self {
        let text = STANDARD.encode(text);
        self.header("authorization", &format!("Bearer {text}"))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// With any body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self {
            body,
            ..self.header("content-length", &length)
        }
    }
}

impl Response {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    /// Of the server at this URL, whose certificate this authority signed.
    ///
    /// # Panics
    /// If the authority's file is none.
    #[must_use]
    pub fn new(url: &str, authority: &Path) -> Self {
        let (scheme, address) = url.split_once("://").expect("a URL");
        let tls = (scheme == "https").then(|| {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_file(authority).expect("a certificate");
            roots.add(authority).expect("an authority");
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
            Arc::new(config)
        });
        Self {
            address: address.into(),
            tls,
            openapi: None,
        }
    }

    /// Holds every answer to a [`Request`] against this file.
    #[must_use]
    pub fn holding(self, openapi: OpenApi) -> Self {
        Self {
            openapi: Some(openapi),
            ..self
        }
    }

    /// Sends it, and reads the answer to its end.
    ///
    /// # Panics
    /// If no whole answer came.
    #[must_use]
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        let mut bytes = request.head.clone().into_bytes();
        bytes.extend(b"\r\n");
        bytes.extend(&request.body);
        let response = self.send_bytes(&bytes);
        if let Some(openapi) = &self.openapi {
            let mut words = request.head.split(' ');
            let (method, path) = (words.next(), words.next());
            openapi.check(method.expect("one"), path.expect("one"), &response);
        }
        response
    }

    /// The same with exactly these bytes.
    ///
    /// # Panics
    /// If no whole answer came.
    #[must_use]
    pub fn send_bytes(&self, bytes: &[u8]) -> Response {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).expect("a time-out");
        let answer = match &self.tls {
            None => exchange(stream, bytes),
            Some(config) => {
                let host = self.address.rsplit_once(':').expect("a port").0;
                let name = ServerName::try_from(host.to_owned()).expect("a name");
                let connection = ClientConnection::new(Arc::clone(config), name);
                exchange(StreamOwned::new(connection.expect("TLS"), stream), bytes)
            }
        };
        parse(&answer)
    }
}

fn exchange(mut stream: impl Read + Write, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).expect("it is sent");
    stream.flush().expect("it is sent");
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1_024];
    // A server may close without saying so in TLS: the answer's own length says whether it is whole.
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                assert!(!answer.is_empty(), "no answer: {error}");
                break;
            }
        }
    }
    answer
}

fn parse(answer: &[u8]) -> Response {
    let mut ends = answer.windows(4);
    let end = ends
        .position(|window| window == b"\r\n\r\n")
        .expect("a head");
    let (head, body) = answer.split_at(end);
    let body = body.get(4..).unwrap_or_default();
    let head = core::str::from_utf8(head).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let response = Response {
        status: status.expect("a status"),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().into()))
            .collect(),
        body: body.into(),
    };
    if let Some(length) = response.header("content-length") {
        assert_eq!(length, body.len().to_string(), "the answer is whole");
    }
    response
}
