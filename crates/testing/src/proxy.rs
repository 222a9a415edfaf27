//! A way to a server that loses or delays an answer, leads elsewhere, breaks off or leads nowhere, when it is told to; and that
//! counts what a server must not receive twice.

use core::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// It ends with this value, and every connection through it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    to: Arc<Mutex<To>>,
    seen: Arc<Seen>,
    old: watch::Sender<Old>,
    running: JoinHandle<()>,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum To {
    /// On the loopback interface.
    Port(u16),
    /// At a socket of the file system.
    Socket(PathBuf),
}

impl From<u16> for To {
    fn from(port: u16) -> Self {
        Self::Port(port)
    }
}

impl From<PathBuf> for To {
    fn from(path: PathBuf) -> Self {
        Self::Socket(path)
    }
}

trait Both: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Both for T {}

impl To {
    async fn connect(self) -> std::io::Result<Pin<Box<dyn Both>>> {
        Ok(match self {
            Self::Port(port) => Box::pin(TcpStream::connect(("127.0.0.1", port)).await?),
            Self::Socket(path) => Box::pin(UnixStream::connect(path).await?),
        })
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// How many scripts were carried to the server.
    scripts: AtomicUsize,
    /// Whether the next answer to one is lost.
    loses: AtomicBool,
    /// How late each answer is, in milliseconds.
    late: AtomicU64,
}

/// What becomes of the connections that there are.
#[derive(Clone, Copy, Debug)]
enum Old {
    Carried,
    Cut,
    /// Ended without a word of farewell: what was on its way is gone.
    Reset,
    /// They stay, and nothing comes through, as behind a firewall that forgot them.
    Swallowed,
}

impl Proxy {
    /// On this port, or on any with 0, before this server.
    pub async fn start(port: u16, to: impl Into<To>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let (seen, to) = (Arc::<Seen>::default(), Arc::new(Mutex::new(to.into())));
        let old = watch::Sender::new(Old::Carried);
        let shared = (Arc::clone(&seen), Arc::clone(&to), old.clone());
        let running = tokio::spawn(async move {
            let (seen, to, old) = shared;
            while let Ok((client, _)) = listener.accept().await {
                // Here and not in the task below: what it is told next is about this one too.
                let fate = old.subscribe();
                let seen = Arc::clone(&seen);
                let to = to.lock().expect("nobody panics with it").clone();
                tokio::spawn(async move {
                    if let Ok(server) = to.connect().await {
                        carry(client, server, &seen, fate).await;
                    }
                });
            }
        });
        Self {
            port,
            to,
            seen,
            old,
            running,
        }
    }

    /// Where it listens on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, before a Redis server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The next answer to a script is lost, and its connection with it.
    pub fn lose_the_next_answer(&self) {
        self.seen.loses.store(true, Ordering::SeqCst);
    }

    /// From now on each answer is so late, as on a busy machine: whole milliseconds.
    pub fn delay(&self, late: Duration) {
        let late = u64::try_from(late.as_millis()).expect("no ages");
        self.seen.late.store(late, Ordering::SeqCst);
    }

    /// Leads new connections elsewhere. The old ones stay where they are.
    pub fn lead_to(&self, to: impl Into<To>) {
        *self.to.lock().expect("nobody panics with it") = to.into();
    }

    /// Ends the connections that there are, and waits until they are gone.
    pub async fn cut(&self) {
        self.end(Old::Cut).await;
    }

    /// Ends them as a machine does that knows nothing of them, and waits until they are gone.
    pub async fn reset(&self) {
        self.end(Old::Reset).await;
    }

    async fn end(&self, how: Old) {
        self.old.send_replace(how);
        // Somebody may connect anew meanwhile, and stay.
        let _ = timeout(Duration::from_secs(1), self.old.closed()).await;
    }

    /// How many scripts of Redis were carried to the server.
    pub fn scripts(&self) -> usize {
        self.seen.scripts.load(Ordering::SeqCst)
    }

    /// Carries nothing more on the connections that there are.
    pub fn swallow(&self) {
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
    mut server: Pin<Box<dyn Both>>,
    seen: &Seen,
    mut fate: watch::Receiver<Old>,
) {
    let (mut asked, mut said) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_script = false;
    loop {
        tokio::select! {
            changed = fate.changed() => {
                let fate = *fate.borrow_and_update();
                match (changed, fate) {
                    (Ok(()), Old::Swallowed) => core::future::pending().await,
                    (Ok(()), Old::Carried) => {}
                    (Ok(()), Old::Reset) => {
                        let _ = client.set_zero_linger();
                        return;
                    }
                    (Ok(()), Old::Cut) | (Err(_), _) => return,
                }
            }
            read = client.read(&mut asked) => {
                let Some(words) = read.ok().and_then(|length| asked.get(..length)) else { return };
                let scripts = words.windows(4).filter(|word| word == b"EVAL").count();
                is_script = scripts > 0;
                seen.scripts.fetch_add(scripts, Ordering::SeqCst);
                if words.is_empty() || server.write_all(words).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut said) => {
                let Some(words) = read.ok().and_then(|length| said.get(..length)) else { return };
                let late = seen.late.load(Ordering::SeqCst);
                if late > 0 {
                    sleep(Duration::from_millis(late)).await;
                }
                if words.is_empty()
                    || is_script && seen.loses.swap(false, Ordering::SeqCst)
                    || client.write_all(words).await.is_err()
                {
                    return;
                }
            }
        }
    }
}
