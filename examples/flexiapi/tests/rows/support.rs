//! Accounts, a server, and what a client does.

use std::sync::Arc;

use contract_server::testing::{Client, OpenApi, Request, Response, Running, Schema};
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_flexiapi");
pub(crate) const PUSH: &str = "account_creation_tokens/send-by-push";
pub(crate) const RECOVER: &str = "account_recovery_tokens/send-by-push";
pub(crate) const CONSUME: &str = "account_creation_tokens/consume";
pub(crate) const REQUEST: &str = "account_creation_request_tokens";
pub(crate) const EXCHANGE: &str = "account_creation_tokens/using-account-creation-request-token";
pub(crate) const CREATE: &str = "accounts/with-account-creation-token";

/// An account. Their API key is `NAME-key`, their phone number ends in the name's length.
pub(crate) fn account(name: &str, admin: bool) -> Value {
    json!({
        "username": name, "domain": "sip.example.org", "admin": admin, "api_key": key(name),
        "email": format!("{name}@example.org"), "phone": phone(name), "activated": true,
    })
}

pub(crate) fn key(name: &str) -> String {
    format!("{name:-<40}")
}

pub(crate) fn phone(name: &str) -> String {
    format!("+4915100000{:03}", name.len())
}

pub(crate) fn device(prid: &str) -> Value {
    json!({"pn_provider": "fcm", "pn_param": "param", "pn_prid": prid})
}

pub(crate) struct Site {
    pub(crate) server: Running,
    client: Client,
    /// Where the rows run over PostgreSQL: dropped once the server is gone.
    _schema: Option<Arc<Schema>>,
}

impl Site {
    /// With bob, alice and the administrator.
    pub(crate) fn start() -> Self {
        Self::of(&json!({}), &json!({}))
    }

    pub(crate) fn with(settings: &Value) -> Self {
        Self::of(settings, &json!({}))
    }

    /// With these settings and push addresses.
    pub(crate) fn of(settings: &Value, push: &Value) -> Self {
        let accounts = json!({
            "accounts": [account("admin", true), account("bob", false), account("alicia", false)],
            "push": push,
        });
        Self::on(&accounts, settings, &[])
    }

    /// With these accounts, settings and options.
    pub(crate) fn on(accounts: &Value, settings: &Value, more: &[&str]) -> Self {
        // `tests/postgres.rs` has the same rows.
        let schema = (env!("CARGO_CRATE_NAME") == "postgres").then(Schema::new);
        let database = schema.as_ref().map(|schema| ["--database", schema.url()]);
        let more: Vec<_> = database.iter().flatten().chain(more).copied().collect();
        let server = Running::start(PROGRAM, accounts, settings, &more);
        let client = client(&server);
        Self {
            server,
            client,
            _schema: schema.map(Arc::new),
        }
    }

    /// Another process over the same database.
    pub(crate) fn beside(&self) -> Self {
        let server = self.server.beside();
        let client = client(&server);
        Self {
            server,
            client,
            _schema: self._schema.clone(),
        }
    }

    /// After it was killed and started again.
    pub(crate) fn again(&mut self) {
        self.server.kill_and_restart();
        self.client = client(&self.server);
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.client.send(request)
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> Response {
        self.client.send_bytes(bytes)
    }

    /// Nobody posts this.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", &at(path)).json(body))
    }

    pub(crate) fn post_as(&self, name: &str, path: &str, body: &Value) -> Response {
        self.send(&self.as_user(name, "POST", path).json(body))
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&Request::new("GET", &at(path)))
    }

    pub(crate) fn get_as(&self, name: &str, path: &str) -> Response {
        self.send(&self.as_user(name, "GET", path))
    }

    fn as_user(&self, name: &str, method: &str, path: &str) -> Request {
        Request::new(method, &at(path)).header("x-api-key", &key(name))
    }

    /// A form of a page.
    pub(crate) fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let escape = |text: &str| {
            text.replace('%', "%25")
                .replace('+', "%2B")
                .replace('&', "%26")
        };
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = Request::new("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html");
        self.send(&request.body(body))
    }

    /// What this very call sent, the one message.
    #[track_caller]
    pub(crate) fn sent(&self, call: impl FnOnce() -> Response) -> Value {
        let before = self.server.outbox().len();
        let response = call();
        assert_eq!(response.status, 200, "{response:?}");
        let sent = self.server.outbox();
        assert_eq!(sent.len(), before + 1, "one message");
        sent[before].clone()
    }

    /// A creation token that was pushed to this device.
    #[track_caller]
    pub(crate) fn pushed(&self, prid: &str) -> String {
        let sent = self.sent(|| self.post(PUSH, &device(prid)));
        sent["token"].as_str().unwrap().into()
    }

    /// A creation token of the administrator's.
    #[track_caller]
    pub(crate) fn issued(&self) -> String {
        let response = self.post_as("admin", "account_creation_tokens", &json!({}));
        assert_eq!(response.status, 201, "{response:?}");
        token(&response)
    }

    #[track_caller]
    pub(crate) fn consume(&self, name: &str, token: &str) -> Response {
        self.post_as(name, CONSUME, &json!({"account_creation_token": token}))
    }

    /// The account has consumed one: its phone and e-mail can change.
    #[track_caller]
    pub(crate) fn validate(&self, name: &str) {
        let response = self.consume(name, &self.issued());
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// What all of so many are told who do this at once.
    pub(crate) fn at_once<T: Send>(
        &self,
        number: usize,
        call: impl Fn(usize) -> T + Sync,
    ) -> Vec<T> {
        let barrier = std::sync::Barrier::new(number);
        std::thread::scope(|scope| {
            let (call, barrier) = (&call, &barrier);
            let threads: Vec<_> = (0..number)
                .map(|at| {
                    scope.spawn(move || {
                        barrier.wait();
                        call(at)
                    })
                })
                .collect();
            let answers = threads.into_iter().map(|thread| thread.join());
            answers.map(|answer| answer.unwrap()).collect()
        })
    }
}

/// A client that holds every answer against the OpenAPI file.
fn client(server: &Running) -> Client {
    server
        .client()
        .holding(OpenApi::new(include_str!("../../openapi.json")))
}

fn at(path: &str) -> String {
    format!("/api/{path}")
}

#[track_caller]
pub(crate) fn token(response: &Response) -> String {
    response.json()["token"].as_str().unwrap().into()
}

/// A refusal with this status and message.
#[track_caller]
pub(crate) fn refused(response: &Response, status: u16, message: &str) {
    let json = response.json();
    assert_eq!(
        (response.status, &json["message"]),
        (status, &json!(message)),
        "{json}"
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// A refusal with this status, in the contract's shape.
#[track_caller]
pub(crate) fn refused_somehow(response: &Response, status: u16) {
    let json = response.json();
    assert_eq!(response.status, status, "{response:?}");
    assert!(json["message"].is_string(), "{json}");
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// 422, and this is wrong with that field alone.
#[track_caller]
pub(crate) fn invalid(response: &Response, field: &str) -> String {
    refused_somehow(response, 422);
    let json = response.json();
    let errors = json["errors"].as_object().unwrap();
    assert_eq!(errors.keys().collect::<Vec<_>>(), [field], "{json}");
    errors[field][0].as_str().unwrap().into()
}

/// 200 with nothing.
#[track_caller]
pub(crate) fn empty(response: &Response) {
    assert_eq!((response.status, response.body.as_slice()), (200, &b""[..]));
}

pub(crate) fn is_alphanumeric(text: &str, length: usize) -> bool {
    text.len() == length && text.chars().all(|one| one.is_ascii_alphanumeric())
}

/// How many of these are so.
pub(crate) fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}
