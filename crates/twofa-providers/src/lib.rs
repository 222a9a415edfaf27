//! Second factors: the engine an application holds, and the providers behind it.
//!
//! ```
//! # use std::sync::Arc;
//! # use twofa_providers::{*, oath_otp::{Secret, Totp}, token_store::{*, ott_core::{KeyRing, Subject}}};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryStore::new());
//! let tokens = Tokens::builder_shared(KeyRing::generate()?, Arc::clone(&store)).build()?.into_shared();
//! let two_factor = TwoFactor::builder(tokens, store).provider(TotpProvider::new("Example")?).build()?;
//! let (alice, typed) = (Subject::new("", "4711")?, "000000");
//! let details = EnrolDetails { subject: &alice, account: "alice@example.org", destination: None };
//! let enrolled = two_factor.enrol("totp", &details, "phone", None).await?; // `shown` as a QR code
//! # let (secret, now) = (Secret::from_base32(enrolled.shown.unwrap().base32.expose_secret())?, SystemClock.now());
//! # let code = Totp::default().generate(&secret, now.timestamp().try_into()?);
//! # let typed = code.expose_secret();
//! let attempt = Attempt::new(&alice, "totp").factor(enrolled.factor);
//! let verified = two_factor.confirm(&attempt, &Response::typed(typed)).await?; // the first code
//! assert!(two_factor.verify(&attempt, &Response::typed(typed)).await.is_err()); // is burnt
//! # assert_eq!(verified.subject(), &alice);
//! # Ok(()) }
//! ```
//!
//! A [`Provider`] decides, the engine writes: it opens the factor's seal, spends the limits, asks
//! the provider, and burns what the provider's [`Claim`] names in one step of the store. Whoever
//! adds a provider cannot forget to.
//!
//! # What it guarantees
//!
//! * A code is accepted once, the confirming one included, in whatever spelling and however many
//!   try it at once. A code of an earlier step than the last accepted one is refused.
//! * A code by e-mail is good for its own factor, subject, tenant, credential epoch, occasion
//!   (confirm or verify) and flow. A resend voids the earlier code of its flow.
//! * Limits are spent before anything is compared: an attacker who knows the password gets 465
//!   guesses in the first year, whatever the owner does; 497 with a stolen known device, however many
//!   of them there are. An engine with a guess bound above 10⁻³ a
//!   year does not start unless its figure is accepted by name.
//! * A hundred consecutive failures disable a factor: the next try is refused, and an event tells.
//! * On a known device the owner signs in while an attacker uses up the account's guesses. It is
//!   never a factor: its token proves nothing, and skips nothing.
//! * A recovery code is good once, for its subject; a new set voids the old one whole, also when
//!   several are made at once. It counts once in a sign-in and lifts no requirement.
//! * Success gives back what its own try spent; what cannot be a code, and a key that the ring
//!   lacks, cost nothing.
//! * A factor that was not confirmed counts for nothing. Once one is confirmed, enrolling,
//!   renaming and removing take a proof of the last minutes, of the same subject, by a factor that
//!   still proves; so do recovery codes and remembering a device.
//! * With [`Notices`], the owner is told at every verified address, and at one that is one no more,
//!   what happened, when and from where: factor added, removed or disabled, recovery used, used up or
//!   renewed, address changed, and, once a day at most, many failures behind the right password. An
//!   address that nobody confirmed is told nothing. What happened stands whether or not that works.
//! * The notice's "this was not me" works once, for all addresses together. It disables and wipes the
//!   factor whose adding that notice told, voids the recovery codes and forgets the devices that its
//!   sign-in made, and touches no other factor, device or session. It is spent last: after an outage
//!   it is still good.
//! * An address that is itself the news, such as the account's new one, is told without that link.
//! * At most five factors of a kind, and at least one active one unless the caller says that none is
//!   required, also when several enrol or remove at once.
//! * One channel, or one provider, never counts twice, where the attempt names those that were used.
//! * Whatever is down, nothing is proved: [`TwoFactorError::Unavailable`], never a shorter list.
//! * Secrets rest sealed, and follow the key ring: what an old key sealed is sealed again when its
//!   factor proves something, or by [`TwoFactor::renew_seals`].
//! * No code, secret, URI or address stands in an event, error or `Debug` text.
//!
//! # What it does not
//!
//! * Whether an account must have a second factor is the application's to know, not to count.
//! * Whoever knows the password can use up the owner's tries on every device that is not known, and
//!   the factor's: that is what keeps him from guessing.
//! * A sheet of recovery codes outlives a change of password, and the last factor: renew it to void it.
//! * Whoever reads a verified mailbox can press "this was not me" in the owner's own notice, while the
//!   link lives: that ends the sign-in, and wipes the factor that the notice told of and the recovery
//!   codes and known devices of that sign-in.
//! * "This was not me" brings back nothing that was removed, used up or changed, and a second factor that
//!   the same sign-in added is undone by the link of its own notice alone.
//! * Whose only factor was disowned needs a recovery code, or an operator who makes sure who asks and
//!   calls [`FactorStore::remove`](token_store::FactorStore::remove): a disabled factor guards the account.
//! * It starts no task: a notice is sent before the answer, so a slow delivery needs a queue.
//! * A code can be relayed in real time by a page that looks like yours.
//! * Whoever writes to the database can set a factor's counter back; he cannot read or move a secret.
//! * E-mail is no second factor to NIST; see [`EmailProvider`].
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `serde` | `Serialize` for [`Descriptor`] and [`Kind`]: `{"type", "id", "label", "description", "request"}` |
//!
//! # Specifications
//!
//! RFC 4226 section 7.3 (throttling), RFC 6238 section 5.2 (each code once), NIST SP 800-63B-4
//! sections 3.1.3, 3.1.4 and 3.2.2 (100 consecutive failures), OWASP ASVS 5.0 section 6.5.

mod attempt;
mod email;
mod engine;
mod error;
mod factors;
mod flow;
mod limits;
mod news;
mod notices;
mod provider;
mod recovery;
mod removal;
mod totp;
mod verified;

// What an application holds.
pub use attempt::Attempt;
pub use engine::{
    AddressChange, DeviceView, MOST_KNOWN_DEVICES, NotMe, RememberedDevice, TwoFactor,
    TwoFactorBuilder,
};
pub use error::{BuildError, TwoFactorError};
pub use factors::{CONFIRM_WITHIN, Enrolled, FactorView, LONGEST_LABEL, MOST_OF_A_KIND, Offer};
pub use flow::FlowId;
pub use limits::{Limits, counted_network};
pub use news::News;
pub use notices::{Addresses, Notices};
pub use recovery::{RECOVERY_CODES, RecoveryCodes};
pub use verified::{FRESH, Verified};

// The providers.
pub use email::EmailProvider;
pub use totp::TotpProvider;

// What another provider is made of.
pub use provider::{
    Claim, Context, Descriptor, EnrolDetails, Enrolment, Kind, Occasion, Odds, OpenFactor,
    Provider, ProviderError, Requested, Response, Shown, VerifyError,
};

pub use oath_otp;
pub use token_delivery;
pub use token_store;
