//! Why nothing was built.

use std::borrow::Cow;

use token_store::ott_core::{GuessBoundExceeded, Purpose};

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
    /// A policy for "this was not me" whose tokens are short, do not expire, are not found by themselves
    /// and redeemed once, or void each other.
    #[error("notices need a policy that `Policy::link` makes")]
    NotMePolicy,
    /// The owner's links would leave what a sign-in made: the engine has recovery codes or known devices
    /// that `Owner` was not given.
    #[error("`Owner` needs the same recovery codes and known devices as the engine")]
    OwnerLacks,
    /// A policy for parked proofs that `Policy::parked` does not make.
    #[error("parked proofs need a policy that `Policy::parked` makes")]
    ParkedPolicy,
    /// The tokens were not built with this policy, which a provider or service needs.
    #[error("the tokens were not built with the policy `{}`", .0.as_str())]
    PolicyUnknown(Purpose),
    /// Two providers share an id.
    #[error("two providers share the id `{0}`")]
    ProviderTwice(Cow<'static, str>),
    /// A policy for recovery codes whose codes are short, are not found within their subject, or do
    /// not retire the older set.
    #[error("recovery codes need a policy that `Policy::recovery` makes")]
    RecoveryPolicy,
    /// The delivery has no template for this purpose.
    #[error("the delivery has no template for `{}`", .0.as_str())]
    Template(Purpose),
}
