//! What an adapter of a framework keeps with a request.

use core::ops::Deref;
use std::sync::Arc;

use crate::{Bearer, NoScope};

/// The cookie of a session. The prefix keeps other hosts of the domain, and pages without TLS, from setting it.
pub const SESSION_COOKIE: &str = "__Host-session";

/// Where a request comes from, as the application names classes of networks: a country, a provider, an office. An
/// application puts it with the request, and a [`Door`](crate::Door) notes it: see
/// [`Kind::noting_networks`](crate::Kind::noting_networks).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(pub String);

/// A token that a [`Door`](crate::Door) let in. An adapter keeps it with the request: whatever comes behind the same door
/// takes it, and another door does not.
#[derive(Clone, Debug)]
pub struct Admitted<S = NoScope> {
    pub(crate) by: Arc<()>,
    pub(crate) bearer: Bearer<S>,
}

impl<S> Admitted<S> {
    /// The token.
    #[must_use]
    pub fn into_bearer(self) -> Bearer<S> {
        self.bearer
    }
}

impl<S> Deref for Admitted<S> {
    type Target = Bearer<S>;

    fn deref(&self) -> &Bearer<S> {
        &self.bearer
    }
}
