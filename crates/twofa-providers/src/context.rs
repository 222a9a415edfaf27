//! The desk at which a provider works.

use core::{fmt, net::IpAddr};

use token_store::{
    FactorId, Found, Tokens,
    ott_core::{
        Binding, Destination, Handle, IssueOptions, Issued, Parked, Policy, Presented, Reason,
        State, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    claim::Claim,
    open_factor::OpenFactor,
    provider_error::{ProviderError, VerifyError},
    sign_in::SignInId,
};

/// What something is asked or answered for. What was asked for one occasion is worth nothing on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// To confirm a factor that was just enrolled.
    Confirm,
    /// To prove a confirmed factor.
    Verify,
}

impl Occasion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Verify => "verify",
        }
    }
}

/// The desk at which a provider works: whom it is asked about, and what it may do with tokens.
///
/// Whatever is issued, parked, presented or resumed here is bound to subject, provider, factor, occasion,
/// credential epoch, sign-in and operation, and a token also to its destination. No provider can forget one.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub(crate) tokens: &'a Tokens,
    pub(crate) subject: &'a Subject,
    pub(crate) provider: &'a str,
    pub(crate) id: Option<FactorId>,
    pub(crate) factor: Option<&'a OpenFactor>,
    pub(crate) occasion: Occasion,
    pub(crate) epoch: Option<u64>,
    pub(crate) sign_in: Option<&'a SignInId>,
    pub(crate) operation: &'a [(&'a str, &'a str)],
    pub(crate) handle: Option<&'a Handle>,
    pub(crate) network: Option<IpAddr>,
    pub(crate) origin: Option<&'a str>,
    /// Whether the attempt is from a known device, which has limits of its own.
    pub(crate) known_device: bool,
    pub(crate) now: DateTime<Utc>,
}

impl<'a> Context<'a> {
    /// Whom it is about.
    #[must_use]
    pub const fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// The present time.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// What the person is asked to approve, as it is to be shown to them. Empty for a sign-in.
    #[must_use]
    pub const fn operation(&self) -> &'a [(&'a str, &'a str)] {
        self.operation
    }

    /// From which network address it is asked or answered, where the attempt named one.
    #[must_use]
    pub const fn network(&self) -> Option<IpAddr> {
        self.network
    }

    /// What the client is, in the application's words, where the attempt had some.
    #[must_use]
    pub const fn origin(&self) -> Option<&'a str> {
        self.origin
    }

    /// The factor, its seal opened.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] where there is none: in `enrol`, in `available`, and for a provider that
    /// proves the subject.
    pub const fn factor(&self) -> Result<&'a OpenFactor, ProviderError> {
        match self.factor {
            Some(factor) => Ok(factor),
            None => Err(ProviderError::Misuse("no factor to look at")),
        }
    }

    /// Where the factor's codes go, as it was enrolled.
    ///
    /// # Errors
    /// [`ProviderError::Secret`] for a factor without one, [`ProviderError::Misuse`] for no factor.
    pub fn destination(&self) -> Result<&'a Destination, ProviderError> {
        let destination = self.factor()?.destination.as_ref();
        destination.ok_or(ProviderError::Secret)
    }

    /// Issues a token in this flow: the token for the message, the handle for [`Asked`](crate::Asked). A
    /// resend voids the flow's earlier token.
    ///
    /// # Errors
    /// [`ProviderError`]; then nothing was issued.
    pub async fn issue(&self, policy: &Policy, data: &[u8]) -> Result<Issued, ProviderError> {
        let bound = Bound::new(self);
        let operation = bound.operation();
        let mut issued = self
            .tokens
            .without_limits(SPENT)
            .issue_opts(policy, &self.sent(&operation), self.options(data))
            .await?;
        issued
            .pop()
            .ok_or(ProviderError::Misuse("one token is one token"))
    }

    /// Parks what this flow has to keep until it is answered. A repeated request voids the earlier one. Nothing of it is
    /// sent, so it is bound to no destination: where a device is woken may change while it waits.
    ///
    /// # Errors
    /// [`ProviderError`]; then nothing was parked.
    pub async fn park(&self, policy: &Policy, data: &[u8]) -> Result<Parked, ProviderError> {
        let bound = Bound::new(self);
        let operation = bound.operation();
        let parked = self
            .tokens
            .without_limits(SPENT)
            .park_opts(policy, &self.binding(&operation), self.options(data))
            .await?;
        Ok(parked)
    }

    /// The claim that what was typed is the token of this flow. It compares nothing yet: the engine does,
    /// as it burns the claim.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`], with `Reason::Malformed`, for what cannot be such a token, and where the
    /// attempt names no flow.
    pub fn present(&self, policy: &Policy, typed: &str) -> Result<Claim, VerifyError> {
        let handle = self.handle.ok_or(Reason::Malformed)?;
        let bound = Bound::new(self);
        let operation = bound.operation();
        let binding = self.sent(&operation);
        let issuer = self.tokens.issuer();
        let presented = issuer.present_by_handle(policy, handle, &binding, typed, self.now)?;
        Ok(Claim::redeem(policy, presented))
    }

    /// The claim that what was typed is one of the subject's own tokens, such as a printed code. Those are
    /// bound to their subject alone.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`], with `Reason::Malformed`, for what cannot be such a token.
    pub fn present_own(&self, policy: &Policy, typed: &str) -> Result<Claim, VerifyError> {
        let presented = self.presented_own(policy, typed)?;
        Ok(Claim::redeem(policy, presented))
    }

    pub(crate) fn presented_own(
        &self,
        policy: &Policy,
        typed: &str,
    ) -> Result<Presented, VerifyError> {
        let binding = Binding::subject(self.subject);
        let issuer = self.tokens.issuer();
        Ok(issuer.present_by_subject(policy, &binding, typed, self.now)?)
    }

    /// How many live tokens the subject has of its own.
    ///
    /// # Errors
    /// [`ProviderError::Tokens`]: an outage is never a smaller number.
    pub async fn own(&self, policy: &Policy) -> Result<usize, ProviderError> {
        Ok(self.tokens.list(policy, self.subject).await?.len())
    }

    /// What this flow parked, and the claim that ends it.
    ///
    /// # Errors
    /// [`VerifyError::Pending`] while it waits for a decision; [`VerifyError::Rejected`] where there is
    /// nothing (any more), or the attempt names no flow.
    pub async fn parked(&self, policy: &Policy) -> Result<(Found, Claim), VerifyError> {
        let handle = self.handle.ok_or(Reason::Malformed)?;
        let bound = Bound::new(self);
        let operation = bound.operation();
        let binding = self.binding(&operation);
        let issuer = self.tokens.issuer();
        let presented = issuer.present_parked(policy, handle, &binding, self.now)?;
        let found = self.tokens.find(policy, presented.id()).await?;
        let found = found.ok_or(VerifyError::NoFlow)?;
        if found.stored().state == State::Waiting && found.stored().is_live(self.now) {
            return Err(VerifyError::Pending);
        }
        Ok((found, Claim::redeem(policy, presented)))
    }

    /// The same desk, with nothing bound to a factor: for what is asked of every one.
    pub(crate) const fn of_no_factor(&self) -> Self {
        Self {
            id: None,
            factor: None,
            ..*self
        }
    }

    fn options<'b>(&'b self, data: &'b [u8]) -> IssueOptions<'b> {
        IssueOptions {
            data,
            resend: self.handle,
            ..IssueOptions::default()
        }
    }

    fn binding<'b>(&'b self, operation: &'b [(&'b str, &'b str)]) -> Binding<'b> {
        let mut binding = Binding::subject(self.subject).operation(operation);
        if let Some(epoch) = self.epoch {
            binding = binding.epoch(epoch);
        }
        binding
    }

    /// The same for what is sent to the factor's destination.
    fn sent<'b>(&'b self, operation: &'b [(&'b str, &'b str)]) -> Binding<'b> {
        let binding = self.binding(operation);
        match self.factor.and_then(|factor| factor.destination.as_ref()) {
            Some(destination) => binding.destination(destination),
            None => binding,
        }
    }
}

const SPENT: &str = "the engine spent its own";

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("subject", &self.subject)
            .field("factor", &self.id)
            .field("occasion", &self.occasion)
            .finish_non_exhaustive()
    }
}

/// What an operation says beside the caller's own parameters, owned for as long as a binding borrows it.
struct Bound<'a> {
    context: &'a Context<'a>,
    factor: String,
    sign_in: String,
}

impl<'a> Bound<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Self {
            factor: context.id.map(|id| id.to_string()).unwrap_or_default(),
            sign_in: context.sign_in.map(SignInId::to_hex).unwrap_or_default(),
            context,
        }
    }

    /// Always these four first, so that no parameter of the caller's can stand for one of them.
    fn operation(&self) -> Vec<(&str, &str)> {
        let own = [
            ("provider", self.context.provider),
            ("factor", &self.factor),
            ("occasion", self.context.occasion.as_str()),
            ("sign-in", &self.sign_in),
        ];
        own.into_iter()
            .chain(self.context.operation.iter().copied())
            .collect()
    }
}
