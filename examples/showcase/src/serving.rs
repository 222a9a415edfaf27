//! Connections: how many, for how long, and who makes room when there are too many.

mod slots;

use core::{
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    time::Duration,
};
use std::{io, sync::Arc};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower_service::Service as _;

pub(crate) use self::slots::Slot;
use self::slots::Slots;

/// Connections at once: with those that are turned away and the database, fewer files than the usual limit of 1,024.
const MOST: usize = 512;
/// Connections at once, beside those, that are only told to come back. More are closed.
const TURNED_AWAY: usize = 256;
/// For the head of a request, and for a connection to lie idle.
const HEAD: Duration = Duration::from_secs(10);
/// For the body of a request.
pub(crate) const BODY: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 * 1_024;
/// For a connection, whatever it does: it then ends after the request that it has.
const LIFE: Duration = Duration::from_secs(300);
/// For that request, and for what is still served when the server stops.
const LAST: Duration = Duration::from_secs(20);
/// When to come back for whoever finds no room, in seconds.
const COME_BACK: u64 = 5;
/// To tell them so.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// Serves until `stop` is done. An accept that fails is tried again.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let slots = Arc::new(Slots::new(MOST));
    let door = Arc::new(Semaphore::new(TURNED_AWAY));
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
        let (slot, door) = (Slots::take(&slots), Arc::clone(&door));
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            let left = match slot {
                Some(slot) => connection(stream, peer, router, slot, stopped).await,
                None => Some(stream),
            };
            if let (Some(stream), Ok(_permit)) = (left, door.try_acquire()) {
                let _ = timeout(GOOD_BYE, turn_away(stream)).await;
            }
        });
    }
    drop((listener, stopping));
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends, or until another one takes its place: then it is given back.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    slot: Arc<Slot>,
    mut stopped: watch::Receiver<()>,
) -> Option<TcpStream> {
    let placed = Arc::clone(&slot);
    let served = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Arc::clone(&placed));
        router.clone().call(request.map(Body::new))
    });
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), served);
    tokio::select! {
        _ = &mut serving => return None,
        () = slot.taken() => return Some(serving.into_parts().io.into_inner()),
        () = sleep(LIFE) => {}
        _ = stopped.changed() => {}
    }
    Pin::new(&mut serving).graceful_shutdown();
    let _ = timeout(LAST, serving).await;
    None
}

/// Says when to come back, and reads what was sent meanwhile: a connection that is closed over unread bytes
/// is reset, and the answer may be lost with it.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let words = "Too many visitors at once. Please come back in a few seconds.\n";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {COME_BACK}\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{words}",
        words.len(),
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1_024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
