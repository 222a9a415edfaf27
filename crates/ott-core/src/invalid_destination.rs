//! Why a text is no destination.

/// Why a text is no [`Destination`](crate::Destination). It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDestination {
    /// Not one `@` with text on both sides.
    #[error("an e-mail address has one `@`, with text on both sides")]
    At,
    /// A space or another blank.
    #[error("a blank in the address")]
    Blank,
    /// A comment in parentheses.
    #[error("parentheses in the address: comments cannot be mailed to")]
    Comment,
    /// A line break, NUL or another control character.
    #[error("a control character in the address")]
    ControlCharacter,
    /// An id of a device that is empty, too long, or has characters that cannot be seen.
    #[error("an id of a device has 1 to 2048 bytes, and no character that cannot be seen")]
    Device,
    /// What stands behind the `@` is no domain.
    #[error(
        "what stands behind the `@` is no domain: labels of letters, digits and hyphens, parted by dots"
    )]
    Domain,
    /// A dot at an end of the local part, or two beside each other.
    #[error("a dot at an end of the part before the `@`, or two beside each other")]
    Dots,
    /// `=?`, with which a mail program may decode the address to another one.
    #[error("`=?` in the address: mail programs may decode it to another address")]
    EncodedWord,
    /// A character that cannot be seen, or turns the direction of the text.
    #[error("a character in the address that cannot be seen, or turns the text around it")]
    HiddenCharacter,
    /// A dash in front, which mail programs take for an option.
    #[error("a dash in front of the address: mail programs take it for an option")]
    LeadingDash,
    /// An address literal in brackets.
    #[error("brackets in the address: address literals are not mailed to")]
    Literal,
    /// A domain that is not ASCII, without the feature `idn`.
    #[error("the domain is not ASCII: write it in A-labels (`xn--…`)")]
    NotAscii,
    /// Not `+` and 7 to 15 digits.
    #[error("a phone number is `+` and 7 to 15 digits")]
    Phone,
    /// Quotes or a backslash.
    #[error("quotes or a backslash in the address")]
    Quoted,
    /// A comma, colon, semicolon or angle bracket, which end an address in a list.
    #[error("a comma, colon, semicolon or angle bracket in the address")]
    Separator,
    /// More than 64 bytes before the `@`, or more than 254 in all.
    #[error("more than 64 bytes before the `@`, or more than 254 in all")]
    TooLong,
}
