//! A server, its users, and what a client does.

use core::fmt::Write as _;

use contract_server::testing::{Client, OpenApi, Request, Response, Running, Schema};
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_twofauth");
pub(crate) const PASSWORD: &str = "a password of theirs";
/// What the vectors of the contract have.
pub(crate) const SECRET: &str = "A4GRFHVVRBGY7UIW";
pub(crate) const T: &str = "/api/v1/twofaccounts";

/// A user whose token is `NAME-token`.
pub(crate) fn user(name: &str, admin: bool) -> Value {
    json!({
        "name": name, "email": format!("{name}@example.org"), "password": PASSWORD, "admin": admin,
        "pats": [{"name": "first", "token": token(name)}],
    })
}

pub(crate) fn token(name: &str) -> String {
    format!("{name}-token-of-the-accounts-file")
}

pub(crate) struct Site {
    pub(crate) server: Running,
    /// Where the rows run over PostgreSQL: dropped once the server is gone.
    _schema: Option<Schema>,
}

impl Site {
    /// With alice, who is an administrator, and bob; nothing is throttled.
    pub(crate) fn start() -> Self {
        Self::with(&json!({"throttle_api": 0, "throttle_api_during_import": 0}))
    }

    pub(crate) fn with(settings: &Value) -> Self {
        Self::with_options(settings, &[])
    }

    pub(crate) fn with_options(settings: &Value, options: &[&str]) -> Self {
        let accounts = json!({"users": [user("alice", true), user("bob", false)]});
        // `tests/postgres.rs` has the same rows.
        let schema = (env!("CARGO_CRATE_NAME") == "postgres").then(Schema::new);
        let database = schema.as_ref().map(|schema| ["--database", schema.url()]);
        let database = database.as_ref().map_or(&[][..], |database| database);
        let more = [database, options].concat();
        let server = Running::start(PROGRAM, &accounts, settings, &more);
        Self {
            server,
            _schema: schema,
        }
    }

    /// A client that holds every answer against the OpenAPI file.
    pub(crate) fn client(&self) -> Client {
        let openapi = OpenApi::new(include_str!("../../openapi.json"));
        self.server.client().holding(openapi)
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.client().send(request)
    }

    pub(crate) fn by(&self, user: &str) -> Visitor {
        Visitor {
            client: self.client(),
            token: token(user),
        }
    }

    /// Tries to sign in.
    pub(crate) fn try_sign_in(&self, user: &str, password: &str) -> Response {
        let body = json!({"email": format!("{user}@example.org"), "password": password});
        self.send(&Request::new("POST", "/user/login").json(&body))
    }

    /// Signs in; what the cookies say.
    pub(crate) fn sign_in(&self, user: &str) -> Browser {
        let response = self.try_sign_in(user, PASSWORD);
        assert_eq!(response.status, 200, "{}", response.json());
        self.browser(&response)
    }

    /// The browser that was signed in by this answer.
    pub(crate) fn browser(&self, response: &Response) -> Browser {
        let mut cookies = String::new();
        for (name, value) in &response.headers {
            if name == "set-cookie" {
                let _ = write!(cookies, "{}; ", value.split(';').next().unwrap());
            }
        }
        Browser {
            client: self.client(),
            cookies,
        }
    }
}

/// A client with a token.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: Client,
    token: String,
}

impl Visitor {
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.into(),
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, path).header("authorization", &format!("Bearer {}", self.token))
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.client.send(request)
    }

    /// With a body if it is not null.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Response {
        let request = self.request(method, path);
        match body {
            Value::Null => self.send(&request),
            body => self.send(&request.json(body)),
        }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.call("GET", path, &Value::Null)
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Response {
        self.call("DELETE", path, &Value::Null)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.call("POST", path, body)
    }

    /// Makes an account; its id.
    #[track_caller]
    pub(crate) fn add(&self, body: &Value) -> i64 {
        let response = self.post(T, body);
        assert_eq!(response.status, 201, "{body}: {}", response.json());
        response.json()["id"].as_i64().unwrap()
    }

    #[track_caller]
    pub(crate) fn add_totp(&self, account: &str) -> i64 {
        self.add(&json!({"otp_type": "totp", "account": account, "service": "Example", "secret": SECRET}))
    }

    /// Switches a setting of the administrator's on.
    #[track_caller]
    pub(crate) fn switch_on(&self, name: &str) {
        let path = format!("/api/v1/settings/{name}");
        let set = self.call("PUT", &path, &json!({"value": true}));
        assert_eq!(set.status, 200, "{}", set.json());
    }

    /// The ids of all accounts, in their order.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<i64> {
        let list = self.get(T).json();
        let ids = list.as_array().unwrap().iter();
        ids.map(|account| account["id"].as_i64().unwrap()).collect()
    }

    /// Sends a file of a form.
    #[track_caller]
    pub(crate) fn upload(&self, path: &str, field: &str, name: &str, file: &[u8]) -> Response {
        let boundary = "----------a boundary";
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let body = [head.as_bytes(), file, tail.as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary=\"{boundary}\"");
        let request = self.request("POST", path).header("content-type", &kind);
        self.send(&request.body(body))
    }
}

/// A browser with a session.
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookies: String,
}

impl Browser {
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, path).header("cookie", &self.cookies)
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        self.client.send(request)
    }

    /// As a page of this origin sends it.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Response {
        let request = self
            .request(method, path)
            .header("origin", "http://localhost");
        match body {
            Value::Null => self.send(&request),
            body => self.send(&request.json(body)),
        }
    }
}

/// The refusal has this status and message.
#[track_caller]
pub(crate) fn refused(response: &Response, status: u16, message: &str) {
    let body = response.json();
    assert_eq!(
        (response.status, body["message"].as_str()),
        (status, Some(message)),
        "{body}"
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// A field is refused.
#[track_caller]
pub(crate) fn invalid(response: &Response, field: &str) {
    let body = response.json();
    assert_eq!(response.status, 422, "{field}: {body}");
    assert!(body["errors"][field][0].is_string(), "{field}: {body}");
}
