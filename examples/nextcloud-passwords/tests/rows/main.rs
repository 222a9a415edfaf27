//! The rows of the contract, each by HTTP at a server that runs. The modules are named by what they check; each test
//! names its row.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]

mod account;
mod failures;
mod hostile;
mod limits;
mod notification;
mod opening;
mod sessions;
mod starting;
mod support;
mod tokens;
