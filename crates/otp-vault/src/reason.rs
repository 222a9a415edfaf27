//! Why an entry of a file is not kept.

/// Why an entry cannot be read, or not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Any but SHA-1, SHA-256, SHA-512 and MD5; of an export also MD5, which only some programs know.
    #[error("its algorithm is not supported")]
    Algorithm,
    /// The secret is not of the encoding that the format uses, or too long.
    #[error("its secret cannot be read")]
    BadSecret,
    /// A counter that is no number from 0 to below 2⁶⁴.
    #[error("its counter is out of range")]
    Counter,
    /// Fewer than 5 or more than 10.
    #[error("its number of digits is out of range")]
    Digits,
    /// A field that must be there is missing, or of another type.
    #[error("it is not of the form that this format has")]
    Form,
    /// Not an otpauth URI.
    #[error("it is not an otpauth URI")]
    NotUri,
    /// A picture among several, in which no code was found.
    #[error("it holds no QR code that can be read")]
    NoQrCode,
    /// A part of a Google migration, of which others were there.
    #[error("a part of the migration is missing")]
    MissingPart,
    /// There is no secret.
    #[error("it has no secret")]
    NoSecret,
    /// A period that is no number of seconds from 1 to below 2³¹.
    #[error("its period is out of range")]
    Period,
    /// Any type but totp, hotp, steam, motp and yandex.
    #[error("its type is not supported")]
    Type,
    /// A kind that needs a PIN, and none is there.
    #[error("it has no PIN")]
    Pin,
}

impl Reason {
    const ALL: [Reason; 12] = [
        Reason::Algorithm,
        Reason::BadSecret,
        Reason::Counter,
        Reason::Digits,
        Reason::Form,
        Reason::MissingPart,
        Reason::NoQrCode,
        Reason::NoSecret,
        Reason::NotUri,
        Reason::Period,
        Reason::Pin,
        Reason::Type,
    ];

    /// The reason with this text.
    pub(crate) fn of_text(text: &str) -> Reason {
        let known = Reason::ALL
            .into_iter()
            .find(|reason| reason.to_string() == text);
        known.unwrap_or(Reason::Form)
    }
}
