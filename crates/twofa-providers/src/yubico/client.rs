//! The client of validation servers.

use core::{error::Error, fmt, time::Duration};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{StatusCode, Uri, body::Bytes};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use oath_otp::yubico::Otp;
use rustls::{ClientConfig, RootCertStore};
use token_store::ott_core::{
    Reason,
    rand::{TryRng as _, rngs::SysRng},
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    protocol::{ApiKey, Status},
    reply::{Fault, Question},
    server::{InvalidServer, Server},
};
use crate::provider_error::{ProviderError, VerifyError};

/// What an answer has at most.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long servers have.
const TIMEOUT: Duration = Duration::from_secs(10);

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A client of validation servers (validation protocol 2.0).
///
/// It asks all servers at once, each once, with one fresh nonce. The first answer counts that says that the OTP is right, or
/// wrong, or spent. An answer is believed if it is signed by the client's key and repeats OTP and nonce. What a server
/// says about itself, and an answer that is not believed, leave the question to the others.
///
/// The nonce is the same at all servers, since servers that keep in step refuse a second one. Servers that do not keep
/// in step accept an OTP once each: name several only of one service.
pub struct ValidationClient {
    id: u64,
    key: Option<Arc<ApiKey>>,
    servers: Vec<Server>,
    level: Option<u8>,
    timeout: Duration,
    http: Http,
}

/// How a client is made.
#[derive(Debug)]
pub struct ClientBuilder {
    id: u64,
    key: Option<ApiKey>,
    servers: Vec<String>,
    level: Option<u8>,
    timeout: Duration,
}

impl ClientBuilder {
    /// With the key that the service gave out for the client: requests and answers are signed.
    ///
    /// # Security
    /// Without one, TLS alone says whose answer it is.
    #[must_use]
    pub fn key(self, key: ApiKey) -> Self {
        let key = Some(key);
        Self { key, ..self }
    }

    /// With one more server, such as `https://api.yubico.com/wsapi/2.0/verify`. Two addresses are of one server that differ
    /// in the case of the host, a dot behind it, another way to write its IP address, or a port that is the scheme's own.
    ///
    /// If one is asked over TLS, [`build`](Self::build) reads the operating system's certificates.
    #[must_use]
    pub fn server(mut self, address: &str) -> Self {
        self.servers.push(address.to_owned());
        self
    }

    /// With the percentage of the service's own servers that have to know of the OTP before it is right. Without it, the
    /// service decides.
    #[must_use]
    pub fn sync_level(self, percent: u8) -> Self {
        let level = Some(percent);
        Self { level, ..self }
    }

    /// With another time-out than ten seconds, for all servers together: 1 to 10 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`InvalidServer`].
    pub fn build(self) -> Result<ValidationClient, InvalidServer> {
        let mut servers = Vec::new();
        for address in &self.servers {
            let server = Server::parse(address)?;
            if servers.contains(&server) {
                return Err(InvalidServer::Twice);
            }
            servers.push(server);
        }
        if servers.is_empty() {
            return Err(InvalidServer::None);
        }
        if self.level.is_some_and(|level| level > 100) {
            return Err(InvalidServer::Level);
        }
        if !(Duration::from_secs(1)..=TIMEOUT).contains(&self.timeout) {
            return Err(InvalidServer::Timeout);
        }
        let over_tls = servers.iter().any(Server::is_over_tls);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(over_tls)?);
        let connector = connector.https_or_http().enable_http1().build();
        let mut http = Client::builder(TokioExecutor::new());
        // A connection of its own for each request: none that died meanwhile, and nothing is sent twice.
        let http = http.pool_max_idle_per_host(0);
        Ok(ValidationClient {
            id: self.id,
            key: self.key.map(Arc::new),
            servers,
            level: self.level,
            timeout: self.timeout,
            http: http.build(connector),
        })
    }
}

impl ValidationClient {
    /// The client that the service knows by this id.
    #[must_use]
    pub const fn builder(id: u64) -> ClientBuilder {
        ClientBuilder {
            id,
            key: None,
            servers: Vec::new(),
            level: None,
            timeout: TIMEOUT,
        }
    }

    /// Has an OTP checked, and spent if it is right.
    ///
    /// # Errors
    /// [`ValidationError::Refused`] if a server refused it; every other one is an outage, after which the OTP may be
    /// spent.
    pub async fn verify(&self, otp: &Otp) -> Result<(), ValidationError> {
        let otp = Arc::new(otp.to_modhex());
        let nonce: Arc<str> = nonce()?.into();
        let query = self.query(otp.expose_secret(), &nonce);
        let mut asked = JoinSet::new();
        for server in &self.servers {
            let (http, uri) = (self.http.clone(), server.with(&query));
            let uri = uri.map_err(|error| ValidationError::Unavailable(error.into()))?;
            let (otp, nonce, key) = (Arc::clone(&otp), Arc::clone(&nonce), self.key.clone());
            asked.spawn(async move {
                let text = fetch(&http, uri).await?;
                let question = Question {
                    otp: otp.expose_secret(),
                    nonce: &nonce,
                    key: key.as_deref(),
                };
                question.read(&text).map_err(ValidationError::Fault)
            });
        }
        let first = timeout(self.timeout, first_that_decides(&mut asked)).await;
        first.unwrap_or_else(|late| Err(ValidationError::Unavailable(late.into())))
    }

    /// What every server is asked.
    fn query(&self, otp: &str, nonce: &str) -> String {
        let seconds = self.timeout.as_secs().to_string();
        let (id, level) = (
            self.id.to_string(),
            self.level.map(|level| level.to_string()),
        );
        let mut pairs = vec![("id", &*id), ("nonce", nonce), ("otp", otp)];
        if let Some(level) = &level {
            pairs.extend([("sl", &**level), ("timeout", &seconds)]);
        }
        // Of base64 three characters are escaped, and of the rest nothing has to be.
        let h = self.key.as_ref().map(|key| key.sign(&pairs));
        let h = h.map(|h| {
            h.replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D")
        });
        pairs.extend(h.iter().map(|h| ("h", &**h)));
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// Where a server is asked over TLS, the operating system's certificates. No other one takes any, and a slim container has
/// none.
fn tls(native: bool) -> Result<ClientConfig, InvalidServer> {
    let provider = rustls::crypto::ring::default_provider().into();
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions();
    let config = config.map_err(|_| InvalidServer::Tls)?;
    let config = match native {
        true => config.with_native_roots().map_err(|_| InvalidServer::Tls)?,
        false => config.with_root_certificates(RootCertStore::empty()),
    };
    Ok(config.with_no_client_auth())
}

/// The first answer that decides; where none does, what the last one failed by.
async fn first_that_decides(
    asked: &mut JoinSet<Result<Status, ValidationError>>,
) -> Result<(), ValidationError> {
    let mut last = ValidationError::Status(Status::BackendError);
    while let Some(answered) = asked.join_next().await {
        match answered.unwrap_or_else(|error| Err(ValidationError::Unavailable(error.into()))) {
            Ok(Status::Ok) => return Ok(()),
            Ok(status @ (Status::BadOtp | Status::ReplayedOtp)) => {
                return Err(ValidationError::Refused(status));
            }
            // Another server was faster, and its answer counts.
            Ok(status) => last = ValidationError::Status(status),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The body of an answer, up to its longest. No redirect is followed.
async fn fetch(http: &Http, uri: Uri) -> Result<String, ValidationError> {
    let unavailable = |error: Box<dyn Error + Send + Sync>| ValidationError::Unavailable(error);
    let answer = http.get(uri).await;
    let answer = answer.map_err(|error| unavailable(error.into()))?;
    if answer.status() != StatusCode::OK {
        return Err(ValidationError::Http(answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
        .collect()
        .await;
    let body = body.map_err(unavailable)?.to_bytes();
    let text = core::str::from_utf8(&body).map_err(|_| ValidationError::Fault(Fault::Malformed));
    Ok(text?.to_owned())
}

/// 128 random bits in hexadecimal digits.
fn nonce() -> Result<String, ValidationError> {
    let mut bytes = [0; 16];
    let filled = SysRng.try_fill_bytes(&mut bytes);
    filled.map_err(|error| ValidationError::Unavailable(error.into()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

impl fmt::Debug for ValidationClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidationClient")
            .field("id", &self.id)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

/// Why an OTP was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// No server gave an answer that is believed; this is what was wrong with the last one.
    #[error(transparent)]
    Fault(Fault),
    /// No server decided; the last one answered with this status of HTTP.
    #[error("a validation server answered with HTTP status {0}")]
    Http(u16),
    /// A server refused the OTP: `BAD_OTP` or `REPLAYED_OTP`.
    #[error("the OTP was not accepted")]
    Refused(Status),
    /// No server decided; the last one said this about itself or about the client.
    #[error("a validation server answered {}", .0.as_str())]
    Status(Status),
    /// No server decided; the last one was not reached, or not in time.
    #[error("the validation servers are unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<ValidationError> for VerifyError {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::Refused(Status::BadOtp) => Reason::Mismatch.into(),
            ValidationError::Refused(_) => Reason::Spent.into(),
            outage => ProviderError::Unavailable(outage.into()).into(),
        }
    }
}
