//! Chromium and chromedriver, as the tests use them.

#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test stops where it fails, and each test file uses a part"
)]

use core::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};
use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use fantoccini::{
    Client, ClientBuilder,
    Locator::{self, Css, XPath},
    actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Site, exchange};

const INSTALL: &str = "install the Debian packages `chromium` and `chromium-driver`";

/// Widths and heights that pages are looked at in.
const SIZES: [(&str, u32, u32); 2] = [("desktop", 1_280, 800), ("phone", 390, 844)];

/// A chromedriver, ended when it is dropped.
pub(crate) struct Chromedriver {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Chromedriver {
    pub(crate) async fn start() -> Self {
        // Free a moment ago: the driver refuses to start if somebody was faster.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port");
        let child = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {INSTALL}"));
        let driver = Self {
            child,
            address,
            folder: tempfile::tempdir().expect("a folder"),
        };
        for _ in 0..300 {
            if std::net::TcpStream::connect(address).is_ok() {
                return driver;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("chromedriver does not answer: {INSTALL}");
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Asked to, it ends its browsers too; killed, it would leave them behind.
        if let Ok(mut stream) = std::net::TcpStream::connect(self.address) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(
                stream,
                "GET /shutdown HTTP/1.1\r\nHost: {}\r\n\r\n",
                self.address
            );
            let _ = stream.read(&mut [0; 1_024]);
            for _ in 0..100 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One browser with a profile of its own.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: SocketAddr,
    session: String,
    origin: String,
    pictures: PathBuf,
    taken: AtomicU32,
}

impl Browser {
    /// Without scripts: no page needs one.
    pub(crate) async fn open(driver: &Chromedriver, origin: &str, name: &str) -> Self {
        // 2 is "block", as an administrator sets it.
        let prefs = json!({ "profile.managed_default_content_settings.javascript": 2 });
        Self::with(driver, origin, name, prefs).await
    }

    /// With scripts, as most people have them.
    pub(crate) async fn open_scripted(driver: &Chromedriver, origin: &str, name: &str) -> Self {
        Self::with(driver, origin, name, json!({})).await
    }

    async fn with(driver: &Chromedriver, origin: &str, name: &str, prefs: Value) -> Self {
        let mut args = vec![
            format!(
                "--user-data-dir={}",
                driver.folder.path().join(name).display()
            ),
            "--headless=new".into(),
            "--disable-gpu".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-quic".into(),
            "--disable-dev-shm-usage".into(),
            "--hide-scrollbars".into(),
        ];
        if is_root() {
            args.push("--no-sandbox".into());
        }
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": args,
                "prefs": prefs,
            },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            panic!("an object");
        };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        builder.capabilities(capabilities);
        let client = builder.connect(&format!("http://{}", driver.address)).await;
        let client = client.unwrap_or_else(|error| panic!("no browser ({error}): {INSTALL}"));
        let session = client
            .session_id()
            .await
            .expect("a session")
            .expect("an id");
        let pictures = std::env::var_os("SCREENSHOTS").map_or_else(default_pictures, Into::into);
        std::fs::create_dir_all(&pictures).expect("a folder for pictures");
        let browser = Self {
            client,
            driver: driver.address,
            session,
            origin: origin.to_owned(),
            pictures,
            taken: AtomicU32::new(1),
        };
        browser.size(SIZES[0].1, SIZES[0].2).await;
        browser
    }

    /// Ends the browser, after a look at what it complained of and what it loaded.
    pub(crate) async fn close(self) {
        for entry in self.log("browser").await {
            let message = entry["message"].as_str().unwrap_or("");
            // Whoever follows a link is not told whose account it is.
            if message.contains("/reset - [DOM] Password forms should have") {
                continue;
            }
            // A refusal is a 4xx on purpose; anything else, such as a policy's violation, is not.
            assert!(
                message
                    .contains("Failed to load resource: the server responded with a status of 4"),
                "{entry}"
            );
        }
        for entry in self.log("performance").await {
            let entry: Value =
                serde_json::from_str(entry["message"].as_str().unwrap_or("null")).expect("JSON");
            let message = &entry["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().expect("a URL");
                let own = url
                    .strip_prefix(&self.origin)
                    .is_some_and(|path| path.starts_with('/'));
                // The browser's own first tab is no page of ours.
                let document = message["params"]["documentURL"].as_str().expect("a URL");
                assert!(
                    own || !document.starts_with("http"),
                    "{document} loaded {url}"
                );
            }
        }
        self.client.close().await.expect("the browser ends");
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let answer = self.command("se/log", &json!({ "type": kind })).await;
        answer.as_array().cloned().expect("a log")
    }

    /// A command of chromedriver's own.
    async fn command(&self, name: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST /session/{}/{name} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
            Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            self.driver,
            body.len()
        );
        let answer = exchange(self.driver, request.into_bytes()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let mut answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        answer["value"].take()
    }

    /// A command of the browser's own.
    async fn devtools(&self, command: &str, params: Value) -> Value {
        let body = json!({ "cmd": command, "params": params });
        self.command("goog/cdp/execute", &body).await
    }

    /// Lets pages of ours show notifications.
    pub(crate) async fn allow_notifications(&self) {
        let params = json!({ "permissions": ["notifications"], "origin": self.origin });
        self.devtools("Browser.grantPermissions", params).await;
    }

    /// The worker that was registered first gets this, as if from the browser's push service.
    pub(crate) async fn pushed(&self, data: &str) {
        self.devtools("ServiceWorker.enable", json!({})).await;
        let params = json!({ "origin": self.origin, "registrationId": "0", "data": data });
        self.devtools("ServiceWorker.deliverPushMessage", params)
            .await;
    }

    async fn size(&self, width: u32, height: u32) {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", params)
            .await;
    }

    pub(crate) async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.client.goto(&url).await.expect("a page");
        self.check_page().await;
    }

    /// The page that is shown now is this one.
    #[track_caller]
    pub(crate) fn at(&self, path: &str) -> impl Future<Output = ()> {
        let caller = core::panic::Location::caller();
        async move {
            let url = self.client.current_url().await.expect("a URL");
            assert_eq!(url.path(), path, "{caller}: {}", self.words().await);
        }
    }

    pub(crate) async fn find(&self, what: Locator<'_>) -> Element {
        let found = self.client.find(what).await;
        match found {
            Ok(found) => found,
            Err(error) => panic!("{what:?} ({error}) is not in: {}", self.words().await),
        }
    }

    pub(crate) async fn text(&self, what: Locator<'_>) -> String {
        self.find(what).await.text().await.expect("words")
    }

    /// What a person can read.
    pub(crate) async fn words(&self) -> String {
        let body = self.client.find(Css("body")).await.expect("a body");
        body.text().await.expect("words")
    }

    /// Types into a field, over what it holds.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self
            .find(Css(&format!(
                "main input[name={name}]:not([type=hidden]):not([type=radio])"
            )))
            .await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("keys");
    }

    /// Waits until something is on the page.
    pub(crate) async fn appears(&self, what: Locator<'_>) {
        let found = self
            .client
            .wait()
            .at_most(Duration::from_secs(30))
            .for_element(what)
            .await;
        assert!(found.is_ok(), "{what:?} is not in: {}", self.words().await);
    }

    /// Waits until the page that is shown by itself is this one.
    pub(crate) async fn comes_to(&self, path: &str) {
        for _ in 0..1_200 {
            let url = self.client.current_url().await.expect("a URL");
            if url.path() == path && self.client.find(Css("footer")).await.is_ok() {
                return self.check_page().await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not come to {path}: {}", self.words().await);
    }

    /// Types into whatever has the focus.
    pub(crate) async fn keys(&self, text: &str) {
        let active = self.client.active_element().await.expect("an element");
        active.send_keys(text).await.expect("keys");
    }

    pub(crate) async fn choose(&self, provider: &str) {
        let choice = self.find(Css(&format!("input[value={provider}]"))).await;
        choice.click().await.expect("a click");
    }

    /// The page has these words.
    pub(crate) async fn says(&self, words: &str) {
        let page = self.words().await;
        assert!(page.contains(words), "no \"{words}\" in: {page}");
    }

    /// Presses the button or link with these words.
    pub(crate) async fn press(&self, words: &str) {
        let path = format!(
            "(//main//*[self::button or self::a][normalize-space()='{words}'] | \
            //nav//a[normalize-space()='{words}'])[last()]"
        );
        let button = self.find(XPath(&path)).await;
        self.follow(button).await;
    }

    /// Clicks, and waits for the next page.
    pub(crate) async fn follow(&self, button: Element) {
        let before = self.find(Css("html")).await.element_id();
        button.click().await.expect("a click");
        for _ in 0..1_200 {
            let found = self.client.find(Css("html")).await;
            if found.is_ok_and(|page| page.element_id() != before) {
                return self.check_page().await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no other page: {}", self.words().await);
    }

    /// The first of the two steps, from the beginning.
    pub(crate) async fn password(&self, email: &str) {
        self.goto("/sign-in").await;
        self.fill("email", email).await;
        self.fill("password", PASSWORD).await;
        self.press("Continue").await;
        self.at("/second-factor").await;
    }

    /// The page says that something was not accepted, also to who cannot see it.
    #[track_caller]
    pub(crate) fn refused(&self) -> impl Future<Output = ()> {
        let caller = core::panic::Location::caller();
        async move {
            let alert = self.client.find(Css("[role=alert]")).await;
            assert!(
                alert.is_ok(),
                "{caller}: nothing was refused: {}",
                self.words().await
            );
        }
    }

    /// Reads the newest code in another tab, as a person would.
    pub(crate) async fn code_in_outbox(&self, site: &Site) -> String {
        let here = self.client.window().await.expect("a window");
        let tab = self.client.new_window(true).await.expect("a tab");
        self.client
            .switch_to_window(tab.handle)
            .await
            .expect("the tab");
        self.goto("/outbox").await;
        let message = self.text(Css("article:first-of-type .mail")).await;
        self.client.close_window().await.expect("the tab closes");
        self.client
            .switch_to_window(here)
            .await
            .expect("the window");
        let digits: Vec<&str> = message
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| digits.len() == 6)
            .collect();
        assert_eq!(digits, [site.sent_code()], "{message}");
        digits[0].to_owned()
    }

    /// What an authenticator app would read from the picture on the screen.
    pub(crate) async fn scan(&self, what: Locator<'_>) -> String {
        let picture = self.find(what).await.screenshot().await.expect("a picture");
        decoded(picture)
    }

    /// What it reads from all that is in view, as the page opens.
    pub(crate) async fn scan_view(&self) -> String {
        decoded(self.client.screenshot().await.expect("a picture"))
    }

    /// As big as this, with so many pixels each way in the place of one.
    pub(crate) async fn view(&self, width: u32, height: u32, scale: u32) {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", params)
            .await;
    }

    /// In a theme of the person's own: `("prefers-color-scheme", "dark")`, say.
    pub(crate) async fn theme(&self, features: &[(&str, &str)]) {
        let features: Vec<_> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let media = json!({ "features": features });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// On a line on which every answer takes so long.
    pub(crate) async fn slow_line(&self, milliseconds: u32) {
        self.devtools("Network.enable", json!({})).await;
        let line = json!({ "offline": false, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", line)
            .await;
    }

    /// Presses the button or link with these words, or whose label begins with them, twice, as a mouse does, and waits for the
    /// page that the second press leads to.
    pub(crate) async fn press_twice(&self, words: &str) {
        let path = format!(
            "(//main//*[self::button or self::a][normalize-space()='{words}' or starts-with(@aria-label, '{words}')])[last()]"
        );
        let button = self.find(XPath(&path)).await;
        let into_view = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' });";
        let element = serde_json::to_value(&button).expect("an element");
        let shown = self.client.execute(into_view, vec![element]).await;
        shown.expect("the button in view");
        let before = self.find(Css("html")).await.element_id();
        let mut mouse = MouseActions::new("mouse".into()).then(PointerAction::MoveToElement {
            element: button,
            duration: None,
            x: 0.0,
            y: 0.0,
        });
        for after in [0, 300] {
            let duration = Duration::from_millis(after);
            mouse = mouse
                .then(PointerAction::Pause { duration })
                .then(PointerAction::Down {
                    button: MOUSE_BUTTON_LEFT,
                })
                .then(PointerAction::Up {
                    button: MOUSE_BUTTON_LEFT,
                });
        }
        let pressed = self.client.perform_actions(mouse).await;
        pressed.expect("two clicks");
        for _ in 0..600 {
            let found = self.client.find(Css("html")).await;
            let ready = self.client.find(Css("footer")).await.is_ok();
            if ready && found.is_ok_and(|page| page.element_id() != before) {
                return self.check_page().await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no other page: {}", self.words().await);
    }

    /// Loads the rules of [axe](https://github.com/dequelabs/axe-core) beside this page.
    pub(crate) async fn load_axe(&self, program: &str) {
        let loaded = self.client.execute(program, Vec::new()).await;
        loaded.expect("axe is there");
    }

    /// What these rules find on this page, as it looks now.
    pub(crate) async fn axe(&self) -> Vec<String> {
        let run = "return axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations)";
        let found = self.client.execute(run, Vec::new()).await;
        let found = found.expect("axe runs").as_array().cloned();
        let words = |violation: Value| {
            let nodes = violation["nodes"].as_array().cloned().unwrap_or_default();
            let html: Vec<_> = nodes.iter().map(|node| node["html"].to_string()).collect();
            let (id, help) = (&violation["id"], &violation["help"]);
            format!("{id}: {help}: {}", html.join(" "))
        };
        found.expect("a list").into_iter().map(words).collect()
    }

    pub(crate) async fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.client.get_all_cookies().await.expect("cookies");
        for cookie in &cookies {
            assert_eq!(cookie.http_only(), Some(true), "{}", cookie.name());
            let site = cookie.same_site().map(|site| site.to_string());
            assert_eq!(site.as_deref(), Some("Lax"), "{}", cookie.name());
        }
        let found = cookies.into_iter().find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    }

    pub(crate) async fn set_cookie(&self, name: &str, value: &str) {
        let params = json!({ "name": name, "value": value, "url": self.origin, "httpOnly": true, "sameSite": "Lax" });
        self.devtools("Network.setCookie", params).await;
    }

    /// What holds for every page, for who cannot see it too.
    async fn check_page(&self) {
        let count = async |css: &str| {
            let found = self.client.find_all(Css(css)).await;
            found.expect("elements").len()
        };
        let words = self.words().await;
        assert_eq!(count("h1").await, 1, "one headline: {words}");
        for landmark in [
            "header",
            "nav[aria-label]",
            "main",
            "footer",
            "html[lang]",
            "title",
        ] {
            assert_eq!(count(landmark).await, 1, "one {landmark}: {words}");
        }
        let strange = "script:not([src='/link.js'], [src='/copy.js'], [src='/device.js'], [src='/waiting.js']), [onclick], [style], iframe";
        assert_eq!(count(strange).await, 0);
        let inputs = self.client.find_all(Css("input:not([type=hidden])")).await;
        for input in inputs.expect("inputs") {
            let label = input.attr("aria-label").await.expect("an attribute");
            let id = input
                .attr("id")
                .await
                .expect("an attribute")
                .unwrap_or_default();
            let inside = count("label input[type=radio]").await;
            let radio = input.attr("type").await.expect("an attribute").as_deref() == Some("radio");
            let labelled = label.is_some()
                || count(&format!("label[for='{id}']")).await == 1
                || (radio && inside > 0);
            assert!(
                labelled,
                "an input without a label: {}",
                input.html(false).await.unwrap_or_default()
            );
        }
    }

    /// Takes the page's picture in each size, light and dark, and sees that nothing sticks out.
    pub(crate) async fn picture(&self, name: &str) {
        let at = self.taken.fetch_add(1, Relaxed);
        for (size, width, height) in SIZES {
            self.size(width, height).await;
            for scheme in ["light", "dark"] {
                let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
                self.devtools(
                    "Emulation.setEmulatedMedia",
                    json!({ "features": [feature] }),
                )
                .await;
                let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
                let content = metrics["cssContentSize"]["width"]
                    .as_f64()
                    .unwrap_or(f64::MAX);
                assert!(
                    content <= f64::from(width),
                    "{name} is {content} wide on a {size}"
                );
                let picture = self.client.screenshot().await.expect("a picture");
                let file = self
                    .pictures
                    .join(format!("{at:02}-{name}-{size}-{scheme}.png"));
                std::fs::write(file, picture).expect("a file");
            }
        }
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [] }))
            .await;
        self.size(SIZES[0].1, SIZES[0].2).await;
    }

    /// Takes the picture of the page as it is now, under this name.
    pub(crate) async fn snap(&self, name: &str) {
        let picture = self.client.screenshot().await.expect("a picture");
        let file = self.pictures.join(format!("{name}.png"));
        std::fs::write(file, picture).expect("a file");
    }

    /// Takes the picture of what a printer gets: no navigation, and black on white also by night.
    pub(crate) async fn printed(&self, name: &str) {
        let at = self.taken.fetch_add(1, Relaxed);
        // A4, in CSS pixels, without its margins.
        self.size(718, 1_047).await;
        for scheme in ["light", "dark"] {
            let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
            let media = json!({ "media": "print", "features": [feature] });
            self.devtools("Emulation.setEmulatedMedia", media).await;
            for hidden in ["header", "footer", "form"] {
                let hidden = self.find(Css(hidden)).await;
                assert!(!hidden.is_displayed().await.expect("a state"), "{name}");
            }
            for (part, property, value) in [
                ("body", "background-color", "rgba(255, 255, 255, 1)"),
                ("ol.codes code", "color", "rgba(0, 0, 0, 1)"),
                (".box", "border-top-color", "rgba(0, 0, 0, 1)"),
            ] {
                let part = self.find(Css(part)).await;
                let found = part.css_value(property).await.expect("a value");
                assert_eq!(found, value, "{property} by {scheme}");
            }
            let picture = self.client.screenshot().await.expect("a picture");
            let file = format!("{at:02}-{name}-print-{scheme}.png");
            std::fs::write(self.pictures.join(file), picture).expect("a file");
        }
        let back = json!({ "media": "", "features": [] });
        self.devtools("Emulation.setEmulatedMedia", back).await;
        self.size(SIZES[0].1, SIZES[0].2).await;
    }

    /// Presses a button that downloads a file, and reads that.
    pub(crate) async fn download(&self, words: &str) -> (String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let allow = json!({ "behavior": "allow", "downloadPath": folder.path() });
        self.devtools("Browser.setDownloadBehavior", allow).await;
        let path = format!("//main//button[normalize-space()='{words}']");
        let button = self.find(XPath(&path)).await;
        button.click().await.expect("a click");
        for _ in 0..1_200 {
            let files = std::fs::read_dir(folder.path()).expect("a folder");
            let whole = files
                .map(|file| file.expect("a file").path())
                .find(|file| file.extension().is_some_and(|end| end == "txt"));
            if let Some(file) = whole {
                let name = file.file_name().expect("a name").to_string_lossy();
                let text = std::fs::read_to_string(&file).expect("words");
                return (name.into_owned(), text);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no file: {}", self.words().await);
    }
}

/// The one QR code in a picture.
fn decoded(picture: Vec<u8>) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture))
        .read_info()
        .expect("PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut bytes).expect("pixels");
    let samples = info.color_type.samples();
    let (width, height) = (info.width as usize, info.height as usize);
    let grey = |x: usize, y: usize| bytes[(y * width + x) * samples];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one QR code");
    grids[0].decode().expect("a QR code").1
}

fn default_pictures() -> PathBuf {
    target().join("screenshots")
}

/// Where what is built goes.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}
