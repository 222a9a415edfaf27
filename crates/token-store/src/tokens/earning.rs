//! Issuing in the step of the redeem that earned it.

use ott_core::{Binding, Handle, IssueOptions, Issued, Policy, Presented, Record};

use super::Verb;
use crate::{TokenStore, Tokens, TokensError, events};

/// [`Tokens`] whose redeems earn a token: made by [`Tokens::earning`].
pub struct Earning<'t, S: TokenStore + ?Sized = dyn TokenStore> {
    tokens: &'t Tokens<S>,
    policy: &'t Policy,
    binding: &'t Binding<'t>,
    options: IssueOptions<'t>,
}

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Redeems that earn a token of this policy: a session by a code. [`IssueOptions::count`] is not asked, nor is [`IssueOptions::used`]:
    /// who earned a bearer token is there, so that it is in use from its issue, and the first minute writes nothing of it.
    ///
    /// ```
    /// # use token_store::{*, ott_core::{Binding, IssueOptions, KeyRing, Policy, Purpose, Subject, chrono::TimeDelta}};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # const CODE: Policy = Policy::code(Purpose::new("sign-in"));
    /// # const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(7));
    /// # let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(&CODE).policy(&SESSION).build()?;
    /// # let alice = Subject::new("", "4711")?;
    /// let binding = Binding::subject(&alice);
    /// let code = tokens.issue(&CODE, &binding).await?;
    /// let typed = code.token.expose_secret(); // from the person, by way of the mail
    /// let session = tokens.earning(&SESSION, &binding, IssueOptions::default());
    /// let (record, session) = session.redeem(&CODE, &code.handle, &binding, typed).await?;
    /// # assert_eq!(record.stored().owner(), Some(alice)); drop(session.token); Ok(()) }
    /// ```
    ///
    /// The answers are those of the redeem and of [`Tokens::issue_opts`] after it. What the earned token's policy, binding and options do not
    /// allow is refused before anything is redeemed. If nothing was redeemed, nothing is issued.
    ///
    /// Where the store charges in the step of the redeem ([`TokenStore::charged`]), and issuing is not counted ([`Policy::request_pace`]), both are
    /// one step, one round trip and one commit. Elsewhere they are one after another: an outage of the second, a reached
    /// limit of it, and a future that is dropped in between leave a token that is spent and earned nothing. Its owner begins again.
    #[must_use]
    pub const fn earning<'t>(
        &'t self,
        policy: &'t Policy,
        binding: &'t Binding<'t>,
        options: IssueOptions<'t>,
    ) -> Earning<'t, S> {
        Earning {
            tokens: self,
            policy,
            binding,
            options,
        }
    }
}

impl<S: TokenStore + ?Sized> Earning<'_, S> {
    /// As [`Tokens::redeem`], and gives back what was redeemed and what it earned.
    ///
    /// # Errors
    /// As [`Tokens::redeem`], and as [`Tokens::issue_opts`].
    pub async fn redeem(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(Record, Issued), TokensError> {
        let tokens = self.tokens;
        tokens.takes(policy, Verb::Redeem)?;
        let issuer = &tokens.issuer;
        let presented = issuer.present_by_handle(policy, handle, binding, typed, tokens.now());
        let presented = tokens.well_formed(policy, binding, presented)?;
        self.earn(policy, binding, &presented).await
    }

    /// As [`Tokens::redeem_by_subject`], and gives back what was redeemed and what it earned.
    ///
    /// # Errors
    /// As [`Earning::redeem`].
    pub async fn redeem_by_subject(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(Record, Issued), TokensError> {
        let tokens = self.tokens;
        tokens.takes(policy, Verb::BySubject)?;
        let issuer = &tokens.issuer;
        let presented = issuer.present_by_subject(policy, binding, typed, tokens.now());
        let presented = tokens.well_formed(policy, binding, presented)?;
        self.earn(policy, binding, &presented).await
    }

    /// As [`Tokens::resume`], and gives back what was parked and what it earned.
    ///
    /// # Errors
    /// As [`Earning::redeem`].
    pub async fn resume(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
    ) -> Result<(Record, Issued), TokensError> {
        let tokens = self.tokens;
        tokens.takes(policy, Verb::Resume)?;
        let issuer = &tokens.issuer;
        let presented = issuer.present_parked(policy, handle, binding, tokens.now());
        let presented = tokens.well_formed(policy, binding, presented)?;
        self.earn(policy, binding, &presented).await
    }

    async fn earn(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        presented: &Presented,
    ) -> Result<(Record, Issued), TokensError> {
        let tokens = self.tokens;
        let charges = tokens.asked(self.policy, self.binding)?;
        let options = IssueOptions {
            count: 1,
            used: true,
            ..self.options
        };
        let made = tokens.make(self.policy, self.binding, options)?.pop();
        let issued = made.ok_or(TokensError::Misuse("a batch of one has one"))?;
        let earned = core::slice::from_ref(&issued.record);
        if tokens.charged().is_some() && charges.is_empty() {
            let redeemed = tokens.redeem_limited(policy, binding, presented, earned);
            let redeemed = redeemed.await?;
            tokens.tell(events::TOKEN_ISSUED, self.policy, issued.record.stored());
            return Ok((redeemed, issued));
        }
        let redeemed = tokens.redeem_limited(policy, binding, presented, &[]);
        let redeemed = redeemed.await?;
        let inserted = tokens.insert_new(
            self.policy,
            self.binding,
            earned,
            &charges,
            events::TOKEN_ISSUED,
        );
        inserted.await?;
        Ok((redeemed, issued))
    }
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for Earning<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Earning")
            .field("policy", self.policy)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
