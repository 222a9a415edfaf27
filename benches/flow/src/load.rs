//! The load generator: clients that sign in one after another, each on a connection of its own.

use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{net::UdpSocket, sync::oneshot, task::JoinSet};

use crate::{
    client::{Client, Dialect},
    world::Flow,
};

/// Codes as they come, each to the client that waits for it.
pub(crate) struct Mailbox {
    pub(crate) address: String,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>,
}

impl Mailbox {
    pub(crate) async fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let waiting = Arc::new(Mutex::new(HashMap::<_, oneshot::Sender<String>>::new()));
        let told = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut mail = [0; 512];
            loop {
                let length = socket.recv(&mut mail).await.unwrap();
                let text = String::from_utf8_lossy(&mail[..length]).into_owned();
                let (email, code) = text.split_once(' ').unwrap();
                if let Some(waits) = told.lock().unwrap().remove(email) {
                    let _ = waits.send(code.to_owned());
                }
            }
        });
        Self { address, waiting }
    }

    pub(crate) fn expect(&self, email: &str) -> oneshot::Receiver<String> {
        let (sends, waits) = oneshot::channel();
        self.waiting.lock().unwrap().insert(email.to_owned(), sends);
        waits
    }
}

/// What one run of the clients saw.
pub(crate) struct Seen {
    pub(crate) rate: f64,
    /// Milliseconds of a whole sign-in.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// During the warm-up and after the end too.
    pub(crate) signed_in: usize,
    /// How many sign-ins the peer answered with an error; one of ours ends the run.
    pub(crate) failed: usize,
}

/// Whom the clients meet, and how they sign in.
#[derive(Clone)]
pub(crate) struct Meets {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) dialect: Dialect,
    pub(crate) flow: Flow,
    pub(crate) port: u16,
    /// How many accounts there are to sign in with: each once, because an app's code works once.
    pub(crate) accounts: usize,
}

/// So many clients sign in for so long, after a warm-up.
pub(crate) async fn load(
    meets: &Meets,
    clients: usize,
    time: Duration,
    next: &Arc<AtomicUsize>,
) -> Seen {
    let warm = time / 5;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (meets, next) = (meets.clone(), Arc::clone(next));
        tasks.spawn(async move {
            let mut client = Client::connect(meets.dialect, meets.port).await;
            let mut times = Vec::new();
            let (mut signed_in, mut failed) = (0, 0);
            // Once at least, however busy the machine is.
            while signed_in == 0 || began.elapsed() < warm + time {
                let number = next.fetch_add(1, Ordering::Relaxed);
                assert!(number < meets.accounts, "every account has signed in");
                let start = Instant::now();
                let sign_in = client.sign_in(&meets.mailbox, meets.flow, number);
                if let Err(answer) = sign_in.await {
                    assert_ne!(meets.dialect, Dialect::Ours, "{answer}");
                    failed += 1;
                    assert!(signed_in > 0 || failed < 100, "{answer}");
                    continue;
                }
                signed_in += 1;
                if start.duration_since(began) >= warm && began.elapsed() <= warm + time {
                    times.push(start.elapsed().as_secs_f64() * 1_000.0);
                }
            }
            (signed_in, failed, times)
        });
    }
    let (mut signed_in, mut failed, mut times) = (0, 0, Vec::new());
    for (one_signed_in, one_failed, one_times) in tasks.join_all().await {
        signed_in += one_signed_in;
        failed += one_failed;
        times.extend(one_times);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (times.len() as f64 * part) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    Seen {
        rate: times.len() as f64 / time.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        signed_in,
        failed,
    }
}
