//! An answer as bytes, to be sealed.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use zeroize::Zeroizing;

use super::Name;

/// What is written first: a request that is being answered, or one that was.
const OPEN: u8 = 0;
const DONE: u8 = 1;

/// What a row holds of a request.
pub(super) enum Kept {
    /// It is being answered.
    Open,
    /// It was answered like this.
    Done(Response),
}

impl Kept {
    /// A request that is being answered.
    pub(super) fn open(request: Name) -> Vec<u8> {
        [&request[..], &[OPEN]].concat()
    }

    /// A request and its answer: the request's name, the status (2), the number of headers (4), each header's name and
    /// value after their lengths (4), the body. Integers are big-endian. Wiped on drop: cookies and codes are in it.
    pub(super) fn written(
        request: Name,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Zeroizing<Vec<u8>> {
        let both = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len().saturating_add(value.len())
        };
        let both = headers.iter().map(both).sum();
        let lengths = headers.len().saturating_mul(8);
        // All at once: a buffer that grows leaves what it held.
        let whole = [request.len(), 1, 2, 4, lengths, both, body.len()];
        let mut bytes = Zeroizing::new(Vec::with_capacity(whole.iter().sum()));
        bytes.extend(request);
        bytes.push(DONE);
        bytes.extend(status.as_u16().to_be_bytes());
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        bytes.extend(length(headers.len()));
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                bytes.extend(length(part.len()));
                bytes.extend(part);
            }
        }
        bytes.extend(body);
        bytes
    }

    /// What is kept of this request; `None` where it is another one's.
    pub(super) fn read(bytes: &[u8], request: &Name) -> Option<Self> {
        let (&state, rest) = bytes.strip_prefix(request)?.split_first()?;
        match state {
            OPEN => Some(Self::Open),
            DONE => Some(Self::Done(answer(rest)?)),
            _ => None,
        }
    }
}

fn answer(mut rest: &[u8]) -> Option<Response> {
    let (status, more) = rest.split_first_chunk::<2>()?;
    let status = StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?;
    rest = more;
    let mut headers = HeaderMap::new();
    for _ in 0..length(&mut rest)? {
        let name = HeaderName::from_bytes(part(&mut rest)?).ok()?;
        let mut value = HeaderValue::from_bytes(part(&mut rest)?).ok()?;
        value.set_sensitive(name == header::SET_COOKIE);
        headers.append(name, value);
    }
    let mut response = Response::new(Body::from(rest.to_vec()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Some(response)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    let (length, more) = rest.split_first_chunk::<4>()?;
    *rest = more;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn part<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = length(rest)?;
    let (part, more) = rest.split_at_checked(length)?;
    *rest = more;
    Some(part)
}
