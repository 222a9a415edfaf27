//! How an owner is told, as the application sets it up.

use core::{error::Error, fmt};
use std::sync::Arc;

use async_trait::async_trait;
use token_delivery::Delivery;
use token_store::ott_core::{Lookup, Policy, Purpose, SlotRule, Start, Subject, Usage};

use crate::{address::Address, build_error::BuildError, durations::UNDO_WITHIN, news::News};

/// Where the application's accounts can be told something.
#[async_trait]
pub trait Addresses: Send + Sync {
    /// Every verified address of this subject, and no other: one that somebody typed and never
    /// confirmed may be a stranger's.
    ///
    /// One that took the place of another says [since](Address::since) when. The one that it replaced stays in
    /// the list, [until](Address::until) then, for [`UNDO_WITHIN`](crate::UNDO_WITHIN); after a change was undone,
    /// the address that it had brought in is none any more.
    ///
    /// The addresses of confirmed e-mail factors need not be among them, the engine knows those.
    ///
    /// # Errors
    /// An outage, never a shorter list. It is told to the events by its occurrence alone.
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Address>, Box<dyn Error + Send + Sync>>;
}

/// How owners are told what happened to their accounts: for [`Owner::new`](crate::Owner::new).
///
/// A delivery that takes long keeps the request waiting that caused the news: hand in one that
/// queues. And a server that drops a request's future when the client hangs up would let a thief
/// hang up before the owner is told: run such requests in a task of their own.
#[derive(Clone)]
pub struct Notices {
    pub(crate) purpose: Purpose,
    pub(crate) without_link: Purpose,
    pub(crate) link: Policy,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) addresses: Arc<dyn Addresses>,
    pub(crate) words: fn(News) -> &'static str,
}

impl Notices {
    /// Through this delivery, with two of its templates.
    ///
    /// `purpose` is that of the template with `{link}`, by which the person says "this was not me". The
    /// token in it is of the policy `link`, such as
    /// `Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN)`: it works for
    /// [`UNDO_WITHIN`](crate::UNDO_WITHIN), as long as what it undoes can be undone.
    ///
    /// `without_link` is the purpose of the template without. Under it goes the notice to an address that is
    /// younger than [`UNDO_WITHIN`](crate::UNDO_WITHIN): a new one of the account, or that of a factor which was
    /// added beside another, unless the account had it before. Who brought it in must not be the one to disown. It
    /// also stands in while no token can be stored: a notice without a link is better than none.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        without_link: Purpose,
        link: &Policy,
        delivery: Arc<dyn Delivery>,
        addresses: Arc<dyn Addresses>,
    ) -> Self {
        Self {
            purpose,
            without_link,
            link: *link,
            delivery,
            addresses,
            words: News::words,
        }
    }

    /// In other words: the clause that `{what}` stands for.
    #[must_use]
    pub fn words(self, words: fn(News) -> &'static str) -> Self {
        Self { words, ..self }
    }

    /// Whether the link's policy fits, and the delivery has both templates.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if !fits(&self.link) {
            return Err(BuildError::NotMePolicy);
        }
        for purpose in [self.purpose, self.without_link] {
            if !self.delivery.sends(&purpose) {
                return Err(BuildError::Template(purpose));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices")
            .field("purpose", &self.purpose)
            .field("without_link", &self.without_link)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// Below this, whoever reads the store could try tokens against it.
const LEAST_BITS: u32 = 112;

/// Whether a link of this policy is long, good once, lives as long as it can undo, and lives on when more news
/// comes: else a thief would void the owner's link by one more act.
fn fits(policy: &Policy) -> bool {
    policy.token_lookup() == Lookup::ByItself
        && policy.usage() == Usage::Once
        && policy.token_lifetime() == Some(UNDO_WITHIN)
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy.start(Start::Ready) == *policy
        && policy.slot(SlotRule::Subject) != *policy
}
