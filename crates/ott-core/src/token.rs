//! The secret text itself.

use alloc::string::String;
use core::fmt;

use rand::TryCryptoRng;
use zeroize::Zeroizing;

use crate::Format;

/// A secret text that the server makes up and sends to a person or a device.
///
/// It has no `Debug` text, `Clone`, `PartialEq`, `Display` or `Serialize`, and is wiped when dropped.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Draws a token: each symbol uniform and independent, by rejection sampling.
    ///
    /// # Errors
    /// Whatever the random source says. No weaker token is made instead.
    pub fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(
        format: &Format,
        rng: &mut R,
    ) -> Result<Self, R::Error> {
        let alphabet = format.symbols();
        let size = u8::try_from(alphabet.len()).unwrap_or(u8::MAX);
        // The largest multiple of the alphabet's size among the 256 byte values; what lies above
        // is drawn again, so no symbol is favoured.
        let fair = 256u16.saturating_sub(256u16.checked_rem(u16::from(size)).unwrap_or(0));
        let length = usize::from(format.length());
        let mut symbols = Zeroizing::new(String::with_capacity(length));
        let mut bytes = Zeroizing::new([0u8; 64]);
        while symbols.len() < length {
            rng.try_fill_bytes(bytes.as_mut_slice())?;
            let fair_bytes = bytes.iter().filter(|byte| u16::from(**byte) < fair);
            let drawn =
                fair_bytes.filter_map(|byte| alphabet.get(usize::from(byte.checked_rem(size)?)));
            let missing = length.saturating_sub(symbols.len());
            symbols.extend(drawn.take(missing).map(|symbol| char::from(*symbol)));
        }
        Ok(Self(format.show(&symbols)))
    }

    /// The text to send. It is the secret: it belongs in the message and nowhere else.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
