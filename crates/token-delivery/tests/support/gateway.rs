//! A gateway that answers as a test wants, one answer after the other; the last one stays.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test says some of it")]
pub(crate) enum Say {
    /// With this status, these headers (each with its line end), and this body.
    Answer(u16, &'static str, String),
    /// Nothing, for ever.
    Hang,
    /// It reads, and closes.
    Drop,
    /// A head that promises more than comes, and the end.
    Cut,
    /// The same, and no end.
    Stall,
    /// No HTTP.
    Garbage,
    /// A whole answer, so much later.
    Late(Duration, u16),
    /// Two whole answers to one request.
    Twice(u16, u16),
    /// A whole answer, on a connection that stays open and answers nothing more.
    Open(u16),
}

impl Say {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, "", String::new())
    }

    #[allow(dead_code, reason = "some answers have none")]
    pub(crate) fn body(status: u16, body: &str) -> Self {
        Self::Answer(status, "", body.into())
    }
}

#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test reads some of it")]
pub(crate) struct Received {
    /// The first line.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

struct Shared {
    says: Mutex<Vec<Say>>,
    received: Mutex<Vec<Received>>,
    ended: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    #[allow(dead_code, reason = "some speak TLS alone")]
    pub(crate) fn start(says: impl IntoIterator<Item = Say>) -> Self {
        Self::over(says, None)
    }

    pub(crate) fn over(says: impl IntoIterator<Item = Say>, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let shared = Arc::new(Shared {
            says: Mutex::new(says.into_iter().collect()),
            received: Mutex::default(),
            ended: AtomicBool::new(false),
            tls: tls.map(Arc::new),
        });
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&own);
                let stream = stream.expect("a connection");
                thread::spawn(move || match shared.tls.clone() {
                    None => serve(stream, &shared),
                    Some(tls) => {
                        let tls = ServerConnection::new(tls).expect("TLS");
                        serve(StreamOwned::new(tls, stream), &shared);
                    }
                });
            }
        });
        Self {
            port,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: impl Read + Write, shared: &Shared) {
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    let received = loop {
        if let Some(received) = whole(&text) {
            break received;
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => text.extend(buffer.get(..read).expect("what was read")),
            _ => return,
        }
    };
    let say = {
        // In one step, so that answers and requests keep their order.
        let mut says = shared.says.lock().expect("no panic");
        shared.received.lock().expect("no panic").push(received);
        match says.len() {
            0 | 1 => says.first().cloned().unwrap_or(Say::Drop),
            _ => says.remove(0),
        }
    };
    let stays = matches!(say, Say::Hang | Say::Stall | Say::Open(_));
    let whole = |status: u16| format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
    let answer = match say {
        Say::Late(wait, status) => {
            thread::sleep(wait);
            whole(status)
        }
        Say::Twice(first, second) => whole(first) + &whole(second),
        Say::Open(status) => whole(status),
        Say::Answer(status, headers, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}")
        }
        Say::Cut | Say::Stall => {
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":\"queued\"".into()
        }
        Say::Garbage => "220 mail.example.org ESMTP\r\n".into(),
        Say::Drop => return,
        Say::Hang => String::new(),
    };
    let _ = stream.write_all(answer.as_bytes());
    let _ = stream.flush();
    while stays && !shared.ended.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn whole(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (bytes.get(..end)?, bytes.get(end.saturating_add(4)..)?);
    let head = core::str::from_utf8(head).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let received = Received {
        line: lines.next()?.into(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.into()))
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
        bytes: body.to_vec(),
    };
    let length = received.header("content-length").unwrap_or("0");
    (body.len() >= length.parse().expect("a number")).then_some(received)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
