//! A way to a server that loses an answer, leads elsewhere, or leads nowhere, when it is told to.

#![allow(dead_code, reason = "each test file uses a part")]

use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    port: u16,
    to: Arc<AtomicU16>,
    loses: Arc<AtomicBool>,
    old: watch::Sender<Old>,
    running: JoinHandle<()>,
}

/// What becomes of the connections that there are.
#[derive(Clone, Copy)]
enum Old {
    Carried,
    Cut,
    /// They stay, and nothing comes through, as behind a firewall that forgot them.
    Swallowed,
}

impl Proxy {
    pub(crate) async fn start(port: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a free port");
        let (loses, to) = (Arc::<AtomicBool>::default(), Arc::new(AtomicU16::new(to)));
        let old = watch::Sender::new(Old::Carried);
        let shared = (Arc::clone(&loses), Arc::clone(&to), old.clone());
        let running = tokio::spawn(async move {
            let (loses, to, old) = shared;
            while let Ok((client, _)) = listener.accept().await {
                // Here and not in the task below: what it is told next is about this one too.
                let fate = old.subscribe();
                let (loses, to) = (Arc::clone(&loses), to.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        carry(client, server, loses, fate).await;
                    }
                });
            }
        });
        Self {
            port,
            to,
            loses,
            old,
            running,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The next thing that the server says is lost, and its connection with it.
    pub(crate) fn lose_the_next_answer(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    /// Leads new connections elsewhere. The old ones stay where they are.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        self.old.send_replace(Old::Cut);
    }

    /// Carries nothing more on the connections that there are.
    pub(crate) fn swallow(&self) {
        self.old.send_replace(Old::Swallowed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    loses: Arc<AtomicBool>,
    mut fate: watch::Receiver<Old>,
) {
    let (mut asked, mut said) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            changed = fate.changed() => {
                let fate = *fate.borrow_and_update();
                match (changed, fate) {
                    (Ok(()), Old::Swallowed) => core::future::pending().await,
                    (Ok(()), Old::Carried) => {}
                    (Ok(()), Old::Cut) | (Err(_), _) => return,
                }
            }
            read = client.read(&mut asked) => {
                let Some(words) = read.ok().and_then(|length| asked.get(..length)) else { return };
                if words.is_empty() || server.write_all(words).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut said) => {
                let Some(words) = read.ok().and_then(|length| said.get(..length)) else { return };
                if words.is_empty()
                    || loses.swap(false, Ordering::SeqCst)
                    || client.write_all(words).await.is_err()
                {
                    return;
                }
            }
        }
    }
}
