//! A server, a key and a client.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System};
use twofa_providers::{
    oath_otp::yubico::{Key, Otp, Press, PublicId},
    token_store::{
        Clock, FactorStore, LimitStore, ManualClock, TokenStore, Tokens,
        ott_core::{
            KeyRing,
            chrono::{DateTime, Utc},
        },
    },
    yubico::ApiKey,
};
use yubico_validation::{Client, Validation, Yubikey, routes};

pub(crate) const PUBLIC_ID: &str = "vvccccccccbb";
pub(crate) const API_KEY: &str = "c2l4dGVlbiBieXRlcyEhIQ==";
pub(crate) const NONCE: &str = "0123456789abcdef";

/// A Yubikey in software.
pub(crate) struct Soft {
    id: PublicId,
    key: Key,
}

impl Soft {
    pub(crate) fn new() -> Self {
        Self {
            id: PUBLIC_ID.parse().expect("modhex"),
            key: Key::from_bytes(&[7; 6], &[9; 16]),
        }
    }

    pub(crate) fn press(&self, session: u16, uses: u8) -> Otp {
        let (timestamp, random) = (0x01_0203, 42);
        let press = Press {
            session,
            uses,
            timestamp,
            random,
        };
        self.key.generate(self.id, &press)
    }

    pub(crate) fn typed(&self, session: u16, uses: u8) -> String {
        self.press(session, uses)
            .to_modhex()
            .expose_secret()
            .to_owned()
    }

    pub(crate) fn as_in_a_file(&self) -> Yubikey {
        Yubikey::new(PUBLIC_ID, &"07".repeat(6), &"09".repeat(16))
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_123).expect("a time")
}

/// A server over this store, with a key and a client of its own.
pub(crate) fn over<S: TokenStore + LimitStore + FactorStore + 'static>(
    store: Arc<S>,
    keys: KeyRing,
) -> Validation {
    over_at(store, keys, now())
}

/// The same, at another time.
pub(crate) fn over_at<S: TokenStore + LimitStore + FactorStore + 'static>(
    store: Arc<S>,
    keys: KeyRing,
    time: DateTime<Utc>,
) -> Validation {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(time));
    let builder = Tokens::builder_shared(keys, Arc::clone(&store)).clock(clock);
    let tokens = builder.build().expect("it fits").shared();
    Validation::new(&tokens, store)
}

pub(crate) async fn prepared(validation: Validation) -> Validation {
    let key = Soft::new().as_in_a_file();
    validation.add_key(&key).await.expect("added");
    validation
        .add_client(&Client::new(1, API_KEY))
        .await
        .expect("added");
    validation
}

/// The values of an answer.
pub(crate) fn value<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n").filter_map(|line| line.split_once('='));
    let mut values = lines.filter(|(own, _)| *own == name);
    let value = values.next().map(|(_, value)| value);
    assert!(values.next().is_none(), "{name} stands once: {answer}");
    value
}

pub(crate) fn status(answer: &str) -> &str {
    value(answer, "status").expect("a status")
}

pub(crate) fn is_signed(answer: &str) -> bool {
    let key = ApiKey::from_base64(API_KEY).expect("base64");
    let pairs = answer.split("\r\n").filter_map(|line| line.split_once('='));
    let pairs: Vec<_> = pairs.filter(|(name, _)| *name != "h").collect();
    value(answer, "h").is_some_and(|h| key.verify(&pairs, h).is_ok())
}

/// A query of the client, unsigned.
pub(crate) fn query(otp: &str, nonce: &str) -> String {
    format!("id=1&otp={otp}&nonce={nonce}")
}

/// The routes on a port of their own, until it is dropped.
pub(crate) struct Running {
    pub(crate) address: core::net::SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(validation: Validation) -> Self {
        let validation = Arc::new(validation);
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || App::new().configure(routes(&validation));
                let server = HttpServer::new(app).workers(2).disable_signals();
                let server = server.bind("127.0.0.1:0").expect("a free port");
                let address = server.addrs().first().copied().expect("an address");
                let running = server.run();
                tell.send((address, running.handle())).expect("it waits");
                running.await.expect("it runs");
            });
        });
        let (address, handle) = told.recv().expect("it starts");
        Self {
            address,
            handle,
            thread: Some(thread),
        }
    }

    /// A whole answer.
    pub(crate) fn request(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    pub(crate) fn get(&self, query: &str) -> String {
        let answer = self.request(&format!("GET /wsapi/2.0/verify?{query}"));
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("content-type: text/plain")
        );
        body.to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
