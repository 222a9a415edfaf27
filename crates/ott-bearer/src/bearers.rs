//! Issuing and authenticating.

use core::{fmt, marker::PhantomData};
use std::sync::Arc;

use token_store::{
    Claimed, Revoke, Tokens, TokensError,
    ott_core::{
        Lookup, OwnedBinding, Policy, Reason, Record, RecordId, Rejected, State, Subject, Usage,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    Bearer, Caching, Facts, Introspection, Issued, Kind, New, NewError, NoScope, OwnerAlone, Scope,
    Standing, cache::Cache, details::Details, scope::names_are_sound,
};

/// Tokens of one [`Kind`], with the scopes of the application. Clones share the cache.
pub struct Bearers<S = NoScope> {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) kind: Kind,
    pub(crate) standing: Arc<dyn Standing>,
    pub(crate) cache: Option<Arc<Cache<S>>>,
    /// What the cache keeps for this [`Standing`], and for no other one.
    lane: u64,
    scopes: PhantomData<fn() -> S>,
}

impl<S: Scope> Bearers<S> {
    /// Tokens of this kind, bound to their owner alone.
    ///
    /// # Errors
    /// [`TokensError::Misuse`] where `tokens` were not built with all of [`Kind::policies`], where the policy is not
    /// one of bearer tokens that are found by themselves, or where two scopes have one name or a name cannot be one.
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
        if !names_are_sound::<S>() {
            return Err(TokensError::Misuse(
                "each scope has a name of its own, of visible ASCII",
            ));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            kind,
            standing: Arc::new(OwnerAlone),
            cache: None,
            lane: 0,
            scopes: PhantomData,
        })
    }

    /// Bound to what this says of an account. What was cached under another one is not taken for this one.
    #[must_use]
    pub fn standing(self, standing: Arc<dyn Standing>) -> Self {
        let lane = self.cache.as_ref().map_or(0, |cache| cache.lane());
        Self {
            standing,
            lane,
            ..self
        }
    }

    /// With a cache of authenticated tokens: see [`Caching`]. Clones that are made from here on share the cache; one that
    /// was made before is as another process.
    ///
    /// # Errors
    /// [`TokensError::Misuse`] for a staleness that is not above zero, or above a quarter of the idle time.
    pub fn caching(self, caching: Caching) -> Result<Self, TokensError> {
        let cache = Cache::new(caching, self.kind.policy())?;
        Ok(Self {
            cache: Some(Arc::new(cache)),
            lane: 0,
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
    /// Where the owner has as many as [`Kind::at_most`] lets them, of several calls at once all may be refused, and no more
    /// live than that.
    ///
    /// # Errors
    /// [`NewError`]; nothing was issued, or after an outage perhaps a token whose text nobody has.
    pub async fn issue(&self, new: &New<'_, S>) -> Result<Issued<S>, NewError> {
        let earning = self.earning(new).await?;
        let issued = earning.issue().await?;
        // Others may have issued since the first look: whoever finds too many takes theirs back.
        if self.exceeds(new.subject, 0).await? {
            let own = Revoke::Record(*issued.facts.id());
            self.tokens.revoke(&own).await?;
            return Err(NewError::TooMany);
        }
        Ok(issued)
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
    /// [`noting_networks`](Kind::noting_networks) keeps. One that cannot be a name, as one of a header that a proxy passed
    /// on, is not kept, and refuses nobody: 1 to 64 characters that are seen.
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
        let key = cache.key(self.lane, tenant, text);
        // The staleness counts from before the store reads, however long the answer takes.
        let asked_at = self.now();
        let began = match cache.find(&key, asked_at) {
            Ok(bearer) => return Ok(bearer),
            Err(began) => began,
        };
        let bearer = self.prove(tenant, text, network).await?;
        cache.keep(key, began, &bearer, asked_at);
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
}

pub(crate) const fn refused(reason: Reason) -> TokensError {
    TokensError::Rejected(Rejected::new(reason))
}

impl<S> Clone for Bearers<S> {
    fn clone(&self) -> Self {
        Self {
            tokens: Arc::clone(&self.tokens),
            kind: self.kind,
            standing: Arc::clone(&self.standing),
            cache: self.cache.clone(),
            lane: self.lane,
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
