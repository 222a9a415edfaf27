//! The state of one issued token, and the only rules by which it changes.

use alloc::{string::String, vec::Vec};
use core::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Decision, InvalidName, KeyId, Presented, Reason, Rejected, Subject, TokenDigest,
    hex::{parse_hex, push_hex},
};

/// How far a record may lie in the future: the clocks of several machines differ.
pub const CLOCK_ALLOWANCE: TimeDelta = TimeDelta::seconds(60);

/// How much longer than it would have lived an approved record lives, so that an approval in the
/// last second can still be redeemed.
pub const APPROVED_LIFE: TimeDelta = TimeDelta::seconds(60);

/// The public name of a record: 128 bits. It may be logged and proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId([u8; 16]);

impl RecordId {
    /// The id with these bytes, for a store that reads a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what `Display` prints: 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        parse_hex(text).map(Self).ok_or(InvalidName)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(32);
        push_hex(&mut text, &self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a record stands. All but the first two are final: nothing revives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Somebody must decide first.
    Waiting = 0,
    /// It can be redeemed.
    Ready = 1,
    /// Its decider said no.
    Denied = 2,
    /// Its attempts are used up.
    Exhausted = 3,
    /// It was revoked.
    Revoked = 4,
    /// It was redeemed.
    Spent = 5,
    /// A newer token of its slot took its place.
    Superseded = 6,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Ready,
        Self::Denied,
        Self::Exhausted,
        Self::Revoked,
        Self::Spent,
        Self::Superseded,
    ];

    /// The state's number in a store's column.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether nothing changes it any more; then why it refuses.
    #[must_use]
    pub const fn refusal(self) -> Option<Reason> {
        match self {
            Self::Waiting | Self::Ready => None,
            Self::Denied => Some(Reason::Denied),
            Self::Exhausted => Some(Reason::Exhausted),
            Self::Revoked => Some(Reason::Revoked),
            Self::Spent => Some(Reason::Spent),
            Self::Superseded => Some(Reason::Superseded),
        }
    }
}

/// What a store keeps of a record and returns: unverified until [`Issuer::open`](crate::Issuer::open) made it a [`Record`].
///
/// The fields up to `tag` never change and are covered by it. The others can be edited by whoever
/// writes to the database: until a record expires he can bring it back from a final state (spent,
/// revoked, superseded, exhausted, denied), give it new attempts, keep it from idling out, and take
/// a decision away so that it is asked for again. He cannot make, move, approve or give away one,
/// nor let it outlive `expires_at`.
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
    pub number: Option<u8>,
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
    /// When it was last redeemed or touched.
    pub used_at: Option<DateTime<Utc>>,
    /// What was decided elsewhere.
    pub decision: Option<Decision>,
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
        let approved = self.decision.as_ref().is_some_and(|made| made.approved);
        let longer = if approved { APPROVED_LIFE_MICROS } else { 0 };
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

    /// Whose it is: the subject that it was issued for, or that its decision gave it. Believe it of
    /// a [`Record`]'s only.
    #[must_use]
    pub fn owner(&self) -> Option<Subject> {
        match (&self.subject, &self.decision) {
            (Some(id), _) => Subject::new(self.tenant.as_str(), id.as_str()).ok(),
            (None, Some(decision)) => Some(decision.decider.clone()),
            (None, None) => None,
        }
    }

    /// Why redeeming it now would be refused, or why it was: what a store's second read tells.
    #[must_use]
    pub fn refusal(&self, presented: &Presented, now: DateTime<Utc>) -> Option<Reason> {
        Record(self.clone())
            .redeem(presented, now)
            .err()
            .map(|rejected| rejected.reason())
    }

    /// Why deciding it now would be refused.
    #[must_use]
    pub fn decision_refusal(&self, decision: &Decision, now: DateTime<Utc>) -> Option<Reason> {
        Record(self.clone())
            .decide(decision, now)
            .err()
            .map(|rejected| rejected.reason())
    }
}

pub(crate) const CLOCK_ALLOWANCE_MICROS: i64 = 60_000_000;
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

/// The state of one issued token, its tag verified.
///
/// It comes from [`Issuer::issue`](crate::Issuer::issue) or [`Issuer::open`](crate::Issuer::open) alone. Its methods are the state machine:
/// every store behaves as if they ran under a lock.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Stored);

impl Record {
    /// Only for what this crate made or verified itself.
    pub(crate) const fn trusted(stored: Stored) -> Self {
        Self(stored)
    }

    /// Everything in it.
    #[must_use]
    pub const fn stored(&self) -> &Stored {
        &self.0
    }

    /// The public name.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.0.id
    }

    /// Redeems: counts and compares in one step.
    ///
    /// The right token spends a ready record. On a waiting one it is [`Reason::Pending`] and counts
    /// nothing. A wrong token counts, and the last one exhausts. A record of a key that was not
    /// presented counts nothing ([`Reason::KeyMissing`]).
    ///
    /// # Errors
    /// [`Rejected`] with the reason; the record changed only if it is `Mismatch` or `Exhausted`.
    pub fn redeem(&mut self, presented: &Presented, now: DateTime<Utc>) -> Result<(), Rejected> {
        let record = &mut self.0;
        if record.id != *presented.id() {
            return Err(Rejected::new(Reason::Unknown));
        }
        if let Some(reason) = record.state.refusal() {
            return Err(Rejected::new(reason));
        }
        if !record.is_live(now) {
            return Err(Rejected::new(Reason::Expired));
        }
        if !presented
            .digests()
            .iter()
            .any(|(key, _)| *key == record.key)
        {
            return Err(Rejected::new(Reason::KeyMissing));
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

    /// Decides: the record is waiting and live, and its subject is the decider, or it has none yet.
    ///
    /// # Errors
    /// [`Rejected`] with the reason; nothing changed.
    pub fn decide(&mut self, decision: &Decision, now: DateTime<Utc>) -> Result<(), Rejected> {
        let record = &mut self.0;
        if let Some(reason) = record.state.refusal() {
            return Err(Rejected::new(reason));
        }
        if record.state != State::Waiting {
            return Err(Rejected::new(Reason::NotWaiting));
        }
        if !record.is_live(now) {
            return Err(Rejected::new(Reason::Expired));
        }
        let subject_matches = record
            .subject
            .as_deref()
            .is_none_or(|id| id == decision.decider.id());
        if record.tenant != decision.decider.tenant() || !subject_matches {
            return Err(Rejected::new(Reason::Stranger));
        }
        record.state = if decision.approved {
            State::Ready
        } else {
            State::Denied
        };
        record.decision = Some(decision.clone());
        Ok(())
    }

    /// Revokes, or supersedes: a record that is not final becomes so. Says whether it changed.
    ///
    /// Any `end` but `Revoked` and `Superseded` changes nothing.
    pub fn end(&mut self, end: State) -> bool {
        let ends = matches!(end, State::Revoked | State::Superseded);
        let changes = ends && self.0.state.refusal().is_none();
        if changes {
            self.0.state = end;
        }
        changes
    }

    /// Notes a use of a live record; the last use never goes back.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        let usable = self.0.state == State::Ready && self.0.is_live(now);
        if usable && self.0.used_at.is_none_or(|used| used < whole_micros(now)) {
            self.0.used_at = Some(whole_micros(now));
        }
    }

    /// Whether a bearer token proves it now: ready, live, and the digest right. Changes nothing.
    ///
    /// A record does not know its policy's [`Usage`](crate::Usage): ask this under
    /// [`Usage::Bearer`](crate::Usage::Bearer) alone, or a token that works once works for ever.
    ///
    /// # Errors
    /// [`Rejected`] with the reason.
    pub fn authenticate(&self, presented: &Presented, now: DateTime<Utc>) -> Result<(), Rejected> {
        match self.clone().redeem(presented, now) {
            // Nothing was counted, so nothing was used up now.
            Err(rejected)
                if rejected.reason() == Reason::Exhausted && self.0.state != State::Exhausted =>
            {
                Err(Rejected::new(Reason::Mismatch))
            }
            answer => answer,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Record").field(&self.0).finish()
    }
}

/// A time in a record: whole microseconds, since databases keep no more.
pub(crate) fn whole_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

pub(crate) fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    half
}
