//! Rocket behind the connections that all the servers share.
//!
//! Rocket's own listener answers some requests itself, without a body; here those have the contract's shape. So a
//! request is handed to Rocket in this process: `docs/adr/0058-rocket-behind-our-listener.md`.

use std::sync::Arc;

use contract_server::{
    Peer,
    hyper::{
        Request, Response, StatusCode,
        body::{Bytes, Incoming},
        header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use rocket::{
    http::{Header, Method},
    local::asynchronous::Client,
};

use crate::answer::canned;

/// What is read of a body, so that a longer one is refused by the handler in its order.
const LARGEST: usize = 257 * 1_024;

/// Answers a request.
pub(crate) async fn answer(
    client: Arc<Client>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let method = head.method.as_str().parse::<Method>();
    let Ok(method) = method else {
        return refused(405);
    };
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return refused(413),
        Err(_) => return refused(400),
    };
    let uri = match head.uri.path_and_query() {
        Some(uri) => uri.as_str().to_owned(),
        None => return refused(400),
    };
    let mut inner = client.req(method, uri);
    for (name, value) in &head.headers {
        let Ok(value) = value.to_str() else {
            return refused(400);
        };
        inner.add_header(Header::new(name.as_str().to_owned(), value.to_owned()));
    }
    if let Some(Peer(peer)) = head.extensions.get::<Peer>() {
        inner = inner.remote(*peer);
    }
    let outer = inner.body(body).dispatch().await;
    let status =
        StatusCode::from_u16(outer.status().code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::builder().status(status);
    for header in outer.headers().iter() {
        if !header
            .name()
            .as_str()
            .eq_ignore_ascii_case(CONTENT_LENGTH.as_str())
        {
            response = response.header(header.name().as_str(), header.value());
        }
    }
    let body = outer.into_bytes().await.unwrap_or_default();
    response
        .body(Full::new(body.into()))
        .unwrap_or_else(|_| refused(500))
}

fn refused(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(canned(status).into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let json = contract_server::hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    if status == 405 {
        let methods = contract_server::hyper::header::HeaderValue::from_static("GET, POST");
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}
