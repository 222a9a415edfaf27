//! Second factors: the engine an application holds, the providers behind it, and the services beside it.
//!
//! ```
//! use std::sync::Arc;
//! use twofa_providers::token_store::{MemoryStore, Tokens, ott_core::{KeyRing, Subject}};
//! use twofa_providers::{Attempt, EnrolDetails, Response, TotpProvider, TwoFactor};
//! # use twofa_providers::{oath_otp::{Secret, Totp}, token_store::{Clock, SystemClock}};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let store = Arc::new(MemoryStore::new()); // or one of SQLite, PostgreSQL
//! let tokens = Tokens::builder_shared(KeyRing::generate()?, Arc::clone(&store)).build()?.shared();
//! let app = TotpProvider::new("Example")?;
//! let two_factor = TwoFactor::builder(tokens, store).provider(app).build()?;
//! let (alice, typed) = (Subject::new("", "4711")?, "000000");
//! let details = EnrolDetails::new(&alice, "alice@example.org");
//! let enrolled = two_factor.enrol("totp", &details, "phone", None).await?;
//! # let base32 = enrolled.provisioning.as_ref().unwrap().base32.expose_secret();
//! # let (secret, now) = (Secret::from_base32(base32)?, SystemClock.now());
//! # let code = Totp::default().generate(&secret, now.timestamp().try_into()?);
//! # let typed = code.expose_secret();
//! // Show `enrolled.provisioning` as a QR code.
//! let attempt = Attempt::new(&alice, "totp").factor(enrolled.factor);
//! let proof = two_factor.confirm(&attempt, &Response::typed(typed)).await?; // the first code
//! assert!(two_factor.verify(&attempt, &Response::typed(typed)).await.is_err()); // is used up
//! # assert_eq!(proof.subject(), &alice);
//! # Ok(()) }
//! ```
//!
//! A [`Provider`] decides, the engine writes. The engine opens the factor's seal, asks the provider, charges the limits, and
//! burns what the provider's [`Claim`] names in one step of the store. Whoever adds a provider cannot forget to.
//!
//! A [`Proof`] says what was proved. [`TwoFactor::fresh`] turns it into [`Fresh`], the evidence that is taken
//! by whatever changes how an account is guarded. [`Proofs`] carries a proof to the next request.
//!
//! | service | what for |
//! | --- | --- |
//! | [`RecoveryCodes`] | ten printed codes for the day on which the phone is gone |
//! | [`KnownDevices`] | an attacker's guesses do not lock the owner out where they signed in before |
//! | [`TrustedDevices`] | the owner is asked for no second step where they asked not to be, for some weeks |
//! | [`Owner`] | messages about what happened, with a link for "this was not me" |
//! | [`Prompts`] | the person approves on another device |
//! | [`Proofs`] | a proof between two requests, and between two processes |
//! | [`Operator`] | support staff help a person who lost everything |
//!
//! Build a service, hand it to the engine's builder, and keep it. A service that was not built is no value, so
//! nothing can be asked of it.
//!
//! # What it guarantees
//!
//! * A code is accepted once, the confirming one included, in whatever spelling and however many
//!   try it at once. A code of an earlier step than the last accepted one is refused.
//! * A code that is sent is good for its own factor, subject, tenant, credential epoch, sign-in, operation,
//!   occasion (confirm or verify) and flow. A resend voids the earlier code of its flow.
//! * Nobody is told whether a response was right before the limits allowed it. A wrong response is charged by then.
//! * An attacker who knows the password and stays under all limits has 465 guesses in the first year, at the
//!   engine and at all policies of the tokens together; 497 with a stolen known device, however many of them
//!   there are. An engine whose bound is above 10⁻³ a year does not start, unless its figure is accepted by name.
//! * A hundred consecutive failures disable a factor: the next try is refused, and an event tells. What nobody
//!   guesses, such as a recovery code, costs the network alone: no wrong ones lock it.
//! * Codes that are sent are counted for the account and for the mailbox, over all accounts of a tenant: ten at once,
//!   thirty within any 24 hours. Enrolments are paced.
//! * On a known device the owner signs in while an attacker uses up the account's guesses. A known device is
//!   never a factor: its token proves nothing, and skips nothing.
//! * A trusted device, where the application has those, stands in place of the second factor at a sign-in and is
//!   no evidence: every change of the account asks for the second step first. It ends with each change of what
//!   guards the account: password, address, factors, recovery codes, and with "this was not me".
//! * A recovery code is good once, for its subject. A new set voids the old one whole, also when
//!   several are made at once. It counts once in a sign-in and lifts no requirement.
//! * Success gives back what its own try spent. What cannot be a code, a flow that does not exist, a wait for
//!   a decision, and a key that the ring lacks cost nothing.
//! * A prompt is decided once, by its own subject, on a device that stands when it decides and when its approval is redeemed,
//!   and never in the sign-in that asked, where both are named. The person types the number that the waiting side shows. The device is told it nowhere. With a key the device signs each
//!   decision over what it displayed, and that is checked again where the approval is redeemed. A waiting page
//!   polls for one read, and costs the subject nothing.
//! * What several people approve ([`Prompts::quorum`]) is approved by distinct people, none of whom asked, and taken up once.
//!   No two of them sign with one key; devices without a key are not told apart, and `Prompts::keys_only` takes none. One denial or report ends it. Each decision is checked again as it is taken up.
//! * A subject is asked five times, then once in 15 minutes; and ten times, then once a day, until a factor succeeds. Known
//!   devices have as much once more. After a denial nobody is asked for 15 minutes, whatever succeeds meanwhile, after a
//!   report until another factor succeeds.
//! * A factor that was not confirmed counts for nothing. Once one is confirmed, enrolling, renaming and
//!   removing take fresh evidence, and so do recovery codes and remembering or trusting a device.
//! * With [`Owner`], the owner gets a message at every verified address, also at one that was just removed. It
//!   says what happened, when, and from where: factor added, removed or disabled, recovery used, used up or
//!   renewed, address changed, device trusted, account reset, and, once a day at most, ten or more failures in a row behind
//!   the right password. An address that nobody confirmed is told nothing. What happened stands whether or not the
//!   message arrives.
//! * "This was not me" undoes one sign-in, once, for all addresses together. It disables and wipes the factors that the sign-in
//!   added. It voids the recovery codes and forgets the known devices that the sign-in made. It brings back the factors that the
//!   sign-in removed and the sheet that the sign-in replaced. It ends the trust in every device, and removes what waits
//!   for its confirmation. Other factors, known devices and sessions stay. The link is spent last: after an outage it is still good.
//! * While a change of address or a removal can be undone, the old address gets every message with the link. An
//!   address, also an e-mail factor's, that is younger than [`UNDO_WITHIN`] gets the messages without it.
//! * At most five factors of a provider, and at least one active one unless the caller says that none is
//!   required, also when several enrol or remove at once.
//! * One mailbox is not two factors: tell the [`Attempt`] what was proved before
//!   ([`Attempt::after`], [`Attempt::first_step`]), and the same channel or provider is refused.
//! * Whatever is down, nothing is proved: [`TwoFactorError::Unavailable`], never a shorter list. One broken
//!   seal hides no other factor.
//! * Secrets rest sealed, and follow the key ring: what an old key sealed is sealed again when its
//!   factor proves something, or by [`Upkeep::renew_seals`].
//! * No code, secret, URI or address stands in an event, error or `Debug` text.
//!
//! # What it does not
//!
//! * Store in your own table whether an account needs a second factor. Do not conclude it from the number of
//!   factors: who deletes rows would switch it off.
//! * Whoever knows the password can use up the owner's tries on every device that is not known, and
//!   the factor's: that is what keeps them from guessing.
//! * Whoever has a trusted device and the password gets in without a second step, until its trust ends. An account
//!   that must prove two factors at each sign-in (NIST AAL2) trusts none.
//! * Recovery codes stay valid when the password changes and when the last factor is removed. To make them
//!   invalid, make new ones.
//! * Whoever reads a verified mailbox can press "this was not me" in a notice about the owner's own acts, while the
//!   link lives. They undo that sign-in as the owner would. The owner is told of each change.
//! * "This was not me" brings back no recovery code that was used up, nor a sheet beside one that another sign-in made.
//! * If the owner disowns their only factor, the account still asks for a second step. They need a recovery
//!   code; without one, an operator must check who they are and call [`Operator::reset`].
//! * It starts no task: a notice is sent before the answer, so a slow delivery needs a queue.
//! * A restored backup brings spent codes back where they have no end: see [`HotpProvider::not_before`].
//! * A code can be relayed in real time by a page that looks like yours.
//! * Whoever writes to the database can set a factor's counter back; they cannot read or move a secret, or
//!   redirect codes.
//! * A person who is talked into typing the number of somebody else's page approves that page's sign-in.
//! * What a prompt displays (operation, client, network address) stands in clear in its row, until it is purged.
//! * A device that has no key decides by its session: whoever steals that session, or signs in beside it, decides in its
//!   place. Such a prompt proves a second session of the person, and no device.
//! * E-mail is no second factor to NIST; see [`CodeProvider`].
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `conformance` | the laws of providers as public functions, and the macro that makes them tests of one |
//! | `device-keys` | devices with an Ed25519 key of their own, which sign what they decide about a prompt |
//! | `qr` | `Provisioning::qr_svg`: the QR code that an authenticator app scans |
//! | `yubico` | [`yubico`]: Yubikeys whose keys the application has, and the validation protocol as data |
//! | `yubico-remote` | Yubikeys that a validation server checks: a client over HTTPS |
//! | `serde` | `Serialize` for [`Descriptor`] and [`Kind`]: `{"type", "id", "label", "description", "request"}` |
//!
//! # Specifications
//!
//! RFC 8032 (Ed25519), Yubico's validation protocol 2.0, RFC 4226 section 7.3 (throttling), RFC 6238 section 5.2 (each code once), NIST SP 800-63B-4
//! sections 3.1.3, 3.1.4 and 3.2.2 (100 consecutive failures), OWASP ASVS 5.0 section 6.5.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod asked;
mod attempt;
mod build_error;
mod builder;
mod claim;
mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod descriptor;
mod device_tokens;
mod devices;
mod durations;
mod engine;
mod enrol;
mod enrolment;
mod envelope;
mod error;
pub mod events;
mod existing;
mod factors;
mod fresh;
mod guard;
mod hotp;
mod import;
#[cfg(doctest)]
mod insecure;
mod labels;
mod limits;
mod masked;
mod network;
mod news;
mod notices;
mod oath;
mod open_factor;
mod operator;
mod owner;
mod prompts;
mod proof;
mod proofs;
mod provider;
mod provider_error;
#[cfg(feature = "qr")]
mod qr;
mod recovery;
mod removal;
mod response;
mod rows;
mod sheets;
mod sign_in;
mod spending;
mod telling;
mod totp;
mod trusted;
mod upkeep;
#[cfg(feature = "yubico")]
pub mod yubico;

// What an application holds.
pub use attempt::Attempt;
pub use build_error::BuildError;
pub use builder::TwoFactorBuilder;
pub use durations::UNDO_WITHIN;
pub use engine::TwoFactor;
pub use enrol::{Enrolled, MAX_FACTORS_PER_PROVIDER};
pub use error::TwoFactorError;
pub use existing::Existing;
pub use factors::{FactorView, Offer};
pub use fresh::Fresh;
pub use import::{Import, Imported};
pub use labels::{InvalidLabel, MAX_LABEL};
pub use limits::Limits;
pub use masked::masked;
pub use network::counted_network;
pub use proof::{FRESH, Proof};
pub use rows::CONFIRM_WITHIN;
pub use sign_in::SignInId;

// Services beside it.
pub use address::Address;
pub use device_tokens::{DeviceView, NewDevice};
pub use devices::{KnownDevices, MAX_KNOWN_DEVICES};
pub use durations::{LONGEST_TRUST, TRUST};
pub use news::News;
pub use notices::{Addresses, Notices};
pub use operator::{Operator, Reset, ResetReason};
pub use owner::{AddressChange, Owner, PasswordChange, not_me::NotMe};
pub use prompts::{
    Approval, Approver, AskedOthers, PromptLimits, PromptStatus, PromptView, Prompts,
};
pub use proofs::{Holder, Proofs};
pub use recovery::{RecoveryCodes, RecoverySheet};
pub use sheets::RECOVERY_CODES;
pub use trusted::{MAX_TRUSTED_DEVICES, Trusted, TrustedDevices};
pub use upkeep::Upkeep;

// The providers.
pub use code::CodeProvider;
pub use hotp::HotpProvider;
pub use totp::TotpProvider;

// What another provider is made of.
pub use asked::{Asked, Show};
pub use claim::Claim;
pub use context::Context;
pub use descriptor::{Descriptor, Kind, Odds, Proves};
#[cfg(feature = "qr")]
pub use enrolment::SecretPicture;
pub use enrolment::{EnrolDetails, Enrolment, Provisioning};
pub use open_factor::OpenFactor;
pub use provider::Provider;
pub use provider_error::{ProviderError, VerifyError};
pub use response::Response;

pub use oath_otp;
pub use token_delivery;
pub use token_store;
