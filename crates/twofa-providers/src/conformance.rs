//! The laws that every provider keeps, as functions, and [`provider_laws!`](crate::provider_laws), which turns
//! them into tests.
//!
//! In the tests of your provider, with `twofa-providers = { features = ["conformance"] }` and `tokio`
//! (`rt-multi-thread`, `macros`) among the dev-dependencies, write a [`Trial`] of it and call
//! `provider_laws!(MyTrial::new())`. `docs/own-provider.md` does that.
//!
//! | law | what it says | the usual mistake |
//! | --- | --- | --- |
//! | 1 | verifying changes nothing: twice, and at once, it gives the same claim | burning in `verify` |
//! | 2 | one answer proves once, in sequence and of 16 at once | a claim whose counter is not the code's |
//! | 3 | an answer is worth nothing for another subject, factor, sign-in, operation, epoch or occasion | not issuing through the context |
//! | 4 | while nobody decided, asking costs nothing and refuses nothing | a refusal for "not yet", or polls that count as tries |
//! | 5 | whatever is sent, the answer comes within a second | a search that grows with the input |
//! | 6 | the odds are not understated: of all codes no more are right at one moment | a window that `valid` leaves out |
//! | 7 | what `verify` calls malformed, `form` refuses before it is paid for | no `form` |
//! | 8 | a flow that does not exist costs nothing | a refusal of its own for a missing flow |

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a law that overflows panics, which is how a law fails"
)]

mod bench;
mod foreign;
mod odds;
mod once;
mod purity;
mod trial;
mod waiting;

pub use self::{
    foreign::law_3_an_answer_is_good_for_its_own_alone,
    odds::law_6_odds_are_not_understated,
    once::law_2_an_answer_proves_once,
    purity::{
        law_1_verifying_changes_nothing, law_5_every_answer_comes_in_time,
        law_7_form_refuses_what_is_malformed,
    },
    trial::{Moment, Reply, Trial},
    waiting::{law_4_waiting_is_free, law_8_no_flow_is_free},
};
/// Turns the laws into tests of a provider: one test per law, with the law's name.
///
/// Takes an expression that makes a [`Trial`](crate::conformance::Trial). The crate that calls it depends on
/// `tokio` with `rt-multi-thread` and `macros`. Two providers in one test file stand in a `mod` each.
#[macro_export]
macro_rules! provider_laws {
    (@tests $trial:expr; $($law:ident)*) => {$(
        #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $law() {
            $crate::conformance::$law(&::std::sync::Arc::new($trial)).await;
        }
    )*};
    ($trial:expr) => {
        $crate::provider_laws! { @tests $trial;
            law_1_verifying_changes_nothing
            law_2_an_answer_proves_once
            law_3_an_answer_is_good_for_its_own_alone
            law_4_waiting_is_free
            law_5_every_answer_comes_in_time
            law_6_odds_are_not_understated
            law_7_form_refuses_what_is_malformed
            law_8_no_flow_is_free
        }
    };
}
