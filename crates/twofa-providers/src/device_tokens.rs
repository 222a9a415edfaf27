//! What devices keep: bearer tokens of a subject, listed and ended one by one.

use core::fmt;
use std::sync::Arc;

use token_store::{
    Found, Revoke, Tokens, TokensError,
    ott_core::{
        Binding, IssueOptions, Policy, Record, RecordId, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    build_error::BuildError, error::TwoFactorError, labels::check_label, sign_in::SignInId,
};

/// A device that is remembered, or trusted, since just now.
#[derive(Debug)]
pub struct NewDevice {
    /// What the device keeps, in a cookie of its own.
    pub token: Token,
    /// The public name.
    pub id: RecordId,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A known or trusted device as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// The public name.
    pub id: RecordId,
    /// What it was called when it was remembered or trusted.
    pub label: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The tokens of a subject's devices under one policy. What they are bound to is the service's to say.
#[derive(Clone)]
pub(crate) struct DeviceTokens {
    tokens: Arc<Tokens>,
    policy: Policy,
}

impl DeviceTokens {
    /// Under a policy that the tokens were built with.
    pub(crate) fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            policy: *policy,
        })
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Makes the token of one more device, and ends the surplus: what was used longest ago, and first what is
    /// bound to something else by now.
    pub(crate) async fn add(
        &self,
        subject: &Subject,
        binding: &Binding<'_>,
        label: &str,
        sign_in: Option<&SignInId>,
        most: usize,
    ) -> Result<NewDevice, TwoFactorError> {
        let label = check_label(label)?;
        let options = IssueOptions {
            data: &data(&label, sign_in),
            ..IssueOptions::default()
        };
        let issued = self
            .tokens
            .without_limits("behind fresh evidence")
            .issue_opts(&self.policy, binding, options)
            .await?;
        let issued = issued.into_iter().next();
        let issued = issued.ok_or(TwoFactorError::Misuse("one token is one token"))?;
        // Each looks after its own insert, so whoever looks last sees all, and all sort alike.
        let mut all = self.tokens.list(&self.policy, subject).await?;
        all.sort_by_key(|found| {
            let stored = found.stored();
            let used = stored.used_at.unwrap_or(stored.issued_at);
            (self.is_of(found, binding), used, stored.id)
        });
        let surplus = all.len().saturating_sub(most);
        for found in all.iter().take(surplus) {
            self.tokens
                .revoke(&Revoke::own(subject, *found.id()))
                .await?;
        }
        Ok(NewDevice {
            token: issued.token,
            id: *issued.record.id(),
            expires_at: issued.record.stored().expires_at,
        })
    }

    /// Those that are bound to this, oldest first.
    pub(crate) async fn list(
        &self,
        subject: &Subject,
        binding: &Binding<'_>,
    ) -> Result<Vec<DeviceView>, TwoFactorError> {
        let mut all = self.tokens.list(&self.policy, subject).await?;
        all.retain(|found| self.is_of(found, binding));
        Ok(all.iter().map(view).collect())
    }

    /// Ends one of the subject's, and says whether it was there.
    pub(crate) async fn end(
        &self,
        subject: &Subject,
        id: &RecordId,
    ) -> Result<bool, TwoFactorError> {
        let listed = self.tokens.list(&self.policy, subject).await?;
        if !listed.iter().any(|found| found.id() == id) {
            return Ok(false);
        }
        let own = Revoke::own(subject, *id);
        Ok(self.tokens.revoke(&own).await? > 0)
    }

    /// Ends all of the subject's, and says how many that were.
    pub(crate) async fn end_all(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let all = Revoke::purpose(subject, self.policy.purpose());
        Ok(self.tokens.revoke(&all).await?)
    }

    /// Ends those that were made in this sign-in.
    pub(crate) async fn end_of(
        &self,
        subject: &Subject,
        sign_in: &SignInId,
    ) -> Result<u64, TwoFactorError> {
        let mut ended = 0u64;
        for found in self.tokens.list(&self.policy, subject).await? {
            if parts(&found.stored().data).1 == Some(sign_in.as_bytes()) {
                let own = Revoke::own(subject, *found.id());
                ended = ended.saturating_add(self.tokens.revoke(&own).await?);
            }
        }
        Ok(ended)
    }

    /// The record of what is presented, if it is bound to this. An expired, revoked or unknown token is not an
    /// error: an old cookie must not keep its owner from signing in.
    pub(crate) async fn find(
        &self,
        binding: Binding<'_>,
        tenant: &str,
        presented: &str,
    ) -> Result<Option<Record>, TwoFactorError> {
        let own = binding.into_owned();
        let found = self
            .tokens
            .authenticate(&self.policy, tenant, presented, |_| async { Ok(Some(own)) })
            .await;
        match found {
            Ok(record) => Ok(Some(record)),
            Err(TokensError::Rejected(_) | TokensError::KeyMissing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it was made under this binding.
    fn is_of(&self, found: &Found, binding: &Binding<'_>) -> bool {
        let issuer = self.tokens.issuer();
        let opened = issuer.open(&self.policy, found.stored().clone());
        opened.is_ok_and(|record| issuer.check(&record, binding).is_ok())
    }
}

impl fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceTokens")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Whether tokens of this policy prove again and again, and not for ever.
pub(crate) fn is_bearer(policy: &Policy) -> bool {
    policy.usage() == Usage::Bearer && policy.token_lifetime().is_some()
}

fn view(found: &Found) -> DeviceView {
    let stored = found.stored();
    DeviceView {
        id: stored.id,
        label: String::from_utf8_lossy(parts(&stored.data).0).into_owned(),
        since: stored.issued_at,
        used_at: stored.used_at,
        expires_at: stored.expires_at,
    }
}

/// What a record holds of its device: the label, and after a NUL, which no label has, the sign-in in
/// which it was made.
fn data(label: &str, sign_in: Option<&SignInId>) -> Vec<u8> {
    let sign_in = sign_in.map(|sign_in| [&[0], sign_in.as_bytes()].concat());
    [label.as_bytes(), &sign_in.unwrap_or_default()].concat()
}

/// The label, and the sign-in's name.
pub(crate) fn parts(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next())
}
