//! What a server answers, and what that means for the message.

use std::io;

use crate::DeliveryError;

/// The reply code of an SMTP server that refused: a [source](core::error::Error::source) of
/// [`DeliveryError`].
///
/// The words that came with it are thrown away: servers repeat addresses there, and filters repeat
/// what they filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {code}")]
pub struct SmtpReply {
    code: u16,
}

impl SmtpReply {
    /// The three digits (RFC 5321 section 4.2).
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }
}

/// A whole reply. It has no `Debug` text: servers repeat what they were sent.
#[derive(Default)]
pub(super) struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// Reads one line without its LF, and whether it is the last one: three digits, then a blank, a hyphen or
    /// nothing. The text behind may be anything.
    pub(super) fn line(line: &[u8]) -> Option<(Self, bool)> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3)?;
        let code: u16 = core::str::from_utf8(digits).ok()?.parse().ok()?;
        // `parse` takes a sign too.
        if !(200..600).contains(&code) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let (text, last) = match rest.split_first() {
            None => (rest, true),
            Some((b' ', text)) => (text, true),
            Some((b'-', text)) => (text, false),
            Some(_) => return None,
        };
        let lines = vec![String::from_utf8_lossy(text).into_owned()];
        Some((Self { code, lines }, last))
    }

    /// Appends a line. False for one with another code than the lines before (RFC 5321 section 4.2.1).
    pub(super) fn append(&mut self, line: Self) -> bool {
        let first = self.lines.is_empty();
        self.lines.extend(line.lines);
        let before = core::mem::replace(&mut self.code, line.code);
        first || before == self.code
    }

    /// The first digit: 2 done, 3 go on, 4 not now, 5 never.
    pub(super) const fn class(&self) -> u16 {
        self.code / 100
    }

    pub(super) const fn code(&self) -> u16 {
        self.code
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// What a caller is told of this reply, where another one was needed.
    pub(super) fn error(&self, phase: Phase) -> DeliveryError {
        let reply = SmtpReply { code: self.code };
        match (phase, self.class()) {
            (Phase::Authenticate, 5) => misconfigured("the server refused the credentials", reply),
            // RFC 4954 section 6: 530 asks for authentication, whatever the command was.
            (Phase::Send, 5) if self.code == 530 => {
                misconfigured("the server asks for credentials", reply)
            }
            (Phase::Send, 5) => DeliveryError::Refused(reply.into()),
            (_, 4 | 5) => DeliveryError::Unavailable(reply.into()),
            // Agreement to something that was not asked.
            _ => Broken::Unreadable.into(),
        }
    }
}

/// Where in the conversation a reply came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Greeting, TLS.
    Connect,
    /// Signing in.
    Authenticate,
    /// Handing the message over.
    Send,
}

/// A connection that is of no more use.
#[derive(Debug)]
pub(super) enum Broken {
    /// Connection, network, TLS: the operating system's and rustls' words.
    Io(io::Error),
    /// What came is no reply, or not in its place.
    Unreadable,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Broken> for DeliveryError {
    fn from(broken: Broken) -> Self {
        Self::Unavailable(match broken {
            Broken::Io(error) => error.into(),
            Broken::Unreadable => Fault::Unreadable.into(),
        })
    }
}

/// The text of an error that came without words of the server's.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the operating system gave no random bytes")]
    Random,
    #[error("no answer in time")]
    Timeout,
    #[error("the server's answer cannot be read")]
    Unreadable,
}

pub(super) fn misconfigured(
    which: &'static str,
    reply: impl Into<Option<SmtpReply>>,
) -> DeliveryError {
    DeliveryError::Misconfigured {
        which,
        source: reply.into().map(Into::into),
    }
}
