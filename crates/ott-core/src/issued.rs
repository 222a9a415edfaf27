//! What is asked of an issuer, and what it hands out.

use core::fmt;

use chrono::{DateTime, Utc};

use crate::{Handle, Record, Token};

/// What the issuer hands out for a new token.
#[derive(Debug)]
pub struct Issued {
    /// The secret text, for the message to the person.
    pub token: Token,
    /// The flow's secret name of the record, for the cookie or session.
    pub handle: Handle,
    /// The record, for the store.
    pub record: Record,
}

/// What the issuer hands out for something that is parked.
#[derive(Debug)]
pub struct Parked {
    /// The flow's secret name of it, for the cookie or session. Whoever holds it takes it up.
    pub handle: Handle,
    /// The record, for the store.
    pub record: Record,
}

/// How tokens are issued, where it is not as the policy says.
#[derive(Clone, Copy)]
pub struct IssueOptions<'a> {
    /// The application's own data: kept in clear, covered by the tag, at most 4,096 bytes.
    pub data: &'a [u8],
    /// The flow's earlier handle, when its token is sent again.
    pub resend: Option<&'a Handle>,
    /// How many, in one step, as a set of recovery codes; 1 by default.
    pub count: usize,
    /// An earlier end than the policy's.
    pub expires_at: Option<DateTime<Utc>>,
    /// Under this handle, which was drawn before: a [`sibling`](Handle::sibling) of the flow's. It supersedes as a
    /// resend does.
    pub under: Option<&'a Handle>,
    /// A bearer token is in use from now on: whoever gets it waits for it. [`Stored::used_at`](crate::Stored::used_at) is then when it
    /// was issued, so that no first use is left to note. By default it was never used. Other tokens are used once they are redeemed, and
    /// this changes nothing of them.
    pub used: bool,
}

impl Default for IssueOptions<'_> {
    fn default() -> Self {
        Self {
            data: &[],
            resend: None,
            count: 1,
            expires_at: None,
            under: None,
            used: false,
        }
    }
}

impl fmt::Debug for IssueOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueOptions")
            .field("resend", &self.resend)
            .field("count", &self.count)
            .field("expires_at", &self.expires_at)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}
