//! The secret text itself.

use alloc::string::String;
use core::fmt;

use rand::TryCryptoRng;
use zeroize::Zeroizing;

use crate::Format;

/// Draws of 64 bytes before a source counts as broken. Fewer than half of all bytes are drawn again,
/// so a working source never gets near it.
const MOST_DRAWS: usize = 64;

/// A secret text that the server makes up and sends to a person or a device.
///
/// It has no `Debug` text, `Clone`, `PartialEq`, `Display` or `Serialize`, and is wiped when dropped.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Draws a token: each symbol uniform and independent, by rejection sampling.
    ///
    /// # Errors
    /// [`RandomFailed`] if the random source fails, or gives only what has to be drawn again. No
    /// weaker token is made instead.
    pub fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(
        format: &Format,
        rng: &mut R,
    ) -> Result<Self, RandomFailed> {
        let length = usize::from(format.length());
        let mut symbols = Zeroizing::new(String::with_capacity(length));
        let mut bytes = Zeroizing::new([0u8; 64]);
        for _ in 0..MOST_DRAWS {
            rng.try_fill_bytes(bytes.as_mut_slice())
                .map_err(|_| RandomFailed)?;
            for byte in bytes.iter() {
                let drawn = fair(*byte, format.symbols_at(symbols.len()));
                symbols.extend(drawn.map(char::from));
                if symbols.len() == length {
                    return Ok(Self(format.show(&symbols)));
                }
            }
        }
        Err(RandomFailed)
    }

    /// The token with this text, which exists already.
    pub(crate) fn given(format: &Format, symbols: &str) -> Self {
        Self(format.show(symbols))
    }

    /// The token that somebody sealed before it was sent, and has opened again: for a queue of messages.
    ///
    /// # Security
    /// It is no new token: nothing says how the text was drawn, and a record exists already.
    #[must_use]
    pub const fn unsealed(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text to send. It is the secret: it belongs in the message and nowhere else.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

/// The symbol that a byte stands for. What lies above the largest multiple of the alphabet's size
/// among the 256 byte values stands for none, so no symbol is favoured.
fn fair(byte: u8, symbols: &[u8]) -> Option<u8> {
    let size = u16::try_from(symbols.len()).ok()?;
    let fair = 256u16.saturating_sub(256u16.checked_rem(size)?);
    let place = u16::from(byte).checked_rem(size)?;
    let symbol = symbols.get(usize::from(place))?;
    (u16::from(byte) < fair).then_some(*symbol)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The random source failed, or gives what cannot be random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed")]
pub struct RandomFailed;
