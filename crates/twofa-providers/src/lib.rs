//! Second factors: the engine an application holds, and the providers behind it.

mod email;
mod engine;
mod error;
mod factors;
mod limits;
mod provider;
mod totp;
mod verified;

// What an application holds.
pub use engine::{Attempt, TwoFactor, TwoFactorBuilder};
pub use error::{BuildError, TwoFactorError};
pub use factors::{CONFIRM_WITHIN, Enrolled, FactorView, LONGEST_LABEL, MOST_OF_A_KIND, Offer};
pub use limits::Limits;
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
