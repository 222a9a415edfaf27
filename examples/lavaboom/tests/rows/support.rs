//! A server, its accounts, and what a client does.

use contract_server::testing::{Client, OpenApi, Request, Response, Running};
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_lavaboom");
pub(crate) const PASSWORD: &str = "a password of theirs";
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// The text with each letter in its other case.
pub(crate) fn other_case(text: &str) -> String {
    let other = |letter: char| match letter.is_ascii_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    };
    text.chars().map(other).collect()
}

/// An account without a factor.
pub(crate) fn account(name: &str) -> Value {
    json!({"username": name, "password": PASSWORD, "status": "complete", "factor_type": "", "factor_value": []})
}

/// One with this factor.
pub(crate) fn with_factor(name: &str, kind: &str, values: &[&str]) -> Value {
    let mut account = account(name);
    account["factor_type"] = json!(kind);
    account["factor_value"] = json!(values);
    account
}

pub(crate) struct Site {
    pub(crate) server: Running,
    client: Client,
    /// Of the validation server.
    pub(crate) validation: Client,
    validation_url: String,
}

impl Site {
    /// With johndoe and jane.
    pub(crate) fn start() -> Self {
        Self::of(&[account("johndoe"), account("jane")])
    }

    pub(crate) fn of(accounts: &[Value]) -> Self {
        Self::with(&json!({"accounts": accounts}), &json!({}))
    }

    pub(crate) fn with(accounts: &Value, settings: &Value) -> Self {
        Self::over(Running::start(PROGRAM, accounts, settings, &[]))
    }

    /// The clients of a server that runs.
    pub(crate) fn over(mut server: Running) -> Self {
        let (client, validation, validation_url) = clients(&mut server);
        Self {
            server,
            client,
            validation,
            validation_url,
        }
    }

    /// From now on every change of an account is an outage.
    pub(crate) fn lose_changes_of_accounts(&self) {
        self.server.execute(
            "CREATE TRIGGER outage BEFORE UPDATE ON contract_documents WHEN NEW.kind = 'user'
             BEGIN SELECT RAISE(ABORT, 'outage'); END",
        );
    }

    pub(crate) fn lose_nothing(&self) {
        self.server.execute("DROP TRIGGER outage");
    }

    /// After it was killed and started again.
    pub(crate) fn again(&mut self) {
        self.server.kill_and_restart();
        (self.client, self.validation, self.validation_url) = clients(&mut self.server);
    }

    pub(crate) fn validation_url(&self) -> &str {
        &self.validation_url
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.client.send(request)
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> Response {
        self.client.send_bytes(bytes)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", path).json(body))
    }

    /// With a token, and a body if it is not null.
    pub(crate) fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Response {
        let request =
            Request::new(method, path).header("authorization", &format!("Bearer {token}"));
        match body {
            Value::Null => self.send(&request),
            body => self.send(&request.json(body)),
        }
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Response {
        self.call(token, "GET", path, &Value::Null)
    }

    pub(crate) fn try_sign_in(&self, name: &str, password: &str, token: &str) -> Response {
        let body = json!({"type": "auth", "username": name, "password": password, "token": token});
        self.post("/tokens", &body)
    }

    /// Signs in without a factor; the token.
    #[track_caller]
    pub(crate) fn sign_in(&self, name: &str) -> String {
        let response = self.try_sign_in(name, PASSWORD, "");
        assert_eq!(response.status, 201, "{}", response.json());
        text(&response.json()["token"]["id"])
    }
}

fn clients(server: &mut Running) -> (Client, Client, String) {
    let openapi = OpenApi::new(include_str!("../../openapi.json"));
    // Who listens everywhere is there on loopback.
    let near = |url: &str| {
        let port = url.rsplit_once(':').unwrap().1;
        match url.contains("//0.0.0.0:") || url.contains("//[::]:") {
            true => format!("http://127.0.0.1:{port}"),
            false => url.to_owned(),
        }
    };
    let url = near(&server.told("validation on "));
    let authority = server.authority();
    let client = Client::new(&near(server.url()), &authority).holding(openapi);
    (client, Client::new(&url, &authority), url)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A refusal with this status and message, and these further fields alone.
#[track_caller]
pub(crate) fn refused_with(response: &Response, status: u16, message: &str, more: &Value) {
    let mut expected = json!({"success": false, "message": message});
    for (name, value) in more.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!((response.status, response.json()), (status, expected));
    assert_eq!(response.header("content-type"), Some(JSON));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

#[track_caller]
pub(crate) fn refused(response: &Response, status: u16, message: &str) {
    refused_with(response, status, message, &json!({}));
}

#[track_caller]
pub(crate) fn done(response: &Response, message: &str) {
    let expected = json!({"success": true, "message": message});
    assert_eq!((response.status, response.json()), (200, expected));
}
