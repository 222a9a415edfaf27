//! Where a token is sent.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use crate::{mailbox, subject::all_seen};

/// A browser names its push service by an address of some hundred bytes.
const LONGEST_DEVICE: usize = 2_048;

/// The kind of a [`Destination`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Channel {
    /// A device that the application knows by an id, or a push service by an address.
    Device,
    /// An e-mail address.
    Email,
    /// A phone number in E.164 form.
    Phone,
}

impl Channel {
    /// The stable name: enters digests, columns and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// An e-mail address, phone number or device: one typed value, compared exactly.
///
/// Case, Unicode form and sub-addresses are never folded: `A@example.org` is not `a@example.org`.
/// Read it from the account, never from a request. `Debug` prints the channel alone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    channel: Channel,
    address: String,
}

impl Destination {
    /// An e-mail address that can be mailed and seen: `local@domain`, in the form that SMTP carries without quoting.
    ///
    /// The local part has 1 to 64 bytes: ASCII letters and digits, ``!#$%&'*+-/=?^_`{|}~``, single dots between them, and
    /// what is not ASCII. The domain has labels of letters, digits and hyphens; others with the feature `idn` alone,
    /// which [`mailbox`](Self::mailbox) then writes in ASCII. The whole has at most 254 bytes, in that form too.
    ///
    /// # Errors
    /// [`InvalidDestination`], which says what does not belong there: comments, quotes, address literals, blanks,
    /// control characters, a dash in front, `=?`, and what cannot be seen or turns the text ([`is_hidden`](crate::is_hidden)).
    ///
    /// Specification: RFC 5321 sections 4.1.2 and 4.5.3.1, RFC 6531 section 3.3, UTS 46.
    pub fn email(address: impl Into<String>) -> Result<Self, InvalidDestination> {
        let address = address.into();
        mailbox::parts(&address)?;
        Ok(Self {
            channel: Channel::Email,
            address,
        })
    }

    /// A phone number: `+` and 7 to 15 digits (E.164), nothing between them.
    ///
    /// # Errors
    /// [`InvalidDestination::Phone`] for anything else.
    pub fn phone(number: impl Into<String>) -> Result<Self, InvalidDestination> {
        let address = number.into();
        let digits = address.strip_prefix('+').ok_or(InvalidDestination::Phone)?;
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidDestination::Phone);
        }
        Ok(Self {
            channel: Channel::Phone,
            address,
        })
    }

    /// A device, by the application's id of it or by its address at a push service.
    ///
    /// # Errors
    /// [`InvalidDestination::Device`] if the id is empty, longer than 2,048 bytes, or has a control character or one
    /// that cannot be seen.
    pub fn device(id: impl Into<String>) -> Result<Self, InvalidDestination> {
        let address = id.into();
        if !(1..=LONGEST_DEVICE).contains(&address.len()) || !all_seen(&address) {
            return Err(InvalidDestination::Device);
        }
        Ok(Self {
            channel: Channel::Device,
            address,
        })
    }

    /// What kind of destination it is.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The address, number or device id.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Local part and domain of an e-mail address, as a mail server takes them: the domain is ASCII. `None` for
    /// other channels.
    ///
    /// Without a non-ASCII label it is the address as it stands. A label that is not ASCII becomes an A-label, by
    /// which the domain name system knows it. The local part is the receiving server's to read and stays as it is.
    ///
    /// Specification: RFC 5890 section 2.3.2.1, UTS 46 (nontransitional processing).
    #[must_use]
    pub fn mailbox(&self) -> Option<(&str, Cow<'_, str>)> {
        match self.channel {
            Channel::Email => mailbox::parts(&self.address).ok(),
            Channel::Device | Channel::Phone => None,
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({}, ..)", self.channel.as_str())
    }
}

/// Why a text is no [`Destination`]. It does not repeat the text.
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
