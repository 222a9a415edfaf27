//! What was answered.

use core::fmt;

use token_store::ott_core::Reason;

/// What the person or their client answered. `Debug` prints none of it.
#[derive(Clone, Copy)]
pub struct Response<'a>(Answer<'a>);

#[derive(Clone, Copy)]
enum Answer<'a> {
    Bytes(&'a [u8]),
    Code(&'a str),
    Codes(&'a [&'a str]),
    Nothing,
}

impl<'a> Response<'a> {
    /// A code that the person typed.
    #[must_use]
    pub const fn typed(code: &'a str) -> Self {
        Self(Answer::Code(code))
    }

    /// Several codes in a row, where a provider takes them: of a token that ran ahead.
    #[must_use]
    pub const fn codes(codes: &'a [&'a str]) -> Self {
        Self(Answer::Codes(codes))
    }

    /// What a client sent, such as JSON.
    #[must_use]
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Self(Answer::Bytes(bytes))
    }

    /// Nothing: the waiting side asks whether it may go on.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(Answer::Nothing)
    }

    /// The one code.
    ///
    /// # Errors
    /// [`Reason::Malformed`] if there is not exactly one.
    pub const fn one(&self) -> Result<&'a str, Reason> {
        match self.0 {
            Answer::Code(code) => Ok(code),
            Answer::Codes([code]) => Ok(code),
            _ => Err(Reason::Malformed),
        }
    }

    /// Two codes, if there are exactly two.
    #[must_use]
    pub const fn pair(&self) -> Option<(&'a str, &'a str)> {
        match self.0 {
            Answer::Codes([first, second]) => Some((first, second)),
            _ => None,
        }
    }

    /// What a client sent.
    ///
    /// # Errors
    /// [`Reason::Malformed`] if it sent codes, or nothing.
    pub const fn sent(&self) -> Result<&'a [u8], Reason> {
        match self.0 {
            Answer::Bytes(bytes) => Ok(bytes),
            _ => Err(Reason::Malformed),
        }
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(..)")
    }
}
