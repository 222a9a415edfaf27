//! Both programs, run as the book says, and asked over HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use core::{cell::RefCell, time::Duration};
use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use token_store_sqlx::sqlx::{
    self, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions,
};
use twofa_providers::oath_otp::{Secret, Totp};

/// How long a busy machine may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const ALICE: &str = "email=alice%40shop.example";
const PASSWORD: &str = "password=a+few+words+are+easy";

/// A program that runs, and the mail that it sends.
struct Running {
    program: Child,
    address: String,
    mail: Receiver<String>,
    /// Mails that came before the one that was looked for.
    earlier: RefCell<Vec<String>>,
    log: Receiver<String>,
    folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// One connection of a mail server that keeps each text.
fn receive(mut stream: TcpStream, sender: &Sender<String>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    stream.write_all(b"220 mail\r\n").unwrap();
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap_or(0) > 0 {
        let answer = match line.get(..4) {
            Some("DATA") => "354 go on",
            Some("QUIT") => "221 bye",
            _ => "250 yes",
        };
        stream
            .write_all(format!("{answer}\r\n").as_bytes())
            .unwrap();
        if answer.starts_with("354") {
            let mut text = String::new();
            while !text.ends_with("\r\n.\r\n") {
                lines.read_line(&mut text).unwrap();
            }
            sender.send(text).unwrap();
            stream.write_all(b"250 taken\r\n").unwrap();
        }
        line.clear();
    }
}

/// Takes what is sent on a port of its own: a mail server that keeps each text.
fn mail_server() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mail) = mpsc::channel();
    thread::spawn(move || {
        // Mails are sent at once too, over connections that are kept.
        for stream in listener.incoming() {
            let (stream, sender) = (stream.unwrap(), sender.clone());
            thread::spawn(move || receive(stream, &sender));
        }
    });
    (port, mail)
}

impl Running {
    fn start(program: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (smtp, mail) = mail_server();
        let mut program = Command::new(program)
            .current_dir(&folder)
            .env("PORT", "0")
            .env("SMTP_PORT", smtp.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(program.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for line in printed.lines() {
                let line = line.unwrap();
                eprintln!("{line}");
                let _ = sender.send(line); // the test may be over
            }
        });
        let mut address = None;
        while address.is_none() {
            let line = log.recv_timeout(PATIENCE).unwrap();
            address = line.trim().strip_prefix("http://").map(str::to_owned);
        }
        Self {
            program,
            address: address.unwrap(),
            mail,
            earlier: RefCell::default(),
            log,
            folder,
        }
    }

    /// Status, cookie and body.
    fn ask(&self, method: &str, path: &str, cookie: &str, form: &str) -> (u16, String, String) {
        self.ask_from("same-origin", method, path, cookie, form)
    }

    fn ask_from(
        &self,
        site: &str,
        method: &str,
        path: &str,
        cookie: &str,
        form: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = form.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncookie: {cookie}\r\n\
             sec-fetch-site: {site}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        (
            status,
            cookie.unwrap_or_default().to_owned(),
            body.to_owned(),
        )
    }

    fn post(&self, path: &str, cookie: &str, form: &str) -> (u16, String, String) {
        self.ask("POST", path, cookie, form)
    }

    /// The next mail that says this.
    fn mail(&self, what: &str) -> String {
        let mut earlier = self.earlier.borrow_mut();
        if let Some(at) = earlier.iter().position(|text| text.contains(what)) {
            return earlier.remove(at);
        }
        loop {
            let text = self.mail.recv_timeout(PATIENCE).unwrap();
            let text = text.replace("=\r\n", "");
            if text.contains(what) {
                return text;
            }
            earlier.push(text);
        }
    }

    /// The token in the link of the next mail that has one.
    fn link(&self) -> String {
        let text = self.mail("/reset#");
        let (_, token) = text.split_once("/reset#").unwrap();
        let end = token.find(char::is_whitespace);
        token.get(..end.unwrap()).unwrap().to_owned()
    }

    /// The session of a new account.
    fn join(&self) -> String {
        let form = format!("{ALICE}&{PASSWORD}");
        assert_eq!(self.post("/register", "", &form).0, 200);
        self.signs_in("__Host-session=")
    }

    /// Address and password are answered with this cookie.
    fn signs_in(&self, cookie: &str) -> String {
        let (status, set, _) = self.post("/sign-in", "", &format!("{ALICE}&{PASSWORD}"));
        assert_eq!(status, 200);
        assert!(set.starts_with(cookie), "no {cookie}");
        set
    }

    /// A new app: what confirms it, without the code, and the app's secret.
    fn add_app(&self, session: &str) -> (String, Secret) {
        let (status, _, shown) = self.post("/account/app", session, PASSWORD);
        assert_eq!(status, 200);
        let (factor, uri) = shown.trim().split_once(' ').unwrap();
        let (_, secret) = uri.split_once("secret=").unwrap();
        let secret = Secret::from_base32(secret.split('&').next().unwrap()).unwrap();
        (format!("factor={factor}&code="), secret)
    }

    /// Changes the database, as nothing but the program should.
    fn sql(&self, statement: &'static str) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("shop.db"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let file = file.busy_timeout(PATIENCE);
            let mut database = SqliteConnection::connect_with(&file).await.unwrap();
            let done = sqlx::raw_sql(statement).execute(&mut database).await;
            done.unwrap();
            database.close().await.unwrap();
        });
    }
}

/// What the app shows now.
fn shown(secret: &Secret) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let code = Totp::default().generate(secret, now.as_secs());
    code.expose_secret().to_owned()
}

/// The walk of the page: what must succeed, and beside it what must not.
fn walk(program: &str) {
    let shop = Running::start(program);
    let old = format!("{ALICE}&{PASSWORD}");
    let session = shop.join();
    let wrong = "password=wrong";
    let other = format!("{ALICE}&{wrong}");
    assert_eq!(shop.post("/sign-in", "", &other).0, 401);
    assert_eq!(shop.ask("GET", "/account", "", "").0, 401);
    assert_eq!(shop.ask("GET", "/account", &session, "").0, 200);

    // Whoever borrows a session knows no password, and enrols nothing.
    let (status, _, said) = shop.post("/account/app", &session, "");
    assert!([400, 422].contains(&status), "{status}");
    assert!(!said.contains("secret="), "{said}");
    let (status, _, said) = shop.post("/account/app", &session, wrong);
    assert_eq!((status, said.as_str()), (401, ""));
    let (first, secret) = shop.add_app(&session);
    let code = &shown(&secret);
    let first = format!("{first}{code}");
    let (status, _, sheet) = shop.post("/account/app/confirm", &session, &first);
    assert_eq!(status, 200);
    shop.mail("a second step was added");
    let mut codes = sheet.lines().map(|code| code.replace(' ', "+"));
    // A second app takes a proof of the first.
    assert_eq!(shop.post("/account/app", &session, PASSWORD).0, 403);

    let second_step = |password: &str, provider: &str, code: &str| {
        let (status, half, _) = shop.post("/sign-in", "", password);
        assert_eq!(status, 200);
        assert_eq!(shop.ask("GET", "/account", &half, "").0, 401);
        let form = format!("provider={provider}&code={code}");
        let (status, session, _) = shop.post("/second-step", &half, &form);
        if status == 200 {
            let again = format!("provider=recovery&code={code}");
            assert_eq!(shop.post("/second-step", &half, &again).0, 401);
        }
        (status, session)
    };
    assert_eq!(
        second_step(&old, "totp", code).0,
        401,
        "used by the confirmation"
    );
    let printed = codes.next().unwrap();
    let (status, session) = second_step(&old, "recovery", &printed);
    assert_eq!(status, 200);
    assert_eq!(shop.ask("GET", "/account", &session, "").0, 200);
    assert_eq!(second_step(&old, "recovery", &printed).0, 401, "used");

    // Nobody learns who has an account, and nobody without one gets a mail.
    let nobody = shop.post("/forgot", "", "email=bob%40shop.example");
    let known = shop.post("/forgot", "", ALICE);
    assert_eq!(nobody, known);
    let earlier = shop.link();
    assert_eq!(shop.post("/forgot", "", ALICE).0, 200);
    let token = shop.link();
    let new = "password=some+other+easy+words";
    let form = format!("token={token}&{new}");
    assert_eq!(
        shop.post("/reset", "", &format!("token={earlier}x&{new}"))
            .0,
        401
    );
    assert_eq!(shop.post("/reset", "", &form).0, 200);
    assert_eq!(shop.post("/reset", "", &form).0, 401, "used");
    let earlier = format!("token={earlier}&{new}");
    assert_eq!(
        shop.post("/reset", "", &earlier).0,
        401,
        "of the earlier epoch"
    );
    assert_eq!(
        shop.ask("GET", "/account", &session, "").0,
        401,
        "of the old password"
    );
    assert_eq!(shop.post("/sign-in", "", &old).0, 401);
    let new = format!("{ALICE}&{new}");
    let printed = codes.next().unwrap();
    assert_eq!(second_step(&new, "recovery", &printed).0, 200);
    shop.mail("the password of your account was changed");
    assert!(shop.mail.try_recv().is_err() && shop.earlier.borrow().is_empty());
}

/// Wherever the program stops between an app and what sign-in looks at, the app is asked for.
fn stop(program: &str) {
    let shop = Running::start(program);
    let session = shop.join();
    let (first, secret) = shop.add_app(&session);
    let confirm = |code: &str| {
        let form = format!("{first}{code}");
        shop.post("/account/app/confirm", &session, &form).0
    };
    let right = shown(&secret);
    let wrong = if right.starts_with('1') { "2" } else { "1" };
    let wrong = format!("{wrong}{}", right.get(1..).unwrap());
    assert_eq!(confirm(&wrong), 401);
    shop.signs_in("__Host-session=");

    let stop = "CREATE TRIGGER stop BEFORE UPDATE OF needs_factor ON users \
                BEGIN SELECT RAISE(ABORT, 'stopped here'); END";
    shop.sql(stop);
    assert_eq!(confirm(&shown(&secret)), 503);
    while !shop
        .log
        .recv_timeout(PATIENCE)
        .unwrap()
        .contains("stopped here")
    {}
    shop.sql("DROP TRIGGER stop");
    shop.signs_in("__Host-session=");
    assert_eq!(
        confirm(&shown(&secret)),
        200,
        "the app did not count, and its code was not used"
    );
    shop.signs_in("__Host-half=");
    shop.sql("UPDATE users SET needs_factor = 0");
    shop.signs_in("__Host-half=");
}

/// What a form, another site, a stranger and a later owner of an address cannot do.
fn strangers(program: &str) {
    let shop = Running::start(program);
    for form in [
        "email=nobody&password=a+few+words+are+easy",
        "email=alice%40shop.example&password=",
        "email=alice%40shop.example&password=14+characters.",
    ] {
        let (status, _, _) = shop.post("/register", "", form);
        assert!([400, 422].contains(&status), "{form}: {status}");
    }
    let spelt = format!("email=+Alice%40Shop.Example+&{PASSWORD}");
    assert_eq!(shop.post("/register", "", &spelt).0, 200);
    let session = shop.signs_in("__Host-session=");
    let (_, _, before) = shop.ask("GET", "/account", &session, "");

    for site in ["cross-site", "same-site"] {
        let (status, _, _) = shop.ask_from(site, "POST", "/sign-out", &session, "");
        assert_eq!(status, 403);
    }
    assert_eq!(shop.ask("GET", "/account", &session, "").0, 200);
    assert_eq!(shop.post("/sign-out", &session, "").0, 200);
    assert_eq!(shop.ask("GET", "/account", &session, "").0, 401);

    let session = shop.signs_in("__Host-session=");
    shop.sql("DELETE FROM users");
    let new = shop.join();
    let (status, _, after) = shop.ask("GET", "/account", &new, "");
    assert_eq!(status, 200);
    assert_ne!(before, after);
    assert_eq!(shop.ask("GET", "/account", &session, "").0, 401);

    let statuses = (0..1_000).map(|_| shop.post("/sign-out", "", "").0);
    let mut statuses = statuses.skip_while(|status| *status == 401);
    assert_eq!(statuses.next(), Some(429));
}

/// axum over SQLite.
#[test]
fn axum_signs_in_and_resets() {
    walk(env!("CARGO_BIN_EXE_shop-axum"));
}

/// An app that counts is asked for.
#[test]
fn axum_stops_without_losing_a_factor() {
    stop(env!("CARGO_BIN_EXE_shop-axum"));
}

/// Forms, other sites, many posts, and ids.
#[test]
fn axum_refuses_strangers() {
    strangers(env!("CARGO_BIN_EXE_shop-axum"));
}

/// actix-web over Redis and SQLite. `REDIS_URL` names the server, which `scripts/with-servers` starts.
#[test]
fn actix_signs_in_and_resets() {
    walk(actix());
}

/// An app that counts is asked for.
#[test]
fn actix_stops_without_losing_a_factor() {
    stop(actix());
}

/// Forms, other sites, many posts, and ids.
#[test]
fn actix_refuses_strangers() {
    strangers(actix());
}

fn actix() -> &'static str {
    assert!(
        env::var("REDIS_URL").is_ok(),
        "run it by scripts/with-servers"
    );
    env!("CARGO_BIN_EXE_shop-actix")
}
