//! Rows as bytes: each field after the other, what varies with its length before it.

use token_store::{
    FactorId, FactorState, Removal, StoredFactor,
    ott_core::{
        Decider, KeyId, LimitState, Outcome, RecordId, State, Stored, StoredDecision, Subject,
        TokenDigest, chrono::DateTime,
    },
};

use crate::Time;

/// What can be written to a cell and read back equal.
pub trait Row: Sized {
    /// Adds it.
    fn write(&self, to: &mut Vec<u8>);

    /// Takes it, if it stands there.
    fn read(from: &mut &[u8]) -> Option<Self>;

    /// All of it.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }
}

impl<const N: usize> Row for [u8; N] {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (taken, left) = from.split_first_chunk()?;
        *from = left;
        Some(*taken)
    }
}

impl<R: Row> Row for Option<R> {
    fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.is_some()));
        if let Some(row) = self {
            row.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match <[u8; 1]>::read(from)? {
            [0] => Some(None),
            _ => R::read(from).map(Some),
        }
    }
}

impl<R: Row> Row for Vec<R> {
    fn write(&self, to: &mut Vec<u8>) {
        (self.len() as u64).write(to);
        self.iter().for_each(|row| row.write(to));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = u64::read(from)?;
        (0..length).map(|_| R::read(from)).collect()
    }
}

/// What stands there as something simpler: how it becomes that, and that becomes it.
macro_rules! row_as {
    ($($type:ty = $simple:ty: $to:expr, $from:expr;)*) => {$(
        impl Row for $type {
            fn write(&self, to: &mut Vec<u8>) {
                let simple: fn(&$type) -> $simple = $to;
                simple(self).write(to);
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let this: fn($simple) -> Option<$type> = $from;
                this(<$simple>::read(from)?)
            }
        }
    )*};
}

row_as! {
    u8 = [u8; 1]: |it| it.to_le_bytes(), |it| Some(Self::from_le_bytes(it));
    u16 = [u8; 2]: |it| it.to_le_bytes(), |it| Some(Self::from_le_bytes(it));
    u32 = [u8; 4]: |it| it.to_le_bytes(), |it| Some(Self::from_le_bytes(it));
    u64 = [u8; 8]: |it| it.to_le_bytes(), |it| Some(Self::from_le_bytes(it));
    i64 = [u8; 8]: |it| it.to_le_bytes(), |it| Some(Self::from_le_bytes(it));
    String = Vec<u8>: |it| it.clone().into_bytes(), |it| Self::from_utf8(it).ok();
    Time = i64: |it| it.timestamp_micros(), DateTime::from_timestamp_micros;
    RecordId = [u8; 16]: |it| *it.as_bytes(), |it| Some(Self::from_bytes(it));
    KeyId = u32: |it| it.0, |it| Some(Self(it));
    TokenDigest = [u8; 32]: |it| *it.as_bytes(), |it| Some(Self::from_bytes(it));
    State = u8: |it| it.number(), Self::from_number;
    Outcome = u8: |it| it.number(), Self::from_number;
    FactorId = [u8; 16]: |it| *it.as_bytes(), |it| Some(Self::from_bytes(it));
    FactorState = u8: |it| it.number(), Self::from_number;
}

/// One field after the other.
macro_rules! row_of {
    ($($type:ident { $($field:ident)* })*) => {$(
        impl Row for $type {
            fn write(&self, to: &mut Vec<u8>) {
                $(self.$field.write(to);)*
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Row::read(from)?,)* })
            }
        }
    )*};
}

row_of! {
    Stored {
        id purpose key tenant subject slot policy binding digest data number max_attempts issued_at
        expires_at idle_micros tag state attempts used_at decision
    }
    StoredDecision { outcome decider data at tag }
    StoredFactor { id subject provider label state sealed last created_at used_at removal }
    Removal { from at by }
    LimitState { full_at count }
}

impl Row for Subject {
    fn write(&self, to: &mut Vec<u8>) {
        String::from(self.tenant()).write(to);
        String::from(self.id()).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Self::new(String::read(from)?, String::read(from)?).ok()
    }
}

impl Row for Decider {
    fn write(&self, to: &mut Vec<u8>) {
        self.subject().cloned().write(to);
        if let Self::System(name) = self {
            name.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let person = Option::<Subject>::read(from)?.map(Self::Subject);
        person.or_else(|| String::read(from).map(Self::System))
    }
}
