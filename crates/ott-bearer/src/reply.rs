//! What a client is answered over HTTP.

use core::fmt;

use token_store::Answer;

use crate::Refused;

/// What a client is answered: a status, at most one header, and no body that says why. An adapter makes the response of its
/// framework of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    header: Option<(&'static str, String)>,
}

impl Reply {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The name of the header, in lower case, and its value: visible ASCII and blanks.
    #[must_use]
    pub fn header(&self) -> Option<(&'static str, &str)> {
        let (name, value) = self.header.as_ref()?;
        Some((name, value))
    }
}

/// With `Retry-After` where time helps.
impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let later = answer.retry_after();
        Self {
            status: answer.status(),
            header: later.map(|later| ("retry-after", later)),
        }
    }
}

/// With its challenge, where it has one.
impl From<&Refused> for Reply {
    fn from(refused: &Refused) -> Self {
        let challenge = refused.challenge().map(String::from);
        Self {
            status: refused.status(),
            header: challenge.map(|challenge| ("www-authenticate", challenge)),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered with {}", self.status)
    }
}
