//! The flow's secret name of a record.

use alloc::{boxed::Box, string::String};
use core::fmt;

use rand::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    Reason, Rejected,
    hex::{parse_hex_into, push_hex},
};

/// The flow's secret name of a record: kept in a cookie, a session or a waiting device.
///
/// Two times 128 random bits. The first half names the flow and stays the same when its token is
/// sent again, so that a resend retires exactly its own predecessor; the record id is derived from
/// both. It has no `Debug` text, `Clone`, `PartialEq` or `Display`.
pub struct Handle(
    /// The flow's 16 bytes, then the nonce's. On the heap, so that moving a handle leaves no copy.
    Box<Zeroizing<[u8; 32]>>,
);

impl Handle {
    fn zeros() -> Self {
        Self(Box::default())
    }

    pub(crate) fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(
        flow: Option<&Self>,
        rng: &mut R,
    ) -> Result<Self, R::Error> {
        let mut handle = Self::zeros();
        let (own_flow, own_nonce) = handle.0.split_at_mut(16);
        match flow {
            Some(earlier) => own_flow.copy_from_slice(earlier.flow()),
            None => rng.try_fill_bytes(own_flow)?,
        }
        rng.try_fill_bytes(own_nonce)?;
        Ok(handle)
    }

    /// Reads a handle: 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) for anything else.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let mut handle = Self::zeros();
        if parse_hex_into(text, handle.0.as_mut_slice()) {
            Ok(handle)
        } else {
            Err(Rejected::new(Reason::Malformed))
        }
    }

    /// The text for the cookie or session: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        push_hex(&mut text, self.0.as_slice());
        text
    }

    /// Another record's handle in the same flow. Only the flow's half is secret: where a record of the flow keeps the
    /// nonce of the next one, whoever reads it cannot name that one, and whoever holds this handle can.
    ///
    /// Give each record a nonce of its own: two records under one handle collide.
    #[must_use]
    pub fn sibling(&self, nonce: &[u8; 16]) -> Self {
        let mut handle = Self::zeros();
        let (own_flow, own_nonce) = handle.0.split_at_mut(16);
        own_flow.copy_from_slice(self.flow());
        own_nonce.copy_from_slice(nonce);
        handle
    }

    /// A second copy, for who drew it and who makes a record under it.
    pub(crate) fn again(&self) -> Self {
        Self(Box::new(self.0.as_ref().clone()))
    }

    pub(crate) fn flow(&self) -> &[u8] {
        self.0.split_at(16).0
    }

    pub(crate) fn nonce(&self) -> &[u8] {
        self.0.split_at(16).1
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}
