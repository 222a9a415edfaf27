//! An account, a server, and what a client does.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use contract_server::testing::{Client, OpenApi, Request, Response, Running, Schema};
use serde_json::{Value, json};
use twofa_providers::oath_otp::{Secret, Totp};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_nextcloud-passwords");
pub(crate) const BASE: &str = "/index.php/apps/passwords/api/1.0";
/// 32 symbols of base32.
pub(crate) const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
pub(crate) const PASSWORD: &str = "a password of hers";

/// The solution of everybody's challenge.
pub(crate) fn solution() -> String {
    "ab".repeat(32)
}

pub(crate) fn salts() -> [String; 3] {
    ["01".repeat(256), "02".repeat(64), "03".repeat(16)]
}

/// An account with everything. Its app tokens are `NAME-token-1` to 9.
pub(crate) fn whole(name: &str) -> Value {
    let tokens: Vec<_> = (1..10).map(|at| format!("{name}-token-{at}")).collect();
    json!({
        "id": name, "password": PASSWORD, "email": format!("{name}@example.org"), "app_tokens": tokens,
        "totp": {"secret": TOTP, "algorithm": "sha1"},
        "backup_codes": ["Backup0000000001", "Backup0000000002"], "notification": true, "mail": true,
        "challenge": {"salts": salts(), "secret": solution()}, "keychain": {"CSEv1r1": "keychain of alice"},
        "two_factor_enabled": true, "two_factor_required": true,
    })
}

/// The same with other fields.
pub(crate) fn with(name: &str, fields: &Value) -> Value {
    let mut account = whole(name);
    for (field, value) in fields.as_object().expect("an object") {
        account[field] = value.clone();
    }
    account
}

/// The server, and everybody's client.
pub(crate) struct Site {
    pub(crate) server: Running,
    /// Where the rows run over PostgreSQL: dropped once the server is gone.
    pub(crate) _schema: Option<Schema>,
}

impl Site {
    /// With alice and bob, who have everything.
    pub(crate) fn start() -> Self {
        Self::of(&[whole("alice"), whole("bob")], &json!({}))
    }

    pub(crate) fn of(users: &[Value], settings: &Value) -> Self {
        let accounts = json!({"users": users});
        // `tests/postgres.rs` has the same rows.
        let schema = (env!("CARGO_CRATE_NAME") == "postgres").then(Schema::new);
        let database = schema.as_ref().map(|schema| ["--database", schema.url()]);
        let more = database.as_ref().map_or(&[][..], |database| database);
        let server = Running::start(PROGRAM, &accounts, settings, more);
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

    /// A client with this app token of this user's: 1 to 9.
    pub(crate) fn with_token(&self, user: &str, at: u8) -> Visitor {
        self.visitor(user, &format!("{user}-token-{at}"))
    }

    pub(crate) fn visitor(&self, user: &str, secret: &str) -> Visitor {
        Visitor {
            client: self.client(),
            user: user.into(),
            secret: secret.into(),
            session: None,
        }
    }
}

/// One client with its session.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) client: Client,
    pub(crate) user: String,
    pub(crate) secret: String,
    pub(crate) session: Option<String>,
}

impl Visitor {
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{BASE}/{path}")
        };
        let request = Request::new(method, &path).basic(&self.user, &self.secret);
        match &self.session {
            Some(session) => request.header("x-api-session", session),
            None => request,
        }
    }

    pub(crate) fn send(&mut self, request: &Request) -> Response {
        let response = self.client.send(request);
        if let Some(session) = response.header("x-api-session") {
            self.session = Some(session.into());
        }
        response
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        let request = self.request("GET", path);
        self.send(&request)
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Response {
        let request = self.request("POST", path).json(body);
        self.send(&request)
    }

    /// Opens with the challenge and these tokens.
    pub(crate) fn open(&mut self, token: &Value) -> Response {
        let body = json!({"challenge": solution(), "token": token});
        self.post("session/open", &body)
    }
}

/// Runs this on the file of a server, and gives the first value that it answers.
pub(crate) fn sqlite(file: &Path, statement: &str) -> String {
    let program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                   row = c.execute(sys.argv[2]).fetchone(); c.commit(); print(row[0] if row else '')";
    let ran = Command::new("python3")
        .args(["-c", program])
        .arg(file)
        .arg(statement)
        .output()
        .expect("python3");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8_lossy(&ran.stdout).trim().into()
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// A code of the app, so many seconds from now.
pub(crate) fn code(seconds: i64) -> String {
    let secret = Secret::from_base32(TOTP).expect("a secret");
    let at = now().saturating_add_signed(seconds);
    Totp::default().generate(&secret, at).expose_secret().into()
}

/// A code that the app shows at no time near.
pub(crate) fn wrong() -> String {
    let shown: Vec<_> = (-300..=300).step_by(30).map(code).collect();
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes
        .find(|code| !shown.contains(code))
        .expect("a million codes")
}

/// More seconds each time, so that no limit of thirty seconds is reached.
pub(crate) fn later() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    CALLS.fetch_add(31, Ordering::Relaxed)
}

/// The refusal has this status, message and id.
#[track_caller]
pub(crate) fn refused(response: &Response, status: u16, message: &str, id: &str) {
    let expected = json!({"status": "error", "id": id, "message": message});
    assert_eq!((response.status, response.json()), (status, expected));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// What twelve are told who send this at once.
pub(crate) fn at_once(visitor: &Visitor, path: &str) -> Vec<u16> {
    let barrier = std::sync::Barrier::new(12);
    std::thread::scope(|scope| {
        let call = || {
            let mut own = visitor.clone();
            barrier.wait();
            own.get(path).status
        };
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(call)).collect();
        let answers = threads.into_iter().map(|thread| thread.join());
        answers.map(|answer| answer.expect("an answer")).collect()
    })
}
