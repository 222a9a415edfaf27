//! What a store keeps of a record, and the only rules by which it changes.

use alloc::{string::String, vec::Vec};
use core::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Decider, Decision, KeyId, Outcome, Presented, Reason, RecordId, Rejected, State,
    StoredDecision, Subject, TokenDigest, time::CLOCK_ALLOWANCE_MICROS, whole_micros,
};

/// The most data that a record or decision carries, in bytes.
pub const MAX_DATA: usize = 4_096;

/// How much longer than it would have lived an approved record lives, so that an approval in the
/// last second can still be redeemed.
pub const APPROVED_LIFE: TimeDelta = TimeDelta::seconds(60);

/// What a store keeps of a record and returns: unverified until [`Issuer::open`](crate::Issuer::open)
/// made it a [`Record`](crate::Record).
///
/// The fields up to `tag` never change and are covered by it. The others can be edited by whoever
/// writes to the database: until a record expires, they can bring it back from a final state (spent,
/// revoked, superseded, exhausted, denied), give it new attempts, keep it from idling out, and take
/// a decision away so that it is asked for again. They cannot make, move, approve or give away a
/// record, nor let it outlive `expires_at`.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// The public name.
    pub id: RecordId,
    /// The purpose's name.
    pub purpose: String,
    /// The key that digest, binding and tag were made with.
    pub key: KeyId,
    /// The tenant, `""` where there is only one.
    pub tenant: String,
    /// The subject's id within the tenant.
    pub subject: Option<String>,
    /// What a newer batch with the same value retires.
    pub slot: Option<[u8; 16]>,
    /// The policy's fingerprint.
    pub policy: [u8; 16],
    /// Keyed digest of the whole binding.
    pub binding: [u8; 32],
    /// All that is kept of the token.
    pub digest: TokenDigest,
    /// The application's own data, in clear.
    pub data: Vec<u8>,
    /// The number that a decider must repeat.
    pub number: Option<u32>,
    /// How many tokens are compared before the record is exhausted.
    pub max_attempts: Option<u16>,
    /// When it was issued, in whole microseconds.
    pub issued_at: DateTime<Utc>,
    /// From when on it is dead, in whole microseconds; `None` until revoked.
    pub expires_at: Option<DateTime<Utc>>,
    /// Dies when unused for so many microseconds.
    pub idle_micros: Option<i64>,
    /// HMAC-SHA-256 over everything above.
    pub tag: [u8; 32],
    /// Where it stands.
    pub state: State,
    /// How many tokens were compared.
    pub attempts: u32,
    /// When it was last redeemed or touched, or issued as [in use](crate::IssueOptions::used).
    pub used_at: Option<DateTime<Utc>>,
    /// What was decided elsewhere.
    pub decision: Option<StoredDecision>,
}

impl Stored {
    /// Whether `now` lies in its life: `issued_at - 60 s <= now < expires_at`, used within its idle
    /// time; 60 s longer once approved.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp_micros();
        let micros = |time: &DateTime<Utc>| time.timestamp_micros();
        let begun = self
            .issued_at
            .timestamp_micros()
            .saturating_sub(CLOCK_ALLOWANCE_MICROS)
            <= now;
        let approved = |made: &StoredDecision| made.outcome == Outcome::Approved;
        let longer = if self.decision.as_ref().is_some_and(approved) {
            APPROVED_LIFE_MICROS
        } else {
            0
        };
        let not_over = self
            .expires_at
            .as_ref()
            .is_none_or(|end| now < micros(end).saturating_add(longer));
        let last_use = self
            .used_at
            .as_ref()
            .map_or(micros(&self.issued_at), micros);
        let not_idle = self
            .idle_micros
            .is_none_or(|idle| now < last_use.saturating_add(idle));
        begun && not_over && not_idle
    }

    /// Whether a purge may remove it: it was final and issued before `before`, or its life, with the
    /// 60 s that an approval adds, ended before.
    #[must_use]
    pub fn is_dead_before(&self, before: DateTime<Utc>) -> bool {
        let before = before.timestamp_micros();
        let micros = |time: &DateTime<Utc>| time.timestamp_micros();
        let last_use = self
            .used_at
            .as_ref()
            .map_or(micros(&self.issued_at), micros);
        let idle_end = self.idle_micros.map(|idle| last_use.saturating_add(idle));
        let ends = [self.expires_at.as_ref().map(micros), idle_end];
        let over = ends
            .into_iter()
            .flatten()
            .any(|end| end.saturating_add(APPROVED_LIFE_MICROS) <= before);
        over || (self.state.refusal().is_some() && micros(&self.issued_at) < before)
    }

    /// Whose it is: the subject that it was issued for, or else the person who decided. Rely on it
    /// only where it comes from a [`Record`](crate::Record).
    #[must_use]
    pub fn owner(&self) -> Option<Subject> {
        match (&self.subject, &self.decision) {
            (Some(id), _) => Subject::new(self.tenant.as_str(), id.as_str()).ok(),
            (None, Some(decision)) => decision.decider.subject().cloned(),
            (None, None) => None,
        }
    }

    // The rules of the verbs: every store behaves as if they ran under a lock.

    /// Redeems: counts and compares in one step.
    ///
    /// The right token spends a ready record. On a waiting one it is [`Reason::Pending`] and counts
    /// nothing. A wrong token counts, and the last one exhausts. Where nothing was presented under the
    /// record's key, nothing is counted: [`Reason::KeyRetired`] if the ring has that key, else
    /// [`Reason::KeyMissing`].
    ///
    /// # Errors
    /// [`Rejected`] with the reason; the record changed only if it is `Mismatch` or `Exhausted`.
    pub fn redeem(&mut self, presented: &Presented, now: DateTime<Utc>) -> Result<(), Rejected> {
        let record = self;
        if record.id != *presented.id() {
            return Err(Rejected::new(Reason::Unknown));
        }
        if let Some(reason) = record.state.refusal() {
            return Err(Rejected::new(reason));
        }
        if !record.is_live(now) {
            return Err(Rejected::new(Reason::Expired));
        }
        if let Some(reason) = presented.lacks(record.key) {
            return Err(Rejected::new(reason));
        }
        let right = presented.matches(&record.digest);
        if right && record.state == State::Waiting {
            return Err(Rejected::new(Reason::Pending));
        }
        record.attempts = record.attempts.saturating_add(1);
        if right {
            record.state = State::Spent;
            record.used_at = Some(whole_micros(now));
            return Ok(());
        }
        if record
            .max_attempts
            .is_some_and(|most| record.attempts >= u32::from(most))
        {
            record.state = State::Exhausted;
            return Err(Rejected::new(Reason::Exhausted));
        }
        Err(Rejected::new(Reason::Mismatch))
    }

    /// Decides: the record is waiting and live, and where it has a subject and a person decides, they
    /// are the same. A report ends it as a denial does. A decision about another record is
    /// [`Reason::Unknown`].
    ///
    /// # Errors
    /// [`Rejected`] with the reason; nothing changed.
    pub fn decide(&mut self, decision: &Decision, now: DateTime<Utc>) -> Result<(), Rejected> {
        let record = self;
        if record.id != *decision.record() {
            return Err(Rejected::new(Reason::Unknown));
        }
        if let Some(reason) = record.state.refusal() {
            return Err(Rejected::new(reason));
        }
        if record.state != State::Waiting {
            return Err(Rejected::new(Reason::NotWaiting));
        }
        if !record.is_live(now) {
            return Err(Rejected::new(Reason::Expired));
        }
        let decision = decision.stored();
        if !decides_for(&decision.decider, record) {
            return Err(Rejected::new(Reason::Stranger));
        }
        record.state = match decision.outcome {
            Outcome::Approved => State::Ready,
            Outcome::Denied | Outcome::Reported => State::Denied,
        };
        record.decision = Some(decision.clone());
        Ok(())
    }

    /// Revokes, or supersedes: a record that is not final becomes so. Says whether it changed.
    ///
    /// Any `end` but `Revoked` and `Superseded` changes nothing.
    pub fn end(&mut self, end: State) -> bool {
        let ends = matches!(end, State::Revoked | State::Superseded);
        let changes = ends && self.state.refusal().is_none();
        if changes {
            self.state = end;
        }
        changes
    }

    /// Notes a use of a live record; the last use never goes back.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        let usable = self.state == State::Ready && self.is_live(now);
        if usable && self.used_at.is_none_or(|used| used < whole_micros(now)) {
            self.used_at = Some(whole_micros(now));
        }
    }

    /// Why redeeming it now would be refused, or why it was: what a store's second read tells.
    #[must_use]
    pub fn refusal(&self, presented: &Presented, now: DateTime<Utc>) -> Option<Reason> {
        self.clone()
            .redeem(presented, now)
            .err()
            .map(|rejected| rejected.reason())
    }

    /// Why deciding it now would be refused.
    #[must_use]
    pub fn decision_refusal(&self, decision: &Decision, now: DateTime<Utc>) -> Option<Reason> {
        self.clone()
            .decide(decision, now)
            .err()
            .map(|rejected| rejected.reason())
    }
}

/// Whether this decider may decide about the record, as far as the record tells.
pub(crate) fn decides_for(decider: &Decider, record: &Stored) -> bool {
    decider.subject().is_none_or(|person| {
        let subject = record.subject.as_deref();
        person.tenant() == record.tenant && subject.is_none_or(|id| id == person.id())
    })
}

const APPROVED_LIFE_MICROS: i64 = 60_000_000;

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .field("tenant", &self.tenant)
            .field("subject", &self.subject)
            .field("state", &self.state)
            .field("attempts", &self.attempts)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
