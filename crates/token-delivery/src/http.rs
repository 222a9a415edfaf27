//! A client for HTTP that asks once.

mod public;
mod resolver;

use core::{error::Error, fmt, net::IpAddr, time::Duration};
use std::{
    io,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{HeaderMap, HeaderName, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use ott_core::chrono::DateTime;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use self::{public::is_public, resolver::Resolver};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1_024;

/// After so much silence a connection that stays open is asked whether it still is.
const PING: Duration = Duration::from_secs(30);

/// A client for HTTP that asks once: no second attempt, no redirect, no proxy.
///
/// Certificates come from the operating system's authorities, or from those that [`HttpClientBuilder::authorities`] names.
/// `http` is spoken too: whoever takes an address from elsewhere asks [`HttpRequest::is_private`] first. Clones share the
/// connections.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    patience: Duration,
    public_only: bool,
}

/// Sets up an [`HttpClient`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpClientBuilder {
    patience: Duration,
    authorities: Option<Vec<u8>>,
    http2: bool,
    public_only: bool,
}

/// What is sent. The body is wiped once it was sent; the connection's own buffers are not.
///
/// Its `Debug` text has the method alone: addresses, headers and bodies hold keys and codes.
pub struct HttpRequest {
    method: Method,
    address: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// What came back: the head, and a body that may still be on its way.
pub struct HttpAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    until: Instant,
}

/// Why there is no answer. Neither it nor its sources hold an address, a header or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No certificate authority, or a file of them that cannot be read.
    #[error("the certificate authorities cannot be read")]
    Authorities,
    /// No answer in time.
    #[error("no answer in time")]
    Late,
    /// The address is this machine's or a private network's, and the client connects to public ones alone. A name that
    /// leads there is [`HttpError::Unreachable`].
    #[error("the address is in no public network")]
    Private,
    /// A method, address or header that is none.
    #[error("no request: {0}")]
    Request(&'static str),
    /// More than 64 KiB, or than was to be read.
    #[error("the answer is too long")]
    TooLong,
    /// No connection, or one that broke.
    #[error("the connection failed")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

impl HttpClientBuilder {
    /// Certificates of these authorities (PEM) alone.
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Speaks HTTP/2 and nothing else, over TLS, on one connection a host that stays open. One that no longer answers a
    /// ping is closed.
    ///
    /// Specification: RFC 9113.
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Connects to public addresses alone: no name and no number leads to this machine or into a private network. For
    /// addresses that strangers name.
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`HttpError::Authorities`].
    pub fn build(self) -> Result<HttpClient, HttpError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| HttpError::Authorities)?
            .with_root_certificates(authorities(self.authorities.as_deref())?)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new_with_resolver(Resolver {
            public_only: self.public_only,
        });
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        let mut builder = Client::builder(TokioExecutor::new());
        let connector = if self.http2 {
            builder
                .http2_only(true)
                .timer(TokioTimer::new())
                .http2_keep_alive_interval(PING)
                .http2_keep_alive_timeout(self.patience)
                .http2_keep_alive_while_idle(true)
                .pool_idle_timeout(None);
            connector.https_only().enable_http2().wrap_connector(tcp)
        } else {
            // A connection that died while nobody used it would fail a request. None is used twice, so none is tried again.
            builder.pool_max_idle_per_host(0);
            connector.https_or_http().enable_http1().wrap_connector(tcp)
        };
        Ok(HttpClient {
            client: builder.build(connector),
            patience: self.patience,
            public_only: self.public_only,
        })
    }
}

impl HttpClient {
    /// Speaks HTTP/1.1 and opens a connection for each request; an answer is whole after `patience`.
    ///
    /// # Errors
    /// [`HttpError::Authorities`].
    pub fn new(patience: Duration) -> Result<Self, HttpError> {
        Self::builder(patience).build()
    }

    /// Starts with how long an answer may take.
    pub const fn builder(patience: Duration) -> HttpClientBuilder {
        HttpClientBuilder {
            patience,
            authorities: None,
            http2: false,
            public_only: false,
        }
    }

    /// Sends a request, once, and answers when the head of the answer is there.
    ///
    /// # Errors
    /// [`HttpError`]; the far end may have got it nevertheless.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpAnswer, HttpError> {
        let until = Instant::now()
            .checked_add(self.patience)
            .ok_or(HttpError::Request("a time-out of ages"))?;
        // The resolver sees names alone.
        if self.public_only
            && request
                .host()
                .parse::<IpAddr>()
                .is_ok_and(|ip| !is_public(ip))
        {
            return Err(HttpError::Private);
        }
        let mut sent = Request::new(Full::new(request.body));
        *sent.method_mut() = request.method;
        *sent.uri_mut() = request.address;
        *sent.headers_mut() = request.headers;
        let answer = timeout_at(until, self.client.request(sent)).await;
        let answer = answer.map_err(|_| HttpError::Late)?;
        let answer = answer.map_err(|error| broken(&error))?;
        let (head, body) = answer.into_parts();
        Ok(HttpAnswer {
            status: head.status,
            headers: head.headers,
            body,
            until,
        })
    }
}

impl HttpRequest {
    /// A request with a body.
    ///
    /// # Errors
    /// [`HttpError::Request`] for a method that is none, or an address that does not begin with `https://` or `http://`
    /// and a host.
    pub fn new(method: &str, address: &str, body: impl Into<Vec<u8>>) -> Result<Self, HttpError> {
        let method = method.parse();
        let method = method.map_err(|_| HttpError::Request("a method that is none"))?;
        let none = HttpError::Request("an address that is none");
        let Ok(address) = address.parse::<Uri>() else {
            return Err(none);
        };
        let scheme = address.scheme_str();
        if !matches!(scheme, Some("http" | "https")) || address.host().is_none_or(str::is_empty) {
            return Err(none);
        }
        Ok(Self {
            method,
            address,
            headers: HeaderMap::new(),
            body: Bytes::from_owner(Zeroizing::new(body.into())),
        })
    }

    /// With a header. Its value is hidden from logs.
    ///
    /// # Errors
    /// [`HttpError::Request`] for a name or value that is none: no line break gets into a head.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HttpError> {
        let none = |_| HttpError::Request("a header that is none");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| none(()))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| none(()))?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// Whether nobody between reads it: it goes over TLS, or to this machine.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let host = self.host();
        let loopback = host.parse::<IpAddr>();
        self.address.scheme_str() == Some("https")
            || host == "localhost"
            || loopback.is_ok_and(|address| address.is_loopback())
    }

    /// Without the brackets of IPv6.
    fn host(&self) -> &str {
        let host = self.address.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl HttpAnswer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A header, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the far end asks to wait, as a number of seconds or as a date.
    ///
    /// Specification: RFC 9110 section 10.2.3.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let asked = self.header("retry-after")?;
        if let Ok(seconds) = asked.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = DateTime::parse_from_rfc2822(asked).ok()?;
        let until = u64::try_from(until.timestamp()).unwrap_or(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(Duration::from_secs(until.saturating_sub(now.as_secs())))
    }

    /// The body, at most 64 KiB of it, within the client's patience.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn body(self) -> Result<Vec<u8>, HttpError> {
        self.body_up_to(LONGEST).await
    }

    /// The same with so many bytes at most, for what is a picture rather than an answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn body_up_to(self, longest: usize) -> Result<Vec<u8>, HttpError> {
        let reading = Limited::new(self.body, longest).collect();
        match timeout_at(self.until, reading).await {
            Err(_) => Err(HttpError::Late),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(HttpError::TooLong),
            Ok(Err(error)) => Err(broken(&*error)),
            Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        }
    }
}

/// The last cause that says something.
fn broken(error: &(dyn Error + 'static)) -> HttpError {
    let (mut cause, mut said) = (Some(error), None);
    while let Some(known) = cause {
        said = told(known).or(said);
        cause = known.source();
    }
    HttpError::Unreachable(said.unwrap_or_else(|| "it broke".into()).into())
}

/// What went wrong, without the names and addresses that the libraries' errors hold.
fn told(error: &(dyn Error + 'static)) -> Option<String> {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // An error of TLS lies within one or two of these, which do not name it as their source.
        let inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
        return inner.and_then(told).or_else(|| Some(error.to_string()));
    }
    if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
        let told = match why {
            Expired | ExpiredContext { .. } => "the certificate has expired",
            NotValidForName | NotValidForNameContext { .. } => "the certificate has another name",
            UnknownIssuer => "the certificate is of an unknown authority",
            _ => "the certificate is not accepted",
        };
        return Some(told.into());
    }
    let known = error.is::<rustls::Error>() || error.is::<hyper::Error>();
    known.then(|| error.to_string())
}

fn authorities(pem: Option<&[u8]>) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    match pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| HttpError::Authorities)?;
                roots.add(certificate).map_err(|_| HttpError::Authorities)?;
            }
            if roots.is_empty() {
                return Err(HttpError::Authorities);
            }
        }
        // What of it cannot be read authenticates nobody.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in a header is never indexed on its way (RFC 7541 section 7.1.3) and hidden from logs.
    #[test]
    fn headers_are_sensitive() {
        let request = HttpRequest::new("POST", "https://a.example/", "");
        let request = request.and_then(|request| request.header("authorization", "a key"));
        let headers = request.expect("a request").headers;
        assert_eq!(headers.len(), 1);
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }
}
