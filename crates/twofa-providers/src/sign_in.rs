//! The public name of a sign-in.

use core::fmt;

use token_store::ott_core::InvalidName;

/// The application's name of one sign-in, from the right password to the end of its session: what a
/// person who says "this was not me" disowns, and nothing beside it.
///
/// It proves nothing and is kept in clear: take the public id of a record, never a cookie's value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignInId(Box<[u8]>);

impl SignInId {
    /// The longest name, in bytes.
    pub const LONGEST: usize = 64;

    /// A name of 1 to [`SignInId::LONGEST`] bytes.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, InvalidName> {
        let name = name.as_ref();
        if name.is_empty() || name.len() > Self::LONGEST {
            return Err(InvalidName);
        }
        Ok(Self(name.into()))
    }

    /// What the application called it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text, for a binding.
    pub(crate) fn to_hex(&self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }
}

impl fmt::Debug for SignInId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An application may have put more into it than it should.
        f.write_str("SignInId(..)")
    }
}
