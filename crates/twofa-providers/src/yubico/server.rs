//! Where a validation server is.

use core::net::IpAddr;

use hyper::Uri;

/// The address of a validation server, without a query. Two are equal that lead to one server.
#[derive(Clone, Debug)]
pub(super) struct Server(Uri);

impl Server {
    /// Reads `https://…`. Without TLS it is loopback, or nothing.
    pub(super) fn parse(address: &str) -> Result<Self, InvalidServer> {
        let uri: Uri = address.parse().map_err(|_| InvalidServer::Address)?;
        let host = host(&uri);
        if host.is_empty() || uri.query().is_some() || address.contains(['#', '@']) {
            return Err(InvalidServer::Address);
        }
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if loopback => Ok(Self(uri)),
            Some("http") => Err(InvalidServer::Plain),
            _ => Err(InvalidServer::Address),
        }
    }

    /// Whether it is asked over TLS.
    pub(super) fn is_over_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Where the address leads: scheme, host, port and path, each in one way of writing (RFC 3986 section 6.2).
    fn place(&self) -> (bool, Host, u16, &str) {
        let uri = &self.0;
        let (tls, name) = (self.is_over_tls(), host(uri));
        let host = match name.parse() {
            Ok(ip) => Host::Ip(ip),
            Err(_) => Host::Name(name.trim_end_matches('.').to_ascii_lowercase()),
        };
        let usual = if tls { 443 } else { 80 };
        (tls, host, uri.port_u16().unwrap_or(usual), uri.path())
    }

    /// The address that asks this.
    pub(super) fn with(&self, query: &str) -> Result<Uri, hyper::http::Error> {
        let mut parts = self.0.clone().into_parts();
        let asked = format!("{}?{query}", self.0.path());
        parts.path_and_query = Some(asked.parse()?);
        Ok(Uri::from_parts(parts)?)
    }
}

#[derive(PartialEq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

/// Why servers were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidServer {
    /// No `https://…` without user, query and fragment.
    #[error("the address of a validation server is not https://… without user, query and fragment")]
    Address,
    /// Above 100.
    #[error("the sync level is a percentage")]
    Level,
    /// There is none to ask.
    #[error("there is no validation server to ask")]
    None,
    /// HTTP without TLS, to another machine.
    #[error("a validation server on another machine is asked over https alone")]
    Plain,
    /// The time-out is not 1 to 10 seconds.
    #[error("the time-out is not 1 to 10 seconds")]
    Timeout,
    /// The operating system's certificates cannot be read.
    #[error("the operating system's certificates cannot be read")]
    Tls,
    /// One stands there twice, be it written in another way.
    #[error("a validation server is named twice")]
    Twice,
}
