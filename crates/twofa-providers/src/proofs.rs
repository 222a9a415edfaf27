//! Proofs between two requests.

use core::{fmt, net::IpAddr};
use std::sync::Arc;

use token_store::{
    FactorId, Tokens,
    ott_core::{
        Binding, Channel, Handle, Lookup, Policy, Reason, Start, Subject, chrono::DateTime,
    },
};

use crate::{build_error::BuildError, error::TwoFactorError, proof::Proof, sign_in::SignInId};

/// Carries proofs from one request to the next, and from one process to another.
///
/// A parked proof is a record in the store, bound to its holder. It is resumed once: to use it in a third
/// request, park it again. It grows no younger by that.
#[derive(Clone)]
pub struct Proofs {
    tokens: Arc<Tokens>,
    policy: Policy,
}

/// Who holds a parked proof: a subject's session.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    subject: &'a Subject,
    session: &'a str,
}

impl<'a> Holder<'a> {
    /// The session of this public id, which belongs to this subject.
    #[must_use]
    pub const fn new(subject: &'a Subject, session: &'a str) -> Self {
        Self { subject, session }
    }
}

impl Proofs {
    /// Under a policy that the tokens were built with, such as
    /// `Policy::parked(Purpose::new("second-factor-proof"))`.
    ///
    /// # Errors
    /// [`BuildError::ParkedPolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if policy.token_lookup() != Lookup::Parked || policy.start(Start::Ready) != *policy {
            return Err(BuildError::ParkedPolicy);
        }
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            policy: *policy,
        })
    }

    /// Parks a proof for its holder. Keep the handle in that holder's session, and nowhere else.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Misuse`] if the proof is of another subject than the holder's.
    pub async fn park(&self, proof: Proof, holder: &Holder<'_>) -> Result<Handle, TwoFactorError> {
        if proof.subject() != holder.subject {
            return Err(TwoFactorError::Misuse(
                "a proof is parked for its own subject",
            ));
        }
        let data = write(&proof);
        let parameters = [("holder", holder.session)];
        let binding = Binding::subject(holder.subject).operation(&parameters);
        let parked = self.tokens.park(&self.policy, &binding, &data).await?;
        Ok(parked.handle)
    }

    /// Takes a parked proof up again, once.
    ///
    /// Of any number of concurrent calls with one handle, at most one succeeds.
    ///
    /// # Errors
    /// [`TwoFactorError`]; refused for another holder, and where it was taken up before.
    pub async fn resume(
        &self,
        handle: &Handle,
        holder: &Holder<'_>,
    ) -> Result<Proof, TwoFactorError> {
        let parameters = [("holder", holder.session)];
        let binding = Binding::subject(holder.subject).operation(&parameters);
        let record = self.tokens.resume(&self.policy, handle, &binding).await?;
        let proof = read(holder.subject, &record.stored().data);
        Ok(proof.ok_or(Reason::TagForged)?)
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

const VERSION: u8 = 1;

/// Version (1 byte) and channel (1), the time in microseconds (8), then provider, factor, epoch, network,
/// sign-in and the operation's names and values, each after its length (2). What there is none of is empty.
/// Integers are big-endian. The subject is the binding's.
fn write(proof: &Proof) -> Vec<u8> {
    let channel = match proof.channel {
        None => 0,
        Some(Channel::Email) => 1,
        Some(Channel::Phone) => 2,
        Some(Channel::Device) => 3,
        Some(_) => u8::MAX,
    };
    let mut bytes = vec![VERSION, channel];
    bytes.extend(proof.at.timestamp_micros().to_be_bytes());
    let mut part = |part: &[u8]| {
        bytes.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(part);
    };
    part(proof.provider.as_bytes());
    part(proof.factor.as_ref().map_or(&[], |id| id.as_bytes()));
    let epoch = proof.epoch.map(u64::to_be_bytes);
    part(epoch.as_ref().map_or(&[], |epoch| epoch));
    let network = proof.network.map(|network| network.to_string());
    part(network.unwrap_or_default().as_bytes());
    part(proof.sign_in.as_ref().map_or(&[], SignInId::as_bytes));
    for (name, value) in &proof.operation {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    bytes
}

fn read(subject: &Subject, bytes: &[u8]) -> Option<Proof> {
    let ([VERSION, channel], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let (at, mut rest) = rest.split_first_chunk()?;
    let channel = match channel {
        0 => None,
        1 => Some(Channel::Email),
        2 => Some(Channel::Phone),
        3 => Some(Channel::Device),
        _ => return None,
    };
    let mut part = || {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (part, after) = after.split_at_checked(length)?;
        rest = after;
        Some(part)
    };
    let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(str::to_owned);
    let provider = text(part()?)?;
    let factor = match part()? {
        [] => None,
        id => Some(FactorId::from_bytes(id.try_into().ok()?)),
    };
    let epoch = match part()? {
        [] => None,
        epoch => Some(u64::from_be_bytes(epoch.try_into().ok()?)),
    };
    let network: Option<IpAddr> = match part()? {
        [] => None,
        network => Some(core::str::from_utf8(network).ok()?.parse().ok()?),
    };
    let sign_in = match part()? {
        [] => None,
        name => Some(SignInId::new(name).ok()?),
    };
    let mut operation = Vec::new();
    while let Some(name) = part() {
        operation.push((text(name)?, text(part()?)?));
    }
    if !rest.is_empty() {
        return None;
    }
    Some(Proof {
        subject: subject.clone(),
        provider,
        factor,
        channel,
        epoch,
        operation,
        at: DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?,
        network,
        sign_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(subject: &Subject) -> Proof {
        Proof {
            subject: subject.clone(),
            provider: "email".into(),
            factor: Some(FactorId::from_bytes([7; 16])),
            channel: Some(Channel::Email),
            epoch: Some(0),
            operation: vec![("pay".into(), "100".into()), (String::new(), "\0".into())],
            at: DateTime::from_timestamp_micros(1_800_000_000_000_001).expect("a time"),
            network: "203.0.113.7".parse().ok(),
            sign_in: SignInId::new([0; 64]).ok(),
        }
    }

    /// What is written is read again, in every part.
    #[test]
    fn parked_bytes_round_trip() {
        let subject = Subject::new("acme", "4711").expect("a subject");
        let whole = proof(&subject);
        let bare = Proof {
            factor: None,
            channel: None,
            epoch: None,
            operation: Vec::new(),
            network: None,
            sign_in: None,
            ..proof(&subject)
        };
        for proof in [whole, bare] {
            let bytes = write(&proof);
            let again = read(&subject, &bytes).expect("it is one");
            assert_eq!(write(&again), bytes);
            assert_eq!(again.provider, proof.provider);
            assert_eq!(again.factor, proof.factor);
            assert_eq!(again.channel, proof.channel);
            assert_eq!(again.epoch, proof.epoch);
            assert_eq!(again.operation, proof.operation);
            assert_eq!(again.at, proof.at);
            assert_eq!(again.network, proof.network);
            assert_eq!(again.sign_in, proof.sign_in);
        }
    }

    /// What is cut, longer, of another version or channel, or not what a field holds, is none.
    #[test]
    fn parked_bytes_refuse_what_is_none() {
        let subject = Subject::new("acme", "4711").expect("a subject");
        let bytes = write(&proof(&subject));
        // Behind the fixed fields a cut at the end of a pair of parameters leaves a whole proof.
        let whole = (0..bytes.len()).filter(|cut| {
            let cut = bytes.get(..*cut).expect("within");
            read(&subject, cut).is_some()
        });
        assert_eq!(whole.count(), 2);
        let edited = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            *bytes.get_mut(at).expect("within") = byte;
            bytes
        };
        let mut longer = bytes.clone();
        longer.push(0);
        for strange in [
            longer,
            edited(0, 2),
            edited(1, 4),
            edited(10, 0xff),
            edited(11, 4),
        ] {
            assert!(read(&subject, &strange).is_none());
        }
    }
}
