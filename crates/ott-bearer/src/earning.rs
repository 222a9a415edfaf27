//! A token that a redeem earns: a session by a code.

use core::fmt;

use token_store::{
    TokensError,
    ott_core::{
        self, Binding, Handle, IssueOptions, OwnedBinding, Policy, Reason, Record, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{Bearers, Issued, New, NewError, NoScope, Scope, bearers::refused, new::check_text};

/// A token that is ready to be earned by a redeem: made by [`Bearers::earning`].
pub struct Earning<'b, S = NoScope> {
    bearers: &'b Bearers<S>,
    data: Vec<u8>,
    expires_at: Option<DateTime<Utc>>,
    owner: Subject,
    /// `None`: the account may have no tokens.
    binding: Option<OwnedBinding>,
}

impl<S: Scope> Bearers<S> {
    /// Prepares a token that is issued by the redeem that earns it: in one step with it, one round trip and one commit, where
    /// [`Tokens::earning`](token_store::Tokens::earning) has it so.
    ///
    /// ```
    /// # use ott_bearer::{Bearers, Kind, New, NoScope, token_store::{MemoryStore, Tokens}};
    /// # use ott_bearer::token_store::ott_core::{Binding, KeyRing, Policy, Purpose, Subject};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # const CODE: Policy = Policy::code(Purpose::new("sign-in"));
    /// # const SESSION: Kind = Kind::session(Purpose::new("session"));
    /// # let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(&CODE).policy(SESSION.policy());
    /// # let tokens = tokens.build()?.shared();
    /// # let sessions = Bearers::<NoScope>::new(&tokens, SESSION)?;
    /// # let alice = Subject::new("", "4711")?;
    /// let binding = Binding::subject(&alice);
    /// let code = tokens.issue(&CODE, &binding).await?;
    /// let typed = code.token.expose_secret(); // from the person, by way of the mail
    /// let session = sessions.earning(&New::of(&alice)).await?;
    /// let (_, session) = session.redeem(&CODE, &code.handle, &binding, typed).await?;
    /// assert!(sessions.authenticate("", session.token.expose_secret()).await.is_ok());
    /// # Ok(()) }
    /// ```
    ///
    /// Who earns a token is there: it is in use from its issue, [`Facts::used_at`](crate::Facts::used_at) says so, and its first minute
    /// notes no use. One of [`Bearers::issue`] was never used, until it is.
    ///
    /// What [`Standing`](crate::Standing) says of the account is loaded now, and once more after the redeem. If it changed in between, as an
    /// epoch does when a password is changed, what was earned is revoked and nobody gets it. An account that may have no tokens is refused
    /// after the redeem, so that a guess at its code costs what every guess does.
    ///
    /// Where the owner has as many as [`Kind::at_most`](crate::Kind::at_most) lets them, nothing is prepared. What others issue
    /// between here and the redeem is not counted again.
    ///
    /// # Errors
    /// [`NewError`]; nothing was redeemed.
    pub async fn earning(&self, new: &New<'_, S>) -> Result<Earning<'_, S>, NewError> {
        let details = &new.details;
        for text in [&details.name, &details.network].into_iter().flatten() {
            check_text(text)?;
        }
        let data = details.encode();
        let data = data.ok_or(TokensError::Misuse("more data than a record carries"))?;
        let now = self.now();
        let lifetime = self.kind.policy().token_lifetime();
        let latest = lifetime.and_then(|lifetime| now.checked_add_signed(lifetime));
        let fits = |end: DateTime<Utc>| now < end && latest.is_none_or(|latest| end <= latest);
        if !new.expires_at.is_none_or(fits) {
            return Err(NewError::End);
        }
        if self.exceeds(new.subject, 1).await? {
            return Err(NewError::TooMany);
        }
        Ok(Earning {
            bearers: self,
            data,
            expires_at: new.expires_at,
            owner: new.subject.clone(),
            binding: self.bound(new.subject).await?,
        })
    }
}

impl<S: Scope> Earning<'_, S> {
    /// As [`Tokens::redeem`](token_store::Tokens::redeem), and gives back what was redeemed and the token that it earned.
    ///
    /// # Errors
    /// As [`Tokens::redeem`](token_store::Tokens::redeem); nobody has a token. That the account may have no tokens, or stands otherwise
    /// since [`Bearers::earning`], is [`Reason::Binding`]; then what was redeemed is spent, as after an outage.
    pub async fn redeem(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(Record, Issued<S>), TokensError> {
        let Self { bearers, .. } = self;
        let tokens = &bearers.tokens;
        let Some(own) = &self.binding else {
            tokens.redeem(policy, handle, binding, typed).await?;
            return Err(refused(Reason::Binding));
        };
        let operation = own.operation();
        let own = own.borrowed(&operation);
        let earning = tokens.earning(bearers.kind.policy(), &own, self.options());
        let (record, issued) = earning.redeem(policy, handle, binding, typed).await?;
        Ok((record, self.confirmed(issued).await?))
    }

    /// As [`Tokens::redeem_by_subject`](token_store::Tokens::redeem_by_subject), and gives back what was redeemed and the token that it
    /// earned.
    ///
    /// # Errors
    /// As [`Earning::redeem`].
    pub async fn redeem_by_subject(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(Record, Issued<S>), TokensError> {
        let Self { bearers, .. } = self;
        let tokens = &bearers.tokens;
        let Some(own) = &self.binding else {
            tokens.redeem_by_subject(policy, binding, typed).await?;
            return Err(refused(Reason::Binding));
        };
        let operation = own.operation();
        let own = own.borrowed(&operation);
        let earning = tokens.earning(bearers.kind.policy(), &own, self.options());
        let earned = earning.redeem_by_subject(policy, binding, typed);
        let (record, issued) = earned.await?;
        Ok((record, self.confirmed(issued).await?))
    }

    /// As [`Tokens::resume`](token_store::Tokens::resume), and gives back what was parked and the token that it earned.
    ///
    /// # Errors
    /// As [`Earning::redeem`].
    pub async fn resume(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
    ) -> Result<(Record, Issued<S>), TokensError> {
        let Self { bearers, .. } = self;
        let tokens = &bearers.tokens;
        let Some(own) = &self.binding else {
            tokens.resume(policy, handle, binding).await?;
            return Err(refused(Reason::Binding));
        };
        let operation = own.operation();
        let own = own.borrowed(&operation);
        let earning = tokens.earning(bearers.kind.policy(), &own, self.options());
        let (record, issued) = earning.resume(policy, handle, binding).await?;
        Ok((record, self.confirmed(issued).await?))
    }

    /// Issues it without a redeem.
    pub(crate) async fn issue(&self) -> Result<Issued<S>, NewError> {
        let own = self.binding.as_ref();
        let own = own.ok_or_else(|| refused(Reason::Binding))?;
        let operation = own.operation();
        let own = own.borrowed(&operation);
        let policy = self.bearers.kind.policy();
        let mut issued = self
            .bearers
            .tokens
            .issue_opts(policy, &own, self.options())
            .await?;
        let issued = issued.pop();
        let issued = issued.ok_or(TokensError::Misuse("a batch of one has one"))?;
        Ok(self.told(issued)?)
    }

    fn options(&self) -> IssueOptions<'_> {
        IssueOptions {
            data: &self.data,
            expires_at: self.expires_at,
            ..IssueOptions::default()
        }
    }

    /// What was earned, if the account stands as it did: whoever disabled it meanwhile revoked what there was before.
    async fn confirmed(&self, issued: ott_core::Issued) -> Result<Issued<S>, TokensError> {
        let issued = self.told(issued)?;
        if self.bearers.bound(&self.owner).await? != self.binding {
            let id = issued.facts.id();
            self.bearers.revoke(&self.owner, id).await?;
            return Err(refused(Reason::Binding));
        }
        Ok(issued)
    }

    fn told(&self, issued: ott_core::Issued) -> Result<Issued<S>, TokensError> {
        Ok(Issued {
            facts: self.bearers.facts(&issued.record, false)?,
            token: issued.token,
        })
    }
}

impl<S> fmt::Debug for Earning<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Earning")
            .field("bearers", self.bearers)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
