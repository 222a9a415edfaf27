//! Where a server is.

use redis::{ConnectionAddr, ConnectionInfo};

/// A host and a port.
pub(super) type Address = (String, u16);

#[cfg(feature = "cluster")]
pub(super) fn address(server: &ConnectionInfo) -> Option<Address> {
    match server.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some((host.clone(), *port))
        }
        _ => None,
    }
}

/// Another server, with the same user, password and TLS.
pub(super) fn beside(member: &ConnectionInfo, (host, port): &Address) -> ConnectionInfo {
    let (host, port) = (host.clone(), *port);
    let address = match member.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    member.clone().set_addr(address)
}
