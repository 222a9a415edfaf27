//! From which network a request comes.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use forwarded::hop;

use crate::{app::App, error::AppError};

/// The client's network address, where it is known: [`Peers`] decides.
#[derive(Clone, Copy)]
pub(crate) struct Network(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<App>> for Network {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, app).await;
        let ConnectInfo(peer) = peer.map_err(AppError::unavailable)?;
        app.peers.network(peer.ip(), &parts.headers).map(Self)
    }
}

/// Who connects to this server: visitors, or proxies in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    /// Visitors.
    Visitors,
    /// Visitors, and a proxy on this machine.
    VisitorsAndLocalProxy,
    /// A proxy that says nothing of the visitor.
    Proxy,
    /// The last of so many proxies, each of which says who connected to it.
    TrustedProxies(usize),
}

impl Peers {
    /// The visitor's address.
    ///
    /// `None` where it is not known: behind a proxy every visitor has the proxy's, and one of them could
    /// use up the tries of all. Limits of a network are then the proxy's part.
    ///
    /// Of the header, the hop that the outermost trusted proxy wrote counts, and nothing that was
    /// there before it: that is the visitor's own.
    ///
    /// # Errors
    /// [`AppError::Unforwarded`] where the proxies did not say what they were trusted to say.
    fn network(self, peer: IpAddr, headers: &HeaderMap) -> Result<Option<IpAddr>, AppError> {
        // A socket for both families writes an IPv4 peer as `::ffff:127.0.0.1`, which is not loopback
        // as it stands.
        let peer = peer.to_canonical();
        match self {
            Self::Visitors => Ok(Some(peer)),
            Self::VisitorsAndLocalProxy => Ok((!peer.is_loopback()).then_some(peer)),
            Self::Proxy => Ok(None),
            Self::TrustedProxies(count) => {
                let hop = hop(headers, count).map_err(AppError::Unforwarded)?;
                Ok(hop.map(|hop| hop.to_canonical()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::Peers;

    /// A proxy on this machine is no visitor however its address is written.
    #[test]
    fn proxy_on_this_machine_is_no_visitor() {
        let network = |peers: Peers, peer| {
            let network = peers.network(peer, &HeaderMap::new());
            network.expect("no header is needed")
        };
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:127.8.8.8"] {
            let peer = proxy.parse().expect("an address");
            assert_eq!(network(Peers::VisitorsAndLocalProxy, peer), None, "{proxy}");
            assert_eq!(network(Peers::Visitors, peer), Some(peer.to_canonical()));
        }
        for visitor in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let peer = visitor.parse().expect("an address");
            let seen = network(Peers::VisitorsAndLocalProxy, peer);
            assert_eq!(seen, Some(peer.to_canonical()), "{visitor}");
            assert_eq!(network(Peers::Proxy, peer), None, "{visitor}");
        }
    }
}
