//! Every state with every verb: what it answers, what it becomes, what it counts; and when it lives.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "../support/approval.rs"]
mod approval;
mod attempts;
#[path = "../support/common.rs"]
mod common;
mod life;
mod parked;
mod table;
