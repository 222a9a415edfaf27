//! What was begun and may not have ended. A crash or an outage can leave it anywhere: what no account came to have is taken back.
//!
//! It is written down before anything else is, and crossed out once an account has it, or nobody will. What stands there
//! for an hour belongs to no request that still runs.

use contract_server::{DocumentError, Fault};
use ott_bearer::token_store::ott_core::chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    claims::Claim,
    user::{REGISTERED, USER, User},
};

const BEGUN: &str = "begun";

/// What was begun, in a document by its own id.
#[derive(Deserialize, Serialize)]
pub(crate) enum Begun {
    /// A set of factors, which this account has or has not.
    Factors { user: String },
    /// An account whose invitation has left or has not.
    Registration,
}

impl App {
    /// Before the first step.
    pub(crate) async fn begin(&self, id: &str, what: &Begun) -> Result<(), DocumentError> {
        self.engine.documents.put(BEGUN, id, what).await
    }

    /// After the last one.
    pub(crate) async fn end(&self, id: &str) -> Result<(), DocumentError> {
        self.engine.documents.remove(BEGUN, id).await?;
        Ok(())
    }

    /// Ends what was interrupted.
    pub(crate) async fn end_interrupted(&self) -> Result<(), Fault> {
        let (documents, now) = (&self.engine.documents, self.now());
        let before = now.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(now);
        let mut after = String::new();
        loop {
            let found = documents.unchanged_after(BEGUN, before, &after).await?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            after.clone_from(last);
            for id in &found {
                let Some(begun) = documents.get::<Begun>(BEGUN, id).await? else {
                    continue;
                };
                match &begun.value {
                    Begun::Factors { user } => self.remove_unless_named(user, id).await?,
                    Begun::Registration => self.unregister(id).await?,
                }
                // Only where it is as it was read: the set of an account may be on its way out by now.
                documents.remove_read(BEGUN, id, &begun).await?;
            }
        }
    }

    async fn remove_unless_named(&self, user: &str, set: &str) -> Result<(), Fault> {
        let named = self
            .user(user)
            .await?
            .is_some_and(|user| user.factors.id == set);
        match named {
            true => Ok(()),
            false => self.remove_factors(set).await,
        }
    }

    /// Takes an account back whose owner did not answer the invitation. Somebody who answers it meanwhile keeps it.
    pub(crate) async fn unregister(&self, id: &str) -> Result<(), DocumentError> {
        let documents = &self.engine.documents;
        let Some(found) = documents.get::<User>(USER, id).await? else {
            return Ok(());
        };
        let user = &found.value;
        if user.status != REGISTERED || !documents.remove_read(USER, id, &found).await? {
            return Ok(());
        }
        self.unclaim(&Claim::Name(&user.name), id).await?;
        match &user.alt_email {
            Some(email) => self.unclaim(&Claim::Email(email), id).await,
            None => Ok(()),
        }
    }
}
