//! The answers that the HTTP layer gives by itself, in the shape of the contract.

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the HTTP layer refuses by itself is answered so: a head that cannot be read, or is too long. A function from the
/// status to a body of JSON is one.
#[derive(Clone)]
pub struct Canned {
    body: Arc<dyn Fn(u16) -> String + Send + Sync>,
    content_type: &'static str,
}

impl<F: Fn(u16) -> String + Send + Sync + 'static> From<F> for Canned {
    fn from(body: F) -> Self {
        Self {
            body: Arc::new(body),
            content_type: "application/json",
        }
    }
}

impl Canned {
    /// With another content type.
    #[must_use]
    pub fn content_type(self, content_type: &'static str) -> Self {
        Self {
            content_type,
            ..self
        }
    }
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canned")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// A stream on which an answer with an empty body that hyper made itself gets one. No answer of a server here is
/// empty and 4xx.
pub(crate) struct Shaped<S> {
    stream: S,
    canned: Canned,
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Shaped<S> {
    pub(crate) fn new(stream: S, canned: Canned) -> Self {
        Self {
            stream,
            canned,
            instead: None,
        }
    }

    fn reshaped(&self, head: &[u8]) -> Option<Vec<u8>> {
        let head = core::str::from_utf8(head).ok()?;
        let status = head.strip_prefix("HTTP/1.1 4")?.get(..2)?;
        let status = 400_u16.checked_add(status.parse().ok()?)?;
        let (before, after) = head.split_once("content-length: 0\r\n")?;
        let body = (self.canned.body)(status);
        let content_type = self.canned.content_type;
        let length = body.len();
        let head = format!(
            "{before}content-type: {content_type}\r\ncontent-length: {length}\r\n{after}{body}"
        );
        Some(head.into_bytes())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shaped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shaped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            self.instead = self.reshaped(buffer).map(|bytes| (bytes, 0));
        }
        let this = &mut *self;
        let Some((bytes, at)) = &mut this.instead else {
            return Pin::new(&mut this.stream).poll_write(context, buffer);
        };
        while let Some(rest) = bytes.get(*at..).filter(|rest| !rest.is_empty()) {
            let wrote = ready!(Pin::new(&mut this.stream).poll_write(context, rest))?;
            if wrote == 0 {
                return Poll::Ready(Ok(0));
            }
            *at = at.saturating_add(wrote);
        }
        this.instead = None;
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
