//! What rests sealed in a record's data: length-prefixed fields, in an order.

use token_store::{
    ott_core::{
        Channel, Destination, KeyRing, Subject,
        chrono::{DateTime, Utc},
        rand::rngs::SysRng,
    },
    seal::{self, SealedFor},
};
use zeroize::Zeroizing;

use crate::{FlowError, Parameters};

/// The longest plain text that fits into a record's data, sealed and with a name before it.
const LONGEST: usize = token_store::ott_core::MAX_DATA - 64;

/// Writes fields.
#[derive(Default)]
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn text(mut self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn time(self, time: DateTime<Utc>) -> Self {
        self.number(time.timestamp_micros().cast_unsigned())
    }

    pub(crate) fn destination(self, destination: &Destination) -> Self {
        self.text(destination.channel().as_str())
            .text(destination.address())
    }

    pub(crate) fn parameters(self, parameters: &Parameters) -> Self {
        let pairs = parameters.iter();
        let writer = self.number(u64::try_from(pairs.len()).unwrap_or(u64::MAX));
        pairs.fold(writer, |writer, (name, value)| {
            writer.text(name).text(value)
        })
    }

    /// Seals the fields as `kind`, for a record of this tenant.
    pub(crate) fn seal(
        self,
        keys: &KeyRing,
        tenant: &str,
        kind: &str,
    ) -> Result<Vec<u8>, FlowError> {
        if self.0.len() > LONGEST {
            return Err(FlowError::Misuse("more parameters than a record carries"));
        }
        let owner = owner(tenant)?;
        let sealed = seal::seal(keys, &context(&owner, kind), &self.0, &mut SysRng);
        sealed.map_err(|error| FlowError::Account(error.into()))
    }
}

/// Reads fields; `None` where they do not follow.
pub(crate) struct Reader(Zeroizing<Vec<u8>>, usize);

impl Reader {
    /// Opens what was sealed as `kind`.
    pub(crate) fn open(
        keys: &KeyRing,
        tenant: &str,
        kind: &str,
        sealed: &[u8],
    ) -> Result<Self, FlowError> {
        let owner = owner(tenant)?;
        let plain = seal::open(keys, &context(&owner, kind), sealed);
        Ok(Self(
            plain.map_err(|error| FlowError::Account(error.into()))?,
            0,
        ))
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let end = self.1.checked_add(length)?;
        let taken = self.0.get(self.1..end)?;
        self.1 = end;
        Some(taken)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        let bytes = self.take(usize::try_from(length).ok()?)?;
        String::from_utf8(bytes.into()).ok()
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.number()?.cast_signed())
    }

    pub(crate) fn destination(&mut self) -> Option<Destination> {
        let (channel, address) = (self.text()?, self.text()?);
        let channels = [Channel::Email, Channel::Phone, Channel::Device];
        let channel = channels
            .into_iter()
            .find(|known| known.as_str() == channel)?;
        match channel {
            Channel::Email => Destination::email(address).ok(),
            Channel::Phone => Destination::phone(address).ok(),
            _ => Destination::device(address).ok(),
        }
    }

    pub(crate) fn parameters(&mut self) -> Option<Parameters> {
        let mut parameters = Parameters::default();
        for _ in 0..self.number()? {
            parameters.push(self.text()?, self.text()?);
        }
        Some(parameters)
    }
}

fn owner(tenant: &str) -> Result<Subject, FlowError> {
    Subject::new(tenant, "ott-flows").map_err(|_| FlowError::Misuse("a tenant that is no name"))
}

/// The record's tag holds the seal to its record; the kind keeps one from passing for another.
const fn context<'a>(owner: &'a Subject, kind: &'a str) -> SealedFor<'a> {
    SealedFor {
        owner,
        item: [0; 16],
        kind,
    }
}
