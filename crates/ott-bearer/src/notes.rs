//! What is kept beside tokens: that their owner was told, and where they were last used from.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use token_store::{
    Inserted, Revoke, TokensError,
    ott_core::{
        Binding, Handle, IssueOptions, Policy, RecordId, Subject,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};

use crate::{Bearers, Facts, Scope, details::Details, new::check_text};

/// As often as a use is noted at most.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

impl<S: Scope> Bearers<S> {
    /// The owner's tokens that expire soon, as the kind's [`noticing`](crate::Kind::noticing) says, and of which they
    /// were not told yet. Each token is given out once, however often and from wherever this is called: tell the owner
    /// then. Of a program that dies in between the owner is told nothing.
    ///
    /// Call it once a day for each account that has tokens.
    ///
    /// # Errors
    /// An outage; what was not given out yet is given out next time.
    pub async fn take_notices(&self, owner: &Subject) -> Result<Vec<Facts<S>>, TokensError> {
        let Some((policy, before)) = &self.kind.notices else {
            return Err(TokensError::Misuse("the kind tells no end beforehand"));
        };
        let soon = self.now().checked_add_signed(*before);
        let mut due = Vec::new();
        for facts in self.list(owner).await? {
            let ends = facts
                .expires_at()
                .filter(|end| soon.is_none_or(|soon| *end <= soon));
            if ends.is_none() || facts.is_rotated() {
                continue;
            }
            // Under one handle of its own: the second time the record is there already.
            let handle = handle_of(policy, facts.id())?;
            let options = IssueOptions {
                under: Some(&handle),
                expires_at: ends,
                ..IssueOptions::default()
            };
            let issuer = self.tokens.issuer();
            let binding = Binding::subject(owner);
            let parked =
                issuer.park_from_rng(policy, &binding, options, self.now(), &mut SysRng)?;
            if self.tokens.store().insert(&[parked.record]).await? == Inserted::Done {
                due.push(facts);
            }
        }
        Ok(due)
    }

    /// Writes down where a token is used from, when the use itself is written down.
    pub(crate) async fn note_network(
        &self,
        facts: &Facts<S>,
        idle_micros: Option<i64>,
        network: Option<&str>,
    ) -> Result<(), TokensError> {
        // Whoever is in front of the application may have written it.
        let network = network.filter(|network| check_text(network).is_ok());
        let (Some(policy), Some(network)) = (&self.kind.networks, network) else {
            return Ok(());
        };
        let now = self.now();
        let idle = idle_micros.map(TimeDelta::microseconds);
        let every = idle.map_or(NOTED_EVERY, |idle| {
            NOTED_EVERY.min(TimeDelta::microseconds(
                idle.num_microseconds().unwrap_or(i64::MAX) / 4,
            ))
        });
        let noted = |used: DateTime<Utc>| now.signed_duration_since(used) < every;
        if facts.used_at().is_some_and(noted) {
            return Ok(());
        }
        let details = Details::<S> {
            name: None,
            scopes: crate::Scopes::none(),
            proved: None,
            network: Some(network.into()),
            other: Some(*facts.id()),
        };
        let data = details.encode();
        let data = data.ok_or(TokensError::Misuse("more data than a record carries"))?;
        let ends = [
            facts.expires_at(),
            idle.and_then(|idle| now.checked_add_signed(idle)),
        ];
        // A newer note of the same token takes the place of the older one.
        let flow = handle_of(policy, facts.id())?;
        let options = IssueOptions {
            data: &data,
            resend: Some(&flow),
            expires_at: ends.into_iter().flatten().min(),
            ..IssueOptions::default()
        };
        let binding = Binding::subject(facts.subject());
        self.tokens.park_opts(policy, &binding, options).await?;
        // Whoever ended the token before this found no note to end.
        let rotated = self.kind.rotated.as_ref().map(|(policy, _)| policy);
        let noted = rotated.filter(|_| facts.is_rotated());
        if !self
            .lives(noted.unwrap_or(self.kind.policy()), facts.id())
            .await?
        {
            self.forget_networks(facts.subject()).await?;
        }
        Ok(())
    }

    /// Where each token of this owner was last used from.
    pub(crate) async fn networks(
        &self,
        owner: &Subject,
    ) -> Result<BTreeMap<[u8; 16], String>, TokensError> {
        let mut from = BTreeMap::new();
        if let Some(policy) = &self.kind.networks {
            for found in self.tokens.list(policy, owner).await? {
                let details = Details::<S>::decode(&found.stored().data)?;
                if let (Some(token), Some(network)) = (details.other, details.network) {
                    from.insert(*token.as_bytes(), network);
                }
            }
        }
        Ok(from)
    }

    /// Ends the notes of this owner's tokens that have ended.
    pub(crate) async fn forget_networks(&self, owner: &Subject) -> Result<(), TokensError> {
        let Some(policy) = &self.kind.networks else {
            return Ok(());
        };
        // The notes first: a token that is noted from here on is not looked at.
        let notes = self.tokens.list(policy, owner).await?;
        if notes.is_empty() {
            return Ok(());
        }
        let live = self.live(owner).await?;
        let live: BTreeSet<_> = live.iter().map(|facts| *facts.id().as_bytes()).collect();
        for note in notes {
            let about = Details::<S>::decode(&note.stored().data)?.other;
            if !about.is_some_and(|about| live.contains(about.as_bytes())) {
                self.tokens.revoke(&Revoke::own(owner, *note.id())).await?;
            }
        }
        Ok(())
    }
}

/// The handle of what is kept beside one token. It guards nothing: no verb takes such a record up.
fn handle_of(policy: &Policy, id: &RecordId) -> Result<Handle, TokensError> {
    let hash = Sha256::new()
        .chain_update("ott bearer note v1 ")
        .chain_update(policy.purpose().as_str())
        .chain_update([0])
        .chain_update(id.as_bytes());
    let text: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Handle::parse(&text)?)
}
