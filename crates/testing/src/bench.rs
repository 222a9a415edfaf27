//! `Tokens` over a watched store.

use core::future::{Ready, ready};
use std::sync::Arc;

use token_store::{
    Claimed, Clock, ManualClock, TokenStore, Tokens, TokensError,
    ott_core::{Binding, IssueOptions, Issued, KeyRing, OwnedBinding, Policy, chrono::TimeDelta},
};

use crate::{Log, Place, Watched, key_1, start};

/// The account is as this binding says.
pub fn stated(
    binding: &Binding<'_>,
) -> impl FnOnce(Claimed) -> Ready<Result<Option<OwnedBinding>, BoxError>> + use<> {
    let binding = binding.into_owned();
    move |_| ready(Ok(Some(binding)))
}

type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// A resend, or a token with data.
///
/// # Errors
/// As `Tokens::issue_opts` has them.
pub async fn issue_one<S: TokenStore + ?Sized>(
    tokens: &Tokens<S>,
    policy: &Policy,
    binding: &Binding<'_>,
    options: IssueOptions<'_>,
) -> Result<Issued, TokensError> {
    let mut issued = tokens.issue_opts(policy, binding, options).await?;
    assert_eq!(issued.len(), 1);
    Ok(issued.remove(0))
}

/// `Tokens` over a watched store, with a clock that only the test moves.
#[derive(Debug)]
pub struct Bench {
    /// What is watched.
    pub store: Arc<Watched>,
    /// The time, which only the test moves.
    pub clock: Arc<ManualClock>,
    /// What was told.
    pub log: Log,
    /// What is tested.
    pub tokens: Arc<Tokens<Watched>>,
}

impl Bench {
    /// Over a new store in this place.
    pub async fn new(place: Place, policies: &[&Policy]) -> Self {
        let store = Arc::new(Watched::new(place).await);
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, policies)
    }

    /// Another process over the same store and clock.
    pub fn beside(&self, keys: KeyRing, policies: &[&Policy]) -> Self {
        Self::over(
            keys,
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            policies,
        )
    }

    fn over(
        keys: KeyRing,
        store: Arc<Watched>,
        clock: Arc<ManualClock>,
        policies: &[&Policy],
    ) -> Self {
        let log = Log::default();
        let mut builder = Tokens::builder_shared(keys, Arc::clone(&store))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(log.clone()));
        for policy in policies {
            builder = builder.policy(policy);
        }
        let tokens = Arc::new(builder.build().expect("policies that fit"));
        Self {
            store,
            clock,
            log,
            tokens,
        }
    }

    /// Lets this much time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }
}

/// A token of the same shape that is not this one.
pub fn wrong(token: &str) -> String {
    let mut rest = token.chars();
    let other = match rest.next() {
        Some('0') => '1',
        Some('1'..='9') => '0',
        Some('B') => 'C',
        _ => 'B',
    };
    core::iter::once(other).chain(rest).collect()
}
