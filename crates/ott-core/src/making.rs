//! Making one token, handle and record.

use alloc::{string::String, vec::Vec};

use chrono::{DateTime, Utc};
use rand::TryCryptoRng;

use crate::{
    Binding, Handle, IssueError, IssueOptions, Issued, Lookup, Policy, Record, SlotRule, Start,
    State, Stored, Token, Usage,
    keys::Key,
    matching::matching_number,
    messages::{
        binding_digest, id_of_handle, id_of_token, id_of_tombstone, record_tag, slot, token_digest,
    },
    subject::check_name,
    whole_micros,
};

/// What all records of one call share, checked.
pub(crate) struct Making<'i> {
    pub(crate) key: &'i Key,
    pub(crate) policy: &'i Policy,
    pub(crate) binding: &'i Binding<'i>,
    pub(crate) options: IssueOptions<'i>,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl Making<'_> {
    pub(crate) fn issue<R: TryCryptoRng + ?Sized>(
        &self,
        rng: &mut R,
    ) -> Result<Issued, IssueError> {
        let token = Token::try_generate_from_rng(self.policy.token_format(), rng)?;
        self.issued(token, rng)
    }

    pub(crate) fn adopt<R: TryCryptoRng + ?Sized>(
        &self,
        text: &str,
        rng: &mut R,
    ) -> Result<Issued, IssueError> {
        let format = self.policy.token_format();
        let symbols = format.canonical(text).map_err(|_| IssueError::Malformed)?;
        self.issued(Token::given(format, &symbols), rng)
    }

    /// Stands for a given token that is found without a handle, for ever: it belongs to nobody, has no end, and
    /// nothing that is presented leads to it.
    pub(crate) fn tombstone(&self, text: &str) -> Result<Record, IssueError> {
        let Self { key, policy, .. } = *self;
        let symbols = policy
            .token_format()
            .canonical(text)
            .map_err(|_| IssueError::Malformed)?;
        let nobody = Binding::tenant(self.binding.tenant);
        let id = id_of_tombstone(policy, self.binding, &symbols);
        let mut stored = Stored {
            id,
            purpose: String::from(policy.purpose().as_str()),
            key: key.id,
            tenant: String::from(nobody.tenant),
            subject: None,
            slot: None,
            policy: policy.fingerprint(),
            binding: binding_digest(key, &id, &nobody),
            digest: token_digest(key, policy, &id, &nobody, ""),
            data: Vec::new(),
            number: None,
            max_attempts: None,
            issued_at: self.issued_at,
            expires_at: None,
            idle_micros: None,
            tag: [0; 32],
            state: State::Ready,
            attempts: 0,
            used_at: None,
            decision: None,
        };
        stored.tag = record_tag(key, &stored);
        Ok(Record::trusted(stored))
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

    pub(crate) fn handle<R: TryCryptoRng + ?Sized>(
        &self,
        rng: &mut R,
    ) -> Result<Handle, IssueError> {
        if let Some(drawn) = self.options.under {
            return Ok(drawn.again());
        }
        Handle::try_generate_from_rng(self.options.resend, rng).map_err(|_| IssueError::Random)
    }

    pub(crate) fn record<R: TryCryptoRng + ?Sized>(
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
        let in_use = self.options.used && policy.usage() == Usage::Bearer;
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
            idle_micros: policy.idle_time().and_then(|idle| idle.num_microseconds()),
            tag: [0; 32],
            state,
            attempts: 0,
            used_at: in_use.then_some(self.issued_at),
            decision: None,
        };
        stored.tag = record_tag(key, &stored);
        Ok(Record::trusted(stored))
    }
}

/// The policy's end, or an earlier one.
pub(crate) fn end(
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

pub(crate) fn check_binding(policy: &Policy, binding: &Binding<'_>) -> Result<(), IssueError> {
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
