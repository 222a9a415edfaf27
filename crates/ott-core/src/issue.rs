//! Making tokens and their records.

use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::fmt;

use chrono::{DateTime, Utc};
use rand::TryCryptoRng;

use crate::{
    Binding, Handle, Issuer, Lookup, Matching, Policy, PolicyError, Record, SlotRule, Start, State,
    Stored, Token, Usage,
    messages::{binding_digest, id_of_handle, id_of_token, record_tag, slot, token_digest},
    subject::check_name,
    token::RandomFailed,
    whole_micros,
};

/// The most data that a record or decision carries, in bytes.
pub const MAX_DATA: usize = 4_096;

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

/// What the issuer hands out for something that is parked.
#[derive(Debug)]
pub struct Parked {
    /// The flow's secret name of it, for the cookie or session. Whoever holds it takes it up.
    pub handle: Handle,
    /// The record, for the store.
    pub record: Record,
}

/// How tokens are issued, where it is not as the policy says.
#[derive(Clone, Copy)]
pub struct IssueOptions<'a> {
    /// The application's own data: kept in clear, covered by the tag, at most 4,096 bytes.
    pub data: &'a [u8],
    /// The flow's earlier handle, when its token is sent again.
    pub resend: Option<&'a Handle>,
    /// How many, in one step, as a set of recovery codes; 1 by default.
    pub count: usize,
    /// An earlier end than the policy's.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Default for IssueOptions<'_> {
    fn default() -> Self {
        Self {
            data: &[],
            resend: None,
            count: 1,
            expires_at: None,
        }
    }
}

impl fmt::Debug for IssueOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueOptions")
            .field("resend", &self.resend)
            .field("count", &self.count)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Issuer {
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
        self.making(policy, binding, IssueOptions::default(), now)?
            .issue(&mut rand::rngs::SysRng)
    }

    /// Makes [`IssueOptions::count`] tokens, their handles and records, with randomness from `rng`.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    pub fn issue_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Vec<Issued>, IssueError> {
        let making = self.making(policy, binding, options, now)?;
        if options.count == 0 {
            return Err(IssueError::NoneAsked);
        }
        (0..options.count).map(|_| making.issue(rng)).collect()
    }

    /// Makes handles and records of tokens that exist already: printed codes, app tokens or keys of a
    /// system that is replaced. [`IssueOptions::count`] is not asked.
    ///
    /// The texts are read as typed ones are, and the policy's rule of length holds for them: a
    /// shorter one than 112 bits that is found without a handle needs a policy that accepts it by name.
    ///
    /// # Security
    /// Nothing here knows how a text was drawn: the format says how long it is, and not how random.
    ///
    /// # Errors
    /// [`IssueError`], [`IssueError::Malformed`] if a text is none of the format, [`IssueError::Twice`] if
    /// two find the same record; nothing was made.
    pub fn issue_given_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        texts: &[&str],
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Vec<Issued>, IssueError> {
        let making = self.making(policy, binding, options, now)?;
        if texts.is_empty() {
            return Err(IssueError::NoneAsked);
        }
        let issued: Vec<_> = texts
            .iter()
            .map(|text| making.adopt(text, rng))
            .collect::<Result<_, _>>()?;
        let ids: BTreeSet<_> = issued.iter().map(|one| one.record.id()).collect();
        if ids.len() < issued.len() {
            return Err(IssueError::Twice);
        }
        Ok(issued)
    }

    /// Makes a handle and its record, with randomness from `rng`, of what a flow keeps between two
    /// requests.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    pub fn park_from_rng<R: TryCryptoRng + ?Sized>(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
        rng: &mut R,
    ) -> Result<Parked, IssueError> {
        let making = self.prepared(policy, binding, options, now)?;
        if policy.token_lookup() != Lookup::Parked {
            return Err(IssueError::Verb);
        }
        let handle = making.handle(rng)?;
        let record = making.record(&handle, "", rng)?;
        Ok(Parked { handle, record })
    }

    /// As [`Issuer::park_from_rng`], with randomness from the operating system.
    ///
    /// # Errors
    /// [`IssueError`]; nothing was made.
    #[cfg(feature = "std")]
    pub fn park(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
        now: DateTime<Utc>,
    ) -> Result<Parked, IssueError> {
        self.park_from_rng(policy, binding, options, now, &mut rand::rngs::SysRng)
    }

    fn making<'i>(
        &'i self,
        policy: &'i Policy,
        binding: &'i Binding<'i>,
        options: IssueOptions<'i>,
        now: DateTime<Utc>,
    ) -> Result<Making<'i>, IssueError> {
        let making = self.prepared(policy, binding, options, now)?;
        if policy.token_lookup() == Lookup::Parked {
            return Err(IssueError::Verb);
        }
        Ok(making)
    }

    fn prepared<'i>(
        &'i self,
        policy: &'i Policy,
        binding: &'i Binding<'i>,
        options: IssueOptions<'i>,
        now: DateTime<Utc>,
    ) -> Result<Making<'i>, IssueError> {
        policy.check()?;
        check_binding(policy, binding)?;
        if options.data.len() > MAX_DATA {
            return Err(IssueError::TooMuchData);
        }
        let issued_at = whole_micros(now);
        Ok(Making {
            key: self.keys().first().ok_or(IssueError::NoKey)?,
            policy,
            binding,
            options,
            issued_at,
            expires_at: end(policy, issued_at, options.expires_at)?,
        })
    }
}

/// What all records of one call share, checked.
struct Making<'i> {
    key: &'i crate::keys::Key,
    policy: &'i Policy,
    binding: &'i Binding<'i>,
    options: IssueOptions<'i>,
    issued_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl Making<'_> {
    fn issue<R: TryCryptoRng + ?Sized>(&self, rng: &mut R) -> Result<Issued, IssueError> {
        let token = Token::try_generate_from_rng(self.policy.token_format(), rng)?;
        self.issued(token, rng)
    }

    fn adopt<R: TryCryptoRng + ?Sized>(
        &self,
        text: &str,
        rng: &mut R,
    ) -> Result<Issued, IssueError> {
        let format = self.policy.token_format();
        let symbols = format.canonical(text).map_err(|_| IssueError::Malformed)?;
        self.issued(Token::given(format, &symbols), rng)
    }

    fn issued<R: TryCryptoRng + ?Sized>(
        &self,
        token: Token,
        rng: &mut R,
    ) -> Result<Issued, IssueError> {
        let handle = self.handle(rng)?;
        let format = self.policy.token_format();
        let symbols = format
            .canonical(token.expose_secret())
            .map_err(|_| IssueError::Malformed)?;
        let record = self.record(&handle, &symbols, rng)?;
        Ok(Issued {
            token,
            handle,
            record,
        })
    }

    fn handle<R: TryCryptoRng + ?Sized>(&self, rng: &mut R) -> Result<Handle, IssueError> {
        Handle::try_generate_from_rng(self.options.resend, rng).map_err(|_| IssueError::Random)
    }

    fn record<R: TryCryptoRng + ?Sized>(
        &self,
        handle: &Handle,
        symbols: &str,
        rng: &mut R,
    ) -> Result<Record, IssueError> {
        let Self {
            key,
            policy,
            binding,
            ..
        } = *self;
        let (state, number) = match policy.starting() {
            Start::Ready => (State::Ready, None),
            Start::Waiting { number, .. } => (State::Waiting, matching_number(number, rng)?),
        };
        let (id, max_attempts) = match policy.token_lookup() {
            Lookup::ByHandle { attempts } => {
                (id_of_handle(policy, binding, handle), Some(attempts))
            }
            Lookup::Parked => (id_of_handle(policy, binding, handle), None),
            Lookup::ByItself | Lookup::BySubject => (id_of_token(policy, binding, symbols), None),
        };
        let mut stored = Stored {
            id,
            purpose: String::from(policy.purpose().as_str()),
            key: key.id,
            tenant: String::from(binding.tenant),
            subject: binding.subject.map(String::from),
            slot: slot(policy, binding, handle),
            policy: policy.fingerprint(),
            binding: binding_digest(key, &id, binding),
            digest: token_digest(key, policy, &id, binding, symbols),
            data: Vec::from(self.options.data),
            number,
            max_attempts,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            idle_micros: policy.token_idle().and_then(|idle| idle.num_microseconds()),
            tag: [0; 32],
            state,
            attempts: 0,
            used_at: None,
            decision: None,
        };
        stored.tag = record_tag(key, &stored);
        Ok(Record::trusted(stored))
    }
}

/// The policy's end, or an earlier one.
fn end(
    policy: &Policy,
    issued_at: DateTime<Utc>,
    earlier: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, IssueError> {
    let end = policy
        .token_lifetime()
        .map(|lifetime| {
            let end = issued_at.checked_add_signed(lifetime);
            end.map(whole_micros).ok_or(IssueError::Time)
        })
        .transpose()?;
    match earlier.map(whole_micros) {
        None => Ok(end),
        Some(earlier) if earlier <= issued_at || end.is_some_and(|end| earlier > end) => {
            Err(IssueError::ExpiresAt)
        }
        earlier => Ok(earlier),
    }
}

fn check_binding(policy: &Policy, binding: &Binding<'_>) -> Result<(), IssueError> {
    check_name(binding.tenant).map_err(|_| IssueError::Tenant)?;
    let needs_subject = policy.token_lookup() == Lookup::BySubject
        || policy.slot_rule() == SlotRule::Subject
        || policy.usage() == Usage::Bearer;
    if needs_subject && binding.subject.is_none() {
        Err(IssueError::SubjectMissing)
    } else {
        Ok(())
    }
}

/// Uniform, and always as many digits: the first is no zero.
fn matching_number<R: TryCryptoRng + ?Sized>(
    matching: Matching,
    rng: &mut R,
) -> Result<Option<u32>, IssueError> {
    const MOST_DRAWS: usize = 64;
    let (least, most): (u32, u32) = match matching {
        Matching::Nothing => return Ok(None),
        Matching::TwoDigits => (10, 99),
        Matching::SixDigits => (100_000, 999_999),
    };
    let numbers = most.saturating_sub(least).saturating_add(1);
    // The largest multiple of how many there are; what lies above is drawn again.
    let fair = u32::MAX.saturating_sub(u32::MAX.checked_rem(numbers).unwrap_or(0));
    for _ in 0..MOST_DRAWS {
        let mut bytes = [0; 4];
        rng.try_fill_bytes(&mut bytes)
            .map_err(|_| IssueError::Random)?;
        let drawn = u32::from_be_bytes(bytes);
        if drawn < fair {
            let offset = drawn.checked_rem(numbers).unwrap_or(0);
            return Ok(Some(least.saturating_add(offset)));
        }
    }
    Err(IssueError::Random)
}

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// An end that has passed, or that is later than the policy's.
    #[error("a token ends after it was issued, and not later than its policy says")]
    ExpiresAt,
    /// A text that is no token of the policy's format.
    #[error("the text is no token of the policy's format")]
    Malformed,
    /// The ring has no key.
    #[error("the key ring has no key to make tokens with")]
    NoKey,
    /// Not one token was asked for.
    #[error("at least one token has to be asked for")]
    NoneAsked,
    /// The policy's parts do not fit together.
    #[error(transparent)]
    Policy(#[from] PolicyError),
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
    #[error("a record carries at most {MAX_DATA} bytes of data")]
    TooMuchData,
    /// A text stands there twice, in whatever spelling.
    #[error("a text stands there twice")]
    Twice,
    /// What has a token is issued, what has none is parked.
    #[error("a policy with tokens issues them, and one without parks")]
    Verb,
}

impl From<RandomFailed> for IssueError {
    fn from(_: RandomFailed) -> Self {
        Self::Random
    }
}
