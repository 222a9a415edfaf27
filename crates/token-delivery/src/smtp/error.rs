//! What a configuration can have wrong.

use core::error::Error;

/// A configuration of SMTP that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpConfigError {
    /// What should be trusted holds no certificate.
    #[error("no certificate in what should be trusted")]
    Certificate,
    /// An empty user name, or control characters.
    #[error("the credentials are empty or have a control character")]
    Credentials,
    /// Credentials that everybody on the network could read.
    #[error("credentials are never sent in clear over a network")]
    CredentialsInClear,
    /// The sender is no address, or one whose part before the `@` is not ASCII.
    #[error("the sender is not an address `name@domain` with a name in ASCII")]
    From,
    /// The machine's own name is not a host name.
    #[error("the name to say hello with is not a host name")]
    Hello,
    /// The server is not a host name or address.
    #[error("the server is not a host name or address")]
    Host,
    /// Plaintext to another machine.
    #[error("plaintext is only for localhost, 127.0.0.0/8 and ::1")]
    PlaintextNotLoopback,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}
