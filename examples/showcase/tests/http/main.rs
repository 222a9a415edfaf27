//! Bad input, forged requests, outages and races, over plain HTTP.

mod authorization;
mod csrf;
mod factors;
mod forms;
mod guesses;
mod headers;
mod idempotency;
mod input;
mod outages;
#[path = "../common/support.rs"]
mod support;
