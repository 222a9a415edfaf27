//! Ending sessions that are not the owner's.

use twofa_providers::{
    SignInId,
    token_store::{
        FactorId, Revoke,
        ott_core::{RecordId, Subject},
    },
};

use super::{About, flow_of};
use crate::{
    app::{App, PASSED, SESSION},
    error::AppError,
};

/// How often the list is read again. Each round that finds some was lost to a sign-in that went on
/// meanwhile, for which a code was used up.
const ROUNDS: usize = 100;

/// Ends every session of the account but this one.
pub(super) async fn end_others(
    app: &App,
    subject: &Subject,
    this: &RecordId,
) -> Result<(), AppError> {
    let others = Revoke::Subject {
        subject: subject.clone(),
        purpose: Some(*SESSION.purpose()),
        except: Some(*this),
    };
    app.tokens.revoke(&others).await?;
    Ok(())
}

/// Ends what one sign-in has, and what a device opened that was trusted in it, and says how many sessions that were.
///
/// Its first step goes first: what builds on that from now on is refused, and what did so before is
/// in the list.
pub(crate) async fn end_flow(
    app: &App,
    subject: &Subject,
    flow: &SignInId,
) -> Result<u64, AppError> {
    for passed in app.tokens.list(&PASSED, subject).await? {
        if flow_of(passed.id()).as_ref() == Some(flow) {
            app.tokens
                .revoke(&Revoke::own(subject, *passed.id()))
                .await?;
        }
    }
    // Whoever had a device trusted in it may have signed in there since.
    let of_it = |about: &About| [&about.flow, &about.trusted_in].contains(&&Some(flow.clone()));
    end_where(app, subject, of_it).await
}

/// Ends every sign-in that proved this factor, and says how many sessions that were.
pub(crate) async fn end_proved_by(
    app: &App,
    subject: &Subject,
    factor: &FactorId,
) -> Result<u64, AppError> {
    end_where(app, subject, |about| about.factors.contains(factor)).await
}

/// Until none is left: each session that ends may have become another one since the list was read.
async fn end_where(
    app: &App,
    subject: &Subject,
    ends: impl Fn(&About) -> bool,
) -> Result<u64, AppError> {
    let mut ended = 0u64;
    for _ in 0..ROUNDS {
        let mut sessions = app.tokens.list(&SESSION, subject).await?;
        sessions.retain(|session| ends(&About::of(session.stored())));
        if sessions.is_empty() {
            return Ok(ended);
        }
        for session in &sessions {
            let own = Revoke::own(subject, *session.id());
            let revoked = app.tokens.revoke(&own).await?;
            ended = ended.saturating_add(revoked);
        }
    }
    Err(AppError::unavailable(
        "sessions are made faster than they end",
    ))
}
