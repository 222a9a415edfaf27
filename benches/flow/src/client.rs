//! One client: what it sends, and how each contender spells it.

use core::time::Duration;
use std::{collections::HashMap, time::SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::oneshot};

use crate::{
    enrol,
    load::Mailbox,
    world::{Flow, address},
};

/// How a contender spells the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Allauth,
    BetterAuth,
    Ours,
}

/// A browser, as far as a sign-in needs one.
pub(crate) struct Client {
    dialect: Dialect,
    port: u16,
    sender: http1::SendRequest<Full<Bytes>>,
    cookies: HashMap<String, String>,
}

impl Client {
    pub(crate) async fn connect(dialect: Dialect, port: u16) -> Self {
        Self {
            dialect,
            port,
            sender: connection(port).await,
            cookies: HashMap::new(),
        }
    }

    /// # Errors
    /// An answer that is no success.
    pub(crate) async fn sign_in(
        &mut self,
        mailbox: &Mailbox,
        flow: Flow,
        number: usize,
    ) -> Result<(), String> {
        self.cookies.clear();
        let email = &*address(number);
        match (self.dialect, flow) {
            (Dialect::Ours, Flow::Code) => self.code_of_ours(mailbox, email).await,
            (Dialect::Ours, Flow::Totp) => self.totp_of_ours(email, number).await,
            (Dialect::BetterAuth, Flow::Code) => self.code_of_better_auth(mailbox, email).await,
            (Dialect::BetterAuth, Flow::Totp) => self.totp_of_better_auth(email, number).await,
            (Dialect::Allauth, Flow::Code) => self.code_of_allauth(mailbox, email).await,
            (Dialect::Allauth, Flow::Totp) => Err("allauth has codes by mail alone here".into()),
        }
    }

    async fn code_of_ours(&mut self, mailbox: &Mailbox, email: &str) -> Result<(), String> {
        let waits = mailbox.expect(email);
        let asked = json!({ "email": email });
        let started = self.send("POST", "/send", &asked, None).await?;
        let otp = code(waits).await;
        let typed = json!({ "email": email, "otp": otp, "handle": started["handle"] });
        let signed_in = self.send("POST", "/verify", &typed, None).await?;
        self.page_of_ours(email, &signed_in).await
    }

    async fn totp_of_ours(&mut self, email: &str, number: usize) -> Result<(), String> {
        let asked = json!({ "email": email });
        self.send("POST", "/password", &asked, None).await?;
        let shown = json!({ "email": email, "code": shown(number) });
        let signed_in = self.send("POST", "/totp", &shown, None).await?;
        self.page_of_ours(email, &signed_in).await
    }

    async fn page_of_ours(&mut self, email: &str, signed_in: &Value) -> Result<(), String> {
        let bearer = format!("Bearer {}", signed_in["token"].as_str().unwrap());
        let proof = Some(("authorization", &*bearer));
        let page = self.send("GET", "/session", &Value::Null, proof).await?;
        assert_eq!(page["email"], email);
        Ok(())
    }

    async fn code_of_allauth(&mut self, mailbox: &Mailbox, email: &str) -> Result<(), String> {
        let waits = mailbox.expect(email);
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
        Ok(())
    }

    async fn code_of_better_auth(&mut self, mailbox: &Mailbox, email: &str) -> Result<(), String> {
        let waits = mailbox.expect(email);
        let path = "/api/auth/email-otp/send-verification-otp";
        let asked = json!({ "email": email, "type": "sign-in" });
        self.send("POST", path, &asked, None).await?;
        let otp = code(waits).await;
        let typed = json!({ "email": email, "otp": otp });
        let path = "/api/auth/sign-in/email-otp";
        self.send("POST", path, &typed, None).await?;
        self.page_of_better_auth(email).await
    }

    async fn totp_of_better_auth(&mut self, email: &str, number: usize) -> Result<(), String> {
        let typed = json!({ "email": email, "password": "nobody checks it" });
        let path = "/api/auth/sign-in/email";
        let asked = self.send("POST", path, &typed, None).await?;
        assert_eq!(asked["twoFactorRedirect"], true, "{asked}");
        let shown = json!({ "code": shown(number) });
        let path = "/api/auth/two-factor/verify-totp";
        self.send("POST", path, &shown, None).await?;
        self.page_of_better_auth(email).await
    }

    async fn page_of_better_auth(&mut self, email: &str) -> Result<(), String> {
        let path = "/api/auth/get-session";
        let page = self.send("GET", path, &Value::Null, None).await?;
        assert_eq!(page["user"]["email"], email);
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
            let cookie = cookie.to_str().unwrap();
            let pair = cookie.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, _)) if cookie.contains("Max-Age=0") => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        // What is not JSON is told as it is, where it is not what was wanted.
        let answer = serde_json::from_slice(&body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
        (head.status, answer)
    }
}

/// What the app of this account shows now.
fn shown(number: usize) -> String {
    let (totp, secret) = enrol::app(number);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let code = totp.generate(&secret, now.unwrap().as_secs());
    code.expose_secret().to_owned()
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
