//! Chromium.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use contract_server::testing::{Chromedriver, NO_CHROMIUM};
use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use serde_json::{Value, json};

/// Widths and heights that pages are looked at in; whether as a phone does.
const SIZES: [(&str, u32, u32, bool); 2] =
    [("desktop", 1_280, 800, false), ("phone", 390, 844, true)];

/// One browser with a profile of its own.
pub(crate) struct Browser {
    client: Client,
    driver: SocketAddr,
    session: String,
    origin: String,
}

impl Browser {
    pub(crate) async fn open(driver: &Chromedriver, origin: &str, name: &str) -> Self {
        let capabilities = json!({
            "goog:chromeOptions": { "args": driver.arguments(name) },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            panic!("an object");
        };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        builder.capabilities(capabilities);
        let url = format!("http://{}", driver.address());
        let client = builder.connect(&url).await;
        let client = client.unwrap_or_else(|error| panic!("no browser ({error}): {NO_CHROMIUM}"));
        let session = client.session_id().await.unwrap().unwrap();
        Self {
            client,
            driver: driver.address(),
            session,
            origin: origin.to_owned(),
        }
    }

    /// A page, loaded anew: to another fragment alone a browser would only scroll.
    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto("about:blank").await.unwrap();
        let url = format!("{}{path}", self.origin);
        self.client.goto(&url).await.unwrap();
    }

    pub(crate) async fn url(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    pub(crate) async fn find(&self, css: &str) -> Element {
        let found = self.client.find(Locator::Css(css)).await;
        match found {
            Ok(found) => found,
            Err(error) => panic!("{css} ({error}) is not in: {}", self.words().await),
        }
    }

    /// What a person can read.
    pub(crate) async fn words(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await.unwrap();
        body.text().await.unwrap()
    }

    /// Waits until the page says this.
    pub(crate) async fn says(&self, words: &str) {
        for _ in 0..1_200 {
            if self.words().await.contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{words:?} is not in: {}", self.words().await);
    }

    /// Keeps a value, as a page of this origin does.
    pub(crate) async fn keep(&self, name: &str, value: &str) {
        let script = "localStorage.setItem(arguments[0], arguments[1])";
        let arguments = vec![json!(name), json!(value)];
        self.client.execute(script, arguments).await.unwrap();
    }

    /// Ends the browser, after a look at what it complained of; says what was requested, as `GET /path`.
    pub(crate) async fn close(self) -> Vec<String> {
        for entry in self.log("browser") {
            let message = entry["message"].as_str().unwrap();
            // A refusal is a 4xx on purpose, and no page has an icon; anything else, such as a policy's violation, is not.
            let expected = message.contains("the server responded with a status of 4");
            assert!(expected, "{entry}");
        }
        let mut requests = Vec::new();
        for entry in self.log("performance") {
            let entry: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &entry["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let request = &message["params"]["request"];
                let (method, url) = (request["method"].as_str(), request["url"].as_str());
                // The browser's own first tab is no page of ours.
                if let Some(path) = url.unwrap().strip_prefix(&self.origin) {
                    requests.push(format!("{} {path}", method.unwrap()));
                } else {
                    let document = message["params"]["documentURL"].as_str().unwrap();
                    assert!(!document.starts_with("http"), "{document} loaded {url:?}");
                }
            }
        }
        self.client.close().await.unwrap();
        requests
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let answer = self.command("se/log", &json!({ "type": kind }));
        answer.as_array().cloned().unwrap()
    }

    /// A command of chromedriver's own. It keeps the connection, so the answer's length says where it ends.
    fn command(&self, name: &str, body: &Value) -> Value {
        let (body, host) = (body.to_string(), self.driver);
        let mut stream = TcpStream::connect(host).unwrap();
        let request = format!(
            "POST /session/{}/{name} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(answer.read_line(&mut head).unwrap(), 0, "{name}: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{name}: {head}");
        let head = head.to_ascii_lowercase();
        let (_, length) = head.split_once("content-length:").unwrap();
        let length = length.lines().next().unwrap().trim().parse().unwrap();
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["value"].take()
    }

    /// Takes the page's picture in each size, and sees that nothing sticks out of it, and that a person can read it.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = std::env::var_os("SCREENSHOTS").map_or_else(
            || Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots"),
            PathBuf::from,
        );
        std::fs::create_dir_all(&folder).unwrap();
        for (size, width, height, mobile) in SIZES {
            let params =
                json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
            let set = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params});
            self.command("goog/cdp/execute", &set);
            let script =
                "return [document.documentElement.scrollWidth, innerWidth, document.title, document.documentElement.lang,
                document.querySelectorAll('main').length, document.querySelectorAll('h1').length,
                [...document.querySelectorAll('input')].every(input => input.labels.length === 1)]";
            let told = self.client.execute(script, Vec::new()).await.unwrap();
            assert!(
                told[0].as_u64() <= Some(width.into()),
                "{name}: {told} on a {size}"
            );
            assert_eq!(told[1], width, "{name}: {told} on a {size}");
            assert_ne!(told[2], "", "{name}");
            assert_eq!(
                [&told[3], &told[4], &told[5], &told[6]],
                [&json!("en"), &json!(1), &json!(1), &json!(true)],
                "{name}"
            );
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(folder.join(format!("{name}-{size}.png")), picture).unwrap();
        }
    }
}
