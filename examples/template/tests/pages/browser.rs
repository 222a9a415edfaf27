//! A server with its mailbox, and browsers with their cookies.

use core::{
    net::SocketAddr,
    sync::atomic::{AtomicU8, Ordering},
};
use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::connect_info::MockConnectInfo,
    http::{Request, header},
};
use tempfile::TempDir;
use template::{App, Settings, router};
use tower::ServiceExt as _;
use twofa_providers::{
    oath_otp::{Secret, Totp},
    token_store::{Clock as _, SystemClock},
};

use crate::mailbox::Mailbox;

pub(crate) const ORIGIN: &str = "https://example.org";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The server.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) mail: Mailbox,
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mail, path) = (Mailbox::default(), folder.path());
        // Set it to the URL of a database that may be filled, to test over PostgreSQL.
        let database = std::env::var("TEMPLATE_DATABASE");
        let app = App::start(Settings {
            database: database.unwrap_or_else(|_| path.join("app.db").display().to_string()),
            keys: path.join("keys"),
            origin: ORIGIN.into(),
            smtp: None,
            sender: "app@example.org".into(),
            mail: Some(Arc::new(mail.clone())),
        });
        Self {
            app: Arc::new(app.await.unwrap()),
            mail,
            _folder: folder,
        }
    }

    /// A browser without cookies, on a network of its own.
    pub(crate) fn browser(&self) -> Browser {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let network = [10, high, low, NEXT.fetch_add(1, Ordering::Relaxed)];
        let peer = MockConnectInfo(SocketAddr::from((network, 4711)));
        Browser {
            app: router(Arc::clone(&self.app)).layer(peer),
            mail: self.mail.clone(),
            cookies: BTreeMap::new(),
        }
    }
}

/// A browser.
pub(crate) struct Browser {
    app: Router,
    pub(crate) mail: Mailbox,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// Status, where it leads, and what it shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) leads: String,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) async fn send(&mut self, request: Request<Body>) -> Page {
        let response = self.app.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.contains("; Secure; HttpOnly; SameSite=Lax"),
                "{cookie}"
            );
            let (pair, _) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.into(), value.into());
            self.cookies.retain(|_, value| !value.is_empty());
        }
        // Browsers say `Origin: null` of a form whose page has `no-referrer`, and it would be refused.
        let policy = response.headers().get(header::REFERRER_POLICY);
        assert!(response.status() == 403 || policy.unwrap() == "same-origin");
        let leads = response.headers().get(header::LOCATION);
        let leads = leads.map_or("", |leads| leads.to_str().unwrap()).to_owned();
        let status = response.status().as_u16();
        let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Page {
            status,
            leads,
            text: String::from_utf8(text.into()).unwrap(),
        }
    }

    fn cookie(&self) -> String {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let request = Request::get(path).header(header::COOKIE, self.cookie());
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Page {
        self.post_from(ORIGIN, path, form).await
    }

    pub(crate) async fn post_from(&mut self, origin: &str, path: &str, form: &str) -> Page {
        let request = Request::post(path)
            .header(header::COOKIE, self.cookie())
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = form.replace(' ', "+");
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Page {
        let form = format!("email={email}&password={password}");
        self.post("/sign-in", &form).await
    }

    /// A new account, which is signed in here.
    pub(crate) async fn join(&mut self, email: &str) {
        self.post("/register", &format!("email={email}")).await;
        let token = self.mail.take(email, "join").await.token;
        let form = format!("token={token}&password={PASSWORD}");
        assert_eq!(self.post("/welcome", &form).await.status, 200);
        assert_eq!(self.sign_in(email, PASSWORD).await.leads, "/account");
    }

    /// Adds an authenticator app: its secret, its first code, and what the page then shows.
    pub(crate) async fn add_app(&mut self) -> (String, String, Page) {
        let scan = self.post("/account/factor", "provider=totp").await;
        assert!(scan.text.contains("<svg"), "{scan:?}");
        let base32 = between(&scan.text, "<code>", "</code>").to_owned();
        let factor = between(&scan.text, "name=\"factor\" value=\"", "\"");
        let first = code(&base32);
        let form = format!("provider=totp&factor={factor}&code={first}");
        let page = self.post("/account/factor/confirm", &form).await;
        (base32, first, page)
    }

    /// Adds codes by mail, and says what the page then shows.
    pub(crate) async fn add_mail(&mut self, email: &str) -> Page {
        let page = self.post("/account/factor", "provider=email").await;
        let factor = between(&page.text, "name=\"factor\" value=\"", "\"");
        let code = self.mail.take(email, "mail-code").await.token;
        let form = format!("provider=email&factor={factor}&code={code}");
        self.post("/account/factor/confirm", &form).await
    }

    /// Proves the second step by a code that is mailed, with these boxes ticked.
    pub(crate) async fn prove_by_mail(&mut self, email: &str, boxes: &str) -> Page {
        assert_eq!(
            self.post("/second-step/mail", "").await.leads,
            "/second-step"
        );
        let code = self.mail.take(email, "mail-code").await.token;
        let form = format!("provider=email&code={code}{boxes}");
        self.post("/second-step", &form).await
    }

    /// The id of what the account's page lists under this kind.
    pub(crate) async fn listed(&mut self, what: &str) -> String {
        let page = self.get("/account").await.text;
        let before =
            format!("name=\"what\" value=\"{what}\"><input type=\"hidden\" name=\"id\" value=\"");
        between(&page, &before, "\"").to_owned()
    }
}

/// What stands between two marks.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

/// What an app shows.
pub(crate) fn code(base32: &str) -> String {
    let secret = Secret::from_base32(base32).unwrap();
    let now = u64::try_from(SystemClock.now().timestamp()).unwrap();
    Totp::default()
        .generate(&secret, now)
        .expose_secret()
        .to_owned()
}

/// An address that no other run over the same database has.
pub(crate) fn address(name: &str) -> String {
    format!("{name}-{}@example.org", std::process::id())
}
