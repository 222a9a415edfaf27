//! The pages, as browsers and mailboxes see them.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod account;
mod browser;
mod mailbox;
mod notices;
mod registration;
mod reset;
mod second_step;
