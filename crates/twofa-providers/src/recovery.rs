//! Recovery codes: a printed sheet for the day on which the phone is gone.

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    Revoke, Tokens,
    ott_core::{
        Binding, IssueOptions, Lookup, Policy, SlotRule, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    build_error::BuildError,
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    error::TwoFactorError,
    events::RECOVERY_RENEWED,
    fresh::Fresh,
    limits::{Counted, of_ceiling_notice},
    news::News,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
    sign_in::SignInId,
};

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// The provider's id.
pub(crate) const ID: &str = "recovery";

/// Below this, whoever reads the store could try codes against it.
const LEAST_BITS: u32 = 112;

/// Whether codes of this policy are safe on paper: long, found within their subject, used once, and
/// a new set retires the old one in the same step.
fn fits(policy: &Policy) -> bool {
    policy.token_lookup() == Lookup::BySubject
        && policy.usage() == Usage::Once
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy.slot(SlotRule::Subject) == *policy
}

/// Makes and counts recovery codes. Give it to
/// [`TwoFactorBuilder::recovery_codes`](crate::TwoFactorBuilder::recovery_codes), whose provider `recovery`
/// takes them.
#[derive(Clone)]
pub struct RecoveryCodes {
    tokens: Arc<Tokens>,
    policy: Policy,
}

impl RecoveryCodes {
    /// Under a policy that the tokens were built with, such as
    /// `Policy::recovery(Purpose::new("recovery-code"))`.
    ///
    /// # Errors
    /// [`BuildError::RecoveryPolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if !fits(policy) {
            return Err(BuildError::RecoveryPolicy);
        }
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            policy: *policy,
        })
    }

    /// Makes a new set of [`RECOVERY_CODES`] codes, which retires the old set in the same step.
    ///
    /// Of any number of concurrent calls the last one's set lives, whole, and no code of another.
    ///
    /// The codes are bound to their subject and to nothing else. They stay valid when the password changes
    /// and when factors come and go: a sheet in a drawer that dies with each such change would be dead on
    /// the day it is needed. To make them invalid, make new ones.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn renew(&self, fresh: &Fresh<'_>) -> Result<RecoverySheet, TwoFactorError> {
        let subject = fresh.subject();
        // First, so that an outage here leaves the old set as it was.
        let keys = [
            Counted::Provider(ID).key(subject),
            of_ceiling_notice(subject, ID).key,
        ];
        for key in keys {
            self.tokens.limit_store().clear(&key).await?;
        }
        // The sign-in that made the set: what a person who says "this was not me" disowns.
        let options = IssueOptions {
            data: fresh.proof().sign_in().map_or(&[], SignInId::as_bytes),
            count: RECOVERY_CODES,
            ..IssueOptions::default()
        };
        let binding = Binding::subject(subject);
        let issued = self
            .tokens
            .without_limits("behind fresh evidence")
            .issue_opts(&self.policy, &binding, options)
            .await?;
        let event = self.tokens.event(RECOVERY_RENEWED).of(subject);
        self.tokens
            .emit(event.count(u64::try_from(issued.len()).unwrap_or(u64::MAX)));
        fresh.tell(News::RecoveryRenewed).await;
        Ok(RecoverySheet {
            codes: issued.into_iter().map(|issued| issued.token).collect(),
            issued_at: self.tokens.now(),
        })
    }

    /// How many recovery codes the subject can still use.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`], [`TwoFactorError::KeyMissing`].
    pub async fn left(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        Ok(self.tokens.list(&self.policy, subject).await?.len())
    }

    /// Makes every code of the subject invalid, and says how many that were.
    pub(crate) async fn void(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let all = Revoke::purpose(subject, self.policy.purpose());
        Ok(self.tokens.revoke(&all).await?)
    }

    /// Makes the live codes invalid that were made in this sign-in.
    pub(crate) async fn void_of(
        &self,
        subject: &Subject,
        sign_in: &SignInId,
    ) -> Result<u64, TwoFactorError> {
        let mut voided = 0u64;
        for found in self.tokens.list(&self.policy, subject).await? {
            if found.stored().data == sign_in.as_bytes() {
                let own = Revoke::own(subject, *found.id());
                voided = voided.saturating_add(self.tokens.revoke(&own).await?);
            }
        }
        Ok(voided)
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn provider(&self) -> RecoveryProvider {
        RecoveryProvider::new(&self.policy)
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A new set of recovery codes: show it once, for the owner to print or save.
///
/// It has no `Debug` text, `Clone` or `Serialize`, and is wiped when dropped.
pub struct RecoverySheet {
    codes: Vec<Token>,
    issued_at: DateTime<Utc>,
}

impl RecoverySheet {
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

impl fmt::Debug for RecoverySheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySheet(..)")
    }
}

/// Codes from a sheet. There is no factor: each code is a record, found within its subject.
pub(crate) struct RecoveryProvider {
    descriptor: Descriptor,
    policy: Policy,
}

impl RecoveryProvider {
    fn new(policy: &Policy) -> Self {
        let odds = Odds {
            valid: RECOVERY_CODES as u64,
            ..Odds::of_policy(policy)
        };
        let descriptor = Descriptor::new(
            Kind::UserToken,
            ID,
            "Recovery code",
            "One of the codes that you printed or saved",
            odds,
        );
        Self {
            descriptor: descriptor.of_subject().policy(policy),
            policy: *policy,
        }
    }
}

#[async_trait]
impl Provider for RecoveryProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        context.present_own(&self.policy, response.one()?).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        context.present_own(&self.policy, response.one()?)
    }

    async fn available(&self, context: &Context<'_>) -> Result<bool, ProviderError> {
        Ok(context.own(&self.policy).await? > 0)
    }
}
