//! A connection that may carry a message: protected and signed in.

use lettre::transport::smtp::{
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, TlsParameters},
    extension::ClientId,
};
use tokio::net::TcpStream;

use super::{
    reply::{Phase, sort},
    until_tls::UntilTls,
};
use crate::DeliveryError;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    Implicit,
    Plaintext,
    Starttls,
}

/// Where the server is and how it is spoken to.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protection: Protection,
    /// `None` for plaintext alone.
    pub(super) tls: Option<TlsParameters>,
    pub(super) hello: ClientId,
    pub(super) credentials: Option<Credentials>,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let (address, tls) = ((self.host.as_str(), self.port), self.tls.clone());
        let connecting = |error| sort(error, Phase::Connect);
        let mut connection = if self.protection == Protection::Implicit {
            AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, tls, None)
                .await
                .map_err(connecting)?
        } else {
            let stream = TcpStream::connect(address).await;
            let stream = stream.map_err(|error| DeliveryError::Unavailable(error.into()))?;
            let stream = Box::new(UntilTls::new(stream));
            let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello)
                .await
                .map_err(connecting)?;
            if let Some(tls) = tls {
                let upgraded = connection.starttls(tls, &self.hello).await;
                upgraded.map_err(connecting)?;
            }
            connection
        };
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| sort(error, Phase::Authenticate))?;
        }
        Ok(connection)
    }
}
