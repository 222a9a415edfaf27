//! Evidence that somebody proved a second factor just now.

use core::fmt;

use token_store::ott_core::Subject;

use crate::{
    attempt::Attempt,
    error::TwoFactorError,
    guard::Guarded,
    limits::Limits,
    news::News,
    proof::Proof,
    telling::{Telling, Told},
};

/// A subject's second factor was proved within the last [`FRESH`](crate::FRESH) minutes, and what proved it
/// still proves.
///
/// Only [`TwoFactor::fresh`](crate::TwoFactor::fresh) makes one, for the subject that the caller names. It
/// is what everything takes that changes how an account is guarded; use it in the request that made it.
#[derive(Clone, Copy)]
pub struct Fresh<'a> {
    pub(crate) proof: &'a Proof,
    pub(crate) guarded: Guarded<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) telling: Option<&'a Telling>,
}

impl<'a> Fresh<'a> {
    /// Whose.
    #[must_use]
    pub const fn subject(&self) -> &'a Subject {
        self.proof.subject()
    }

    /// The proof.
    pub const fn proof(&self) -> &'a Proof {
        self.proof
    }

    /// Pays for one more thing that guards the account.
    pub(crate) async fn pay(&self, attempt: &Attempt<'_>) -> Result<(), TwoFactorError> {
        let rows = self.guarded.rows;
        rows.pay_enrolment(self.limits, attempt).await
    }

    /// Tells the owner what was done with this proof.
    pub(crate) async fn tell(&self, news: News) {
        if let Some(telling) = self.telling {
            let told = Told::new(self.subject(), news).by(self.proof.origin());
            telling.tell(&told).await;
        }
    }
}

impl fmt::Debug for Fresh<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fresh").field(self.proof).finish()
    }
}
