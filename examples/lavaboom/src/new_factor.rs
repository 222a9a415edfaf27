//! A factor that somebody wants, as its values say it.

use ott_bearer::token_store::HIGHEST_COUNTER;
use twofa_providers::{
    MAX_FACTORS_PER_PROVIDER,
    oath_otp::{
        Account as Otpauth, Algorithm, Digits, Method, Period,
        yubico::{PublicId, modhex},
    },
};
use zeroize::Zeroizing;

pub(crate) const AUTHENTICATOR: &str = "authenticator";
pub(crate) const YUBICLOUD: &str = "yubicloud";

/// A factor that somebody wants.
pub(crate) enum NewFactor {
    /// By counter or clock.
    Authenticator(Otpauth),
    /// None from now on.
    Nothing,
    /// Keys by their public ids.
    Yubikeys(Vec<PublicId>),
}

impl NewFactor {
    /// Reads type and values; `None` for values that cannot be.
    pub(crate) fn read(kind: &str, values: &[Zeroizing<String>]) -> Option<Self> {
        match (kind, values) {
            ("", _) => Some(Self::Nothing),
            (AUTHENTICATOR, [text]) => authenticator(text).map(Self::Authenticator),
            (YUBICLOUD, [_, ..]) if values.len() <= MAX_FACTORS_PER_PROVIDER => {
                let id = |text: &Zeroizing<String>| text.parse().ok().filter(is_six_bytes);
                values
                    .iter()
                    .map(id)
                    .collect::<Option<_>>()
                    .map(Self::Yubikeys)
            }
            _ => None,
        }
    }

    /// What the account keeps of it in sight.
    pub(crate) fn values(&self) -> Vec<String> {
        match self {
            Self::Yubikeys(ids) => ids.iter().map(|id| modhex::encode(id.as_bytes())).collect(),
            Self::Authenticator(_) | Self::Nothing => Vec::new(),
        }
    }
}

/// Of these twelve letters of modhex the contract makes a key's name.
fn is_six_bytes(id: &PublicId) -> bool {
    id.as_bytes().len() == 6
}

/// An `otpauth` URI, or bare base32: then a counter that begins at 0.
fn authenticator(text: &str) -> Option<Otpauth> {
    let account = Otpauth::from_uri(text).ok().or_else(|| {
        let bare = Zeroizing::new(format!("otpauth://hotp/x?secret={text}&counter=0"));
        let base32 = |c: u8| c.is_ascii_alphanumeric() || c == b'=';
        let account = Otpauth::from_uri(&bare).ok();
        account.filter(|_| text.bytes().all(base32))
    });
    account.filter(|account| proves(&account.method))
}

/// The highest counter to begin with: above it there is room for more codes than anybody types.
const LAST_FIRST_COUNTER: u64 = HIGHEST_COUNTER >> 1;

/// Whether the providers verify it, now and after any number of codes, and the challenge says how: of a clock it says a
/// period of 30 seconds.
fn proves(method: &Method) -> bool {
    let (algorithm, digits) = match method {
        Method::Hotp(hotp, counter) if *counter <= LAST_FIRST_COUNTER => {
            (hotp.algorithm, hotp.digits)
        }
        Method::Totp(totp) if totp.period == Period::SECONDS_30 => (totp.algorithm, totp.digits),
        _ => return false,
    };
    let known = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    known.contains(&algorithm) && digits >= Digits::Six
}
