//! Connections of a server that is a hyper service.

use core::{error::Error, future::Future, net::SocketAddr, pin::pin, time::Duration};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

pub use crate::canned::Canned;
use crate::{Fault, Tls, canned::Shaped, warn};

/// For the head of a request, for a handshake, and for a connection to lie idle.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 * 1_024;
/// For the rest of a head that was refused, and how much of it is read, in bytes.
const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: u64 = 16 * 1_024 * 1_024;
/// For what is still served when the server stops.
const LAST: Duration = Duration::from_millis(300);

/// Where a request came from, in its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop` is done, then for 300 ms at most what was begun.
pub async fn serve<S, B>(
    listener: TcpListener,
    tls: &Tls,
    service: S,
    canned: impl Into<Canned>,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let acceptor = match tls {
        Tls::Off => None,
        Tls::On(config) => Some(TlsAcceptor::from(config.clone())),
    };
    let canned = canned.into();
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, peer)) = accepted else {
            // Mostly too many open files: some will be closed by then.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (acceptor, stopped) = (acceptor.clone(), stopped.clone());
        let canned = canned.clone();
        let inner = service.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            inner.call(request)
        });
        connections.spawn(async move {
            match acceptor {
                None => connection(stream, service, canned, stopped).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = timeout(HEAD, acceptor.accept(stream)).await {
                        connection(stream, service, canned, stopped).await;
                    }
                }
            }
        });
    }
    drop((listener, stopping));
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(LAST, rest).await;
}

async fn connection<I, S, B>(
    stream: I,
    service: S,
    canned: Canned,
    mut stopped: watch::Receiver<()>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Shaped::new(stream, canned)), service);
    let served = tokio::select! {
        served = &mut serving => served,
        _ = stopped.changed() => {
            core::pin::Pin::new(&mut serving).graceful_shutdown();
            (&mut serving).await
        }
    };
    if served.is_err() {
        // A head that was refused half read: a connection that is closed over the rest loses the answer.
        let mut stream = serving.into_parts().io.into_inner();
        let _ = timeout(REST, async {
            stream.shutdown().await?;
            copy(&mut stream.take(LONGEST_REST), &mut sink()).await
        })
        .await;
    }
}

/// Does something again and again, with so much time in between; what fails is told.
pub async fn every(period: Duration, mut work: impl AsyncFnMut() -> Result<(), Fault>) {
    let mut ticks = tokio::time::interval(period);
    loop {
        ticks.tick().await;
        if let Err(error) = work().await {
            warn(&format!("tidying up failed: {error}"));
        }
    }
}
