//! The tests of `token-store` that use a store, as they are, over SQLite in a file.
#![allow(
    clippy::duplicate_mod,
    reason = "each file brings what it shares with the others"
)]

#[path = "../../token-store/tests/bindings.rs"]
mod bindings;
#[path = "../../token-store/tests/guess_budget.rs"]
mod guess_budget;
#[path = "../../token-store/tests/outage.rs"]
mod outage;
#[path = "../../token-store/tests/races.rs"]
mod races;
#[path = "../../token-store/tests/rotation.rs"]
mod rotation;
#[path = "../../token-store/tests/tokens.rs"]
mod tokens;
