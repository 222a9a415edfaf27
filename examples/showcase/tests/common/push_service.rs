//! A push service on this machine, over TLS. It ends with the test.

use core::time::Duration;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

pub(crate) struct PushService {
    port: u16,
    /// The authority of its certificate, in PEM.
    pub(crate) authority: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    says: Mutex<VecDeque<u16>>,
    received: Mutex<Vec<Received>>,
}

#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl PushService {
    /// Answers these in their order, and 201 after them.
    pub(crate) async fn start(says: impl IntoIterator<Item = u16>) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let own = own.signed_by(&key, &authority).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key);
        let tls = TlsAcceptor::from(Arc::new(config.expect("a server")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let shared = Arc::new(Shared {
            says: Mutex::new(says.into_iter().collect()),
            ..Shared::default()
        });
        let own = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = tls.accept(stream).await {
                    let mut bytes = Vec::new();
                    let received = loop {
                        match whole(&bytes) {
                            Some(received) => break Some(received),
                            None if stream
                                .read_buf(&mut bytes)
                                .await
                                .is_ok_and(|read| read > 0) => {}
                            None => break None,
                        }
                    };
                    let Some(received) = received else { continue };
                    let status = own.says.lock().expect("no panic").pop_front();
                    own.received.lock().expect("no panic").push(received);
                    let status = status.unwrap_or(201);
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self {
            port,
            authority: authority.pem(),
            shared,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }

    /// The last of so many pushes, once they are there.
    pub(crate) async fn push(&self, number: usize) -> Received {
        for _ in 0..600 {
            let received = self.received();
            if received.len() >= number {
                assert_eq!(received.len(), number, "more than was asked");
                return received.last().cloned().expect("one");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no push {number} within half a minute");
    }
}

fn whole(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (bytes.get(..end)?, bytes.get(end.saturating_add(4)..)?);
    let head = core::str::from_utf8(head)
        .expect("a head in ASCII")
        .to_owned();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    (body.len() >= length.unwrap_or(0)).then(|| Received {
        head,
        body: body.to_vec(),
    })
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
