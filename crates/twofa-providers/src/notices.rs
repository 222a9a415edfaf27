//! How an owner is told, as the application sets it up.

use core::{error::Error, fmt};
use std::sync::Arc;

use async_trait::async_trait;
use token_delivery::Delivery;
use token_store::ott_core::{
    Destination, Lookup, Policy, Purpose, SlotRule, Start, Subject, Usage,
};

use crate::News;

/// Where the application's accounts can be told something.
#[async_trait]
pub trait Addresses: Send + Sync {
    /// Every verified address of this subject, and no other: one that somebody typed and never
    /// confirmed may be a stranger's.
    ///
    /// The addresses of confirmed e-mail factors need not be among them, the engine knows those.
    ///
    /// # Errors
    /// An outage, never a shorter list. It is told to the events by its occurrence alone.
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Destination>, Box<dyn Error + Send + Sync>>;
}

/// How owners are told what happened to their accounts: for
/// [`TwoFactorBuilder::notices`](crate::TwoFactorBuilder::notices).
///
/// A delivery that takes long keeps the request waiting that caused the news: hand in one that
/// queues. And a server that drops a request's future when the client hangs up would let a thief
/// hang up before the owner is told: run such requests in a task of their own.
#[derive(Clone)]
pub struct Notices {
    pub(crate) purpose: Purpose,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) addresses: Arc<dyn Addresses>,
    pub(crate) not_me: Option<NotMeLink>,
    pub(crate) words: fn(News) -> &'static str,
}

impl Notices {
    /// Through this delivery, with its template for notices of this purpose.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        delivery: Arc<dyn Delivery>,
        addresses: Arc<dyn Addresses>,
    ) -> Self {
        Self {
            purpose,
            delivery,
            addresses,
            not_me: None,
            words: News::words,
        }
    }

    /// With a token to say "this was not me", for the template's link, under a policy that the
    /// tokens were built with, such as
    /// `Policy::link(Purpose::new("not-me")).lifetime(TimeDelta::days(7))`.
    ///
    /// `without_link` is the purpose of a second template, without `{link}`. Under it goes the notice
    /// to an address that is itself the news: the new one of the account, or that of an e-mail factor
    /// that was just added, unless the account had it before. Who brought it in must not be the one to
    /// disown. It also stands in while no token can be stored: a notice without a link is better than
    /// none.
    ///
    /// See [`TwoFactor::not_me`](crate::TwoFactor::not_me).
    #[must_use]
    pub fn not_me(mut self, policy: &Policy, without_link: Purpose) -> Self {
        self.not_me = Some(NotMeLink {
            policy: *policy,
            without_link,
        });
        self
    }

    /// In other words: the clause that `{what}` stands for.
    #[must_use]
    pub fn words(mut self, words: fn(News) -> &'static str) -> Self {
        self.words = words;
        self
    }
}

/// The link of a notice, and the purpose of notices without one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotMeLink {
    pub(crate) policy: Policy,
    pub(crate) without_link: Purpose,
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices")
            .field("purpose", &self.purpose)
            .field("not_me", &self.not_me)
            .finish_non_exhaustive()
    }
}

/// Below this, whoever reads the store could try tokens against it.
const LEAST_BITS: u32 = 112;

/// Whether a link of this policy is long, good once and for a time, and lives on when more news
/// comes: else a thief would void the owner's link by one more act.
pub(crate) fn fits(policy: &Policy) -> bool {
    policy.token_lookup() == Lookup::ByItself
        && policy.usage() == Usage::Once
        && policy.token_lifetime().is_some()
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy.start(Start::Ready) == *policy
        && policy.slot(SlotRule::Subject) != *policy
}
