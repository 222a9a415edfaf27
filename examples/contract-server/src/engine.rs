//! What a server holds while it runs.

use core::fmt;
use std::sync::Arc;

use twofa_providers::{
    TwoFactorError,
    token_delivery::{Delivery, Message, Notice},
    token_store::{
        FactorStore, Tokens,
        ott_core::{
            Destination, Purpose,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{DocumentError, Documents, FileClock, GivenTexts, Outbox, Passwords, Store, warn};

/// What a server holds while it runs.
pub struct Engine {
    /// The clock. Start it once the accounts are made.
    pub clock: Arc<FileClock>,
    /// Tokens over the database.
    pub tokens: Arc<Tokens>,
    /// The same, for what is redeemed and applied in one transaction.
    pub opening: Arc<Tokens<Store>>,
    /// Where factors are kept.
    pub factors: Arc<dyn FactorStore>,
    /// Sealed documents of the server.
    pub documents: Documents,
    /// Texts that exist already.
    pub given: GivenTexts,
    /// Passwords of the accounts.
    pub passwords: Passwords,
    /// How mail leaves.
    pub delivery: Arc<dyn Delivery>,
    /// The development outbox, where messages stay in it.
    pub outbox: Option<Outbox>,
}

const FIRST: (&str, &str) = ("server", "made");

impl Engine {
    /// The present time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.tokens.now()
    }

    /// Whether the accounts were made by an earlier start.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn were_made(&self) -> Result<bool, DocumentError> {
        let (kind, id) = FIRST;
        Ok(self.documents.get::<bool>(kind, id).await?.is_some())
    }

    /// The accounts are made from now on.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn are_made(&self) -> Result<bool, DocumentError> {
        let (kind, id) = FIRST;
        self.documents.add(kind, id, &true).await
    }

    /// Tells the owner of an account. What happened stands, whether or not the message arrives.
    pub async fn tell(
        &self,
        purpose: &Purpose,
        user: &str,
        email: Option<&str>,
        what: &'static str,
    ) {
        let email = email.and_then(|email| Destination::email(email).ok());
        let told = match (email, &self.outbox) {
            (Some(email), _) => {
                let notice = Notice {
                    what: what.into(),
                    at: self.now(),
                    from: None,
                };
                let message = Message::notice(purpose, &email, &notice, None);
                self.delivery.deliver(&message).await
            }
            (None, Some(outbox)) => outbox.notice(user, purpose.as_str(), what),
            (None, None) => Ok(()),
        };
        if told.is_err() {
            warn("a notice was not delivered");
        }
    }

    /// Removes tokens and limits that are dead for so long.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn purge(&self, dead: TimeDelta) -> Result<(), TwoFactorError> {
        let now = self.now();
        let before = now.checked_sub_signed(dead).unwrap_or(now);
        while self.tokens.purge(before, 500).await? == 500 {}
        Ok(())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
