//! What comes with a form, whoever sends it.

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use axum_extra::extract::CookieJar;
use twofa_providers::token_store::ott_core::Handle;

use crate::{
    app::App,
    devices,
    error::AppError,
    flow::Flow,
    forms::FormToken,
    network::Network,
    proofs,
    session::{browser, cookie},
    trusted,
};

/// Where a form comes from, and what the browser keeps for us.
pub(crate) struct Visitor {
    /// What forms of this visit carry.
    pub(crate) csrf: String,
    /// What the browser keeps for us.
    pub(crate) jar: CookieJar,
    /// The code that was sent last.
    pub(crate) flow: Option<Flow>,
    /// The client's network address, where that is known.
    pub(crate) network: Option<IpAddr>,
    /// The token of a device that is remembered, or was.
    pub(crate) device: Option<String>,
    /// The token of a device that is trusted, or was.
    pub(crate) trusted: Option<String>,
    /// The handle of the session's proof.
    pub(crate) proof: Option<Handle>,
    /// What a person would call the browser.
    pub(crate) browser: String,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let FormToken(csrf) = FormToken::from_request_parts(parts, app).await?;
        let Network(network) = Network::from_request_parts(parts, app).await?;
        let jar = CookieJar::from_headers(&parts.headers);
        let flow = Flow::of(app, &jar);
        let device = cookie(app, &jar, devices::COOKIE);
        let trusted = cookie(app, &jar, trusted::COOKIE);
        let proof = cookie(app, &jar, proofs::COOKIE).and_then(|text| Handle::parse(&text).ok());
        let browser = browser(parts.headers.get(header::USER_AGENT));
        Ok(Self {
            csrf,
            jar,
            flow,
            network,
            device,
            trusted,
            proof,
            browser,
        })
    }
}
