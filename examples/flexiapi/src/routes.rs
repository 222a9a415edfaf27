//! Which handler answers what, and how a request gets to poem.

use std::sync::Arc;

use contract_server::{
    Peer, Sent,
    hyper::{
        Request, Response,
        body::{Bytes, Incoming},
    },
    read_body,
};
use http_body_util::Full;
use poem::{Endpoint, EndpointExt as _, Route, endpoint::BoxEndpoint, http::Method};

use crate::{admin, answer::ApiError, app::App, changes, creation, pairing, recovery, requests};

/// The largest body, in bytes.
const LARGEST: usize = 256 * 1_024;

/// Where the pages stand: both prefixes mean the same.
const PAGES: [&str; 2] = ["", "/account"];

pub(crate) fn routes(app: Arc<App>) -> BoxEndpoint<'static, poem::Response> {
    let mut route = Route::new()
        .at("/openapi.json", get(creation::openapi))
        .at("/api/ping", get(creation::ping))
        .at(
            "/api/account_creation_request_tokens",
            post(requests::create),
        )
        .at("/api/account_creation_tokens", post(creation::issue))
        .at(
            "/api/account_creation_tokens/send-by-push",
            post(creation::send_creation),
        )
        .at(
            "/api/account_creation_tokens/using-account-creation-request-token",
            post(requests::exchange),
        )
        .at(
            "/api/account_creation_tokens/consume",
            post(creation::consume),
        )
        .at(
            "/api/account_recovery_tokens/send-by-push",
            post(creation::send_recovery),
        )
        .at(
            "/api/accounts/with-account-creation-token",
            post(creation::create_account),
        )
        .at("/api/accounts/auth_token", post(pairing::create))
        .at(
            "/api/accounts/auth_token/:token/attach",
            get(pairing::attach),
        )
        .at("/api/accounts/me", get(admin::me))
        .at("/api/accounts/me/api_key/:token", get(pairing::exchange))
        .at(
            "/api/accounts/me/phone/request",
            post(changes::request_phone),
        )
        .at(
            "/api/accounts/me/email/request",
            post(changes::request_email),
        )
        .at("/api/accounts/me/phone", post(changes::set_phone))
        .at("/api/accounts/me/email", post(changes::set_email))
        .at("/api/accounts/:id", get(admin::show))
        .at("/api/accounts/:id/block", post(admin::block))
        .at("/api/accounts/:id/unblock", post(admin::unblock));
    for prefix in PAGES {
        let at = |path: &str| format!("{prefix}{path}");
        route = route
            .at(at("/recovery/phone/:token"), get(recovery::first_page))
            .at(at("/recovery"), post(recovery::send))
            .at(at("/recovery/confirm"), post(recovery::confirm))
            .at(at("/recovered"), get(recovery::recovered))
            .at(
                at("/creation_token/check/:token"),
                get(requests::check_page),
            )
            .at(at("/creation_token/validate"), post(requests::validate));
    }
    route.data(app).map_to_response().boxed()
}

fn get<E: Endpoint>(endpoint: E) -> Only<E> {
    Only(Method::GET, "GET", endpoint)
}

fn post<E: Endpoint>(endpoint: E) -> Only<E> {
    Only(Method::POST, "POST", endpoint)
}

/// An endpoint for one method. `HEAD` is none of them: some of the contract's `GET` change what they find.
struct Only<E>(Method, &'static str, E);

impl<E: Endpoint> Endpoint for Only<E> {
    type Output = E::Output;

    async fn call(&self, request: poem::Request) -> poem::Result<E::Output> {
        let Self(method, name, endpoint) = self;
        if request.method() == method {
            return endpoint.call(request).await;
        }
        Err(ApiError::Method(name).into())
    }
}

/// Answers a request.
pub(crate) async fn answer(
    routes: Arc<BoxEndpoint<'static, poem::Response>>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let response = match read_body(body, LARGEST).await {
        Sent::Whole(body) => {
            let mut inner = poem::Request::builder()
                .method(head.method)
                .uri(head.uri)
                .body(body);
            *inner.headers_mut() = head.headers;
            if let Some(peer) = head.extensions.get::<Peer>() {
                inner.set_data(*peer);
            }
            // In a task of its own: what was begun is done, also if the client hangs up.
            let answering = tokio::spawn(async move { routes.call(inner).await });
            match answering.await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => match error.downcast_ref::<ApiError>() {
                    Some(error) => error.response(),
                    None => ApiError::of_status(error.status().as_u16()).response(),
                },
                Err(_) => ApiError::of_status(500).response(),
            }
        }
        Sent::TooLong => ApiError::of_status(413).response(),
        Sent::Never => ApiError::of_status(408).response(),
    };
    let (parts, body) = response.into_parts();
    let body = body.into_bytes().await.unwrap_or_default();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}
