//! The load generator: clients that sign in one after another, each on a connection of its own.

use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::oneshot,
    task::JoinSet,
};

use crate::world::address;

/// How a contender spells the three requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Allauth,
    BetterAuth,
    Ours,
}

/// Codes as they come, each to the client that waits for it.
pub(crate) struct Mailbox {
    pub(crate) address: String,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>,
}

impl Mailbox {
    pub(crate) async fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let waiting = Arc::new(Mutex::new(HashMap::<_, oneshot::Sender<String>>::new()));
        let told = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut mail = [0; 512];
            loop {
                let length = socket.recv(&mut mail).await.unwrap();
                let text = String::from_utf8_lossy(&mail[..length]).into_owned();
                let (email, code) = text.split_once(' ').unwrap();
                if let Some(waits) = told.lock().unwrap().remove(email) {
                    let _ = waits.send(code.to_owned());
                }
            }
        });
        Self { address, waiting }
    }

    fn expect(&self, email: &str) -> oneshot::Receiver<String> {
        let (sends, waits) = oneshot::channel();
        self.waiting.lock().unwrap().insert(email.to_owned(), sends);
        waits
    }
}

/// What one run of the clients saw.
pub(crate) struct Seen {
    pub(crate) rate: f64,
    /// Milliseconds of a whole sign-in.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// During the warm-up and after the end too.
    pub(crate) signed_in: usize,
    /// How many sign-ins the peer answered with an error; one of ours ends the run.
    pub(crate) failed: usize,
}

/// So many clients sign in for so long, after a warm-up.
pub(crate) async fn load(
    mailbox: Arc<Mailbox>,
    dialect: Dialect,
    port: u16,
    clients: usize,
    time: Duration,
    next: Arc<AtomicUsize>,
) -> Seen {
    let warm = time / 5;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (mailbox, next) = (Arc::clone(&mailbox), Arc::clone(&next));
        tasks.spawn(async move {
            let mut client = Client::connect(dialect, port).await;
            let mut times = Vec::new();
            let (mut signed_in, mut failed) = (0, 0);
            // Once at least, however busy the machine is.
            while signed_in == 0 || began.elapsed() < warm + time {
                let email = address(next.fetch_add(1, Ordering::Relaxed));
                let start = Instant::now();
                if let Err(answer) = client.sign_in(&mailbox, &email).await {
                    assert_ne!(dialect, Dialect::Ours, "{answer}");
                    failed += 1;
                    assert!(signed_in > 0 || failed < 100, "{answer}");
                    continue;
                }
                signed_in += 1;
                if start.duration_since(began) >= warm && began.elapsed() <= warm + time {
                    times.push(start.elapsed().as_secs_f64() * 1_000.0);
                }
            }
            (signed_in, failed, times)
        });
    }
    let (mut signed_in, mut failed, mut times) = (0, 0, Vec::new());
    for (one_signed_in, one_failed, one_times) in tasks.join_all().await {
        signed_in += one_signed_in;
        failed += one_failed;
        times.extend(one_times);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (times.len() as f64 * part) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    Seen {
        rate: times.len() as f64 / time.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        signed_in,
        failed,
    }
}

/// A browser, as far as a sign-in needs one.
struct Client {
    dialect: Dialect,
    port: u16,
    sender: http1::SendRequest<Full<Bytes>>,
    cookies: HashMap<String, String>,
}

impl Client {
    async fn connect(dialect: Dialect, port: u16) -> Self {
        Self {
            dialect,
            port,
            sender: connection(port).await,
            cookies: HashMap::new(),
        }
    }

    /// # Errors
    /// An answer that is no success.
    async fn sign_in(&mut self, mailbox: &Mailbox, email: &str) -> Result<(), String> {
        self.cookies.clear();
        let waits = mailbox.expect(email);
        match self.dialect {
            Dialect::Ours => {
                let started = self
                    .send("POST", "/send", &json!({ "email": email }), None)
                    .await?;
                let otp = code(waits).await;
                let typed = json!({ "email": email, "otp": otp, "handle": started["handle"] });
                let signed_in = self.send("POST", "/verify", &typed, None).await?;
                let bearer = format!("Bearer {}", signed_in["token"].as_str().unwrap());
                let page = self
                    .send(
                        "GET",
                        "/session",
                        &Value::Null,
                        Some(("authorization", &*bearer)),
                    )
                    .await?;
                assert_eq!(page["email"], email);
            }
            Dialect::Allauth => {
                let base = "/_allauth/app/v1/auth";
                let path = format!("{base}/code/request");
                // It says that a code is wanted as 401.
                let asked = json!({ "email": email });
                let asked = self.ask("POST", &path, &asked, None).await.1;
                let session = asked["meta"]["session_token"].as_str().unwrap();
                let typed = json!({ "code": code(waits).await });
                let path = format!("{base}/code/confirm");
                let proof = Some(("x-session-token", session));
                let signed_in = self.send("POST", &path, &typed, proof).await?;
                let renewed = signed_in["meta"]["session_token"].as_str();
                let proof = Some(("x-session-token", renewed.unwrap_or(session)));
                let path = format!("{base}/session");
                let page = self.send("GET", &path, &Value::Null, proof).await?;
                assert_eq!(page["data"]["user"]["email"], email);
            }
            Dialect::BetterAuth => {
                let path = "/api/auth/email-otp/send-verification-otp";
                let asked = json!({ "email": email, "type": "sign-in" });
                self.send("POST", path, &asked, None).await?;
                let otp = code(waits).await;
                let typed = json!({ "email": email, "otp": otp });
                self.send("POST", "/api/auth/sign-in/email-otp", &typed, None)
                    .await?;
                let page = self
                    .send("GET", "/api/auth/get-session", &Value::Null, None)
                    .await?;
                assert_eq!(page["user"]["email"], email);
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        proof: Option<(&str, &str)>,
    ) -> Result<Value, String> {
        let (status, answer) = self.ask(method, path, body, proof).await;
        match status.is_success() {
            true => Ok(answer),
            false => Err(format!("{path}: {status} {answer}")),
        }
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        proof: Option<(&str, &str)>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("127.0.0.1:{}", self.port))
            .header(header::ORIGIN, format!("http://127.0.0.1:{}", self.port));
        if let Some((name, value)) = proof {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let all: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, all.join("; "));
        }
        let text = if body.is_null() {
            String::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            body.to_string()
        };
        let request = request.body(Full::new(Bytes::from(text))).unwrap();
        if self.sender.ready().await.is_err() {
            self.sender = connection(self.port).await;
        }
        let answer = self.sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        for cookie in head.headers.get_all(header::SET_COOKIE) {
            let pair = cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        // What is not JSON is told as it is, where it is not what was wanted.
        let answer = serde_json::from_slice(&body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
        (head.status, answer)
    }
}

async fn code(waits: oneshot::Receiver<String>) -> String {
    let waits = tokio::time::timeout(Duration::from_secs(30), waits);
    waits.await.expect("a code within half a minute").unwrap()
}

async fn connection(port: u16) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The body of an answer to a plain request.
pub(crate) async fn get(port: u16, path: &str) -> Option<String> {
    let mut sender = connection(port).await;
    let request = Request::get(path)
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .body(Full::new(Bytes::new()))
        .unwrap();
    let answer = sender.send_request(request).await.ok()?;
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some(String::from_utf8_lossy(&body).into_owned())
}
