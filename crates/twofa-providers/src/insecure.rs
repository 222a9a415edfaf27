//! What does not compile. Each pair differs in one place: the first compiles, so the second fails for what it
//! says, and for nothing else.
//!
//! Evidence names whose account is changed, and under which epoch that is now:
//!
//! ```
//! use twofa_providers::{Proof, TwoFactor, token_store::ott_core::Subject};
//! async fn page(engine: &TwoFactor, alice: &Subject, proof: &Proof) {
//!     let _ = engine.fresh(alice, Some(7), proof).await;
//! }
//! ```
//! ```compile_fail,E0061
//! use twofa_providers::{Proof, TwoFactor, token_store::ott_core::Subject};
//! async fn page(engine: &TwoFactor, alice: &Subject, proof: &Proof) {
//!     let _ = engine.fresh(Some(7), proof).await; // a method of three arguments
//! }
//! ```
//! ```compile_fail,E0061
//! use twofa_providers::{Proof, TwoFactor, token_store::ott_core::Subject};
//! async fn page(engine: &TwoFactor, alice: &Subject, proof: &Proof) {
//!     let _ = engine.fresh(alice, proof).await; // a method of three arguments
//! }
//! ```
//!
//! A proof of any age is no evidence, for a service or for the engine:
//!
//! ```
//! use twofa_providers::{Fresh, Proof, RecoveryCodes};
//! async fn page(codes: &RecoveryCodes, fresh: &Fresh<'_>, proof: &Proof) {
//!     let _ = codes.renew(fresh).await;
//! }
//! ```
//! ```compile_fail,E0308
//! use twofa_providers::{Fresh, Proof, RecoveryCodes};
//! async fn page(codes: &RecoveryCodes, fresh: &Fresh<'_>, proof: &Proof) {
//!     let _ = codes.renew(proof).await; // expected `Fresh`, found `Proof`
//! }
//! ```
//! ```compile_fail,E0308
//! use twofa_providers::{Fresh, KnownDevices, Proof};
//! async fn page(devices: &KnownDevices, proof: &Proof) {
//!     let _ = devices.remember(proof, "laptop").await; // expected `Fresh`, found `Proof`
//! }
//! ```
//! ```compile_fail,E0308
//! use twofa_providers::{Proof, TwoFactor, token_store::FactorId};
//! async fn page(engine: &TwoFactor, proof: &Proof, factor: &FactorId) {
//!     let _ = engine.remove(proof, factor).await; // expected `Fresh`, found `Proof`
//! }
//! ```
//!
//! Evidence does not outlive its proof, and nobody but the engine makes it:
//!
//! ```
//! use twofa_providers::{Proof, TwoFactor, token_store::ott_core::Subject};
//! async fn page(engine: &TwoFactor, alice: &Subject, proof: Proof) {
//!     let fresh = engine.fresh(alice, Some(7), &proof).await;
//!     let _ = fresh.map(|fresh| fresh.subject().clone());
//!     drop(proof);
//! }
//! ```
//! ```compile_fail,E0505
//! use twofa_providers::{Proof, TwoFactor, token_store::ott_core::Subject};
//! async fn page(engine: &TwoFactor, alice: &Subject, proof: Proof) {
//!     let fresh = engine.fresh(alice, Some(7), &proof).await;
//!     drop(proof); // moved out of while borrowed
//!     let _ = fresh.map(|fresh| fresh.subject().clone());
//! }
//! ```
//! ```compile_fail,E0451
//! use twofa_providers::{Fresh, Proof};
//! fn made_up(proof: &Proof) -> Fresh<'_> {
//!     Fresh { proof, guarded, limits, telling } // private fields
//! }
//! ```
//!
//! A trusted device stands in place of the second factor at a sign-in, and is evidence of nothing:
//!
//! ```
//! use twofa_providers::{Proof, TwoFactor};
//! async fn page(engine: &TwoFactor, proof: &Proof) {
//!     let _ = engine.fresh(proof.subject(), Some(7), proof).await;
//! }
//! ```
//! ```compile_fail,E0308
//! use twofa_providers::{Trusted, TwoFactor};
//! async fn page(engine: &TwoFactor, trusted: &Trusted) {
//!     let _ = engine.fresh(trusted.subject(), Some(7), trusted).await; // `Trusted` is no `Proof`
//! }
//! ```
//!
//! A proof is not copied, so what takes it by value uses it up:
//!
//! ```compile_fail,E0599
//! use twofa_providers::Proof;
//! fn twice(proof: Proof) -> (Proof, Proof) {
//!     (proof.clone(), proof) // no method `clone`
//! }
//! ```
//!
//! A claim burns something:
//!
//! ```
//! use twofa_providers::Claim;
//! fn right() -> Claim {
//!     Claim::advance(1)
//! }
//! ```
//! ```compile_fail,E0599
//! use twofa_providers::Claim;
//! fn right() -> Claim {
//!     Claim::default() // no function `default`
//! }
//! ```
//! ```compile_fail,E0451
//! use twofa_providers::Claim;
//! fn right() -> Claim {
//!     Claim { token: None, elsewhere: None, counter: None, secret: None } // private fields
//! }
//! ```
