//! Chromium, by the protocol of chromedriver.
//!
//! Specification: WebDriver, W3C.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract_server::testing::{Chromedriver, NO_CHROMIUM};
use serde_json::{Value, json};

/// What an element's id is called (section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// For what comes to be seen, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks the driver, which keeps its connections open. `Err` is what it says against it.
fn ask(address: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = TcpStream::connect(address).expect("chromedriver");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all((head + &body).as_bytes())
        .expect("it is sent");
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (String::new(), 0);
    reader.read_line(&mut status).expect("an answer");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).expect("a body");
    let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let value = answer["value"].take();
    if status.contains(" 200 ") {
        Ok(value)
    } else {
        Err(value)
    }
}

/// Waits for what comes by itself.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        sleep(PAUSE);
    }
    panic!("not within {PATIENCE:?}: {what}");
}

/// One browser, with one page open.
pub(crate) struct Browser {
    address: SocketAddr,
    session: String,
    origin: String,
    pictures: PathBuf,
}

impl Browser {
    /// A browser with a profile of its own, for the pages of this origin.
    pub(crate) fn open(driver: &Chromedriver, origin: &str) -> Self {
        let wanted = json!({
            "goog:chromeOptions": {"args": driver.arguments("profile")}, "goog:loggingPrefs": {"browser": "ALL"},
        });
        let body = json!({"capabilities": {"alwaysMatch": wanted}});
        let opened = ask(driver.address(), "POST", "/session", &body);
        let opened = opened.unwrap_or_else(|error| panic!("no browser ({error}): {NO_CHROMIUM}"));
        let session = opened["sessionId"].as_str().unwrap().to_owned();
        let pictures = std::env::var_os("SCREENSHOTS");
        let pictures = pictures.map_or_else(|| target().join("screenshots"), PathBuf::from);
        std::fs::create_dir_all(&pictures).expect("a folder for pictures");
        Self {
            address: driver.address(),
            session,
            origin: origin.into(),
            pictures,
        }
    }

    /// A command; `Err` is what the driver says against it.
    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        ask(
            self.address,
            method,
            &format!("/session/{}/{path}", self.session),
            body,
        )
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let done = self.try_command(method, path, body);
        done.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    #[track_caller]
    pub(crate) fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.command("POST", "url", &json!({"url": url}));
    }

    /// What this script returns, also later.
    #[track_caller]
    pub(crate) fn execute(&self, script: &str) -> Value {
        self.command(
            "POST",
            "execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// A window of this size, in a light or dark theme.
    pub(crate) fn view(&self, width: u32, height: u32, theme: &str) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let theme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        for (command, params) in [
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", theme),
        ] {
            let body = json!({"cmd": command, "params": params});
            self.command("POST", "goog/cdp/execute", &body);
        }
    }

    pub(crate) fn picture(&self, name: &str) {
        let picture = self.command("GET", "screenshot", &Value::Null);
        let picture = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::write(self.pictures.join(format!("{name}.png")), picture).expect("a file");
    }

    /// The element of this selector, once it is there.
    #[track_caller]
    pub(crate) fn appears(&self, css: &str) -> String {
        let body = json!({"using": "css selector", "value": css});
        let find = || self.try_command("POST", "element", &body).ok();
        let found = until(&format!("{css} in {}", self.words()), find);
        found[ELEMENT].as_str().unwrap().into()
    }

    /// Does something to the element of this selector: the page may draw it anew meanwhile.
    #[track_caller]
    fn to(&self, css: &str, what: &str, body: &Value) {
        until(&format!("{what} {css}"), || {
            let path = format!("element/{}/{what}", self.appears(css));
            self.try_command("POST", &path, body).ok()
        });
    }

    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.to(css, "click", &json!({}));
    }

    #[track_caller]
    pub(crate) fn clear(&self, css: &str) {
        // As a person does, so that the page hears of it: Control and A, all keys up, Backspace (section 17.4.2).
        self.type_into(css, "\u{e009}a\u{e000}\u{e003}");
    }

    #[track_caller]
    pub(crate) fn type_into(&self, css: &str, text: &str) {
        self.to(css, "value", &json!({"text": text}));
    }

    pub(crate) fn attribute(&self, element: &str, name: &str) -> String {
        let path = format!("element/{element}/attribute/{name}");
        let found = self.try_command("GET", &path, &Value::Null);
        found
            .unwrap_or_default()
            .as_str()
            .unwrap_or_default()
            .into()
    }

    /// What a person can read.
    pub(crate) fn words(&self) -> String {
        let words = self.execute("return document.body ? document.body.innerText : ''");
        words.as_str().unwrap_or_default().into()
    }

    /// Waits until the page's status says this.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        let told = || self.execute("return document.getElementById('told').innerText");
        until(words, || (told() == words).then_some(()));
    }

    /// What the browser complained of, refusals aside.
    pub(crate) fn complaints(&self) -> Vec<Value> {
        let log = self.command("POST", "se/log", &json!({"type": "browser"}));
        let mut log = log.as_array().cloned().unwrap_or_default();
        let refusal = "Failed to load resource: the server responded with a status of 4";
        log.retain(|entry| {
            !entry["message"]
                .as_str()
                .unwrap_or_default()
                .contains(refusal)
        });
        log
    }
}

/// Where what is built goes.
fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into())
}

/// The rules' program, fetched once into the target folder.
pub(crate) fn axe() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../showcase/tests/axe");
    // The showcase's own tests may be at theirs.
    let folder = target().join("axe-twofauth");
    std::fs::create_dir_all(&folder).expect("a folder");
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).expect("a copy");
    }
    // It checks the hash.
    let done = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .unwrap_or_else(|error| {
            panic!("npm does not start ({error}): install the Debian package `npm`")
        });
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).expect("the rules")
}
