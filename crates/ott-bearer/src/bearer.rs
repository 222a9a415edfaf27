//! What an authenticated token says.

use core::{marker::PhantomData, ops::Deref};

use token_store::{
    Answer, StoreError,
    ott_core::{
        RecordId, Stored, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use crate::{NoScope, Proved, Scope, Scopes, StepUpNeeded, details::Details};

/// What is known of a token, for a page that lists them. It proves nothing.
#[derive(Clone, Debug)]
pub struct Facts<S = NoScope> {
    id: RecordId,
    subject: Subject,
    pub(crate) details: Details<S>,
    issued_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    idle: Option<TimeDelta>,
    used_at: Option<DateTime<Utc>>,
    pub(crate) used_from: Option<String>,
    rotated: bool,
}

impl<S: Scope> Facts<S> {
    pub(crate) fn read(stored: &Stored, rotated: bool) -> Result<Self, StoreError> {
        let owner = stored.owner();
        Ok(Self {
            id: stored.id,
            subject: owner.ok_or(StoreError::Corrupt("a bearer token of nobody"))?,
            details: Details::decode(&stored.data)?,
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            idle: stored.idle_micros.map(TimeDelta::microseconds),
            used_at: stored.used_at,
            used_from: None,
            rotated,
        })
    }

    /// Its public name, which revokes it and proves nothing.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What its owner calls it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.details.name.as_deref()
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes<S> {
        &self.details.scopes
    }

    /// When it was made.
    #[must_use]
    pub const fn issued_at(&self) -> DateTime<Utc> {
        self.issued_at
    }

    /// From when on it is dead; `None` until revoked.
    #[must_use]
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// From when on it is dead if it is not used until then.
    #[must_use]
    pub fn idles_at(&self) -> Option<DateTime<Utc>> {
        let used = self.used_at.unwrap_or(self.issued_at);
        self.idle.and_then(|idle| used.checked_add_signed(idle))
    }

    /// When it was last used, as far as that was written down. One that a redeem [earned](crate::Bearers::earning) was used when it was
    /// made.
    #[must_use]
    pub const fn used_at(&self) -> Option<DateTime<Utc>> {
        self.used_at
    }

    /// From which network class it was last used, where the kind notes that, in a list: at first the one from which a redeem earned it.
    #[must_use]
    pub fn used_from(&self) -> Option<&str> {
        self.used_from.as_deref()
    }

    /// When and how its owner proved who they are when it was made.
    #[must_use]
    pub const fn proved(&self) -> Option<&Proved> {
        self.details.proved.as_ref()
    }

    /// Whether what was written down last of its use is that it was made.
    pub(crate) fn is_in_use_since_made(&self) -> bool {
        self.used_at == Some(self.issued_at)
    }

    /// From which network class it was made.
    #[must_use]
    pub fn made_from(&self) -> Option<&str> {
        self.details.network.as_deref()
    }

    /// Whether it was rotated: a newer one took its place, and it lives for the overlap, beside the newer one.
    #[must_use]
    pub const fn is_rotated(&self) -> bool {
        self.rotated
    }

    /// Whether it ends when this one ends: it is this one, or the older one that lives on beside it.
    pub(crate) fn ends_with(&self, id: &RecordId) -> bool {
        self.id == *id || (self.rotated && self.details.other == Some(*id))
    }

    /// Whether it expires, or idles out, before `time`.
    #[must_use]
    pub fn ends_before(&self, time: DateTime<Utc>) -> bool {
        let ends = [self.expires_at, self.idles_at()];
        ends.into_iter().flatten().any(|end| end < time)
    }
}

/// An authenticated token. Only [`Bearers::authenticate`](crate::Bearers::authenticate) makes one.
#[derive(Clone, Debug)]
pub struct Bearer<S = NoScope>(pub(crate) Facts<S>);

impl<S> Deref for Bearer<S> {
    type Target = Facts<S>;

    fn deref(&self) -> &Facts<S> {
        &self.0
    }
}

impl<S: Scope> Bearer<S> {
    /// Whether it has all of these scopes.
    ///
    /// # Errors
    /// [`InsufficientScope`], which [`Challenge`](crate::Challenge) tells the client.
    pub fn needs(&self, scopes: &[S]) -> Result<(), InsufficientScope> {
        if self.scopes().lacks(scopes).is_empty() {
            return Ok(());
        }
        let scope = scopes.iter().copied().collect::<Scopes<S>>().to_string();
        Err(InsufficientScope { scope })
    }

    /// The same as a type: what takes a [`Granted`] is not reached without.
    ///
    /// # Errors
    /// [`InsufficientScope`].
    pub fn granted<N: Needs<Scope = S>>(self) -> Result<Granted<N>, InsufficientScope> {
        self.needs(N::SCOPES)?;
        Ok(Granted(self, PhantomData))
    }

    /// Whether its owner proved who they are at most so long ago, by all of these methods. After
    /// [`Bearers::step_up`](crate::Bearers::step_up) they did.
    ///
    /// # Errors
    /// [`StepUpNeeded`]; also where no proof was ever written down.
    pub fn proved_within(
        &self,
        longest: TimeDelta,
        methods: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), StepUpNeeded> {
        let proved = self.proved().ok_or(StepUpNeeded { longest })?;
        proved.within(longest, methods, now)
    }
}

/// What some part of the application needs, as a type.
pub trait Needs: Send + Sync + 'static {
    /// The application's scopes.
    type Scope: Scope;
    /// All of these.
    const SCOPES: &'static [Self::Scope];
}

/// An authenticated token that has the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Granted<N: Needs>(Bearer<N::Scope>, PhantomData<fn() -> N>);

impl<N: Needs> Deref for Granted<N> {
    type Target = Bearer<N::Scope>;

    fn deref(&self) -> &Bearer<N::Scope> {
        &self.0
    }
}

/// The token is right, and may not do that: 403 with a [`Challenge`](crate::Challenge) (RFC 6750 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token lacks a scope")]
pub struct InsufficientScope {
    /// The scopes that are needed, with blanks between them.
    pub scope: String,
}

impl From<InsufficientScope> for Answer {
    fn from(_: InsufficientScope) -> Self {
        Self::Forbidden
    }
}
