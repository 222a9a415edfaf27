//! A server that speaks HTTP/2 over TLS and answers as a test wants, one answer after the other; the last one stays.

use core::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::sleep};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test says some of it")]
pub(crate) enum Say {
    /// A status, `Retry-After` where there is one, and a body.
    Answer(u16, Option<&'static str>, String),
    /// Nothing, for ever.
    Hang,
    /// It reads, and closes the connection.
    Drop,
    /// A whole answer, so much later.
    Late(Duration, u16),
}

#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test reads some of it")]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    #[allow(dead_code, reason = "some read bodies alone")]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    says: Mutex<Vec<Say>>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
}

pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(says: impl IntoIterator<Item = Say>, tls: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let shared = Arc::new(Shared {
            says: Mutex::new(says.into_iter().collect()),
            ..Shared::default()
        });
        let (own, acceptor) = (Arc::clone(&shared), TlsAcceptor::from(Arc::new(tls)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, acceptor) = (Arc::clone(&own), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let closes = Arc::new(Notify::new());
                    let answers = service_fn(|request| answer(&shared, &closes, request));
                    let connection = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answers);
                    tokio::select! {
                        _ = connection => {}
                        () = closes.notified() => {}
                    }
                });
            }
        });
        Self { port, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }

    #[allow(dead_code, reason = "one test counts them")]
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(
    shared: &Arc<Shared>,
    closes: &Arc<Notify>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + use<> {
    let (shared, closes) = (Arc::clone(shared), Arc::clone(closes));
    async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = head.headers.iter();
        let received = Received {
            method: head.method.to_string(),
            path: head.uri.path().into(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(&body),
        };
        let say = {
            let mut says = shared.says.lock().expect("no panic");
            shared.received.lock().expect("no panic").push(received);
            match says.len() {
                0 | 1 => says.first().cloned().unwrap_or(Say::Drop),
                _ => says.remove(0),
            }
        };
        let (status, wait, body) = match say {
            Say::Answer(status, wait, body) => (status, wait, body),
            Say::Late(wait, status) => {
                sleep(wait).await;
                (status, None, String::new())
            }
            Say::Drop => {
                closes.notify_one();
                core::future::pending().await
            }
            Say::Hang => core::future::pending().await,
        };
        let mut response = Response::builder().status(status);
        if let Some(wait) = wait {
            response = response.header("retry-after", wait);
        }
        Ok(response.body(Full::from(body)).expect("an answer"))
    }
}
