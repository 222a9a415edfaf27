//! Operations in several steps that cannot be skipped, replayed or redirected: registration, recovery, change of a key,
//! removal of a factor, a payment that is confirmed.
//!
//! ```
//! use ott_flows::{Change, FlowError, Flows, Held, Operation, To, Who};
//! use ott_flows::token_store::ott_core::Purpose;
//!
//! struct RecoverPassword;
//! impl Operation for RecoverPassword {
//!     const PURPOSE: Purpose = Purpose::new("password-recovery");
//!     type After = ();
//! }
//!
//! async fn recover(
//!     flows: &Flows, who: Who<'_>, to: To<'_>, typed: &str,
//! ) -> Result<Change<RecoverPassword>, FlowError> {
//!     let browser = "this browser"; // who began, and who alone may go on
//!     let handle = flows.begin::<RecoverPassword>(who, browser, to, &[]).await?; // into the session
//!     flows.work().await?; // elsewhere: makes the token and sends it
//!     let held = Held { handle: &handle, tenant: "", holder: browser };
//!     let proof = flows.complete::<RecoverPassword>(&held, typed).await?;
//!     flows.apply(proof).await // by value, into the function that sets the password
//! }
//! ```
//!
//! An [`Operation`] is a type. [`Rules`] say which policy its tokens have, over which channels they go, what switches it
//! off and which checks it needs. [`Flows::open`] opens a flow for its holder, [`Flows::send`] asks for a token that
//! is bound to the parameters, [`Flows::complete`] redeems it and hands out a [`Proof`], and [`Flows::apply`] turns that
//! into the [`Change`]. All state between two requests is a record of the token store: nothing else is kept, and any
//! process goes on with what another began.
//!
//! What most applications need is [`ready`]: registration, change and recovery of an address, recovery of a password, removal of
//! a factor, deletion, a payment.
//!
//! # What it guarantees
//!
//! * A change comes from a proof of that very operation, subject and parameters, consumed once. By type: a proof of one
//!   operation does not fit another's code, cannot be copied, and the second operation of a chain
//!   ([`Operation::After`]) cannot be opened without the first one's. Across requests: a parked proof is a record,
//!   bound to its holder, taken up once.
//! * Switch, checks and account are asked when a token is asked for, at each step, and before the effect. An account
//!   that was locked, deleted or changed since completes nothing.
//! * A token goes to an address that the account verified, or to one that is expressly new; the anti-phishing code
//!   stands in messages to the former alone.
//! * Wrong tokens are counted against the flow, before they are compared: a newer token, or the next step, gives no new
//!   tries. Nobody else's flows spend an account's tries; of one subject and purpose five tokens live at once.
//! * For nobody, and for an account that may not act, a flow that [anyone may start](Rules::open) does the same calls
//!   and gives the same answers. No answer waits for a delivery.
//! * What waits to be sent survives a crash and is sent at least once. Its token is made as it leaves, and only the
//!   newest is good.
//! * Where the store can, the token is redeemed, its flow ended and the change applied in one transaction
//!   ([`Flows::complete_in_transaction`]).
//!
//! # What it does not
//!
//! * It starts no task: the application calls [`Flows::work`].
//! * A stranger who asks often enough uses up the sends of that operation for a while, and so does its owner.
//! * Between [`Flows::apply`] and the application's own statement an account may change: make the statement conditional
//!   on [`Change::epoch`], or redeem in a transaction.
//! * A link carries the same token: a page reads it from the fragment and posts it. It completes the flow only in the
//!   browser that holds the handle; elsewhere the page asks to type the code where the flow began. `GET` is never
//!   a call of this crate.
//!
//! # Setting up
//!
//! Give [`Settings::policies`] and, for each operation, [`Settings::policy`] to the builder of
//! [`Tokens`](token_store::Tokens), then both to [`Flows::builder`]. Take `Policy::readable` where anyone may begin. The
//! pace that [`Settings::policy`] sets is what sends and tries come to, so that the guess budget counts it.
//!
//! # Specifications
//!
//! NIST SP 800-63B-4 sections 3.1.3 (out-of-band), 3.2.2 (throttling) and 4.2 (recovery); RFC 3986 section 3.5 (fragments).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accounts;
mod begin;
mod check;
mod complete;
mod error;
mod flow;
mod flows;
mod operation;
mod packed;
mod parameters;
mod proof;
mod queue;
pub mod ready;
mod revert;

// What an application sets up.
pub use accounts::{Accounts, Standing, To, Who};
pub use check::{Asked, Check, Hold, Stage};
pub use flows::{BuildError, Flows, FlowsBuilder, Settings};
pub use operation::{After, Operation, Rules};
pub use revert::Revert;

// What its handlers call and get.
pub use complete::Unclosed;
pub use error::{BoxError, FlowError};
pub use flow::Held;
pub use parameters::Parameters;
pub use proof::{Change, Proof};
pub use queue::{DELIVERY_FAILED, TOO_MANY_LIVE};

pub use token_delivery;
pub use token_store;
