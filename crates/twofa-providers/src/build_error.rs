//! Why nothing was built.

use std::borrow::Cow;

use token_store::ott_core::{GuessBoundExceeded, Purpose};

use crate::durations::LONGEST_TRUST;

/// Why [`TwoFactor`](crate::TwoFactor), or a service beside it, was not built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy for known devices whose tokens do not expire, or are redeemed once.
    #[error("known devices need a policy that `Policy::bearer` makes")]
    DevicePolicy,
    /// The guess budget of one account is too large.
    #[error(transparent)]
    GuessBound(#[from] GuessBoundExceeded),
    /// The store for limits does not keep every kind that is spent.
    #[error("the store for limits drops {0} limits, which second factors spend")]
    LimitKind(&'static str),
    /// A policy for "this was not me" whose tokens are short, do not live for
    /// [`UNDO_WITHIN`](crate::UNDO_WITHIN), are not found by themselves and redeemed once, or void each other.
    #[error("notices need a policy that `Policy::link` makes, with the lifetime `UNDO_WITHIN`")]
    NotMePolicy,
    /// The owner's links would leave what a sign-in made: the engine has recovery codes, known or
    /// trusted devices that `Owner` was not given.
    #[error("`Owner` needs the same recovery codes, known and trusted devices as the engine")]
    OwnerLacks,
    /// A policy for parked proofs that `Policy::parked` does not make.
    #[error("parked proofs need a policy that `Policy::parked` makes")]
    ParkedPolicy,
    /// The tokens were not built with this policy, which a provider or service needs.
    #[error("the tokens were not built with the policy `{}`", .0.as_str())]
    PolicyUnknown(Purpose),
    /// A policy for prompts that `Policy::prompt` does not make, or that has no number where nobody accepted that.
    #[error("prompts need a policy that `Policy::prompt` makes, with a number")]
    PromptPolicy,
    /// Prompts over other tokens, or another store for factors, than the engine's.
    #[error("prompts need the tokens and the store for factors that the engine has")]
    PromptsElsewhere,
    /// More than one `Prompts`: they would share their limits, and a success would clear those of one.
    #[error("an engine takes one `Prompts`")]
    PromptsTwice,
    /// Two providers share an id.
    #[error("two providers share the id `{0}`")]
    ProviderTwice(Cow<'static, str>),
    /// The recovery codes are over other tokens than the engine, or over another store for factors.
    #[error("recovery codes need the tokens and the store for factors that the engine has")]
    RecoveryElsewhere,
    /// A policy for recovery codes whose codes are short, are not found within their subject, or
    /// retire the older set by themselves, so that it could not be brought back.
    #[error("recovery codes need a policy as `Policy::recovery(..).slot(SlotRule::Nothing)`")]
    RecoveryPolicy,
    /// The delivery has no template for this purpose, or one for another kind of message.
    #[error("the delivery has no template for `{}`", .0.as_str())]
    Template(Purpose),
    /// A policy for trusted devices whose tokens are short, live longer than
    /// [`LONGEST_TRUST`], do not expire, or are redeemed once; or one that known devices
    /// have, too.
    #[error(
        "trusted devices need a policy of their own that `Policy::bearer` makes, with a lifetime of {} days at most",
        LONGEST_TRUST.num_days()
    )]
    TrustPolicy,
}
