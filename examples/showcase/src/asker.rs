//! Who asks for a page: kept with what happens because of it.

use axum::{extract::Request, http::header, middleware::Next, response::Response};
use twofa_providers::counted_network;

use crate::{error::AppError, network::Network, session::browser};

tokio::task_local! {
    static ASKER: Asker;
}

/// A browser and its network, for the account's owner to read. Empty where they are not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker {
    pub(crate) browser: String,
    pub(crate) network: String,
}

impl Asker {
    /// Whose request is being answered, if one is.
    pub(crate) fn now() -> Self {
        ASKER.try_with(Self::clone).unwrap_or_default()
    }

    /// What is done for them behind the answer's back.
    pub(crate) async fn asked<T>(self, work: impl Future<Output = T>) -> T {
        ASKER.scope(self, work).await
    }
}

/// Answers a request, and knows meanwhile whose it is.
pub(crate) async fn known(
    network: Result<Network, AppError>,
    request: Request,
    next: Next,
) -> Response {
    let network = network.ok().and_then(|Network(network)| network);
    let asker = Asker {
        browser: browser(request.headers().get(header::USER_AGENT)),
        network: network.map(counted_network).unwrap_or_default(),
    };
    asker.asked(next.run(request)).await
}
