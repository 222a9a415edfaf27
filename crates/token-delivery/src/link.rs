//! The address that a link in a message begins with.

use crate::TemplateFault;

/// A checked address to which `#` and a token are appended.
#[derive(Clone, Debug)]
pub(crate) struct LinkBase(String);

impl LinkBase {
    /// Checks an address strictly: what is not plainly right is refused, so no two readers of the
    /// address (this one, a mail program, a browser) can disagree about its host.
    pub(crate) fn new(base: String) -> Result<Self, TemplateFault> {
        let (secure, rest) = if let Some(rest) = base.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = base.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err(TemplateFault::LinkNotSecure);
        };
        if rest.contains('#') {
            return Err(TemplateFault::LinkHasFragment);
        }
        if !rest.bytes().all(belongs_in_url) {
            return Err(TemplateFault::LinkMalformed);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host_of(authority).ok_or(TemplateFault::LinkMalformed)?;
        if !secure && !is_loopback(host) {
            return Err(TemplateFault::LinkNotSecure);
        }
        Ok(Self(base))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The characters of RFC 3986 without `#`, and without brackets outside of a host: those are
/// checked there.
fn belongs_in_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`; a user name is none of these.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<core::net::Ipv6Addr>().ok()?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':')?),
            };
            (host, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if let Some(port) = port
        && (port.parse::<u16>().is_err() || !port.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let bracketed = authority.starts_with('[');
    (bracketed || (!host.is_empty() && host.bytes().all(named))).then_some(host)
}

/// Whether a host is this machine: `localhost`, or an address literal of the loopback network.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<core::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
