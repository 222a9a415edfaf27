//! Servers of a test's own, on a loopback port that the system picks.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves every connection with `serve`, which gets its number, from 0.
pub(crate) async fn listen<F>(serve: impl Fn(usize, TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(serve(number, stream));
        }
    });
    port
}

pub(crate) async fn say(stream: &mut (impl AsyncWrite + Unpin), text: impl AsRef<[u8]>) {
    // A client that hung up is the client's business.
    let _ = stream.write_all(text.as_ref()).await;
    let _ = stream.flush().await;
}

/// The bytes up to and including `end`; `None` once the client hung up.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin), end: &str) -> Option<String> {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        heard.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(heard).ok()
}

pub(crate) const BODY_END: &str = "\r\n.\r\n";
pub(crate) const LINE_END: &str = "\r\n";

/// What an honest server says to a command.
pub(crate) fn honest(command: &str) -> &'static str {
    match command.split_whitespace().next() {
        Some("EHLO") => "250-test\r\n250 8BITMIME\r\n",
        Some("DATA") => "354 go on\r\n",
        Some("QUIT") => "221 bye\r\n",
        _ => "250 fine\r\n",
    }
}
