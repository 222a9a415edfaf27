//! The laws that every store keeps, as functions, and [`laws!`](crate::laws), which turns them into tests.
//!
//! In the tests of your store, with `token-store = { features = ["conformance"] }` and `tokio`
//! (`rt-multi-thread`, `macros`) among the dev-dependencies:
//!
//! ```
//! use std::sync::Arc;
//! use token_store::{MemoryStore, conformance::Harness};
//! struct Memory;
//! impl Harness for Memory {
//!     type Store = MemoryStore;
//!     async fn store(&self) -> Arc<MemoryStore> { Arc::new(MemoryStore::new()) }
//!     async fn another(&self, store: &Arc<MemoryStore>) -> Arc<MemoryStore> { Arc::clone(store) }
//!     async fn broken(&self) -> Arc<MemoryStore> { panic!("your store, without its back end") }
//! }
//! token_store::laws!(Memory);
//! ```
//!
//! Each law becomes a test of its name. A test that fails says which law is broken, how, and what the
//! store did. The laws sleep nowhere and read no clock: they run at 1,000 s after 1970, in 2026 and
//! from the second in which 32 bits overflow, each race and each history at one of these times, and move
//! that time themselves, forward and back, so a store that asks a clock of its own fails them. Law 11, law 13's
//! misuse and, for names of 255 bytes, law 7 run in 2026 alone.
//!
//! `docs/own-store.md` tells how to write a store and what a broken law usually means.
//!
//! # A store that keeps less
//!
//! `laws!(tokens: Mine)`, `laws!(factors: Mine)` and `laws!(limits: Mine)` ask for one contract
//! each; `laws!(Mine)` is all three. `laws!(charged: Mine)` adds what [`ChargedStore`](crate::ChargedStore) promises, and
//! `laws!(charged_factors: Mine)` what [`ChargedFactors`](crate::ChargedFactors) does. `laws!(open: Mine)` adds what [`RedeemInTransaction`] promises and needs
//! an [`OpenHarness`]. Two stores in one test file stand in a `mod` each.
//!
//! # What it guarantees
//!
//! Each law was seen to fail: `tests/laws_bite.rs` holds a store with one mistake for each of them.
//!
//! # What it does not
//!
//! Races are found by many rounds, not by proof: run the suite on a machine with several cores, and
//! now and then with `NIGHTLY=1` in the environment, which runs four times as many. A race is shared by
//! two instances on one back end, as two processes would be. A process that is killed and a disk
//! that is full are not in here.
//!
//! # Replaying
//!
//! Law 6, the histories and races of laws 8 and 9 and the histories of law 13 draw at random. A failure
//! prints its seed and, but for law 13, the shortest history that still fails; the environment variable
//! `LAWS_SEED` repeats it, and one of several tasks some hundred times, since who meets whom is not
//! drawn. `HISTORIES` says how many random histories each of these laws runs.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a law that overflows or misses an element panics, which is how a law fails"
)]

use core::{future::Future, time::Duration};
use std::sync::Arc;

use crate::RedeemInTransaction;

mod batch;
mod charged;
mod charged_factors;
mod concurrent;
mod conditions;
mod counter_histories;
mod counters;
mod dice;
mod dropped;
mod earned;
mod ends;
mod factor_model;
mod factor_races;
mod factors;
mod fixture;
mod histories;
mod history;
mod life;
mod limit_histories;
mod limit_races;
mod limits;
mod model;
mod once;
mod open;
mod order;
mod outage;
mod public;
mod races;
mod racing;
mod report;
mod scope;

pub use batch::{law_05_batch_is_all_or_none, law_05_superseding_retires_exactly_its_own};
pub use charged::{
    Together, law_10_dropped_charged_verbs, law_11_outage_of_charged,
    law_13_charged_guesses_are_exact, law_13_charged_histories_follow_the_verbs,
    law_13_charged_twice_is_misuse,
};
pub use charged_factors::{
    Guarded, law_10_dropped_charged_advances, law_11_outage_of_charged_factors,
    law_13_charged_advance_misuse, law_13_charged_advances_are_exact,
    law_13_charged_advances_follow_the_verbs,
};
pub use concurrent::law_06_concurrent_verbs_have_an_order;
pub use conditions::{
    law_08_one_factor_stays, law_08_one_first_factor, law_08_pending_removal_spares_the_confirmed,
};
pub use counter_histories::law_08_histories_follow_the_rules;
pub use counters::law_08_one_code_counts_once;
pub use dropped::{
    law_10_dropped_factor_verbs, law_10_dropped_limit_verbs, law_10_dropped_token_verbs,
};
pub use earned::{
    law_10_dropped_earning, law_13_earned_comes_with_its_redeem,
    law_13_earned_supersedes_exactly_its_own, law_13_earned_twice_redeems_nothing,
    law_13_one_code_earns_once,
};
pub use ends::{
    law_08_list_is_bounded, law_08_purge_takes_dead_factors_alone,
    law_08_removal_is_undone_until_purged,
};
pub use factor_races::law_08_concurrent_verbs_have_an_order;
pub use factors::law_08_factors_keep_what_they_are;
pub use histories::law_06_histories_follow_the_record;
pub use life::{law_04_approval_adds_a_minute, law_04_idle_ends, law_04_life_has_sharp_edges};
pub use limit_histories::law_09_histories_follow_the_limit;
pub use limit_races::law_09_concurrent_verbs_have_an_order;
pub use limits::{law_09_burst_is_exact, law_09_order_and_refusal, law_09_what_gives_back};
pub use once::law_01_inserted_is_redeemed_once;
pub use open::{
    law_03_open_guesses_are_counted_first, law_03_open_success_is_the_callers,
    law_10_dropped_redeem_in_transaction,
};
pub use outage::{law_11_outage_of_factors, law_11_outage_of_limits, law_11_outage_of_tokens};
pub use public::law_12_public_id_grants_nothing;
pub use races::{law_02_one_winner, law_02_ten_thousand_clients, law_03_guesses_are_counted_first};
pub use scope::{law_07_purge_takes_the_dead_alone, law_07_revoke_and_list_keep_to_their_own};

/// What the laws need to know of a store under test.
pub trait Harness: Send + Sync + 'static {
    /// The store.
    type Store: Send + Sync + 'static;

    /// A fresh, empty store.
    fn store(&self) -> impl Future<Output = Arc<Self::Store>> + Send;

    /// Another instance on the back end of this store, as a second process opens it: laws with a
    /// race share it out between the two.
    ///
    /// A store that lives in one process has no second instance, and gives the same one again. A
    /// store with a back end that does so proves nothing of two processes.
    fn another(&self, store: &Arc<Self::Store>) -> impl Future<Output = Arc<Self::Store>> + Send;

    /// A store whose back end does not answer, for law 11: a closed pool, a port where nobody
    /// listens, a server that was stopped.
    fn broken(&self) -> impl Future<Output = Arc<Self::Store>> + Send;

    /// Within what time a verb of the broken store gives up: the time-out it is configured with.
    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// How often a race is run: 250 times, and 1,000 with `NIGHTLY=1` in the environment.
    fn rounds(&self) -> usize {
        dice::rounds()
    }
}

/// What the laws need to know of a store that hands over its transaction.
pub trait OpenHarness: Harness<Store: RedeemInTransaction> {
    /// Commits what `redeem_in_transaction` handed over.
    fn commit(
        transaction: <Self::Store as RedeemInTransaction>::Transaction,
    ) -> impl Future<Output = ()> + Send;
}

/// Turns the laws into tests of a store: one test per law, with the law's name.
///
/// Takes a [`Harness`](crate::conformance::Harness), after `tokens:`, `factors:` or `limits:` if the
/// store keeps one contract alone, after `charged:` or `charged_factors:` if it charges in the step of a verb, or an [`OpenHarness`](crate::conformance::OpenHarness) after `open:`.
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! laws {
    (tokens: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_01_inserted_is_redeemed_once
            law_02_one_winner
            law_02_ten_thousand_clients
            law_03_guesses_are_counted_first
            law_04_life_has_sharp_edges
            law_04_approval_adds_a_minute
            law_04_idle_ends
            law_05_batch_is_all_or_none
            law_05_superseding_retires_exactly_its_own
            law_06_histories_follow_the_record
            law_06_concurrent_verbs_have_an_order
            law_07_revoke_and_list_keep_to_their_own
            law_07_purge_takes_the_dead_alone
            law_10_dropped_token_verbs
            law_11_outage_of_tokens
            law_12_public_id_grants_nothing
        }
    };
    (factors: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_08_one_code_counts_once
            law_08_factors_keep_what_they_are
            law_08_one_factor_stays
            law_08_one_first_factor
            law_08_pending_removal_spares_the_confirmed
            law_08_removal_is_undone_until_purged
            law_08_purge_takes_dead_factors_alone
            law_08_list_is_bounded
            law_08_histories_follow_the_rules
            law_08_concurrent_verbs_have_an_order
            law_10_dropped_factor_verbs
            law_11_outage_of_factors
        }
    };
    (limits: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_09_burst_is_exact
            law_09_order_and_refusal
            law_09_what_gives_back
            law_09_histories_follow_the_limit
            law_09_concurrent_verbs_have_an_order
            law_10_dropped_limit_verbs
            law_11_outage_of_limits
        }
    };
    (charged: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_10_dropped_charged_verbs
            law_10_dropped_earning
            law_11_outage_of_charged
            law_13_charged_guesses_are_exact
            law_13_charged_histories_follow_the_verbs
            law_13_charged_twice_is_misuse
            law_13_earned_comes_with_its_redeem
            law_13_earned_supersedes_exactly_its_own
            law_13_earned_twice_redeems_nothing
            law_13_one_code_earns_once
        }
    };
    (charged_factors: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_10_dropped_charged_advances
            law_11_outage_of_charged_factors
            law_13_charged_advance_misuse
            law_13_charged_advances_are_exact
            law_13_charged_advances_follow_the_verbs
        }
    };
    (open: $harness:expr) => {
        $crate::laws! { @tests $harness;
            law_03_open_guesses_are_counted_first
            law_03_open_success_is_the_callers
            law_10_dropped_redeem_in_transaction
        }
    };
    (@tests $harness:expr; $($law:ident)*) => {$(
        #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $law() {
            $crate::conformance::$law(&$harness).await;
        }
    )*};
    ($harness:expr) => {
        $crate::laws!(tokens: $harness);
        $crate::laws!(factors: $harness);
        $crate::laws!(limits: $harness);
    };
}
