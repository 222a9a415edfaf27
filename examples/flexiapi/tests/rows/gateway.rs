//! A push address, or a CAPTCHA's verifier, that answers as a test wants.

use core::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// With this status and body, at once.
    Status(u16, &'static str),
    /// 200, but only after so long.
    Late(Duration),
    /// Never.
    Hang,
    /// It reads, and closes.
    Drop,
    /// The same answer twice.
    Twice,
    /// A status line, and then nothing.
    Half,
}

pub(crate) struct Gateway {
    address: String,
    received: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Answer>>,
    answered: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut gateway = Self {
            address,
            received: Arc::default(),
            answer: Arc::new(Mutex::new(answer)),
            answered: Arc::default(),
            ended: Arc::default(),
            thread: None,
        };
        let (received, answer, ended) = (
            Arc::clone(&gateway.received),
            Arc::clone(&gateway.answer),
            Arc::clone(&gateway.ended),
        );
        let answered = Arc::clone(&gateway.answered);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (received, ended) = (Arc::clone(&received), Arc::clone(&ended));
                let answer = *answer.lock().unwrap();
                let answered = Arc::clone(&answered);
                thread::spawn(move || {
                    serve(stream.unwrap(), answer, &received, &ended);
                    answered.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        gateway.thread = Some(thread);
        gateway
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/push?key=1", self.address)
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many requests are over.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Heads and bodies, oldest first.
    pub(crate) fn received(&self) -> Vec<(String, String)> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .map(|text| {
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                (head.to_owned(), body.to_owned())
            })
            .collect()
    }
}

fn serve(mut stream: TcpStream, answer: Answer, received: &Mutex<Vec<String>>, ended: &AtomicBool) {
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    while !is_whole(&text) {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => text.extend(&buffer[..read]),
            _ => return,
        }
    }
    received
        .lock()
        .unwrap()
        .push(String::from_utf8(text).unwrap());
    let wait = |until: Duration| {
        let began = std::time::Instant::now();
        while began.elapsed() < until && !ended.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
    };
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let answered = match answer {
        Answer::Status(status, body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        }
        Answer::Late(after) => {
            wait(after);
            ok.into()
        }
        Answer::Hang => {
            wait(Duration::from_secs(30));
            return;
        }
        Answer::Drop => return,
        Answer::Twice => ok.repeat(2),
        Answer::Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            wait(Duration::from_secs(30));
            return;
        }
    };
    let _ = stream.write_all(answered.as_bytes());
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>())
    });
    body.len() >= length.map_or(0, Result::unwrap)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
