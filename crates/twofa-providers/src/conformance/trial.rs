//! What the laws need to know of a provider.

use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    FactorId, Tokens,
    ott_core::{
        Policy, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    asked::Asked, builder::TwoFactorBuilder, engine::TwoFactor, fresh::Fresh, response::Response,
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
    /// there are 2⁶⁰ or more for each right one.
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
