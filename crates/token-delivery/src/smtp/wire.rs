//! Commands and replies on a socket.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use zeroize::Zeroizing;

use super::reply::{Broken, Reply};

/// The longest reply, in bytes. One line has at most 512 (RFC 5321 section 4.5.3.1.5), and some servers more.
const LONGEST_REPLY: u64 = 1 << 16;

/// What a connection runs over: TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection, on which commands and replies alternate.
pub(super) struct Wire(BufReader<Box<dyn Stream>>);

impl Wire {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    /// The stream, to be put under TLS. What has been read ahead was sent in clear by whoever could, and would pass
    /// for the server's words under TLS: an error.
    ///
    /// Specification: RFC 3207 section 6.
    pub(super) fn into_stream(self) -> Result<Box<dyn Stream>, Broken> {
        if self.0.buffer().is_empty() {
            Ok(self.0.into_inner())
        } else {
            Err(Broken::Unreadable)
        }
    }

    /// Says a line and reads what the server answers.
    pub(super) async fn command(&mut self, line: &str) -> Result<Reply, Broken> {
        self.say(line).await?;
        self.reply().await
    }

    /// Says a line. What it may hold, credentials too, is wiped.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), Broken> {
        let line = Zeroizing::new([line, "\r\n"].concat());
        self.write(line.as_bytes()).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.0.write_all(bytes).await?;
        self.0.flush().await?;
        Ok(())
    }

    /// Reads a reply, whatever bytes its text has: the three digits decide.
    ///
    /// Specification: RFC 5321 sections 4.2 and 4.2.1.
    pub(super) async fn reply(&mut self) -> Result<Reply, Broken> {
        let mut left = LONGEST_REPLY;
        let mut reply = Reply::default();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.0)
                .take(left)
                .read_until(b'\n', &mut line)
                .await?;
            left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
            let Some(line) = line.strip_suffix(b"\n") else {
                let ended = read == 0 && left > 0;
                return Err(if ended { closed() } else { Broken::Unreadable });
            };
            let (next, last) = Reply::line(line).ok_or(Broken::Unreadable)?;
            if !reply.append(next) {
                return Err(Broken::Unreadable);
            }
            if last {
                return Ok(reply);
            }
        }
    }
}

fn closed() -> Broken {
    Broken::Io(io::ErrorKind::UnexpectedEof.into())
}

/// Code and number of lines of a reply that is there at once.
#[cfg(feature = "fuzzing")]
pub(crate) fn whole_reply(bytes: &[u8]) -> Option<(u16, usize)> {
    use core::{pin::pin, task::Context, task::Poll, task::Waker};

    let heard = io::Cursor::new(bytes.to_vec());
    let mut wire = Wire::new(tokio::io::join(heard, tokio::io::sink()));
    let reply = pin!(wire.reply());
    match reply.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(reply)) => Some((reply.code(), reply.lines().count())),
        _ => None,
    }
}
