//! What a secret shows, how long it is, and where its randomness comes from.

use core::convert::Infallible;
use core::fmt::{Debug, Display};

use oath_otp::{Account, Algorithm, Code, Hotp, Label, Secret, SecretError, SecretText, Totp};
use rand::{TryCryptoRng, TryRng};

/// Fails to compile if the type has the trait: the two candidates for `_` are ambiguous then.
macro_rules! assert_not_impl {
    ($type:ty: $($trait:path),+) => {$(
        const _: fn() = || {
            trait Ambiguous<Marker> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
            <$type as Ambiguous<_>>::check();
        };
    )+};
}

assert_not_impl!(Secret: Clone, Copy, PartialEq, Display, Default, AsRef<[u8]>, AsRef<str>);
assert_not_impl!(SecretText: Clone, Copy, PartialEq, Display, Default, AsRef<[u8]>, AsRef<str>);
assert_not_impl!(Code: Clone, Copy, PartialEq, Display, Default, AsRef<[u8]>, AsRef<str>);
assert_not_impl!(Account: Clone, Copy, PartialEq, Display, Default);
#[cfg(feature = "serde")]
assert_not_impl!(Secret: serde::Serialize, serde::de::DeserializeOwned);
#[cfg(feature = "serde")]
assert_not_impl!(Account: serde::Serialize, serde::de::DeserializeOwned);

fn shows_nothing(value: &impl Debug, hidden: &[&str]) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        for hidden in hidden {
            assert!(!text.contains(hidden), "{text}");
        }
    }
}

/// Debug text of secret, code, URI and account shows nothing of a secret.
#[test]
fn debug_shows_nothing() {
    let secret = Secret::from_bytes(b"ABCDEFGHIJKLMNOPQRST").unwrap();
    let hidden = ["ABCD", "65, 66", "0x41", "4142", "IFBEGRCF", "755224"];
    shows_nothing(&secret, &hidden);
    shows_nothing(&secret.to_base32(), &hidden);
    let label = Label::new("Example", "alice").unwrap();
    let uri = Totp::default().to_uri(&secret, &label).unwrap();
    shows_nothing(&uri, &hidden);
    shows_nothing(&Account::from_uri(uri.expose_secret()).unwrap(), &hidden);
    let rfc = Secret::from_bytes(b"12345678901234567890").unwrap();
    let code = Hotp::default().generate(&rfc, 0);
    assert_eq!(code.expose_secret(), "755224");
    shows_nothing(&code, &hidden);
}

/// An error and its sources hold nothing of the text that was refused.
#[test]
fn errors_hold_nothing_of_the_text() {
    let hidden = ["ZZZZ", "0189"];
    let refused =
        Account::from_uri("otpauth://totp/ZZZZ?secret=ZZZZ0189ZZZZ&issuer=ZZZZ").unwrap_err();
    shows_nothing(&refused, &hidden);
    let mut error: Option<&dyn core::error::Error> = Some(&refused);
    while let Some(link) = error {
        assert!(!link.to_string().contains("ZZZZ"));
        error = link.source();
    }
}

/// Bits count, not characters; 16 bytes are 26 characters of base32.
#[test]
fn secret_under_128_bits_only_by_name() {
    let bytes = [7; 64];
    for length in 1..16 {
        let short = &bytes[..length];
        assert_eq!(
            Secret::from_bytes(short).unwrap_err(),
            SecretError::TooShort
        );
        let imported = Secret::import_short(short).unwrap();
        assert_eq!(imported.expose_secret(), short);
        let text = imported.to_base32();
        assert_eq!(
            Secret::from_base32(text.expose_secret()).unwrap_err(),
            SecretError::TooShort
        );
        assert!(Secret::import_short_base32(text.expose_secret()).is_ok());
    }
    for length in 16..64 {
        let secret = Secret::from_bytes(&bytes[..length]).unwrap();
        assert!(Secret::from_base32(secret.to_base32().expose_secret()).is_ok());
    }
}

/// No byte at all, and more than 1,024, are refused.
#[test]
fn secret_that_is_empty_or_endless_is_refused() {
    assert_eq!(Secret::import_short(b"").unwrap_err(), SecretError::Empty);
    assert_eq!(Secret::from_bytes(b"").unwrap_err(), SecretError::Empty);
    let longest = vec![7; Secret::MAX_BYTES];
    let secret = Secret::from_bytes(&longest).unwrap();
    assert!(Secret::from_base32(secret.to_base32().expose_secret()).is_ok());
    let longer = vec![7; Secret::MAX_BYTES + 1];
    assert_eq!(
        Secret::from_bytes(&longer).unwrap_err(),
        SecretError::TooLong
    );
}

/// Counts up, so that each byte shows whether it was drawn.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!()
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!()
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

/// Every byte of a new secret comes from the generator.
#[test]
fn secret_is_random_in_every_byte() {
    let secret = Secret::try_generate_from_rng(&mut Counting(0)).unwrap();
    assert_eq!(secret.expose_secret(), (1..=20).collect::<Vec<u8>>());
    for algorithm in Algorithm::ALL {
        let secret = Secret::try_generate_for(*algorithm, &mut Counting(0)).unwrap();
        let length = u8::try_from(algorithm.output_bytes()).unwrap();
        assert_eq!(secret.expose_secret(), (1..=length).collect::<Vec<u8>>());
        assert!(secret.expose_secret().len() >= 20);
    }
}

struct Broken;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no entropy")]
struct NoEntropy;

impl TryRng for Broken {
    type Error = NoEntropy;
    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        Err(NoEntropy)
    }
    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        Err(NoEntropy)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

impl TryCryptoRng for Broken {}

/// A generator that fails gives an error, never a secret.
#[test]
fn secret_of_a_broken_generator_is_an_error() {
    assert_eq!(
        Secret::try_generate_from_rng(&mut Broken).unwrap_err(),
        NoEntropy
    );
    let dynamic: &mut dyn TryCryptoRng<Error = NoEntropy> = &mut Broken;
    assert_eq!(
        Secret::try_generate_for(Algorithm::Sha1, dynamic).unwrap_err(),
        NoEntropy
    );
}

/// The operating system gives 160 bits, other ones each time.
#[cfg(feature = "std")]
#[test]
fn secret_of_the_system_has_160_bits() {
    let (one, two) = (
        Secret::try_generate().unwrap(),
        Secret::try_generate().unwrap(),
    );
    assert_eq!(one.expose_secret().len(), 20);
    assert_ne!(one.expose_secret(), two.expose_secret());
}
