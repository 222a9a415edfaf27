//! The flow's secret name of a record.

use alloc::string::String;
use core::fmt;

use rand::TryCryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Reason, Rejected,
    hex::{parse_hex, push_hex},
};

/// The flow's secret name of a record: kept in a cookie, a session or a waiting device.
///
/// Two times 128 random bits. The first half names the flow and stays the same when its token is
/// sent again, so that a resend retires exactly its own predecessor; the record id is derived from
/// both. It has no `Debug` text, `Clone`, `PartialEq` or `Display`.
pub struct Handle {
    flow: [u8; 16],
    nonce: [u8; 16],
}

impl Handle {
    pub(crate) fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(
        flow: Option<&Self>,
        rng: &mut R,
    ) -> Result<Self, R::Error> {
        let mut handle = Self {
            flow: [0; 16],
            nonce: [0; 16],
        };
        match flow {
            Some(earlier) => handle.flow = earlier.flow,
            None => rng.try_fill_bytes(&mut handle.flow)?,
        }
        rng.try_fill_bytes(&mut handle.nonce)?;
        Ok(handle)
    }

    /// Reads a handle: 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) for anything else.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let bytes = Zeroizing::new(parse_hex::<32>(text).ok_or(Rejected::new(Reason::Malformed))?);
        let mut handle = Self {
            flow: [0; 16],
            nonce: [0; 16],
        };
        handle
            .flow
            .iter_mut()
            .chain(&mut handle.nonce)
            .zip(bytes.iter())
            .for_each(|(to, from)| *to = *from);
        Ok(handle)
    }

    /// The text for the cookie or session: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        push_hex(&mut text, &self.flow);
        push_hex(&mut text, &self.nonce);
        text
    }

    pub(crate) const fn flow(&self) -> &[u8; 16] {
        &self.flow
    }

    pub(crate) const fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.flow.zeroize();
        self.nonce.zeroize();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}
