//! How many digits a code has.

/// The number of digits of a code: 5 to 10, six by default.
///
/// RFC 4226 allows six to eight. Five is known from hardware tokens. Nine and ten add little: the
/// truncated hash has 31 bits, so the first of ten digits is 0, 1 or 2, and of nine-digit codes
/// those below 147,483,648 are half as likely again as the others.
///
/// Specification: RFC 4226 section 5.3, requirement R4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u8", into = "u8")
)]
pub enum Digits {
    /// Five digits.
    Five,
    /// Six digits, which every authenticator knows.
    #[default]
    Six,
    /// Seven digits.
    Seven,
    /// Eight digits.
    Eight,
    /// Nine digits.
    Nine,
    /// Ten digits.
    Ten,
}

impl Digits {
    /// The number as an integer, 5 to 10.
    #[must_use]
    pub const fn get(self) -> u8 {
        match self {
            Digits::Five => 5,
            Digits::Six => 6,
            Digits::Seven => 7,
            Digits::Eight => 8,
            Digits::Nine => 9,
            Digits::Ten => 10,
        }
    }

    /// The denominator of a guess: no code is right with a chance above one in this number.
    ///
    /// The 2³¹ truncated hashes do not spread evenly over the codes: some codes stand for one hash
    /// more than others, and an attacker tries those first. The number is 2³¹, divided by how many
    /// hashes the likeliest code stands for, rounded down. Of six digits that is 2,148 hashes, and
    /// of nine digits three, where other codes stand for two.
    ///
    /// Specification: RFC 4226 section 5.3, step 3, and appendix A.
    #[must_use]
    pub const fn code_space(self) -> u64 {
        match self {
            Digits::Five => 99_999,
            Digits::Six => 999_759,
            Digits::Seven => 9_988_296,
            Digits::Eight => 97_612_893,
            Digits::Nine => 715_827_882,
            Digits::Ten => 1 << 31,
        }
    }

    /// A truncated hash modulo ten to this power (RFC 4226 section 5.3, step 3).
    ///
    /// The divisors are constants, so that the compiler multiplies: division takes a time that
    /// depends on the hash.
    pub(crate) const fn reduce(self, truncated: u32) -> u32 {
        match self {
            Digits::Five => truncated % 100_000,
            Digits::Six => truncated % 1_000_000,
            Digits::Seven => truncated % 10_000_000,
            Digits::Eight => truncated % 100_000_000,
            Digits::Nine => truncated % 1_000_000_000,
            Digits::Ten => truncated,
        }
    }
}

impl TryFrom<u8> for Digits {
    type Error = InvalidDigits;

    fn try_from(digits: u8) -> Result<Self, InvalidDigits> {
        match digits {
            5 => Ok(Digits::Five),
            6 => Ok(Digits::Six),
            7 => Ok(Digits::Seven),
            8 => Ok(Digits::Eight),
            9 => Ok(Digits::Nine),
            10 => Ok(Digits::Ten),
            _ => Err(InvalidDigits(())),
        }
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> u8 {
        digits.get()
    }
}

/// A number of digits below 5 or above 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number of digits is not 5 to 10")]
pub struct InvalidDigits(());
