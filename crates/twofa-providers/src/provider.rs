//! One way to prove a second factor: it decides, the engine writes.

use core::error::Error;

use async_trait::async_trait;
use oath_otp::SecretText;
use token_store::{
    FactorId, TokensError,
    ott_core::{
        Channel, Destination, Handle, Policy, Presented, Reason, Rejected, Subject,
        chrono::{DateTime, Utc},
    },
};
use zeroize::Zeroizing;

/// One way to prove a second factor.
///
/// A provider changes nothing when it verifies: it answers with a [`Claim`], and the engine burns
/// what the claim names. So a new provider cannot forget to.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it is, for the person who chooses.
    fn descriptor(&self) -> &Descriptor;

    /// Whether a subject enrols with it. Then it proves factors, each with a row and a ceiling of its
    /// own. Else it proves the subject as a whole, its failures are counted for provider and subject
    /// together, and a [`Context`] names no factor.
    fn enrols(&self) -> bool;

    /// The channel over which it sends codes: the engine never counts one channel twice.
    fn channel(&self) -> Option<Channel>;

    /// Where it sends the codes of this factor, if it sends any: its owner is told there too what
    /// happened to the account.
    fn destination(&self, factor: &OpenFactor) -> Option<Destination>;

    /// How likely one guess is right: the engine computes its guess budget from it.
    fn odds(&self) -> Odds;

    /// Whether the subject could use it now, given the active factors of its kind.
    ///
    /// # Errors
    /// [`ProviderError`] is an outage, never a shorter list.
    async fn available(
        &self,
        subject: &Subject,
        factors: &[OpenFactor],
    ) -> Result<bool, ProviderError>;

    /// Starts an authenticator: its secret and what to show of it. `None` if there is nothing to enrol.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn enrol(&self, details: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError>;

    /// Sends what the person needs to answer, where the descriptor says `request`.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn request(&self, context: &Context<'_>) -> Result<Requested, ProviderError>;

    /// Whether the response is right, as a claim of what to burn. Changes nothing.
    ///
    /// # Errors
    /// [`VerifyError`]: refused, or an outage.
    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError>;
}

/// How a provider proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
pub enum Kind {
    /// The person approves on another device; this side waits.
    RequestToken,
    /// The person types a code.
    UserToken,
}

/// What a provider is, for the person who chooses and the client that lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Descriptor {
    /// How it proves.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: Kind,
    /// The stable id: factors name it as their kind.
    pub id: &'static str,
    /// A name of a few words.
    pub label: String,
    /// A sentence.
    pub description: String,
    /// Whether a code has to be asked for first.
    pub request: bool,
}

/// How likely one guess is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// How many codes there are.
    pub code_space: u128,
    /// How many of them one factor accepts at one moment.
    pub valid: u64,
}

/// What the response is given for. A code that was asked for one occasion is refused on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// To confirm a factor that was just enrolled.
    Confirm,
    /// To prove a confirmed factor.
    Verify,
}

impl Occasion {
    /// The stable name: enters bindings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Verify => "verify",
        }
    }
}

/// Whom a provider is asked about, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Whose factor.
    pub subject: &'a Subject,
    /// Which factor, its secret opened; none where the provider has nothing to enrol.
    pub factor: Option<&'a OpenFactor>,
    /// What for.
    pub occasion: Occasion,
    /// The account's credential epoch, where the application keeps one.
    pub epoch: Option<u64>,
    /// The flow's handle, once something was sent in it: found again by it, and superseded by a
    /// resend.
    pub handle: Option<&'a Handle>,
    /// The present time.
    pub now: DateTime<Utc>,
}

impl<'a> Context<'a> {
    /// The factor, for a provider that enrols.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] if there is none.
    pub const fn enrolled(&self) -> Result<&'a OpenFactor, ProviderError> {
        match self.factor {
            Some(factor) => Ok(factor),
            None => Err(ProviderError::Misuse("no factor to look at")),
        }
    }
}

/// What the person answered.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    text: &'a str,
}

impl<'a> Response<'a> {
    /// A code that the person typed.
    #[must_use]
    pub const fn typed(text: &'a str) -> Self {
        Self { text }
    }

    /// What was typed, as it was typed.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }
}

impl core::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Response(..)")
    }
}

/// What a provider found right: the one store step that makes it count. There is no "right, and
/// nothing to burn".
#[derive(Debug)]
pub enum Claim {
    /// Advance the factor's counter, only forward.
    Advance {
        /// The factor.
        factor: FactorId,
        /// The counter of the code.
        counter: u64,
    },
    /// Redeem the token.
    Redeem {
        /// The token's policy.
        policy: Policy,
        /// What was presented.
        presented: Presented,
    },
}

/// What was sent.
pub struct Requested {
    /// The flow's secret name of what was sent: keep it in the session, give it back with the response.
    pub handle: Option<Handle>,
    /// Where to, for the page ("we sent a code to …"): already shortened.
    pub hint: Option<String>,
}

impl core::fmt::Debug for Requested {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Requested")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// What a provider needs to start an authenticator.
#[derive(Clone, Copy)]
pub struct EnrolDetails<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// The account's name as the person knows it: shown in an authenticator app.
    pub account: &'a str,
    /// Where to send codes: from the account, never from the request.
    pub destination: Option<&'a Destination>,
}

impl core::fmt::Debug for EnrolDetails<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The account's name is an e-mail address more often than not.
        f.debug_struct("EnrolDetails")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// A new authenticator.
pub struct Enrolment {
    /// The secret with every parameter: it is sealed as it is, and comes back as [`OpenFactor::secret`].
    pub secret: Zeroizing<Vec<u8>>,
    /// What the person scans or types into the authenticator, once.
    pub shown: Option<Shown>,
}

impl core::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Enrolment").finish_non_exhaustive()
    }
}

/// What the person scans or types into the authenticator. It is the secret: show it once.
#[derive(Debug)]
pub struct Shown {
    /// The otpauth URI, for a QR code.
    pub uri: SecretText,
    /// The secret in base32, for typing.
    pub base32: SecretText,
}

/// A factor whose seal was opened.
pub struct OpenFactor {
    pub(crate) id: FactorId,
    pub(crate) label: String,
    pub(crate) last: Option<u64>,
    /// Whether it was enrolled under a proof of another factor.
    pub(crate) proved: bool,
    /// Its seal, where another key made it than the one that seals now.
    pub(crate) old_seal: Option<Vec<u8>>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl OpenFactor {
    /// The factor's public name.
    #[must_use]
    pub const fn id(&self) -> FactorId {
        self.id
    }

    /// What its owner calls it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The last accepted counter.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// What the provider's enrolment gave out.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl core::fmt::Debug for OpenFactor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OpenFactor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a provider could not do its part: an outage, or a mistake in the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The provider was asked for what it does not do.
    #[error("misuse of a provider: {0}")]
    Misuse(&'static str),
    /// What was sealed cannot be a secret of this provider.
    #[error("a factor's secret cannot be read")]
    Secret,
    /// Tokens did not do what was asked.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// Something the provider depends on did not answer.
    #[error("a second factor's provider is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a response did not become a claim.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// An outage.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Refused. [`Reason::Malformed`] says that nothing was compared.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl From<Reason> for VerifyError {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected::new(reason))
    }
}
