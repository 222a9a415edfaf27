//! A connection that may carry a message: protected and signed in.

use core::net::IpAddr;
use tokio::net::{TcpStream, lookup_host};

use super::{
    auth::SignIn,
    offers::Offers,
    reply::{Broken, Phase, misconfigured},
    session::Session,
    tls::Tls,
    wire::Wire,
};
use crate::DeliveryError;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    Implicit,
    /// None at all, within this machine or a private network.
    Plaintext(Reach),
    Starttls,
}

/// How far plaintext may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Loopback,
    PrivateNetwork,
}

impl Reach {
    fn covers(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (_, address) if address.is_loopback() => true,
            (Self::Loopback, _) => false,
            // RFC 1918, RFC 3927, RFC 6598; RFC 4193, RFC 4291 section 2.5.6.
            (Self::PrivateNetwork, IpAddr::V4(address)) => {
                let [a, b, ..] = address.octets();
                address.is_private() || address.is_link_local() || (a == 100 && b >> 6 == 1)
            }
            (Self::PrivateNetwork, IpAddr::V6(address)) => {
                address.is_unique_local() || address.is_unicast_link_local()
            }
        }
    }
}

/// Where the server is and how it is spoken to.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protection: Protection,
    /// `None` for plaintext alone.
    pub(super) tls: Option<Tls>,
    /// A host name, or an address literal in brackets.
    pub(super) hello: String,
    pub(super) sign_in: Option<SignIn>,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Session, DeliveryError> {
        let stream = self.stream().await?;
        let mut wire = match (&self.tls, self.protection) {
            (Some(tls), Protection::Implicit) => {
                Wire::new(tls.protect(stream).await.map_err(Broken::Io)?)
            }
            _ => Wire::new(stream),
        };
        let greeting = wire.reply().await?;
        if greeting.class() != 2 {
            return Err(greeting.error(Phase::Connect));
        }
        let mut offers = self.hello(&mut wire).await?;
        if let (Some(tls), Protection::Starttls) = (&self.tls, self.protection) {
            if !offers.starttls() {
                Session::new(wire, offers).leave().await;
                return Err(misconfigured("the server offers no STARTTLS", None));
            }
            let ready = wire.command("STARTTLS").await?;
            if ready.class() != 2 {
                return Err(ready.error(Phase::Connect));
            }
            let stream = tls.protect(wire.into_stream()?).await;
            wire = Wire::new(stream.map_err(Broken::Io)?);
            // What was offered in clear counts no more (RFC 3207 section 4.2).
            offers = self.hello(&mut wire).await?;
        }
        let mut session = Session::new(wire, offers);
        if let Some(sign_in) = &self.sign_in
            && let Err(error) = session.sign_in(sign_in, (&self.host, self.port)).await
        {
            session.leave().await;
            return Err(error);
        }
        Ok(session)
    }

    async fn stream(&self) -> Result<TcpStream, DeliveryError> {
        let address = (self.host.as_str(), self.port);
        let Protection::Plaintext(reach) = self.protection else {
            return Ok(TcpStream::connect(address).await.map_err(Broken::Io)?);
        };
        // The name decides nothing: what it leads to now does.
        let found: Vec<_> = lookup_host(address).await.map_err(Broken::Io)?.collect();
        if !found.iter().all(|address| reach.covers(address.ip())) {
            let which = "plaintext goes to a private address alone, and the server's is public";
            return Err(misconfigured(which, None));
        }
        Ok(TcpStream::connect(&found[..]).await.map_err(Broken::Io)?)
    }

    /// EHLO, and HELO for a server that does not know it.
    ///
    /// Specification: RFC 5321 section 3.2.
    async fn hello(&self, wire: &mut Wire) -> Result<Offers, DeliveryError> {
        let reply = wire.command(&format!("EHLO {}", self.hello)).await?;
        if reply.class() == 2 {
            return Ok(Offers::read(&reply));
        }
        if reply.class() != 5 {
            return Err(reply.error(Phase::Connect));
        }
        let reply = wire.command(&format!("HELO {}", self.hello)).await?;
        if reply.class() == 2 {
            Ok(Offers::default())
        } else {
            Err(reply.error(Phase::Connect))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    /// Each network's first and last address, and the ones beside them.
    #[test]
    fn private_networks_are_these() {
        let covers =
            |reach: Reach, address: &str| reach.covers(address.parse().expect("an address"));
        for within in [
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::",
            "febf:ffff::",
            "::ffff:10.0.0.1",
        ] {
            assert!(covers(Reach::PrivateNetwork, within), "{within}");
            assert!(!covers(Reach::Loopback, within), "{within}");
        }
        for without in [
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "fbff::",
            "fe00::",
            "fec0::",
            "2001:db8::1",
            "::ffff:11.0.0.1",
        ] {
            assert!(!covers(Reach::PrivateNetwork, without), "{without}");
        }
        for here in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
            assert!(
                covers(Reach::Loopback, here) && covers(Reach::PrivateNetwork, here),
                "{here}"
            );
        }
    }
}
