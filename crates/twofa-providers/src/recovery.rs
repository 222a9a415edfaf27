//! Recovery codes: a printed sheet for the day on which the phone is gone.

mod provider;

use core::fmt;
use std::sync::Arc;

use token_store::{
    FactorStore, Found, RemoveIf, Tokens,
    ott_core::{
        Binding, IssueOptions, Lookup, Policy, SlotRule, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use self::provider::RecoveryProvider;
use crate::{
    attempt::Attempt,
    build_error::BuildError,
    error::TwoFactorError,
    events::RECOVERY_RENEWED,
    fresh::Fresh,
    news::News,
    provider::Provider,
    rows::Rows,
    sheets::{self, ID, RECOVERY_CODES, Sheets},
};

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
    pub(crate) sheets: Sheets,
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
            sheets: Sheets::new(rows, policy),
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
        let (subject, rows) = (fresh.subject(), &self.sheets.rows);
        // Each renewal leaves a row for a week, and a list of rows has an end.
        let attempt = Attempt::new(subject, ID);
        fresh.pay(&attempt).await?;
        rows.remove_waiting(subject).await?;
        // The sign-in that made the set: what a person who says "this was not me" disowns.
        let sign_in = fresh.proof().sign_in();
        let sheet = self.sheets.add(subject, sign_in).await?;
        let options = IssueOptions {
            data: &sheets::data_of(&sheet.id),
            count: RECOVERY_CODES,
            ..IssueOptions::default()
        };
        let issued = rows
            .tokens
            .without_limits("behind fresh evidence")
            .issue_opts(self.policy(), &Binding::subject(subject), options)
            .await;
        let issued = match issued {
            Ok(issued) => issued,
            Err(error) => {
                // It has no codes; the next one ends it where this does not.
                let only = RemoveIf::Always;
                let _ = self.sheets.take_off(&sheet.id, only, None).await;
                return Err(error.into());
            }
        };
        self.sheets.replace_by(&sheet, sign_in).await?;
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
        self.sheets.left(subject).await
    }

    /// The codes that the subject can still use, oldest first: their records, which prove nothing. The store has those of
    /// replaced sheets, too, and `Tokens::list` lists them.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`], [`TwoFactorError::KeyMissing`].
    pub async fn list(&self, subject: &Subject) -> Result<Vec<Found>, TwoFactorError> {
        self.sheets.list(subject).await
    }

    pub(crate) const fn policy(&self) -> &Policy {
        self.sheets.policy()
    }

    pub(crate) fn provider(&self) -> impl Provider + 'static {
        RecoveryProvider::new(&self.sheets)
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes")
            .field("policy", self.policy())
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
