//! For engines that spend limits of their own.

use ott_core::{Binding, IssueOptions, Issued, Parked, Policy, Presented, Record, Usage};

use crate::{RedeemInTransaction, TokenStore, Tokens, TokensError};

/// [`Tokens`] whose verbs spend no limits.
pub struct WithoutLimits<'t, S: TokenStore + ?Sized> {
    tokens: &'t Tokens<S>,
    _reason: &'static str,
}

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// The same without the policies' limits. `reason` says what limits guesses instead, for the
    /// reader of the code.
    #[must_use]
    pub const fn without_limits(&self, reason: &'static str) -> WithoutLimits<'_, S> {
        WithoutLimits {
            tokens: self,
            _reason: reason,
        }
    }
}

impl<S: TokenStore + ?Sized> WithoutLimits<'_, S> {
    /// As [`Tokens::issue_opts`].
    ///
    /// # Errors
    /// As [`Tokens::issue_opts`], without the limits.
    pub async fn issue_opts(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Vec<Issued>, TokensError> {
        self.tokens
            .issue_charged(policy, binding, options, &[])
            .await
    }

    /// As [`Tokens::park_opts`].
    ///
    /// # Errors
    /// As [`Tokens::park_opts`], without the limits.
    pub async fn park_opts(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        options: IssueOptions<'_>,
    ) -> Result<Parked, TokensError> {
        self.tokens
            .park_charged(policy, binding, options, &[])
            .await
    }

    /// Redeems what was presented, at most once.
    ///
    /// # Errors
    /// As [`Tokens::redeem`], without the limits; [`TokensError::Misuse`] where it was presented under another
    /// policy. Then nothing was asked of the store.
    pub async fn redeem(
        &self,
        policy: &Policy,
        presented: &Presented,
    ) -> Result<Record, TokensError> {
        self.fits(policy, presented)?;
        self.tokens.redeem_presented(policy, None, presented).await
    }

    fn fits(&self, policy: &Policy, presented: &Presented) -> Result<(), TokensError> {
        self.tokens.known(policy)?;
        if policy.usage() == Usage::Bearer {
            return Err(TokensError::Misuse("tokens of this policy authenticate"));
        }
        if !presented.is_under(policy) {
            return Err(TokensError::Misuse(
                "what was presented under another policy",
            ));
        }
        Ok(())
    }
}

impl<S: RedeemInTransaction + ?Sized> WithoutLimits<'_, S> {
    /// As [`WithoutLimits::redeem`], and hands over the open transaction, as [`Tokens::redeem_in_transaction`] does.
    ///
    /// # Errors
    /// As [`WithoutLimits::redeem`].
    pub async fn redeem_in_transaction(
        &self,
        policy: &Policy,
        presented: &Presented,
    ) -> Result<(S::Transaction, Record), TokensError> {
        self.fits(policy, presented)?;
        self.tokens.open_transaction(policy, None, presented).await
    }
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for WithoutLimits<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WithoutLimits").finish_non_exhaustive()
    }
}
