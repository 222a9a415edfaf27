//! What a store for tokens answers.

use ott_core::{Reason, Stored};

/// The answer of [`TokenStore::insert`](crate::TokenStore::insert).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// An id exists already: nothing was inserted or retired.
    Collision,
    /// All were inserted.
    Done,
}

/// The answer of [`TokenStore::redeem`](crate::TokenStore::redeem).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, straight into `Issuer::open`"
)]
pub enum Redeemed {
    /// It was spent by this very call; here is what it was, now spent.
    Redeemed(Stored),
    /// It was not. The reason is for logs.
    Refused(Reason),
}

/// The answer of [`RedeemInTransaction::redeem_in_transaction`](crate::RedeemInTransaction::redeem_in_transaction).
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, straight into `Issuer::open`"
)]
pub enum InTransaction<T> {
    /// It was spent by this very call, once the transaction commits.
    Redeemed(T, Stored),
    /// It was not, and that is committed.
    Refused(Reason),
}

/// The answer of [`TokenStore::decide`](crate::TokenStore::decide).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, straight into `Issuer::open`"
)]
pub enum Decided {
    /// This very call decided; here is what it is now.
    Decided(Stored),
    /// It did not. The reason is for logs.
    Refused(Reason),
}
