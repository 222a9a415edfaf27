//! Sessions: a bearer token of ours, and a sealed document beside it.

use core::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};
use twofa_providers::{
    TwoFactorError,
    token_store::{
        Claimed, Revoke, TokensError,
        ott_core::{
            Binding, IssueOptions, Policy, Reason, RecordId, State, Stored, Subject,
            chrono::TimeDelta,
        },
    },
};
use zeroize::Zeroizing;

use crate::{Engine, Fault};

/// Sessions under a policy of bearer tokens, each with a document.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<T> {
    policy: Policy,
    kept: PhantomData<fn() -> T>,
}

/// A live session.
pub struct Session<T> {
    /// What the client sends: a secret.
    pub text: Zeroizing<String>,
    /// Its public name.
    pub record: RecordId,
    /// What is kept of it, as it was when the request came.
    pub kept: T,
}

const KIND: &str = "session";

impl<T: Default + Serialize + DeserializeOwned> Sessions<T> {
    /// Under a policy that the tokens were built with.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            kept: PhantomData,
        }
    }

    /// The first of these texts that is a live session of this subject and kind of login, moved on, or else a new one.
    /// One of another subject or another kind of login is deleted.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage.
    pub async fn enter(
        &self,
        engine: &Engine,
        subject: &Subject,
        login: &str,
        texts: impl IntoIterator<Item = &str>,
    ) -> Result<Session<T>, TwoFactorError> {
        let login = [("login", login)];
        let binding = Binding::subject(subject).operation(&login);
        for text in texts {
            if let Some(session) = self.find(engine, &binding, text).await? {
                return Ok(session);
            }
        }
        let options = IssueOptions::default();
        let mut issued = engine
            .tokens
            .issue_opts(&self.policy, &binding, options)
            .await?;
        let issued = issued.pop();
        let issued = issued.ok_or(TwoFactorError::Misuse("a batch of one has one"))?;
        let (record, kept) = (*issued.record.id(), T::default());
        let documents = &engine.documents;
        documents.add(KIND, &record.to_string(), &kept).await?;
        Ok(Session {
            text: Zeroizing::new(issued.token.expose_secret().into()),
            record,
            kept,
        })
    }

    async fn find(
        &self,
        engine: &Engine,
        binding: &Binding<'_>,
        text: &str,
    ) -> Result<Option<Session<T>>, TwoFactorError> {
        let (tokens, mut named) = (&engine.tokens, None);
        let load = |claimed: Claimed| {
            named = Some(*claimed.id());
            let own = binding.into_owned();
            async move { Ok(Some(own)) }
        };
        let found = tokens.authenticate(&self.policy, "", text, load).await;
        let record = match (found, named) {
            (Ok(record), _) => *record.id(),
            (Err(TokensError::Rejected(rejected)), Some(id))
                if rejected.reason() == Reason::Binding =>
            {
                self.end(engine, &id).await?;
                return Ok(None);
            }
            (Err(TokensError::Rejected(_)), _) => return Ok(None),
            (Err(error), _) => return Err(error.into()),
        };
        // The token itself notes a use once a minute; a lifetime that counts from each use needs each.
        tokens.store().touch(&record, tokens.now()).await?;
        let kept = engine.documents.get(KIND, &record.to_string()).await?;
        Ok(kept.map(|kept| Session {
            text: Zeroizing::new(text.into()),
            record,
            kept: kept.value,
        }))
    }

    /// Changes what is kept, as [`Documents::change`](crate::Documents::change); `None` where the session ended.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage.
    pub async fn change<R>(
        &self,
        engine: &Engine,
        record: &RecordId,
        change: impl FnMut(&mut T) -> Result<R, R>,
    ) -> Result<Option<R>, TwoFactorError> {
        let id = record.to_string();
        Ok(engine.documents.change(KIND, &id, change).await?)
    }

    /// Ends one; says whether it did: of two at once, one does.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage.
    pub async fn end(&self, engine: &Engine, record: &RecordId) -> Result<bool, TwoFactorError> {
        engine.tokens.revoke(&Revoke::Record(*record)).await?;
        Ok(engine.documents.remove(KIND, &record.to_string()).await?)
    }

    /// Removes what was kept of sessions that ended, once it did not change for so long.
    ///
    /// # Errors
    /// An outage.
    pub async fn tidy(&self, engine: &Engine, unchanged: TimeDelta) -> Result<(), Fault> {
        let now = engine.now();
        let before = now.checked_sub_signed(unchanged).unwrap_or(now);
        for id in engine.documents.unchanged_since(KIND, before).await? {
            let record = engine.tokens.store().find(&RecordId::parse(&id)?).await?;
            let lives = |stored: Stored| stored.is_live(now) && stored.state == State::Ready;
            if !record.is_some_and(lives) {
                engine.documents.remove(KIND, &id).await?;
            }
        }
        Ok(())
    }
}

impl<T> core::fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
