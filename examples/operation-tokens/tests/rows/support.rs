//! A server, its users, and what a client does.

use core::time::Duration;
use std::{thread, time::Instant};

use contract_server::testing::{Client, Request, Response, Running, Schema};
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_operation-tokens");
pub(crate) const PASSWORD: &str = "a password of theirs";
pub(crate) const EMAIL: &str = "EMAIL";
pub(crate) const PHONE: &str = "PHONE_NUMBER";

/// A user with both keys. Their bearer is `NAME-bearer`.
pub(crate) fn user(name: &str, number: u32) -> Value {
    json!({
        "id": name, "email": format!("{name}@example.org"), "phone": format!("+49151{number:07}"), "password": PASSWORD,
        "mfa": {"email": false, "phone": false}, "anti_phishing_code": null, "authorization": format!("{name}-bearer"),
    })
}

/// The same with other fields.
pub(crate) fn with(name: &str, number: u32, fields: &Value) -> Value {
    let mut user = user(name, number);
    for (field, value) in fields.as_object().unwrap() {
        user[field] = value.clone();
    }
    user
}

pub(crate) struct Site {
    pub(crate) server: Running,
    client: Client,
    /// Where the rows run over PostgreSQL: dropped once the server is gone.
    _schema: Option<Schema>,
}

/// One message of the outbox.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) token: String,
}

impl Site {
    /// With alice and bob.
    pub(crate) fn start() -> Self {
        Self::of(&[user("alice", 1), user("bob", 2)], &json!({}))
    }

    pub(crate) fn of(users: &[Value], settings: &Value) -> Self {
        // `tests/postgres.rs` has the same rows.
        let schema = (env!("CARGO_CRATE_NAME") == "postgres").then(Schema::new);
        let database = schema.as_ref().map(|schema| ["--database", schema.url()]);
        let more = database.as_ref().map_or(&[][..], |database| database);
        let server = Running::start(PROGRAM, &json!({"users": users}), settings, more);
        let client = server.client();
        Self {
            server,
            client,
            _schema: schema,
        }
    }

    /// After it was started again.
    pub(crate) fn again(&mut self) {
        self.server.kill_and_restart();
        self.client = self.server.client();
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

    /// A user posts this; `null` is no body.
    pub(crate) fn post_as(&self, name: &str, path: &str, body: &Value) -> Response {
        let request = Request::new("POST", &at(path))
            .header("authorization", &format!("Bearer {name}-bearer"));
        match body {
            Value::Null => self.send(&request.header("content-length", "0")),
            body => self.send(&request.json(body)),
        }
    }

    pub(crate) fn details(&self, bearer: &str) -> Value {
        let request = Request::new("GET", "/api/v1/account/details");
        let response = self.send(&request.header("authorization", &format!("Bearer {bearer}")));
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// What `ask` has sent: one message.
    pub(crate) fn mail(&self, ask: impl FnOnce() -> Response) -> (Response, Mail) {
        let before = self.server.outbox().len();
        let response = ask();
        assert_eq!(response.status, 200, "{}", response.json());
        let sent = self.wait_for(before + 1);
        let last = &sent[before];
        let text = |field: &str| last[field].as_str().unwrap().to_owned();
        let mail = Mail {
            to: text("to"),
            text: text("text"),
            token: text("token"),
        };
        assert!(mail.text.contains(&mail.token));
        (response, mail)
    }

    /// The outbox once it holds so many.
    pub(crate) fn wait_for(&self, length: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let sent = self.server.outbox();
            if sent.len() >= length {
                return sent;
            }
            assert!(
                Instant::now() < until,
                "{} of {length} messages came",
                sent.len()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nothing is sent but what was: another message of somebody else comes, and it is the next.
    pub(crate) fn nothing_more(&self, than: usize) {
        let (_, mail) = self.mail(|| self.post_as("bob", "token/password/changing", &Value::Null));
        assert_eq!(mail.to, "bob@example.org");
        assert_eq!(self.server.outbox().len(), than + 1);
    }

    /// Starts a process.
    pub(crate) fn process(&self, path: &str, body: &Value) -> String {
        let response = self.post(path, body);
        assert_eq!(response.status, 200, "{}", response.json());
        let id = response.json()["processingId"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        id
    }
}

fn at(path: &str) -> String {
    format!("/api/v1/{path}")
}

/// An error of this status, in the contract's shape.
pub(crate) fn refused(response: &Response, status: u16) {
    let json = response.json();
    assert_eq!(response.status, status, "{json}");
    let error = json["error"].as_object().unwrap();
    assert!(
        error["code"].is_string() && error["message"].is_string(),
        "{json}"
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// 200 with nothing to tell.
pub(crate) fn done(response: &Response) {
    assert_eq!((response.status, response.json()), (200, json!({})));
}

/// A token of the same shape that is not this one.
pub(crate) fn wrong(token: &str) -> String {
    let first = if token.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &token[1..])
}
