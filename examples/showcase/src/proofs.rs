//! The proof of a session, from page to page: parked in the store under a handle that the browser keeps.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use twofa_providers::{
    Fresh, Holder, Proof, TwoFactorError,
    token_store::ott_core::{RecordId, Subject},
};

use crate::{
    app::{App, set_cookie},
    error::AppError,
    next::Next,
    session::{self, SignedIn},
    visitor::Visitor,
};

/// The cookie with the proof's handle.
pub(crate) const COOKIE: &str = "proof";

/// How long a proof can be of use.
const SECONDS: u32 = 600;

/// Takes up the session's proof. Whoever takes it gives it back with [`keep`], or to a new session.
pub(crate) async fn take(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    next: Next,
) -> Result<Proof, AppError> {
    let needed = AppError::ProofNeeded(next);
    let Some(handle) = &visitor.proof else {
        return Err(needed);
    };
    let session = signed_in.record.to_string();
    let holder = Holder::new(&signed_in.account.subject, &session);
    let proof = match app.proofs.resume(handle, &holder).await {
        Ok(proof) => proof,
        Err(TwoFactorError::Rejected(_)) => return Err(needed),
        Err(error) => return Err(error.into()),
    };
    // There is one clock here: one that was set back makes no proof newer.
    if proof.at() > app.tokens.now() {
        return Err(needed);
    }
    Ok(proof)
}

/// The proof as evidence, if it is fresh and what proved it still proves.
pub(crate) async fn fresh<'a>(
    app: &'a App,
    signed_in: &SignedIn,
    proof: &'a Proof,
    next: Next,
) -> Result<Fresh<'a>, AppError> {
    let account = &signed_in.account;
    let epoch = Some(account.epoch);
    match app.two_factor.fresh(&account.subject, epoch, proof).await {
        Err(TwoFactorError::ProofNeeded) => Err(AppError::ProofNeeded(next)),
        fresh => Ok(fresh?),
    }
}

/// Parks the proof again for the session's next page, whatever became of this one.
pub(crate) async fn keep(
    app: &App,
    signed_in: &SignedIn,
    proof: Proof,
    answer: Result<Response, AppError>,
) -> Result<Response, AppError> {
    let subject = &signed_in.account.subject;
    let cookie = park(app, subject, &signed_in.record, proof).await?;
    let page = answer.unwrap_or_else(AppError::into_response);
    Ok(session::with_cookies(page, [cookie]))
}

/// Parks a proof for a session, and gives the cookie for it.
pub(crate) async fn park(
    app: &App,
    subject: &Subject,
    session: &RecordId,
    proof: Proof,
) -> Result<HeaderValue, AppError> {
    let session = session.to_string();
    let holder = Holder::new(subject, &session);
    let handle = app.proofs.park(proof, &holder).await?;
    Ok(set_cookie(app, COOKIE, &handle.expose_secret(), SECONDS))
}

/// Whether an answer gives the browser a proof to keep.
pub(crate) fn is_given(app: &App, headers: &HeaderMap) -> bool {
    let start = format!("{COOKIE}=");
    let start = if app.secure {
        ["__Host-", &start].concat()
    } else {
        start
    };
    let set = headers.get_all(header::SET_COOKIE).iter();
    set.filter_map(|value| value.to_str().ok())
        .any(|value| value.starts_with(&start))
}
