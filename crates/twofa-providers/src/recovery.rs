//! Recovery codes: a printed sheet for the day on which the phone is gone.

use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    Tokens, What,
    ott_core::{
        Binding, Channel, Destination, Extra, Lookup, Policy, SlotRule, Subject, Token, Usage,
        chrono::DateTime, chrono::Utc,
    },
};

use crate::{
    Attempt, Claim, Context, Descriptor, EnrolDetails, Enrolment, FlowId, Kind, News, Odds,
    OpenFactor, Provider, ProviderError, Requested, Response, TwoFactor, TwoFactorError, Verified,
    VerifyError,
    engine::Told,
    limits::{Counted, of_ceiling_notice},
};

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// The provider's id.
pub(crate) const ID: &str = "recovery";

/// Below this, whoever reads the store could try codes against it.
const LEAST_BITS: u32 = 112;

/// Whether codes of this policy are safe on paper: long, found within their subject, used once, and
/// a new set retires the old one in the same step.
pub(crate) fn fits(policy: &Policy) -> bool {
    policy.token_lookup() == Lookup::BySubject
        && policy.usage() == Usage::Once
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy.slot(SlotRule::Subject) == *policy
}

/// A new set of recovery codes: show it once, for the owner to print or save.
///
/// It has no `Debug` text, `Clone` or `Serialize`, and is wiped when dropped.
pub struct RecoveryCodes {
    codes: Vec<Token>,
    issued_at: DateTime<Utc>,
}

impl RecoveryCodes {
    /// The codes as they are printed, in groups of four.
    pub fn expose_secrets(&self) -> impl ExactSizeIterator<Item = &str> {
        self.codes.iter().map(Token::expose_secret)
    }

    /// When they were made: print it on the sheet, so that the owner can tell it from an older one.
    #[must_use]
    pub const fn issued_at(&self) -> DateTime<Utc> {
        self.issued_at
    }
}

impl core::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RecoveryCodes(..)")
    }
}

impl TwoFactor {
    /// Makes a new set of [`RECOVERY_CODES`] codes, which retires the old set in the same step.
    ///
    /// Of any number of concurrent calls the last one's set lives, whole, and no code of another.
    ///
    /// The codes are bound to their subject and to nothing else. A change of password or of factors
    /// does not void them, as it does whatever is bound to the credential epoch: a sheet in a drawer
    /// that dies with each such change would be dead on the day it is needed. To void it, renew it.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::ProofNeeded`] unless the proof is fresh. A recovery code
    /// is a proof too.
    pub async fn renew_recovery_codes(
        &self,
        proof: &Verified,
    ) -> Result<RecoveryCodes, TwoFactorError> {
        let policy = self.recovery_policy()?;
        let subject = proof.subject();
        let _ = self.fresh(proof).await?;
        let binding = Binding::subject(subject);
        // First, so that an outage here leaves the old set as it was.
        let ceiling = Counted::Provider(ID).key(subject);
        let cleared = self.tokens.limits().clear(&ceiling).await;
        cleared.map_err(|error| self.outage("clear", error))?;
        let noticed = of_ceiling_notice(subject, ID).key;
        let cleared = self.tokens.limits().clear(&noticed).await;
        cleared.map_err(|error| self.outage("clear", error))?;
        // The sign-in that made the set: what a person who says "this was not me" disowns.
        let extra = Extra {
            data: proof.flow().map_or(&[], FlowId::as_bytes),
            ..Extra::default()
        };
        let issued = self
            .tokens
            .issue_batch_with(policy, &binding, extra, RECOVERY_CODES)
            .await?;
        self.tokens.emit(Some(subject), What::RecoveryRenewed);
        let told = Told {
            subject,
            news: News::RecoveryRenewed,
            factor: None,
            origin: proof.origin(),
            old: None,
            new: None,
        };
        self.tell(&told).await;
        Ok(RecoveryCodes {
            codes: issued.into_iter().map(|issued| issued.token).collect(),
            issued_at: self.now(),
        })
    }

    /// How many recovery codes the subject can still use.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn recovery_codes_left(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        let listed = self.tokens.list(self.recovery_policy()?, subject).await?;
        Ok(listed.len())
    }

    /// The proof stands whether or not the rest can be counted.
    pub(crate) async fn tell_recovery_used(&self, attempt: &Attempt<'_>) {
        let subject = attempt.subject;
        let left = self.recovery_codes_left(subject).await.ok();
        self.tokens.emit(Some(subject), What::RecoveryUsed { left });
        let news = match left {
            Some(0) => News::RecoveryUsedUp,
            _ => News::RecoveryUsed,
        };
        let told = Told {
            subject,
            news,
            factor: None,
            origin: attempt.origin(),
            old: None,
            new: None,
        };
        self.tell(&told).await;
    }

    fn recovery_policy(&self) -> Result<&Policy, TwoFactorError> {
        self.recovery.as_ref().ok_or(TwoFactorError::Misuse(
            "the engine was built without recovery codes",
        ))
    }
}

/// Codes from a sheet. There is no factor: each code is a record, found within its subject.
pub(crate) struct RecoveryProvider {
    descriptor: Descriptor,
    tokens: Arc<Tokens>,
    policy: Policy,
}

impl RecoveryProvider {
    pub(crate) fn new(tokens: Arc<Tokens>, policy: &Policy) -> Self {
        let descriptor = Descriptor {
            kind: Kind::UserToken,
            id: ID,
            label: "Recovery code".into(),
            description: "One of the codes that you printed or saved".into(),
            request: false,
        };
        Self {
            descriptor,
            tokens,
            policy: *policy,
        }
    }
}

#[async_trait]
impl Provider for RecoveryProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn enrols(&self) -> bool {
        false
    }

    fn channel(&self) -> Option<Channel> {
        None
    }

    fn destination(&self, _: &OpenFactor) -> Option<Destination> {
        None
    }

    fn odds(&self) -> Odds {
        Odds {
            code_space: self.policy.token_format().code_space(),
            valid: RECOVERY_CODES as u64,
        }
    }

    async fn available(&self, subject: &Subject, _: &[OpenFactor]) -> Result<bool, ProviderError> {
        Ok(!self.tokens.list(&self.policy, subject).await?.is_empty())
    }

    fn enrol(&self, _: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError> {
        Ok(None)
    }

    async fn request(&self, _: &Context<'_>) -> Result<Requested, ProviderError> {
        Err(ProviderError::Misuse("recovery codes are not sent"))
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let binding = Binding::subject(context.subject);
        let issuer = self.tokens.issuer();
        let presented =
            issuer.present_by_subject(&self.policy, &binding, response.text(), context.now)?;
        Ok(Claim::Redeem {
            policy: self.policy,
            presented,
        })
    }
}
