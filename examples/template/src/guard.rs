//! What changes how an account is guarded takes a second step of the last ten minutes. Its proof waits in the
//! database, and its handle in a cookie.

use axum::response::{AppendHeaders, IntoResponse, Response};
use token_store_sqlx::token_store::{
    FactorState,
    ott_core::{RecordId, Subject, chrono::TimeDelta},
};
use twofa_providers::{FactorView, Fresh, Holder, Proof, SignInId, TwoFactorError};

use crate::{
    app::{App, Fault},
    web::{Cookie, No, SignedIn, cookie},
};

/// Whether one of these guards the account. A disabled one does: somebody disowned it, or failed too often.
pub(crate) fn is_guarded(factors: &[FactorView]) -> bool {
    let guards = [FactorState::Active, FactorState::Disabled];
    factors.iter().any(|factor| guards.contains(&factor.state))
}

/// Keeps a proof for the next page of this session.
pub(crate) async fn park(
    app: &App,
    subject: &Subject,
    session: &RecordId,
    proof: Proof,
) -> Result<Cookie, No> {
    let session = session.to_string();
    let handle = app
        .proofs
        .park(proof, &Holder::new(subject, &session))
        .await?;
    Ok(cookie(
        "proof",
        &handle.expose_secret(),
        TimeDelta::minutes(10),
    ))
}

/// What a page holds that changes how the account is guarded: the session's proof, taken up until
/// [`Guard::keep`]; none while the account has no second step.
pub(crate) struct Guard {
    proof: Option<Proof>,
    name: SignInId,
    epoch: u64,
}

impl Guard {
    /// Where the proof is missing or older than ten minutes, the person is led to the second step.
    pub(crate) async fn of(app: &App, who: &SignedIn) -> Result<Self, No> {
        let (own, epoch) = (
            SignInId::new(who.session.id().as_bytes()),
            who.account.epoch()?,
        );
        let own = own.map_err(Fault::from)?;
        let factors = app.engine.factors(&who.subject).await?;
        if !who.account.needs_factor() && !is_guarded(&factors) {
            return Ok(Self {
                proof: None,
                name: own,
                epoch,
            });
        }
        let handle = who.proof.as_ref().ok_or(No::Prove)?;
        let session = who.session.id().to_string();
        let holder = Holder::new(&who.subject, &session);
        let proof = match app.proofs.resume(handle, &holder).await {
            Err(TwoFactorError::Rejected(_)) => return Err(No::Prove),
            proof => proof?,
        };
        Ok(Self {
            name: proof.sign_in().unwrap_or(&own).clone(),
            proof: Some(proof),
            epoch,
        })
    }

    pub(crate) const fn name(&self) -> &SignInId {
        &self.name
    }

    /// `None` where there is nothing to prove yet.
    pub(crate) async fn fresh<'a>(
        &'a self,
        app: &'a App,
        who: &SignedIn,
    ) -> Result<Option<Fresh<'a>>, No> {
        let Some(proof) = &self.proof else {
            return Ok(None);
        };
        match app
            .engine
            .fresh(&who.subject, Some(self.epoch), proof)
            .await
        {
            Err(TwoFactorError::ProofNeeded) => Err(No::Prove),
            fresh => Ok(Some(fresh?)),
        }
    }

    /// The first step of an account was confirmed just now.
    pub(crate) fn or(self, proof: Proof) -> Self {
        Self {
            proof: self.proof.or(Some(proof)),
            ..self
        }
    }

    /// The answer, with the proof for the next page, whatever became of this one.
    pub(crate) async fn keep(
        self,
        app: &App,
        who: &SignedIn,
        answer: Result<Response, No>,
    ) -> Result<Response, No> {
        let Some(proof) = self.proof.filter(|_| !matches!(answer, Err(No::Prove))) else {
            return answer;
        };
        let kept = park(app, &who.subject, who.session.id(), proof).await?;
        let answer = answer.unwrap_or_else(IntoResponse::into_response);
        Ok((AppendHeaders([kept]), answer).into_response())
    }
}
