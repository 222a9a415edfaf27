//! Tokens that were authenticated a moment ago.

use core::fmt;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};
use token_store::{
    TokensError,
    ott_core::{
        IssueError, Policy,
        chrono::{DateTime, TimeDelta, Utc},
        rand::{TryRng as _, rngs::SysRng},
    },
};
use zeroize::Zeroizing;

use crate::{Bearer, Facts, Scope};

/// How long an authenticated token is taken again without a look at the store.
///
/// Within `staleness`, which counts from before the store reads, a token lives on that another process revoked, or whose
/// account stands otherwise by now.
///
/// What is revoked through the same [`Bearers`](crate::Bearers), or a clone that shares its cache, is refused once that call
/// has answered. Where the call fails or is dropped, the store is asked again: if it revokes later all the same, that
/// counts as another process's. What is done past the `Bearers`, as an epoch that is raised or
/// [`Tokens::revoke`](token_store::Tokens::revoke), the cache does not see: call
/// [`forget_account`](crate::Bearers::forget_account) or [`forget_tenant`](crate::Bearers::forget_tenant) afterwards.
///
/// The last use is noted no more often than the store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caching {
    /// How long at most.
    pub staleness: TimeDelta,
    /// How many tokens at most. At that number all are forgotten.
    pub most: usize,
}

type Key = [u8; 32];

/// Tokens by a digest of their text, under a key of this process.
pub(crate) struct Cache<S> {
    caching: Caching,
    key: Zeroizing<[u8; 32]>,
    kept: Mutex<Kept<S>>,
}

struct Kept<S> {
    bearers: HashMap<Key, Entry<S>>,
    /// Rises with each revocation: what was read before one is not kept after it.
    revocations: u64,
    /// How many [`Standing`](crate::Standing)s have come up since it was made.
    lanes: u64,
}

struct Entry<S> {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    bearer: Bearer<S>,
}

/// When the store was asked, as revocations count.
#[derive(Clone, Copy)]
pub(crate) struct Began(u64);

impl<S: Scope> Cache<S> {
    pub(crate) fn new(caching: Caching, policy: &Policy) -> Result<Self, TokensError> {
        let quarter = policy.idle_time().and_then(|idle| idle.checked_div(4));
        let above = quarter.is_some_and(|quarter| caching.staleness > quarter);
        if caching.staleness <= TimeDelta::zero() || above || caching.most == 0 {
            return Err(TokensError::Misuse(
                "a staleness is above zero, and at most a quarter of the idle time",
            ));
        }
        let mut key = Zeroizing::new([0; 32]);
        let drawn = SysRng.try_fill_bytes(key.as_mut_slice());
        drawn.map_err(|_| TokensError::Issue(IssueError::Random))?;
        Ok(Self {
            caching,
            key,
            kept: Mutex::new(Kept {
                bearers: HashMap::new(),
                revocations: 0,
                lanes: 0,
            }),
        })
    }

    /// A number that nobody else has: what is kept under it, nobody else finds.
    pub(crate) fn lane(&self) -> u64 {
        let mut kept = self.kept();
        kept.lanes = kept.lanes.wrapping_add(1);
        kept.lanes
    }

    pub(crate) fn key(&self, lane: u64, tenant: &str, text: &str) -> Key {
        let length = u64::try_from(tenant.len()).unwrap_or(u64::MAX);
        let hash = Sha256::new()
            .chain_update(self.key.as_slice())
            .chain_update(lane.to_be_bytes())
            .chain_update(length.to_be_bytes())
            .chain_update(tenant)
            .chain_update(text);
        hash.finalize().into()
    }

    /// The token, if it is known; else when that was asked.
    pub(crate) fn find(&self, key: &Key, now: DateTime<Utc>) -> Result<Bearer<S>, Began> {
        let kept = self.kept();
        let found = kept.bearers.get(key);
        // Also a clock that went back ends it.
        match found.filter(|entry| entry.from <= now && now < entry.until) {
            Some(entry) => Ok(entry.bearer.clone()),
            None => Err(Began(kept.revocations)),
        }
    }

    /// Keeps it for the staleness from when the store was asked.
    pub(crate) fn keep(&self, key: Key, began: Began, bearer: &Bearer<S>, asked_at: DateTime<Utc>) {
        let stale = asked_at.checked_add_signed(self.caching.staleness);
        let ends = [stale, bearer.expires_at(), bearer.idles_at()];
        let Some(until) = ends.into_iter().flatten().min() else {
            return;
        };
        let mut kept = self.kept();
        if kept.revocations != began.0 {
            return;
        }
        if kept.bearers.len() >= self.caching.most {
            kept.bearers.clear();
        }
        let entry = Entry {
            from: asked_at,
            until,
            bearer: bearer.clone(),
        };
        kept.bearers.insert(key, entry);
    }

    pub(crate) fn forget(&self, which: impl Fn(&Facts<S>) -> bool) {
        let mut kept = self.kept();
        kept.revocations = kept.revocations.wrapping_add(1);
        kept.bearers.retain(|_, entry| !which(&entry.bearer));
    }

    fn kept(&self) -> MutexGuard<'_, Kept<S>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("caching", &self.caching)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use token_store::ott_core::{
        Binding, Issuer, KeyRing, Policy, Purpose, Subject,
        chrono::{DateTime, TimeDelta},
    };

    use super::*;
    use crate::NoScope;

    const POLICY: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(1));

    fn bearer(now: DateTime<Utc>) -> Bearer<NoScope> {
        let issuer = Issuer::new(KeyRing::generate().expect("keys"));
        let alice = Subject::new("", "alice").expect("a subject");
        let issued = issuer.issue(&POLICY, &Binding::subject(&alice), now);
        let record = issued.expect("a token").record;
        Bearer(Facts::read(record.stored(), false).expect("facts"))
    }

    fn cache(most: usize) -> Cache<NoScope> {
        let staleness = TimeDelta::seconds(30);
        Cache::new(Caching { staleness, most }, &POLICY).expect("a cache")
    }

    /// What was read before a revocation is not kept after it: the revoked token would live on.
    #[test]
    fn read_beside_a_revocation_is_not_kept() {
        let (cache, now) = (cache(10), DateTime::UNIX_EPOCH);
        let (key, bearer) = (cache.key(0, "", "text"), bearer(now));
        let Err(began) = cache.find(&key, now) else {
            panic!("nothing is kept yet")
        };
        cache.forget(|_| false);
        cache.keep(key, began, &bearer, now);
        let Err(began) = cache.find(&key, now) else {
            panic!("it was kept")
        };
        cache.keep(key, began, &bearer, now);
        assert!(cache.find(&key, now).is_ok());
    }

    /// It holds so many and no more, keeps tenants apart, and a clock that goes back ends what it holds.
    #[test]
    fn cache_is_bounded_and_follows_the_clock() {
        let (cache, now) = (cache(2), DateTime::UNIX_EPOCH);
        let bearer = bearer(now);
        let keep = |text: &str| {
            let key = cache.key(0, "", text);
            if let Err(began) = cache.find(&key, now) {
                cache.keep(key, began, &bearer, now);
            }
        };
        let known =
            |tenant: &str, text: &str, now| cache.find(&cache.key(0, tenant, text), now).is_ok();
        keep("a");
        keep("b");
        assert!(known("", "a", now) && known("", "b", now) && !known("a", "", now));
        keep("c");
        assert!(known("", "c", now) && !known("", "a", now));
        assert!(!known("", "c", now - TimeDelta::microseconds(1)));
        assert!(!known("", "c", now + TimeDelta::seconds(30)));
    }
}
