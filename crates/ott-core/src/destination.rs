//! Where a token is sent.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use crate::{InvalidDestination, mailbox, subject::all_seen};

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
