//! Names become addresses, of which some are left out.

use core::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};
use std::{io, vec};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::lookup_host;
use tower_service::Service;

use super::public::is_public;

/// Asks the operating system. The check is made of what is connected to, so that a name that leads elsewhere the second
/// time gains nothing.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) public_only: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        Box::pin(async move {
            // The connector puts the port in.
            let found = lookup_host((name.as_str(), 0)).await?;
            let found = found.filter(|address| !public_only || is_public(address.ip()));
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(io::Error::other("the name has no address that may be used"));
            }
            Ok(found.into_iter())
        })
    }
}
