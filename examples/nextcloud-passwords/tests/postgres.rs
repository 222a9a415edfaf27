//! The rows of the contract again, over PostgreSQL: those that depend on what is kept. Options, files and hostile
//! input are the same over any store.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]

#[expect(dead_code, reason = "what the rows that are left out need")]
#[path = "rows/support.rs"]
mod support;

#[path = "rows/account.rs"]
mod account;
#[path = "rows/limits.rs"]
mod limits;
#[path = "rows/notification.rs"]
mod notification;
#[path = "rows/opening.rs"]
mod opening;
#[path = "rows/sessions.rs"]
mod sessions;
#[path = "rows/tokens.rs"]
mod tokens;
