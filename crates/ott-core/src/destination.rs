//! Where a token is sent.

use alloc::string::String;
use core::fmt;

use crate::subject::{InvalidName, check_name, is_hidden};

/// The kind of a [`Destination`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Channel {
    /// A device that the application knows by an id.
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
    /// An e-mail address: one `@` with text on both sides, at most 254 bytes (RFC 5321 section
    /// 4.5.3.1), no spaces, control characters, commas, quotes or angle brackets, and no `=?`, with
    /// which a mail program may decode it to another address (RFC 2047).
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn email(address: impl Into<String>) -> Result<Self, InvalidName> {
        let address = address.into();
        let (local, domain) = address.split_once('@').ok_or(InvalidName)?;
        let strange = |c: char| {
            c.is_whitespace()
                || c.is_control()
                || is_hidden(c)
                || matches!(c, '@' | ',' | ';' | '"' | '<' | '>')
        };
        if local.is_empty() || domain.is_empty() || address.len() > 254 || address.contains("=?") {
            return Err(InvalidName);
        }
        if local.contains(strange) || domain.contains(strange) {
            return Err(InvalidName);
        }
        Ok(Self {
            channel: Channel::Email,
            address,
        })
    }

    /// A phone number: `+` and 7 to 15 digits (E.164), nothing between them.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn phone(number: impl Into<String>) -> Result<Self, InvalidName> {
        let address = number.into();
        let digits = address.strip_prefix('+').ok_or(InvalidName)?;
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidName);
        }
        Ok(Self {
            channel: Channel::Phone,
            address,
        })
    }

    /// A device, by the application's id of it.
    ///
    /// # Errors
    /// [`InvalidName`] if the id is empty, longer than 255 bytes or has a control character.
    pub fn device(id: impl Into<String>) -> Result<Self, InvalidName> {
        let address = id.into();
        check_name(&address)?;
        if address.is_empty() {
            return Err(InvalidName);
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
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({}, ..)", self.channel.as_str())
    }
}
