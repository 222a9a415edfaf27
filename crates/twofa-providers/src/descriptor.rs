//! What a provider is, as data.

use std::borrow::Cow;

use token_store::ott_core::{Channel, Policy};

/// What a provider is: for the person who chooses, the client that lists, and the engine.
///
/// With the feature `serde` it serialises as `{"type", "id", "label", "description", "request"}`; the
/// rest is for the engine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Descriptor {
    /// How it proves.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Kind,
    /// The stable id: stored with each factor, so never change it.
    pub id: Cow<'static, str>,
    /// A name of a few words.
    pub label: Cow<'static, str>,
    /// A sentence.
    pub description: Cow<'static, str>,
    /// Whether something has to be asked for first.
    pub request: bool,
    /// Whether a request that names no factor goes to every factor at once. Its context has none.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub asks_every_factor: bool,
    /// Whether [`verify`](crate::Provider::verify) compares by itself and asks nobody, takes the same time for a right response
    /// and a wrong one, and claims a counter. Then the engine may compare first, and charge a wrong response in the step that
    /// would burn a right one.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub compares_by_itself: bool,
    /// Whether it proves a factor that the subject enrolled, or the subject as a whole.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub proves: Proves,
    /// The channel over which it sends: one channel never counts twice in a sign-in.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub channel: Option<Channel>,
    /// How likely one guess is right: the engine computes its guess budget from it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub odds: Odds,
    /// Every policy that it issues or parks under: the engine refuses to start where `Tokens` lacks one.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub policies: Vec<Policy>,
}

impl Descriptor {
    /// A provider that proves a factor without being asked first.
    pub fn new(
        kind: Kind,
        id: impl Into<Cow<'static, str>>,
        label: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        odds: Odds,
    ) -> Self {
        Self {
            kind,
            id: id.into(),
            label: label.into(),
            description: description.into(),
            request: false,
            asks_every_factor: false,
            compares_by_itself: false,
            proves: Proves::Factor,
            channel: None,
            odds,
            policies: Vec::new(),
        }
    }

    /// With a policy that it issues or parks under.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        self.policies.push(*policy);
        self
    }

    /// Something is asked for first, under this policy.
    #[must_use]
    pub fn requested(self, policy: &Policy) -> Self {
        Self {
            request: true,
            ..self.policy(policy)
        }
    }

    /// It compares by itself: see [`Descriptor::compares_by_itself`].
    #[must_use]
    pub fn comparing_by_itself(self) -> Self {
        Self {
            compares_by_itself: true,
            ..self
        }
    }

    /// It sends over this channel.
    #[must_use]
    pub fn over(self, channel: Channel) -> Self {
        Self {
            channel: Some(channel),
            ..self
        }
    }

    /// It proves the subject as a whole: nothing is enrolled, and failures are counted for provider and
    /// subject together.
    #[must_use]
    pub fn of_subject(self) -> Self {
        Self {
            proves: Proves::Subject,
            ..self
        }
    }
}

/// How a provider proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Kind {
    /// The person, or their device, answers a question of this sign-in.
    Challenge,
    /// The person approves on another device; this side waits.
    RequestToken,
    /// The person types a code.
    UserToken,
}

/// What a provider proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proves {
    /// A factor that the subject enrolled: it has a row and a ceiling of its own.
    Factor,
    /// The subject as a whole: nothing is enrolled.
    Subject,
}

/// How likely one guess is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// How many codes there are.
    pub code_space: u128,
    /// How many of them one factor accepts at one moment.
    pub valid: u64,
}

/// So many codes for each right one are not guessed.
const NOT_GUESSABLE: u128 = 1 << 100;

impl Odds {
    /// Of a signature or a key of at least 128 bits: nobody guesses it.
    pub const NOT_GUESSED: Self = Self {
        code_space: u128::MAX,
        valid: 1,
    };

    /// Whether somebody could guess a response. Not where one guess is right with less than 2^-100: guesses at
    /// such a provider cost the account nothing, so nobody can use up its tries.
    #[must_use]
    pub const fn is_guessable(&self) -> bool {
        match self.code_space.checked_div(self.valid as u128) {
            Some(for_each) => for_each < NOT_GUESSABLE,
            // None is right.
            None => false,
        }
    }

    /// Of one token of this policy.
    #[must_use]
    pub const fn of_policy(policy: &Policy) -> Self {
        Self {
            code_space: policy.token_format().code_space(),
            valid: 1,
        }
    }
}
