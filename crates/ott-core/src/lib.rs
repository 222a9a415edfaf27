//! One-time tokens: what they are bound to, how they are digested, and the states they pass through.
//!
//! ```
//! use ott_core::{Binding, Issuer, KeyRing, Policy, Purpose, Subject};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let (issuer, now) = (Issuer::new(KeyRing::generate()?), chrono::DateTime::UNIX_EPOCH);
//! let alice = Subject::new("", "4711")?;
//! let binding = Binding::subject(&alice);
//! let mut issued = issuer.issue(&SECOND_STEP, &binding, now)?;
//! let typed = issued.token.expose_secret();
//! let presented = issuer.present_by_handle(&SECOND_STEP, &issued.handle, &binding, typed, now)?;
//! assert!(issued.record.redeem(&presented, now).is_ok());
//! assert!(issued.record.redeem(&presented, now).is_err()); // once
//! # Ok(()) }
//! ```
//!
//! This crate does no I/O, reads no clock and starts no thread. Most applications use `Tokens` of
//! the crate `token-store`, which joins it to a store and to limits.
//!
//! # What it guarantees
//!
//! * A token of one purpose, tenant, subject, destination, epoch or operation is worth nothing for
//!   another, and a copy of the store is worth nothing without the key.
//! * [`Record`] counts before it compares, spends at most once, and never leaves a final state.
//! * Whoever edits a row can not make, move, prolong or approve a record.
//! * Tokens are uniform over their format; a failing random source is an error.
//! * Keys, tokens and handles are wiped when dropped, and print nothing.
//!
//! # What it does not
//!
//! * Whoever *writes* to the store can un-spend a record and reset its attempts until it expires.
//! * It does not keep anything: a store makes each verb one step. See `token-store`.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `idn` | e-mail addresses at domains that are not ASCII |
//! | `std` (default) | randomness from the operating system: [`Issuer::issue`], [`KeyRing::generate`] |
//!
//! # Specifications
//!
//! HMAC (RFC 2104), SHA-256 (FIPS 180-4), HKDF-Expand (RFC 5869 section 2.3), base32 and base64url
//! alphabets (RFC 4648), addresses (RFC 5321 section 4.1.2, RFC 6531, UTS 46), NIST SP 800-63B-4 sections 3.1.2, 3.1.3 and 3.2.2. The bytes of every
//! digest and tag are in `docs/formats.md`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;

mod behaviour;
mod binding;
mod budget;
mod crc32;
mod decision;
mod destination;
mod digest;
mod fields;
mod format;
mod guess_bound;
mod handle;
mod hex;
mod invalid_destination;
mod issue;
mod issue_error;
mod issued;
mod issuer;
mod keys;
mod limit;
mod mailbox;
mod making;
mod matching;
mod messages;
mod policy;
mod policy_check;
mod present;
mod purpose;
mod record;
mod record_id;
mod rejected;
mod state;
mod stored;
mod subject;
mod time;
mod token;
mod typed;

// What a token is, and what it is tied to.
pub use binding::{Binding, OwnedBinding};
pub use destination::{Channel, Destination};
pub use format::{Format, FormatBuilder};
pub use handle::Handle;
pub use invalid_destination::InvalidDestination;
pub use purpose::Purpose;
pub use subject::{InvalidName, Subject, is_hidden};
pub use token::{RandomFailed, Token};

// How tokens of one purpose behave.
pub use behaviour::{Lookup, Matching, SlotRule, Start, Usage};
pub use budget::AccountBudget;
pub use guess_bound::{GuessBound, GuessBoundExceeded};
pub use limit::{Limit, LimitKey, LimitKind, LimitScope, LimitState, Overspent};
pub use policy::Policy;
pub use policy_check::{PolicyError, PolicyFault};

// Making and opening.
pub use issue_error::IssueError;
pub use issued::{IssueOptions, Issued, Parked};
pub use issuer::{DecideError, Issuer};
pub use keys::{KeyId, KeyRing, KeyRingError, Pseudonym};

// What a store keeps, and the rules by which it changes.
pub use decision::{Decider, Decision, Outcome, StoredDecision, Verdict};
pub use digest::{Presented, TokenDigest};
pub use record::Record;
pub use record_id::RecordId;
pub use rejected::{Reason, Rejected};
pub use state::State;
pub use stored::{APPROVED_LIFE, MAX_DATA, Stored};
pub use time::{CLOCK_ALLOWANCE, whole_micros};

pub use chrono;
pub use rand;
