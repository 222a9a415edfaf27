//! What does not compile. Each pair differs in one place: the first compiles, so the second fails for what it
//! says, and for nothing else.
//!
//! Whoever takes a token that is found by itself loads the account, so that its whole binding is compared:
//!
//! ```
//! use token_store::{Tokens, ott_core::Policy};
//! async fn page(tokens: &Tokens, session: &Policy, presented: &str) {
//!     let binding = async |claimed: token_store::Claimed| Ok(claimed.owner_alone());
//!     let _ = tokens.authenticate(session, "", presented, binding).await;
//! }
//! ```
//! ```compile_fail,E0061
//! use token_store::{Tokens, ott_core::Policy};
//! async fn page(tokens: &Tokens, session: &Policy, presented: &str) {
//!     let _ = tokens.authenticate(session, "", presented).await; // a method of four arguments
//! }
//! ```
//!
//! ```
//! use token_store::{Tokens, ott_core::Policy};
//! async fn page(tokens: &Tokens, link: &Policy, presented: &str) {
//!     let binding = async |claimed: token_store::Claimed| Ok(claimed.owner_alone());
//!     let _ = tokens.redeem_by_itself(link, "", presented, binding).await;
//! }
//! ```
//! ```compile_fail,E0061
//! use token_store::{Tokens, ott_core::Policy};
//! async fn page(tokens: &Tokens, link: &Policy, presented: &str) {
//!     let _ = tokens.redeem_by_itself(link, "", presented).await; // a method of four arguments
//! }
//! ```
//!
//! A record that was found by its public name, or whose binding was not compared yet, is none that a
//! token proved:
//!
//! ```
//! use token_store::ott_core::Record;
//! fn proved(_: Record) {}
//! fn page(record: Record) {
//!     proved(record);
//! }
//! ```
//! ```compile_fail,E0308
//! use token_store::{Found, ott_core::Record};
//! fn proved(_: Record) {}
//! fn page(record: Found) {
//!     proved(record); // expected `Record`, found `Found`
//! }
//! ```
//! ```compile_fail,E0308
//! use token_store::{Claimed, ott_core::Record};
//! fn proved(_: Record) {}
//! fn page(record: Claimed) {
//!     proved(record); // expected `Record`, found `Claimed`
//! }
//! ```
