//! What the flows ask the application about an account.

use async_trait::async_trait;
use token_delivery::Phrase;
use token_store::ott_core::{
    Destination, Subject,
    chrono::{DateTime, Utc},
};

use crate::BoxError;

/// The application's accounts, as they are now. Asked at begin, when a token is sent, at each step and before the effect.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account, if it may act: `None` where it does not exist, is locked, or was deleted.
    ///
    /// # Errors
    /// Nothing is known: the step ends in an outage.
    async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, BoxError>;
}

/// An account that may act.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Raised with each change of password, address or factor: what was begun before dies.
    pub epoch: u64,
    /// The addresses that were verified: a token goes to one of these, or expressly to a new one.
    pub verified: Vec<Destination>,
    /// What stands in each message to one of these.
    pub phrase: Option<Phrase>,
    /// When it was last recovered.
    pub recovered_at: Option<DateTime<Utc>>,
    /// When what signs in was last changed.
    pub changed_at: Option<DateTime<Utc>>,
}

/// Whose flow it is.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// An account.
    Account(&'a Subject),
    /// Somebody who has none yet, under a name that nobody has: a registration.
    New(&'a Subject),
    /// Nobody: an unknown address was typed. The flow is a decoy.
    Nobody {
        /// The tenant in which there is none.
        tenant: &'a str,
        /// What was typed: two flows for one address look like two of one account.
        typed: &'a Destination,
    },
}

/// Where a token goes.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// To an address that the account verified before. One that [`Standing::verified`] lacks gets nothing.
    Verified(&'a Destination),
    /// To a new address, which the token proves. The account's anti-phishing code is not in the message.
    New(&'a Destination),
    /// Nowhere: the account lacks an address of the kind that was asked for, or there is no account. The same is done,
    /// and nothing leaves.
    Nowhere,
}
