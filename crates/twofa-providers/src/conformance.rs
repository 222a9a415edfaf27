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
//! | 4 | while nobody decided, asking costs nothing and refuses nothing | a refusal for "not yet" |
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
mod waiting;

use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    FactorId, Tokens,
    ott_core::{
        Policy, Subject,
        chrono::{DateTime, Utc},
    },
};

pub use self::{
    foreign::law_3_an_answer_is_good_for_its_own_alone,
    odds::law_6_odds_are_not_understated,
    once::law_2_an_answer_proves_once,
    purity::{
        law_1_verifying_changes_nothing, law_5_every_answer_comes_in_time,
        law_7_form_refuses_what_is_malformed,
    },
    waiting::{law_4_waiting_is_free, law_8_no_flow_is_free},
};
use crate::{
    asked::Asked, engine::TwoFactor, engine::TwoFactorBuilder, fresh::Fresh, response::Response,
};

/// What the laws need to know of a provider under test, and the hands that use it.
#[async_trait]
pub trait Trial: Send + Sync + 'static {
    /// The provider's id.
    fn id(&self) -> String;

    /// The policies that its tokens need.
    fn policies(&self) -> Vec<Policy> {
        Vec::new()
    }

    /// Adds the provider, and what it needs beside it, to an engine.
    fn build(&self, tokens: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder;

    /// Gives the subject one more factor that counts, enrolled and confirmed or imported; and remembers its
    /// secret. `None` for a provider that proves subjects. `fresh` is evidence of an earlier one.
    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId>;

    /// What the person or their client would answer at this moment.
    async fn answer(&self, moment: &Moment<'_>) -> Reply;

    /// Approves what was asked, where this provider's requests wait. `false` where they do not.
    async fn decide(&self, _: &Tokens, _: &Moment<'_>) -> bool {
        false
    }

    /// Every answer that there is: of a trial whose code space is small enough to try all. Empty where
    /// nobody guesses.
    fn guesses(&self) -> Vec<Reply> {
        Vec::new()
    }
}

/// When, and by whom, something is answered.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// With which factor.
    pub factor: Option<FactorId>,
    /// What was asked, where something is.
    pub asked: Option<&'a Asked>,
    /// The present time.
    pub now: DateTime<Utc>,
}

/// An answer, owned.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// What a client sent.
    Bytes(Vec<u8>),
    /// A code that was typed.
    Code(String),
    /// The waiting side asks.
    Nothing,
}

impl Reply {
    /// As a provider receives it.
    #[must_use]
    pub fn response(&self) -> Response<'_> {
        match self {
            Self::Bytes(bytes) => Response::bytes(bytes),
            Self::Code(code) => Response::typed(code),
            Self::Nothing => Response::nothing(),
        }
    }
}

impl core::fmt::Debug for Reply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(..)",
            Self::Code(_) => "Code(..)",
            Self::Nothing => "Nothing",
        })
    }
}

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
