//! Bodies of requests.

use core::{pin::pin, time::Duration};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Buf as _};
use tokio::time::timeout;

/// For a body to come. However long it is, whoever sends it by then gets the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client sent.
#[derive(Clone, Debug)]
pub enum Sent {
    /// It did not come to its end.
    Never,
    /// More than was allowed.
    TooLong,
    /// All of it.
    Whole(Vec<u8>),
}

/// Reads a body to its end, whatever the answer will be: a connection that is closed over unread bytes loses it. At
/// most `longest` bytes are kept.
pub async fn read_body<B: Body>(body: B, longest: usize) -> Sent {
    let mut body = pin!(body);
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            seen = seen.saturating_add(data.remaining());
            while seen <= longest && data.has_remaining() {
                let chunk = data.chunk();
                kept.extend_from_slice(chunk);
                data.advance(chunk.len());
            }
        }
        true
    };
    match timeout(PATIENCE, reading).await {
        _ if seen > longest => Sent::TooLong,
        Ok(true) => Sent::Whole(kept),
        _ => Sent::Never,
    }
}
