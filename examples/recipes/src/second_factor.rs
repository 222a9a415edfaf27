//! Sign-in with a second factor, from the right password to the session.
//!
//! `twofa-providers = "0.1"`, over the store of the application.

use core::net::IpAddr;

use twofa_providers::token_store::ott_core::Subject;
use twofa_providers::{Attempt, EnrolDetails, Enrolled, Offer, Proof};
use twofa_providers::{Response, TwoFactor, TwoFactorError};

/// What the account's row says. `needs` is a column: do not conclude it from the number of factors.
#[derive(Debug)]
pub struct Account {
    /// Tenant and id.
    pub subject: Subject,
    /// Raised with each change of password or address.
    pub epoch: u64,
    /// Whether it must prove a second factor.
    pub needs: bool,
}

/// The password was right. Empty: sign in now. Else show these ways, in a half-open session.
pub async fn ways(engine: &TwoFactor, account: &Account) -> Result<Vec<Offer>, TwoFactorError> {
    if !account.needs {
        return Ok(Vec::new());
    }
    let ways = engine.offered(&account.subject).await?;
    // An account that needs a factor and has none is a case for support, and no way in.
    let some = Some(ways).filter(|ways| !ways.is_empty());
    some.ok_or(TwoFactorError::ProofNeeded)
}

/// The code that the person typed. `provider` is one that was offered: `totp`, `email`, `recovery`;
/// `network` is the client's address. Then make the session, under a new id, and park the proof for
/// it (`Proofs::park`): for ten minutes it lets the person change how the account is guarded.
pub async fn prove(
    engine: &TwoFactor,
    account: &Account,
    provider: &str,
    network: IpAddr,
    typed: &str,
) -> Result<Proof, TwoFactorError> {
    let attempt = Attempt::new(&account.subject, provider).epoch(account.epoch);
    let attempt = attempt.network(network);
    // `Rejected` is 401, `Throttled` 429 with a time, `Unavailable` 503: `error.answer()` says it.
    engine.verify(&attempt, &Response::typed(typed)).await
}

/// The page that adds a second app takes the parked proof up (`Proofs::resume`).
pub async fn add_app(
    engine: &TwoFactor,
    account: &Account,
    name: &str,
    proof: &Proof,
) -> Result<Enrolled, TwoFactorError> {
    let (who, epoch) = (&account.subject, account.epoch);
    let details = EnrolDetails::new(who, name).epoch(epoch);
    let fresh = engine.fresh(who, Some(epoch), proof).await?;
    engine.enrol("totp", &details, "Phone", Some(&fresh)).await
}
