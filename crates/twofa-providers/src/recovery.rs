//! Recovery codes: a printed sheet for the day on which the phone is gone.

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    FactorState, FactorStore, RemoveIf, Tokens, TokensError,
    ott_core::{
        Binding, IssueOptions, Lookup, Policy, Presented, SlotRule, State, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    attempt::Attempt,
    build_error::BuildError,
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    error::TwoFactorError,
    events::RECOVERY_RENEWED,
    fresh::Fresh,
    news::News,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
    rows::Rows,
    sheets,
    sign_in::SignInId,
};

/// How many recovery codes a set has.
pub const RECOVERY_CODES: usize = 10;

/// The provider's id.
pub(crate) const ID: &str = "recovery";

/// Below this, whoever reads the store could try codes against it.
const LEAST_BITS: u32 = 112;

/// Whether codes of this policy are safe on paper: long, found within their subject and used once; and whether a
/// newer set leaves the older one to [`RecoveryCodes`], which can bring it back.
fn fits(policy: &Policy) -> bool {
    policy.token_lookup() == Lookup::BySubject
        && policy.usage() == Usage::Once
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy.slot(SlotRule::Nothing) == *policy
}

/// Makes and counts recovery codes. Give it to
/// [`TwoFactorBuilder::recovery_codes`](crate::TwoFactorBuilder::recovery_codes), whose provider `recovery`
/// takes them.
///
/// Each set is a sheet with a row of its own in the store for factors. A newer sheet ends the older one as a removal
/// ends a factor: for [`UNDO_WITHIN`](crate::UNDO_WITHIN), "this was not me" brings it back, with the codes that were
/// not used. Codes that [`Tokens::issue_given`] adopted are on no sheet; they end with the first one that is made.
#[derive(Clone)]
pub struct RecoveryCodes {
    pub(crate) rows: Rows,
    policy: Policy,
}

impl RecoveryCodes {
    /// Over the tokens and the store for factors that the engine has, under a policy that the tokens were built with,
    /// such as `Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing)`.
    ///
    /// # Errors
    /// [`BuildError::RecoveryPolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(
        tokens: &Arc<Tokens>,
        factors: Arc<dyn FactorStore>,
        policy: &Policy,
    ) -> Result<Self, BuildError> {
        if !fits(policy) {
            return Err(BuildError::RecoveryPolicy);
        }
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        let rows = Rows {
            tokens: Arc::clone(tokens),
            store: factors,
        };
        Ok(Self {
            rows,
            policy: *policy,
        })
    }

    /// Makes a new set of [`RECOVERY_CODES`] codes, which ends the old set.
    ///
    /// Of any number of concurrent calls one set lives, whole, and no code of another.
    ///
    /// The codes are bound to their subject and to nothing else. They stay valid when the password changes
    /// and when factors come and go: a sheet in a drawer that dies with each such change would be dead on
    /// the day it is needed. To make them invalid, make new ones. Factors that wait for their confirmation
    /// go with the old set.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Throttled`] where the subject renewed or enrolled too often
    /// ([`Limits::enrolments`](crate::Limits::enrolments)): then nothing was written, and the old set is valid.
    /// [`TwoFactorError::Rejected`] where another call's set took the place of this one's meanwhile. After an outage the codes of
    /// the old set work. Imported codes do not, if the outage came after the new set's row was written. Codes of the new set may
    /// work too; nobody received one. The next set ends both.
    pub async fn renew(&self, fresh: &Fresh<'_>) -> Result<RecoverySheet, TwoFactorError> {
        let (subject, rows) = (fresh.subject(), &self.rows);
        // Each renewal leaves a row for a week, and a list of rows has an end.
        let attempt = Attempt::new(subject, ID);
        fresh.engine.pay_enrolment(&attempt).await?;
        rows.remove_waiting(subject).await?;
        // The sign-in that made the set: what a person who says "this was not me" disowns.
        let sign_in = fresh.proof().sign_in();
        let sheet = self.add_sheet(subject, sign_in).await?;
        let options = IssueOptions {
            data: &sheets::data_of(&sheet.id),
            count: RECOVERY_CODES,
            ..IssueOptions::default()
        };
        let issued = rows
            .tokens
            .without_limits("behind fresh evidence")
            .issue_opts(&self.policy, &Binding::subject(subject), options)
            .await;
        let issued = match issued {
            Ok(issued) => issued,
            Err(error) => {
                // It has no codes; the next one ends it where this does not.
                let only = RemoveIf::Always;
                let _ = self.take_sheet_off(&sheet.id, only, None).await;
                return Err(error.into());
            }
        };
        self.replace_by(&sheet, sign_in).await?;
        let event = rows.event(RECOVERY_RENEWED, subject);
        rows.emit(event.count(u64::try_from(issued.len()).unwrap_or(u64::MAX)));
        fresh.tell(News::RecoveryRenewed).await;
        Ok(RecoverySheet {
            codes: issued.into_iter().map(|issued| issued.token).collect(),
            issued_at: sheet.created_at,
        })
    }

    /// How many recovery codes the subject can still use.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`], [`TwoFactorError::KeyMissing`].
    pub async fn left(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        Ok(self.live(subject).await?.len())
    }

    /// Whether another sign-in made the present sheet, after this time.
    pub(crate) async fn were_renewed(
        &self,
        subject: &Subject,
        since: DateTime<Utc>,
        sign_in: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        for sheet in self.rows.sheets(subject).await? {
            let newer = sheet.state == FactorState::Spare && sheet.created_at > since;
            if newer && self.rows.open(sheet)?.enrolled.sign_in.as_ref() != sign_in {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn provider(&self) -> RecoveryProvider {
        RecoveryProvider::new(self)
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
/// Its `Debug` text has no code. It has no `Clone` or `Serialize`, and is wiped when dropped.
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

/// Codes from a sheet. No factor is named: each code is a record, found within its subject, and says which sheet it is on.
pub(crate) struct RecoveryProvider {
    descriptor: Descriptor,
    codes: RecoveryCodes,
}

impl RecoveryProvider {
    fn new(codes: &RecoveryCodes) -> Self {
        let odds = Odds {
            valid: RECOVERY_CODES as u64,
            ..Odds::of_policy(&codes.policy)
        };
        let descriptor = Descriptor::new(
            Kind::UserToken,
            ID,
            "Recovery code",
            "One of the codes that you printed or saved",
            odds,
        );
        Self {
            descriptor: descriptor.of_subject().policy(&codes.policy),
            codes: codes.clone(),
        }
    }

    fn verify_line(&self, context: &Context<'_>, line: &str) -> Result<Presented, VerifyError> {
        // As it stands first: an application's own alphabet may have brackets or a stop.
        let policy = &self.codes.policy;
        context
            .presented_own(policy, line)
            .or_else(|_| context.presented_own(policy, without_marker(line)))
    }
}

/// A line of a printed or saved sheet without the box, the bullet or the number in front of its code.
fn without_marker(line: &str) -> &str {
    let line = line.trim_start();
    let boxed = line.strip_prefix('[').and_then(|rest| {
        let (tick, rest) = rest.split_once(']')?;
        matches!(tick, "" | " " | "x" | "X" | "✓").then_some(rest)
    });
    let bullet = || line.strip_prefix(['•', '·', '◦', '‣', '▪', '*', '☐', '☑', '☒']);
    let number = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = line.len().saturating_sub(rest.len());
        let rest = rest.strip_prefix(['.', ')', ':'])?;
        (1..=2).contains(&digits).then_some(rest)
    };
    boxed.or_else(bullet).or_else(number).unwrap_or(line)
}

#[async_trait]
impl Provider for RecoveryProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        self.verify_line(context, response.one()?).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let presented = self.verify_line(context, response.one()?)?;
        let (codes, id) = (self.codes.clone(), *presented.id());
        let claim = Claim::redeem(&codes.policy, presented);
        let found = codes.rows.tokens.find(&codes.policy, &id).await?;
        // Why another one is refused, the redeem says.
        let Some(found) = found.filter(|found| found.stored().state == State::Ready) else {
            return Ok(claim);
        };
        // Before the code is burnt: its sheet may come back.
        let (subject, data) = (context.subject().clone(), found.stored().data.clone());
        codes.check(&subject, &data).await.map_err(refusal)?;
        // And afterwards: of a renewal and a code at once, one is first.
        let still = async move { codes.check(&subject, &data).await.map_err(refusal) };
        Ok(claim.and_elsewhere(still))
    }

    async fn available(&self, context: &Context<'_>) -> Result<bool, ProviderError> {
        let live = self.codes.live(context.subject()).await;
        Ok(!live.map_err(outage)?.is_empty())
    }
}

fn refusal(error: TwoFactorError) -> VerifyError {
    match error {
        TwoFactorError::Rejected(rejected) => rejected.into(),
        other => VerifyError::Provider(outage(other)),
    }
}

fn outage(error: TwoFactorError) -> ProviderError {
    match error {
        TwoFactorError::KeyMissing(key) => TokensError::KeyMissing(key).into(),
        other => ProviderError::Unavailable(other.into()),
    }
}
