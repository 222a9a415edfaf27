//! The rows of the contract again, over PostgreSQL.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

#[path = "rows/accounts.rs"]
mod accounts;
#[path = "rows/blocking.rs"]
mod blocking;
#[path = "rows/changes.rs"]
mod changes;
#[path = "rows/consume.rs"]
mod consume;
#[path = "rows/errors.rs"]
mod errors;
#[path = "rows/gateway.rs"]
mod gateway;
#[path = "rows/hostile.rs"]
mod hostile;
#[path = "rows/keys.rs"]
mod keys;
#[path = "rows/pairing.rs"]
mod pairing;
#[path = "rows/processes.rs"]
mod processes;
#[path = "rows/push.rs"]
mod push;
#[path = "rows/recovery.rs"]
mod recovery;
#[path = "rows/requests.rs"]
mod requests;
#[path = "rows/resend.rs"]
mod resend;
#[path = "rows/sms.rs"]
mod sms;
#[path = "rows/support.rs"]
mod support;
