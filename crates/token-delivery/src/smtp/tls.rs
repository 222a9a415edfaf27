//! TLS towards a mail server.

use core::error::Error;
use std::{io, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::{error::SmtpConfigError, wire::Stream};

/// TLS 1.2 or 1.3 with a certificate that is verified for one host.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// For a host, whose certificate comes from one of `authorities` (PEM), or else of the operating system's.
    pub(super) fn new(host: &str, authorities: Option<&[u8]>) -> Result<Self, SmtpConfigError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SmtpConfigError::Host)?;
        let mut roots = RootCertStore::empty();
        match authorities {
            Some(pem) => {
                let certificates =
                    CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
                let certificates = certificates.map_err(|_| SmtpConfigError::Certificate)?;
                if certificates.is_empty() {
                    return Err(SmtpConfigError::Certificate);
                }
                for certificate in certificates {
                    roots.add(certificate).map_err(cannot)?;
                }
            }
            // What of it cannot be read authenticates nobody.
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            connector: Arc::new(config).into(),
            name,
        })
    }

    pub(super) async fn protect<S: Stream>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn cannot(error: impl Error + Send + Sync + 'static) -> SmtpConfigError {
    SmtpConfigError::Tls(error.into())
}
