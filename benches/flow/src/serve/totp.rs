//! Sign-in with an app's code, behind a password that nobody checks.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use token_store_sqlx::token_store::{
    FactorStore, Tokens,
    ott_core::{Binding, IssueOptions},
};
use twofa_providers::{Attempt, Response, TotpProvider, TwoFactor, TwoFactorError};

use super::{Address, App, Page, SESSION, SignedIn, account, refusal};

/// With the default limits.
pub(crate) fn engine(tokens: Arc<Tokens>, factors: Arc<dyn FactorStore>) -> TwoFactor {
    let builder = TwoFactor::builder(tokens, factors);
    let built = builder.provider(TotpProvider::new("flow").unwrap()).build();
    built.unwrap()
}

#[derive(Deserialize)]
pub(super) struct Shown {
    email: String,
    code: String,
}

/// The page that asks for the code. Nothing is kept until the next request, which says again who it is.
pub(super) async fn password(
    State(app): State<Arc<App>>,
    Json(Address { email }): Json<Address>,
) -> Result<Json<Page>, StatusCode> {
    account(&app, &email).await?;
    Ok(Json(Page { email }))
}

pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Json(Shown { email, code }): Json<Shown>,
) -> Result<Json<SignedIn>, StatusCode> {
    let subject = account(&app, &email).await?;
    let attempt = Attempt::new(&subject, "totp");
    let typed = Response::typed(&code);
    let proof = app.two_factor.verify(&attempt, &typed).await;
    let proof = proof.map_err(|error| match error {
        TwoFactorError::Rejected(_) => StatusCode::UNAUTHORIZED,
        TwoFactorError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    })?;
    let binding = Binding::subject(proof.subject());
    // Who proved the code waits for the session.
    let options = IssueOptions {
        used: true,
        ..IssueOptions::default()
    };
    let session = app.tokens.issue_opts(&SESSION, &binding, options).await;
    let session = session.map_err(|error| refusal(&error))?.pop().unwrap();
    Ok(Json(SignedIn {
        token: session.token.expose_secret().to_owned(),
    }))
}
