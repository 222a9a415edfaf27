//! A key ring and the rules: makes tokens and records, digests what is presented, opens what a
//! store returns.

use alloc::{string::String, vec::Vec};
use core::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use rand::TryCryptoRng;
use subtle::ConstantTimeEq;

use crate::{
    Binding, Decision, Handle, KeyRing, Lookup, Policy, Presented, Reason, Record, RecordId,
    Rejected, SlotRule, Start, State, Stored, Subject, Token, Usage, Verdict,
    keys::Key,
    messages::{
        binding_digest, decision_tag, id_of_handle, id_of_token, record_tag, slot, token_digest,
    },
    record::{CLOCK_ALLOWANCE, whole_micros},
    subject::check_name,
};

/// The most data that a record or decision carries, in bytes.
pub const MOST_DATA: usize = 4_096;

/// What the issuer hands out for a new token.
#[derive(Debug)]
pub struct Issued {
    /// The secret text, for the message to the person.
    pub token: Token,
    /// The flow's secret name of the record, for the cookie or session.
    pub handle: Handle,
    /// The record, for the store.
    pub record: Record,
}

/// What a token may carry beside its binding.
#[derive(Clone, Copy, Default)]
pub struct Extra<'a> {
    /// The application's own data: kept in clear, covered by the tag, at most 4,096 bytes.
    pub data: &'a [u8],
    /// The flow's earlier handle, when its token is sent again.
    pub resend: Option<&'a Handle>,
}

impl fmt::Debug for Extra<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extra")
            .field("resend", &self.resend)
            .finish_non_exhaustive()
    }
}

/// A key ring and the rules.
#[derive(Debug)]
pub struct Issuer {
    keys: KeyRing,
    not_before: Option<DateTime<Utc>>,
}

impl Issuer {
    /// An issuer with these keys.
    #[must_use]
    pub const fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            not_before: None,
        }
    }

    /// Refuses every record that was issued before `time`: set it to the moment of a restore, since
    /// the backup brings back tokens that were spent after it was made.
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            not_before: Some(time),
            ..self
        }
    }

    /// The key ring.
    #[must_use]
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Makes a token, its handle and its record, with randomness from the operating system.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    #[cfg(feature = "std")]
    pub fn issue(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        now: DateTime<Utc>,
    ) -> Result<Issued, IssueError> {
        self.issue_from_rng(
            policy,
            binding,
            Extra::default(),
            now,
            &mut rand::rngs::SysRng,
        )
    }

    /// Makes a token, its handle and its record, with randomness from `rng`.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    pub fn issue_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        extra: Extra<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Issued, IssueError> {
        let key = self.keys.first().ok_or(IssueError::NoKey)?;
        check_binding(policy, binding)?;
        if extra.data.len() > MOST_DATA {
            return Err(IssueError::TooMuchData);
        }
        let token = Token::try_generate_from_rng(policy.token_format(), rng)
            .map_err(|_| IssueError::Random)?;
        let handle =
            Handle::try_generate_from_rng(extra.resend, rng).map_err(|_| IssueError::Random)?;
        let (state, number) = match policy.starting() {
            Start::Ready => (State::Ready, None),
            Start::Waiting { number: false, .. } => (State::Waiting, None),
            Start::Waiting { number: true, .. } => (State::Waiting, Some(two_digits(rng)?)),
        };
        let issued_at = whole_micros(now);
        let expires_at = match policy.token_lifetime() {
            None => None,
            Some(lifetime) => Some(whole_micros(
                issued_at
                    .checked_add_signed(lifetime)
                    .ok_or(IssueError::Time)?,
            )),
        };
        let Ok(symbols) = policy.token_format().canonical(token.expose_secret()) else {
            return Err(IssueError::Random);
        };
        let id = match policy.token_lookup() {
            Lookup::ById { .. } => id_of_handle(&handle),
            Lookup::BySubject | Lookup::ByItself => id_of_token(policy, binding, &symbols),
        };
        let mut stored = Stored {
            id,
            purpose: String::from(policy.purpose().as_str()),
            key: key.id,
            tenant: String::from(binding.tenant),
            subject: binding.subject.map(String::from),
            slot: slot(policy, binding, &handle),
            policy: policy.fingerprint(),
            binding: binding_digest(key, &id, binding),
            digest: token_digest(key, policy, &id, binding, &symbols),
            data: Vec::from(extra.data),
            number,
            max_attempts: match policy.token_lookup() {
                Lookup::ById { attempts } => Some(attempts),
                Lookup::BySubject | Lookup::ByItself => None,
            },
            issued_at,
            expires_at,
            idle_micros: policy.token_idle().and_then(|idle| idle.num_microseconds()),
            tag: [0; 32],
            state,
            attempts: 0,
            used_at: None,
            decision: None,
        };
        stored.tag = record_tag(key, &stored);
        Ok(Issued {
            token,
            handle,
            record: Record::trusted(stored),
        })
    }

    /// Digests what was presented with a handle.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_id(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::ById { .. } = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(typed)?;
        Ok(self.present(policy, id_of_handle(handle), binding, &symbols, now))
    }

    /// Digests what was presented by a subject.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_subject(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::BySubject = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(typed)?;
        Ok(self.present(
            policy,
            id_of_token(policy, binding, &symbols),
            binding,
            &symbols,
            now,
        ))
    }

    /// Digests what was presented with nothing beside it, within a tenant.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_itself(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::ByItself = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(presented)?;
        let binding = Binding::tenant(tenant);
        Ok(self.present(
            policy,
            id_of_token(policy, &binding, &symbols),
            &binding,
            &symbols,
            now,
        ))
    }

    /// Makes a record of what a store returned.
    ///
    /// # Errors
    /// [`Rejected`]: another policy's, an unknown or retired key, a wrong tag, an approval that is
    /// missing or forged, or issued before [`Issuer::not_before`]. [`Reason::KeyMissing`] is an
    /// outage: an operator must add the key.
    pub fn open(&self, policy: &Policy, stored: Stored) -> Result<Record, Rejected> {
        let refuse = |reason| Err(Rejected::new(reason));
        if stored.purpose != policy.purpose().as_str() || stored.policy != policy.fingerprint() {
            return refuse(Reason::Policy);
        }
        let Some(key) = self.keys.find(stored.key) else {
            return refuse(Reason::KeyMissing);
        };
        if !same(&record_tag(key, &stored), &stored.tag) {
            return refuse(Reason::TagForged);
        }
        if key
            .retired_at
            .is_some_and(|retired| stored.issued_at >= retired)
        {
            return refuse(Reason::KeyRetired);
        }
        if self
            .not_before
            .is_some_and(|start| stored.issued_at < start)
        {
            return refuse(Reason::NotBefore);
        }
        let decided = match &stored.decision {
            None => None,
            Some(decision) if same(&decision_tag(key, &stored.tag, decision), &decision.tag) => {
                Some(decision)
            }
            Some(_) => return refuse(Reason::DecisionForged),
        };
        let needs_approval = matches!(policy.starting(), Start::Waiting { .. });
        let approved =
            decided.is_some_and(|decision| decision.approved && decides_for(decision, &stored));
        match stored.state {
            State::Ready | State::Spent if needs_approval && !approved => {
                refuse(Reason::DecisionForged)
            }
            // A decision ends the wait: one that stands beside it was left by an edited state.
            State::Waiting if !needs_approval || decided.is_some() => {
                refuse(Reason::DecisionForged)
            }
            _ if decided.is_some() && !needs_approval => refuse(Reason::DecisionForged),
            _ => Ok(Record::trusted(stored)),
        }
    }

    /// Checks the whole binding of a record that was found by its token alone.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Binding`], or [`Reason::KeyMissing`]).
    pub fn check(&self, record: &Record, binding: &Binding<'_>) -> Result<(), Rejected> {
        let stored = record.stored();
        let key = self
            .keys
            .find(stored.key)
            .ok_or(Rejected::new(Reason::KeyMissing))?;
        if same(&binding_digest(key, &stored.id, binding), &stored.binding) {
            Ok(())
        } else {
            Err(Rejected::new(Reason::Binding))
        }
    }

    /// Makes a decision about one record. An approval with a wrong or missing number denies.
    ///
    /// # Errors
    /// [`DecideError`]: too much data, or a key that the ring lacks.
    pub fn decide(
        &self,
        record: &Record,
        decider: &Subject,
        verdict: Verdict,
        data: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Decision, DecideError> {
        let stored = record.stored();
        let key = self.keys.find(stored.key).ok_or(DecideError::KeyMissing)?;
        if data.len() > MOST_DATA {
            return Err(DecideError::TooMuchData);
        }
        let approved = match verdict {
            Verdict::Approve { number } => number == stored.number,
            Verdict::Deny => false,
        };
        let mut decision = Decision {
            approved,
            decider: decider.clone(),
            data: Vec::from(data),
            at: whole_micros(now),
            tag: [0; 32],
        };
        decision.tag = decision_tag(key, &stored.tag, &decision);
        Ok(decision)
    }

    fn present(
        &self,
        policy: &Policy,
        id: RecordId,
        binding: &Binding<'_>,
        symbols: &str,
        now: DateTime<Utc>,
    ) -> Presented {
        let usable = self
            .keys
            .iter()
            .filter(|key| may_have_made(key, policy, now));
        let digests = usable
            .map(|key| (key.id, token_digest(key, policy, &id, binding, symbols)))
            .collect();
        Presented::new(id, digests)
    }
}

/// Whether a live record may still be of this key: a retired key's last token has not expired.
fn may_have_made(key: &Key, policy: &Policy, now: DateTime<Utc>) -> bool {
    let (Some(retired), Some(lifetime)) = (key.retired_at, policy.token_lifetime()) else {
        return true;
    };
    // An approved record lives 60 s more, and a clock may be 60 s ahead.
    let grace = CLOCK_ALLOWANCE.checked_mul(2).unwrap_or(TimeDelta::zero());
    let last = retired
        .checked_add_signed(lifetime)
        .and_then(|end| end.checked_add_signed(grace));
    last.is_none_or(|end| now < end)
}

fn check_binding(policy: &Policy, binding: &Binding<'_>) -> Result<(), IssueError> {
    check_name(binding.tenant).map_err(|_| IssueError::Tenant)?;
    let needs_subject = match (policy.token_lookup(), policy.slot_rule(), policy.starting()) {
        (Lookup::BySubject, ..) | (_, SlotRule::Subject, _) => true,
        (_, _, Start::Waiting { binds_subject, .. }) => !binds_subject,
        _ => policy.usage() == Usage::Bearer,
    };
    if needs_subject && binding.subject.is_none() {
        Err(IssueError::SubjectMissing)
    } else {
        Ok(())
    }
}

fn decides_for(decision: &Decision, stored: &Stored) -> bool {
    let same_subject = stored
        .subject
        .as_deref()
        .is_none_or(|id| id == decision.decider.id());
    same_subject && stored.tenant == decision.decider.tenant()
}

fn two_digits<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<u8, IssueError> {
    loop {
        let mut byte = [0];
        rng.try_fill_bytes(&mut byte)
            .map_err(|_| IssueError::Random)?;
        let [drawn] = byte;
        // 180 is the largest multiple of 90 in a byte; 10 to 99, so always two digits to read.
        if drawn < 180 {
            return Ok((drawn % 90).saturating_add(10));
        }
    }
}

fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The ring has no key.
    #[error("the key ring has no key to make tokens with")]
    NoKey,
    /// The random source failed. No weaker token is made instead.
    #[error("the random source failed")]
    Random,
    /// The policy needs a subject, and the binding has none.
    #[error("the policy needs a subject, and the binding names none")]
    SubjectMissing,
    /// The tenant is too long or has control characters.
    #[error("the tenant is not a valid name")]
    Tenant,
    /// The expiry lies outside of the calendar.
    #[error("the expiry lies outside of the calendar")]
    Time,
    /// More data than a record carries.
    #[error("a record carries at most {MOST_DATA} bytes of data")]
    TooMuchData,
}

/// Why no decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The record names a key that the ring lacks.
    #[error("the key ring lacks the record's key")]
    KeyMissing,
    /// More data than a decision carries.
    #[error("a decision carries at most {MOST_DATA} bytes of data")]
    TooMuchData,
}
