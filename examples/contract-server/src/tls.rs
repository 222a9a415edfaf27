//! TLS with a certificate for loopback.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{Fault, ground::private_folder};

/// The option of a server that speaks TLS.
#[derive(Clone, Debug, clap::Args)]
pub struct TlsOptions {
    /// Where the certificate is kept (tls in the data folder), or `off` for plain HTTP behind a proxy
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
}

/// What a server speaks.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// TLS 1.2 and 1.3.
    On(Arc<ServerConfig>),
}

impl TlsOptions {
    /// Reads the certificate, or makes one for 127.0.0.1, ::1 and localhost: `ca.pem` alone verifies it.
    ///
    /// # Errors
    /// What cannot be read, written or made.
    pub fn open(&self, data: &Path) -> Result<Tls, Fault> {
        if self.tls.as_deref() == Some(Path::new("off")) {
            return Ok(Tls::Off);
        }
        let folder = self.folder(data);
        private_folder(&folder)?;
        // The key comes last: where it is, all are.
        if !folder.join("key.pem").exists() {
            make(&folder)?;
        }
        let told = |error: &dyn core::fmt::Display| format!("{}: {error}", folder.display());
        let certificate = CertificateDer::from_pem_file(folder.join("cert.pem"));
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"));
        let (certificate, key) = (
            certificate.map_err(|error| told(&error))?,
            key.map_err(|error| told(&error))?,
        );
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls::On(Arc::new(config)))
    }

    /// Where the certificate is kept.
    #[must_use]
    pub fn folder(&self, data: &Path) -> PathBuf {
        self.tls.clone().unwrap_or_else(|| data.join("tls"))
    }
}

/// An authority whose key is forgotten at once, and what it signs.
fn make(folder: &Path) -> Result<(), Fault> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let name = "Development authority of an example server";
    authority.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    write(&folder.join("ca.pem"), &authority.pem())?;
    write(&folder.join("cert.pem"), &certificate.pem())?;
    write(&folder.join("key.pem"), &key.serialize_pem())
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()).into())
}
