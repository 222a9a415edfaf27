//! Issuing and authenticating.

use core::{fmt, marker::PhantomData};
use std::sync::Arc;

use token_store::{
    Answer, Claimed, Tokens, TokensError,
    ott_core::{
        InvalidName, Lookup, OwnedBinding, Policy, Reason, Record, RecordId, Rejected, State,
        Subject, Token, Usage,
        chrono::{DateTime, Utc},
        is_hidden,
    },
};

use crate::{
    Bearer, Caching, Facts, Introspection, Kind, NoScope, OwnerAlone, Proved, Scope, Scopes,
    Standing, cache::Cache, details::Details,
};

/// The longest name that an owner gives a token, in characters.
const LONGEST_NAME: usize = 64;

/// Tokens of one [`Kind`], with the scopes of the application. Clones share the cache.
pub struct Bearers<S = NoScope> {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) kind: Kind,
    pub(crate) standing: Arc<dyn Standing>,
    cache: Option<Arc<Cache<S>>>,
    scopes: PhantomData<fn() -> S>,
}

/// A token that is to be issued.
#[derive(Clone, Debug)]
pub struct New<'a, S = NoScope> {
    pub(crate) subject: &'a Subject,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) details: Details<S>,
}

/// A token that was issued just now.
#[derive(Debug)]
pub struct Issued<S = NoScope> {
    /// Its text: show it once.
    pub token: Token,
    /// What is known of it.
    pub facts: Facts<S>,
}

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// An end that has passed, or that is later than the kind allows.
    #[error("a token ends in the future, and within the lifetime of its kind")]
    End,
    /// A name that cannot be one.
    #[error("a name has 1 to 64 characters that are seen")]
    Name(#[from] InvalidName),
    /// Refused, an outage or a misuse. That the account may have no tokens is [`Reason::Binding`].
    #[error(transparent)]
    Tokens(#[from] TokensError),
}

/// An end and a name that cannot be one are a conflict, as names of factors are.
impl From<NewError> for Answer {
    fn from(error: NewError) -> Self {
        match error {
            NewError::End | NewError::Name(_) => Self::Conflict,
            NewError::Tokens(error) => error.answer(),
        }
    }
}

impl<'a, S: Scope> New<'a, S> {
    /// A token of this subject, without a name and without scopes, which ends as its kind says.
    #[must_use]
    pub const fn of(subject: &'a Subject) -> Self {
        let details = Details {
            name: None,
            scopes: Scopes::none(),
            proved: None,
            network: None,
            other: None,
        };
        Self {
            subject,
            expires_at: None,
            details,
        }
    }

    /// What its owner calls it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.details.name = Some(name.into());
        self
    }

    /// It may do this too.
    #[must_use]
    pub fn scope(mut self, scope: S) -> Self {
        self.details.scopes = self.details.scopes.iter().chain([scope]).collect();
        self
    }

    /// It may do these, and nothing else.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes<S>) -> Self {
        self.details.scopes = scopes;
        self
    }

    /// It ends then, earlier than its kind says.
    #[must_use]
    pub fn expires_at(self, time: DateTime<Utc>) -> Self {
        Self {
            expires_at: Some(time),
            ..self
        }
    }

    /// So its owner proved who they are.
    #[must_use]
    pub fn proved(mut self, proved: Proved) -> Self {
        self.details.proved = Some(proved);
        self
    }

    /// It is made from this class of networks, as the application names them: a country, a provider, an office.
    #[must_use]
    pub fn made_from(mut self, network: &str) -> Self {
        self.details.network = Some(network.into());
        self
    }
}

impl<S: Scope> Bearers<S> {
    /// Tokens of this kind, bound to their owner alone.
    ///
    /// # Errors
    /// [`TokensError::Misuse`] where `tokens` were not built with all of [`Kind::policies`], or where the policy is not
    /// one of bearer tokens that are found by themselves.
    pub fn new(tokens: &Arc<Tokens>, kind: Kind) -> Result<Self, TokensError> {
        let policy = kind.policy();
        if policy.usage() != Usage::Bearer || policy.token_lookup() != Lookup::ByItself {
            return Err(TokensError::Misuse("a bearer token is found by itself"));
        }
        if !kind
            .policies()
            .all(|policy| tokens.policies().contains(policy))
        {
            return Err(TokensError::Misuse(
                "the policies of the kind were not given to the builder",
            ));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            kind,
            standing: Arc::new(OwnerAlone),
            cache: None,
            scopes: PhantomData,
        })
    }

    /// Bound to what this says of an account.
    #[must_use]
    pub fn standing(self, standing: Arc<dyn Standing>) -> Self {
        Self { standing, ..self }
    }

    /// With a cache of authenticated tokens: see [`Caching`].
    ///
    /// # Errors
    /// [`TokensError::Misuse`] for a staleness that is not above zero, or above a quarter of the idle time.
    pub fn caching(self, caching: Caching) -> Result<Self, TokensError> {
        let cache = Cache::new(caching, self.kind.policy())?;
        Ok(Self {
            cache: Some(Arc::new(cache)),
            ..self
        })
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The present time, as the tokens see it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.tokens.now()
    }

    /// Issues a token.
    ///
    /// # Errors
    /// [`NewError`]; nothing was issued.
    pub async fn issue(&self, new: &New<'_, S>) -> Result<Issued<S>, NewError> {
        self.earning(new).await?.issue().await
    }

    /// Proves a token, and says what it is.
    ///
    /// # Errors
    /// [`TokensError::Rejected`] for an unknown, expired or revoked one, and for one whose account stands otherwise than
    /// when it was issued; else an outage.
    pub async fn authenticate(&self, tenant: &str, text: &str) -> Result<Bearer<S>, TokensError> {
        self.authenticate_from(tenant, text, None).await
    }

    /// The same for a request from this class of networks, which a kind with
    /// [`noting_networks`](Kind::noting_networks) keeps.
    ///
    /// # Errors
    /// As [`Bearers::authenticate`].
    pub async fn authenticate_from(
        &self,
        tenant: &str,
        text: &str,
        network: Option<&str>,
    ) -> Result<Bearer<S>, TokensError> {
        let Some(cache) = &self.cache else {
            return self.prove(tenant, text, network).await;
        };
        let key = cache.key(tenant, text);
        let began = match cache.find(&key, self.now()) {
            Ok(bearer) => return Ok(bearer),
            Err(began) => began,
        };
        let bearer = self.prove(tenant, text, network).await?;
        cache.keep(key, began, &bearer, self.now());
        Ok(bearer)
    }

    async fn prove(
        &self,
        tenant: &str,
        text: &str,
        network: Option<&str>,
    ) -> Result<Bearer<S>, TokensError> {
        let proved = self.prove_as(self.kind.policy(), tenant, text).await;
        let (record, rotated) = match (proved, &self.kind.rotated) {
            (Ok((record, _)), _) => (record, false),
            // Rotated, perhaps, and its record perhaps purged: then it lives on for the overlap, under the other purpose.
            (Err(error), Some((old, _)))
                if matches!(error.reason(), Some(Reason::Revoked | Reason::Unknown)) =>
            {
                match self.prove_rotated(old, tenant, text).await {
                    Ok(record) => (record, true),
                    Err(TokensError::Rejected(_)) => return Err(error),
                    Err(outage) => return Err(outage),
                }
            }
            (Err(error), _) => return Err(error),
        };
        let facts = self.facts(&record, rotated)?;
        self.note_network(&facts, record.stored().idle_micros, network)
            .await?;
        Ok(Bearer(facts))
    }

    /// The record that this token proves under this policy, and the binding with which it did.
    pub(crate) async fn prove_as(
        &self,
        policy: &Policy,
        tenant: &str,
        text: &str,
    ) -> Result<(Record, OwnedBinding), TokensError> {
        let mut stated = None;
        let load = async |claimed: Claimed| {
            if let Some(owner) = claimed.owner() {
                stated = self.standing.binding(&owner).await?;
            }
            Ok(stated.clone())
        };
        let record = self.tokens.authenticate(policy, tenant, text, load).await?;
        let binding = stated.ok_or(refused(Reason::Binding))?;
        Ok((record, binding))
    }

    /// The record of an older token, which lives on only beside the newer one.
    async fn prove_rotated(
        &self,
        old: &Policy,
        tenant: &str,
        text: &str,
    ) -> Result<Record, TokensError> {
        let load = async |claimed: Claimed| {
            let newer = Details::<S>::decode(claimed.data())?.other;
            match (claimed.owner(), newer) {
                (Some(owner), Some(newer)) if self.lives(self.kind.policy(), &newer).await? => {
                    self.standing.binding(&owner).await
                }
                _ => Ok(None),
            }
        };
        self.tokens.authenticate(old, tenant, text, load).await
    }

    /// Whether there is such a token now, whatever its account says.
    pub(crate) async fn lives(&self, policy: &Policy, id: &RecordId) -> Result<bool, TokensError> {
        match self.tokens.find(policy, id).await {
            Ok(Some(found)) => {
                let stored = found.stored();
                Ok(stored.state == State::Ready && stored.is_live(self.now()))
            }
            Ok(None) | Err(TokensError::Rejected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn bound(
        &self,
        subject: &Subject,
    ) -> Result<Option<OwnedBinding>, TokensError> {
        let binding = self.standing.binding(subject).await;
        binding.map_err(TokensError::Account)
    }

    pub(crate) fn facts(&self, record: &Record, rotated: bool) -> Result<Facts<S>, TokensError> {
        Ok(Facts::read(record.stored(), rotated)?)
    }

    /// What an authorization server tells of a token (RFC 7662): the text of a refused one tells nothing else.
    ///
    /// # Errors
    /// An outage.
    pub async fn introspect(&self, tenant: &str, text: &str) -> Result<Introspection, TokensError> {
        match self.authenticate(tenant, text).await {
            Ok(bearer) => Ok(Introspection::of(&bearer)),
            Err(TokensError::Rejected(_)) => Ok(Introspection::inactive()),
            Err(error) => Err(error),
        }
    }

    /// Forgets what was cached of these.
    pub(crate) fn forget(&self, which: impl Fn(&Facts<S>) -> bool) {
        if let Some(cache) = &self.cache {
            cache.forget(which);
        }
    }
}

pub(crate) const fn refused(reason: Reason) -> TokensError {
    TokensError::Rejected(Rejected::new(reason))
}

pub(crate) fn check_text(name: &str) -> Result<(), InvalidName> {
    let length = name.chars().count();
    let unseen = |c: char| c.is_control() || is_hidden(c);
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(unseen) || name.trim().is_empty() {
        return Err(InvalidName);
    }
    Ok(())
}

impl<S> Clone for Bearers<S> {
    fn clone(&self) -> Self {
        Self {
            tokens: Arc::clone(&self.tokens),
            kind: self.kind,
            standing: Arc::clone(&self.standing),
            cache: self.cache.clone(),
            scopes: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Bearers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearers")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
