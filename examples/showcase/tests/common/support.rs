//! A running showcase, and somebody who talks plain HTTP to it.

#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test stops where it fails, and each test file uses a part"
)]

use core::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{collections::BTreeMap, sync::Arc};

use showcase::{Config, Showcase};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
};
use twofa_providers::{
    oath_otp::{Secret, Totp},
    token_delivery::{Outbox, Sent},
    token_store::{
        Clock as _, ManualClock, SystemClock, key_file,
        ott_core::{
            KeyRing,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

/// Where the code is entered that a new account takes.
pub(crate) const REGISTER: &str = "/register/confirm";
/// The message to an address that has an account.
pub(crate) const TAKEN: &str = "registration-of-an-account";

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A showcase in this process, with a clock that stands still. It stops when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) origin: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) outbox: Outbox,
    pub(crate) pool: sqlx::SqlitePool,
    _stop: oneshot::Sender<()>,
    folder: Arc<TempDir>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // In the middle of a step of authenticator apps, whatever time it is.
        let now = SystemClock.now().timestamp() / 30 * 30 + 10;
        let now = DateTime::from_timestamp(now, 0).expect("a time");
        let clock = Arc::new(ManualClock::new(now));
        let mut config = config(&folder, &clock);
        change(&mut config);
        Self::of(config, clock, folder.into()).await
    }

    /// Another showcase over the same database, keys and clock, in this process too.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_with(|_| {}).await
    }

    pub(crate) async fn beside_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let (folder, clock) = (Arc::clone(&self.folder), Arc::clone(&self.clock));
        let mut config = config(&folder, &clock);
        change(&mut config);
        Self::of(config, clock, folder).await
    }

    async fn of(config: Config, clock: Arc<ManualClock>, folder: Arc<TempDir>) -> Self {
        let showcase = Showcase::start(config).await.expect("the showcase starts");
        let (stop, stopped) = oneshot::channel();
        let site = Self {
            address: showcase.address(),
            origin: showcase.origin().to_owned(),
            clock,
            outbox: showcase.outbox().expect("the feature"),
            pool: showcase.pool(),
            _stop: stop,
            folder,
        };
        tokio::spawn(showcase.serve(async {
            let _ = stopped.await;
        }));
        site
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// The keys that the showcase runs with.
    pub(crate) fn keys(&self) -> KeyRing {
        key_file::read(self.folder.path().join("keys")).expect("the key file")
    }

    /// What an authenticator app shows now.
    pub(crate) fn code(&self, base32: &str) -> String {
        code_at(base32, self.now())
    }

    /// The code with which this address registers, once its message is there.
    pub(crate) async fn registration_code(&self, email: &str) -> String {
        Person::new(self).next_code(email, None).await
    }

    /// Who asks to register an address that has an account is led on as everybody is, and a message says so: to whom.
    pub(crate) async fn asks_for_a_taken(&self, email: &str) -> String {
        let told = || {
            let sent = self.outbox.messages();
            let taken = |sent: &&Arc<Sent>| sent.purpose().as_str() == TAKEN;
            let to = |sent: &Arc<Sent>| sent.destination().address().to_owned();
            sent.iter().filter(taken).map(to).collect::<Vec<_>>()
        };
        let before = told().len();
        let asked = Person::new(self).ask_to_register(email).await;
        assert_eq!(asked.leads_to(), REGISTER, "{asked:?}");
        within_half_a_minute(async || told().get(before).cloned()).await
    }

    /// The code of the last message.
    pub(crate) fn sent_code(&self) -> String {
        let sent = self.outbox.last().expect("a message was sent");
        sent.expose_token().to_owned()
    }
}

fn config(folder: &TempDir, clock: &Arc<ManualClock>) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: folder.path().join("data"),
        keys: folder.path().join("keys"),
        clock: Arc::clone(clock) as Arc<_>,
        ..Config::default()
    }
}

pub(crate) fn code_at(base32: &str, now: DateTime<Utc>) -> String {
    let secret = Secret::from_base32(base32).expect("a secret");
    let now = u64::try_from(now.timestamp()).expect("a time after 1970");
    let code = Totp::default().generate(&secret, now);
    code.expose_secret().to_owned()
}

/// What is there within half a minute: messages are sent behind an answer's back.
async fn within_half_a_minute<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no message came");
}

/// Another code than this one.
pub(crate) fn other_than(code: &str) -> String {
    let first = if code.starts_with('7') { '8' } else { '7' };
    format!("{first}{}", &code[1..])
}

/// What a server answered.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn leads_to(&self) -> &str {
        self.header("location").unwrap_or("")
    }

    /// The same without what it carries on.
    pub(crate) fn leads_to_path(&self) -> &str {
        let to = self.leads_to();
        to.split_once('?').map_or(to, |(path, _)| path)
    }

    /// The text between the first `before` and the next `after`.
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    }

    pub(crate) fn csrf(&self) -> Option<&str> {
        self.between("name=\"csrf\" value=\"", "\"")
    }

    pub(crate) fn factor(&self) -> &str {
        self.between("name=\"factor\" value=\"", "\"")
            .expect("a factor is on the page")
    }

    /// The secret for typing, as the page of an enrolment shows it.
    pub(crate) fn secret(&self) -> String {
        self.between("id=\"secret\">", "<")
            .expect("a secret is on the page")
            .replace(' ', "")
    }
}

/// The recovery codes on a page.
pub(crate) fn codes_on(page: &str) -> Vec<String> {
    let parts = page.split("<code>").skip(1);
    let codes = parts.filter_map(|part| part.split_once("</code>"));
    codes.map(|(code, _)| code.to_owned()).collect()
}

impl core::fmt::Debug for Answer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let words = self.between("<main", "</main>").unwrap_or(&self.body);
        let words: String = words.chars().take(700).collect();
        write!(f, "{} {} {words}", self.status, self.leads_to())
    }
}

/// A connection from an address of this machine. On Linux all of 127.0.0.0/8 is.
pub(crate) async fn connect_from(source: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((source, 0).into()).expect("an own address");
    socket.connect(to).await.expect("a connection")
}

/// Sends these bytes, whatever they are, and reads the answer.
pub(crate) async fn exchange(address: SocketAddr, request: Vec<u8>) -> Answer {
    let stream = TcpStream::connect(address).await.expect("a connection");
    exchange_over(stream, request).await
}

async fn exchange_over(stream: TcpStream, request: Vec<u8>) -> Answer {
    let (mut read, mut write) = stream.into_split();
    // A server that refuses need not read all of it.
    let writing = tokio::spawn(async move {
        let _ = write.write_all(&request).await;
        // Kept open: some servers take half a connection for none.
        core::future::pending::<()>().await;
        drop(write);
    });
    let mut bytes = Vec::new();
    let reading = async {
        // Not every server hangs up when it is asked to.
        while !is_whole(&bytes) && read.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), reading).await;
    in_time.expect("an answer within a minute");
    writing.abort();
    let _ = writing.await;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let mut answer = Answer {
        status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(body);
    }
    answer
}

/// Whether an answer that says its length has all of it.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let words = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = words.split_once("content-length:").map(|(_, rest)| rest);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= head + 4 + length)
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        if length == 0 {
            break;
        }
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    whole
}

/// As a browser encodes a form.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() {
                body.push(char::from(byte));
            } else {
                let _ = write!(body, "%{byte:02X}");
            }
        }
    }
    body
}

/// A person with an authenticator app, signed in. Says its secret and its id.
pub(crate) async fn signed_in(site: &Site, email: &str) -> (Person, String, String) {
    let mut person = Person::new(site);
    let answer = person.register(email).await;
    assert_eq!(answer.leads_to(), "/welcome", "{answer:?}");
    let (secret, factor) = person.enrol_first(site).await;
    (person, secret, factor)
}

/// Somebody with a cookie jar.
#[derive(Clone)]
pub(crate) struct Person {
    address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The address that the person's requests come from, unless the system chooses.
    pub(crate) source: Option<IpAddr>,
    /// Headers of every request, such as a proxy adds.
    pub(crate) always: Vec<(String, String)>,
    csrf: Option<String>,
    /// Where their mail is, unless it is on the page of the outbox.
    mail: Option<Outbox>,
}

impl Person {
    pub(crate) fn new(site: &Site) -> Self {
        Self {
            mail: Some(site.outbox.clone()),
            ..Self::at(site.address)
        }
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
            source: None,
            always: Vec::new(),
            csrf: None,
            mail: None,
        }
    }

    /// Goes on at another server, with the same cookies.
    pub(crate) fn go_to(&mut self, other: &Self) {
        self.address = other.address;
    }

    /// Sends a request as it is, beside cookies; `Host` and `Origin` are right unless given.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let always = self.always.iter();
        let always = always.map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = always.chain(headers.iter().copied()).collect();
        let given = |name: &str| headers.iter().any(|(other, _)| *other == name);
        let host = self.address.to_string();
        let mut add = |name: &str, value: &str| {
            let _ = write!(request, "{name}: {value}\r\n");
        };
        if !given("Host") {
            add("Host", &host);
        }
        if method == "POST" && !given("Origin") {
            add("Origin", &format!("http://{host}"));
        }
        if method == "POST" && !given("Content-Type") {
            add("Content-Type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            add(name, value);
        }
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            add("Cookie", &cookies.join("; "));
        }
        add("Content-Length", &body.len().to_string());
        let mut request = request.into_bytes();
        request.extend(b"\r\n");
        request.extend(body);
        let answer = match self.source {
            Some(source) => exchange_over(connect_from(source, self.address).await, request).await,
            None => exchange(self.address, request).await,
        };
        self.remember(&answer);
        answer
    }

    fn remember(&mut self, answer: &Answer) {
        let set = answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie");
        for (_, cookie) in set {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            if name.trim_start_matches("__Host-") == "visit" {
                self.csrf = None;
            }
        }
        if let Some(csrf) = answer.csrf() {
            self.csrf = Some(csrf.to_owned());
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    /// The value that this visit's forms carry.
    pub(crate) async fn csrf(&mut self) -> String {
        if self.csrf.is_none() {
            self.get("/register").await;
        }
        self.csrf.clone().expect("a form carries its token")
    }

    /// Sends a form as one of our pages would.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.send("POST", path, &[], form(&all).as_bytes()).await
    }

    /// Sends a form, and opens the page that it leads to.
    pub(crate) async fn open(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, fields).await;
        if answer.status != 303 {
            return answer;
        }
        let next = answer.leads_to().to_owned();
        self.get(&next).await
    }

    /// Sends a form's fields that are encoded already.
    pub(crate) async fn post_encoded(&mut self, path: &str, fields: &str) -> Answer {
        let csrf = self.csrf().await;
        let body = format!("csrf={csrf}&{fields}");
        self.send("POST", path, &[], body.as_bytes()).await
    }

    /// Asks for an account: a message goes to the address.
    pub(crate) async fn ask_to_register(&mut self, email: &str) -> Answer {
        let fields = [("email", email), ("password", PASSWORD)];
        self.post("/register", &fields).await
    }

    /// Asks for an account, and enters the code that is read at the address.
    pub(crate) async fn register(&mut self, email: &str) -> Answer {
        let before = self.read_code(email).await;
        let asked = self.ask_to_register(email).await;
        assert_eq!(asked.leads_to(), REGISTER, "{asked:?}");
        let code = self.next_code(email, before).await;
        self.post(REGISTER, &[("code", &code)]).await
    }

    /// The code with which this address registers, once there is another than before.
    async fn next_code(&self, email: &str, before: Option<String>) -> String {
        within_half_a_minute(async || {
            let code = self.read_code(email).await;
            code.filter(|code| before.as_ref() != Some(code))
        })
        .await
    }

    /// The code of the last message that registers this address.
    async fn read_code(&self, email: &str) -> Option<String> {
        let Some(mail) = &self.mail else {
            let page = self.clone().get("/outbox").await;
            let (_, message) = page.body.split_once(&format!("To {email}<"))?;
            let (_, code) = message.split_once("The code ")?;
            return code.split(' ').next().map(str::to_owned);
        };
        let sent = mail.messages();
        let registers = |sent: &&Arc<Sent>| {
            sent.purpose().as_str() == "registration" && sent.destination().address() == email
        };
        let last = sent.iter().rev().find(registers)?;
        Some(last.expose_token().to_owned())
    }

    /// Enrols an authenticator app on the first sign-in. Says its secret and its id.
    pub(crate) async fn enrol_first(&mut self, site: &Site) -> (String, String) {
        let page = self
            .open("/welcome", &[("provider", "totp"), ("label", "Phone")])
            .await;
        let (secret, factor) = (page.secret(), page.factor().to_owned());
        let code = site.code(&secret);
        let answer = self
            .confirm("/welcome/confirm", "totp", &factor, &code)
            .await;
        // Where it is prepared for that the phone is gone one day.
        let next = (answer.status, answer.leads_to());
        assert_eq!(next, (303, "/account/recovery"));
        (secret, factor)
    }

    pub(crate) async fn confirm(
        &mut self,
        path: &str,
        provider: &str,
        factor: &str,
        code: &str,
    ) -> Answer {
        let fields = [("provider", provider), ("factor", factor), ("code", code)];
        self.post(path, &fields).await
    }

    /// The first step alone.
    pub(crate) async fn password(&mut self, email: &str) -> Answer {
        let fields = [("email", email), ("password", PASSWORD)];
        self.post("/sign-in", &fields).await
    }

    /// The second step with a code from an app.
    pub(crate) async fn code(&mut self, code: &str) -> Answer {
        let fields = [("provider", "totp"), ("code", code)];
        self.post("/second-factor", &fields).await
    }

    /// The second step with a code from a sheet.
    pub(crate) async fn recover(&mut self, code: &str) -> Answer {
        let fields = [("provider", "recovery"), ("code", code)];
        self.post("/second-factor", &fields).await
    }

    pub(crate) async fn sign_out(&mut self) -> Answer {
        self.post("/sign-out", &[]).await
    }
}
