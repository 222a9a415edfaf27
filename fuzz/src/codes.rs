//! HOTP and TOTP said again: the RFCs' arithmetic over the plain `hmac` crate, codes as text,
//! windows as loops that stop nowhere early because they collect everything first.

use arbitrary::Arbitrary;
use hmac::{Hmac, KeyInit, Mac};
use oath_otp::{Algorithm, Digits, Secret};

use crate::typed::plain;

/// Hash, digits and secret, as a fuzzer chooses them.
#[derive(Arbitrary, Clone, Debug)]
pub struct Device {
    algorithm: u8,
    digits: u8,
    secret: Vec<u8>,
}

impl Device {
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::ALL[usize::from(self.algorithm) % Algorithm::ALL.len()]
    }

    /// # Panics
    /// Never: 5 to 10 digits are what there is.
    #[must_use]
    pub fn digits(&self) -> Digits {
        Digits::try_from(5 + self.digits % 6).expect("5 to 10")
    }

    /// At most 300 bytes, which is longer than two blocks of every hash.
    #[must_use]
    pub fn secret(&self) -> Option<Secret> {
        Secret::import_short(self.secret.get(..300).unwrap_or(&self.secret)).ok()
    }

    /// The code of a counter: RFC 4226 section 5.3.
    #[must_use]
    pub fn code(&self, secret: &Secret, counter: u64) -> String {
        let (key, message) = (secret.expose_secret(), counter.to_be_bytes());
        let mac = match self.algorithm() {
            Algorithm::Sha1 => hmac::<Hmac<sha1::Sha1>>(key, &message),
            Algorithm::Sha256 => hmac::<Hmac<sha2::Sha256>>(key, &message),
            Algorithm::Sha512 => hmac::<Hmac<sha2::Sha512>>(key, &message),
            other => panic!("{other} has no reference here"),
        };
        let offset = usize::from(mac[mac.len() - 1] % 16);
        let word = u32::from_be_bytes(mac[offset..offset + 4].try_into().expect("four bytes"));
        let digits = usize::from(self.digits().get());
        let all = format!("{:010}", word % (1 << 31));
        all[10 - digits..].to_owned()
    }

    /// What was typed, if it can be a code: digits alone once blanks and dashes are gone.
    #[must_use]
    pub fn canonical(&self, typed: &str) -> Option<String> {
        let text: String = typed.chars().map(plain).collect::<Option<_>>()?;
        let text: String = text.chars().filter(|c| *c != ' ' && *c != '-').collect();
        let fits = typed.len() <= 128
            && text.chars().all(|c| c.is_ascii_digit())
            && text.chars().count() == usize::from(self.digits().get());
        fits.then_some(text)
    }
}

fn hmac<M: KeyInit + Mac>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// What a person types.
#[derive(Arbitrary, Clone, Debug)]
pub enum Typed {
    /// The code of the counter that lies so far from the middle, with characters put in.
    Code {
        distance: i8,
        noise: Vec<(u8, Noise)>,
    },
    /// Anything.
    Text(String),
}

/// What finds its way into a code that is copied by hand.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Noise {
    Blank,
    Dash,
    Digit(u8),
    Drop,
    FullWidth,
    Other(char),
}

impl Typed {
    /// The text, with `code` giving the code of a counter.
    pub fn text(&self, middle: u64, code: impl Fn(u64) -> String) -> String {
        let (distance, noise) = match self {
            Self::Text(text) => return text.clone(),
            Self::Code { distance, noise } => (*distance, noise),
        };
        let mut text: Vec<char> = code(middle.saturating_add_signed(distance.into()))
            .chars()
            .collect();
        for (place, noise) in noise.iter().take(8) {
            let place = usize::from(*place) % (text.len() + 1);
            match noise {
                Noise::Blank => text.insert(place, ' '),
                Noise::Dash => text.insert(place, '-'),
                Noise::Digit(digit) => {
                    if let Some(at) = text.get_mut(place) {
                        *at = char::from(b'0' + digit % 10);
                    }
                }
                Noise::Drop => {
                    if place < text.len() {
                        text.remove(place);
                    }
                }
                Noise::FullWidth => {
                    if let Some(digit) = text.get(place).and_then(|c| c.to_digit(10)) {
                        text[place] = char::from_u32(0xff10 + digit).expect("a full-width digit");
                    }
                }
                Noise::Other(other) => text.insert(place, *other),
            }
        }
        text.into_iter().collect()
    }
}
