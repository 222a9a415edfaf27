//! A way to a server that loses an answer when it is told to.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) struct Proxy {
    port: u16,
    loses: Arc<AtomicBool>,
    running: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(port: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a free port");
        let loses = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&loses);
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else {
                    continue;
                };
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            port,
            loses,
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
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, loses: Arc<AtomicBool>) {
    let (mut asked, mut said) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
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
