//! The contract for tokens.

use async_trait::async_trait;
use ott_core::{
    Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
    chrono::{DateTime, Utc},
};

use crate::{ChargedStore, Decided, InTransaction, Inserted, Redeemed, StoreError};

/// Keeps records. Each method is one linearisable step: concurrent calls behave as if they ran one
/// after the other, each as the methods of [`Stored`] say. To revoke a subject's records, or to purge,
/// is such a step on each record.
///
/// A wrong answer here is a second sign-in with one code. No verb has a default body: prove your
/// own store with the laws of the feature `conformance`.
///
/// `now` is the caller's clock and decides; a database's own expiry is only garbage collection.
///
/// # Errors
/// Every method answers [`StoreError`] if the back end does not answer; then nothing is claimed
/// about the token. A dropped future leaves the step done or not done.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Inserts all of them or none.
    ///
    /// In the same step every older record that is not final and shares a slot with one of the
    /// batch becomes [`Superseded`](ott_core::State::Superseded); records of the batch do not retire each other. An id
    /// that exists already, or stands in the batch twice, is [`Inserted::Collision`]: then nothing
    /// was inserted or retired.
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError>;

    /// Redeems, as [`Stored::redeem`]: counts and compares in one step; of any number of concurrent
    /// calls at most one succeeds.
    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError>;

    /// Decides, as [`Stored::decide`].
    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError>;

    /// Finds by name. It proves nothing: whoever knows an id may be told nothing of what is found.
    ///
    /// Finds dead and final records too, until they are purged.
    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError>;

    /// Notes a use, as [`Stored::touch`]: of a ready and live record, and only forward.
    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The subject's records that are live and not final, of one purpose or of all, oldest first.
    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Revokes what is not final yet, and says how many records that were.
    ///
    /// Whatever was inserted before the call began is revoked when it has ended; what is inserted
    /// meanwhile may stay.
    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError>;

    /// Removes at most `limit` records that are dead ([`Stored::is_dead_before`]), and says how many.
    ///
    /// A record that may still redeem at `before` or later is never removed.
    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;

    /// Itself, if it keeps limits too and charges them in the step of a verb. [`Tokens`](crate::Tokens) asks for it; where there
    /// is none, or the limits are kept elsewhere, it spends, redeems and gives back, one verb after another.
    fn charged(&self) -> Option<&dyn ChargedStore> {
        None
    }
}

/// A token store that can redeem and hand over the transaction in which it did.
#[async_trait]
pub trait RedeemInTransaction: TokenStore {
    /// The open transaction.
    type Transaction: Send;

    /// Redeems as [`TokenStore::redeem`], inside a transaction that a success hands over: redeeming
    /// and applying commit together, or not at all.
    ///
    /// A refusal is committed before it is told, so that a rollback never gives a guess back.
    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<InTransaction<Self::Transaction>, StoreError>;
}

/// What to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// One record, if it is this subject's: what a person revokes on a page of their own.
    Own {
        /// Whose.
        subject: Subject,
        /// Which.
        record: RecordId,
    },
    /// One record, whosever it is: what an operator revokes.
    Record(RecordId),
    /// All of a subject, of one purpose or of all.
    Subject {
        /// Whose.
        subject: Subject,
        /// Of this purpose alone.
        purpose: Option<Purpose>,
        /// But not this one: "sign out everywhere else".
        except: Option<RecordId>,
    },
}

impl Revoke {
    /// One record, if it is this subject's. Nobody revokes what is somebody else's with it.
    #[must_use]
    pub fn own(subject: &Subject, record: RecordId) -> Self {
        Self::Own {
            subject: subject.clone(),
            record,
        }
    }

    /// Everything of a subject.
    #[must_use]
    pub fn subject(subject: &Subject) -> Self {
        Self::Subject {
            subject: subject.clone(),
            purpose: None,
            except: None,
        }
    }

    /// Everything of a subject and purpose.
    #[must_use]
    pub fn purpose(subject: &Subject, purpose: &Purpose) -> Self {
        Self::Subject {
            subject: subject.clone(),
            purpose: Some(*purpose),
            except: None,
        }
    }

    /// Whether this record is meant, by what never changes of it.
    #[must_use]
    pub fn covers(&self, record: &Stored) -> bool {
        let owned = |subject: &Subject| {
            record.tenant == subject.tenant() && record.subject.as_deref() == Some(subject.id())
        };
        match self {
            Self::Own {
                subject,
                record: id,
            } => record.id == *id && owned(subject),
            Self::Record(id) => record.id == *id,
            Self::Subject {
                subject,
                purpose,
                except,
            } => {
                owned(subject)
                    && purpose.is_none_or(|purpose| record.purpose == purpose.as_str())
                    && *except != Some(record.id)
            }
        }
    }
}
