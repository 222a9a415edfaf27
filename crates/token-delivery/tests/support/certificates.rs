//! A certificate authority of a moment, and a certificate for this machine.

use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// PEM texts: the authority's certificate, the server's certificate, the server's key.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) server: String,
    pub(crate) key: String,
}

/// A fresh authority, and a certificate of it for `name`.
pub(crate) fn certificates(name: &str) -> Certificates {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, authority_key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new([name.to_owned()]).expect("a name");
    let server = server.signed_by(&key, &authority).expect("a certificate");
    Certificates {
        authority: authority.pem(),
        server: server.pem(),
        key: key.serialize_pem(),
    }
}

/// A server with a certificate for `name` that offers these protocols, and the PEM text of its authority.
#[allow(dead_code, reason = "some servers are programs of their own")]
pub(crate) fn tls(name: &str, protocols: &[&str]) -> (String, ServerConfig) {
    let made = certificates(name);
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(made.server.as_bytes()).expect("a certificate")],
            PrivateKeyDer::from_pem_slice(made.key.as_bytes()).expect("a key"),
        );
    let mut config = config.expect("a server");
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().into())
        .collect();
    (made.authority, config)
}
