//! Creation, recovery and request tokens: what they carry, how they stand, and how they are shown.

use contract_server::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twofa_providers::token_store::{
    Claimed, Inserted, StoreError, TokensError,
    ott_core::{
        Binding, IssueOptions, Issued, OwnedBinding, Policy, Record, RecordId, State, Stored,
        chrono::{DateTime, SecondsFormat, Utc},
        rand::rngs::SysRng,
    },
};

use crate::{answer::ApiError, app::App, call::Call, push::Device};

/// What a token was asked for with. It stands in the record's data: no secret.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Details {
    pub(crate) device: Option<Device>,
    pub(crate) ip: String,
    pub(crate) user_agent: String,
}

impl Details {
    pub(crate) fn of(call: &Call, device: Option<Device>) -> Self {
        Self {
            device,
            ip: call.ip.clone(),
            user_agent: call.user_agent.clone(),
        }
    }

    pub(crate) fn read(stored: &Stored) -> Result<Self, ApiError> {
        serde_json::from_slice(&stored.data).map_err(|_| ApiError::of_status(503))
    }
}

/// How a token stands.
pub(crate) enum Standing {
    /// There is none, or not any more.
    Unknown,
    /// It was redeemed.
    Used,
    /// Its time is over.
    Expired,
    /// It waits for a decision, or for somebody.
    Waiting(RecordId),
    /// It can be redeemed.
    Ready,
}

impl App {
    /// Makes a token, which nobody knows yet: [`App::keep`] keeps it.
    pub(crate) fn make(&self, policy: &Policy, details: &Details) -> Result<Issued, ApiError> {
        let data = serde_json::to_vec(details).map_err(|_| ApiError::of_status(503))?;
        let options = IssueOptions {
            data: &data,
            ..IssueOptions::default()
        };
        let (issuer, binding) = (self.tokens.issuer(), Binding::tenant(""));
        let made = issuer.issue_from_rng(policy, &binding, options, self.now(), &mut SysRng);
        let made = made.map_err(TokensError::from)?.pop();
        made.ok_or(ApiError::of_status(503))
    }

    pub(crate) async fn keep(&self, record: &Record) -> Result<(), ApiError> {
        let inserted = self
            .tokens
            .store()
            .insert(core::slice::from_ref(record))
            .await;
        match inserted.map_err(TokensError::from)? {
            Inserted::Done => Ok(()),
            Inserted::Collision => {
                let corrupt = StoreError::Corrupt("a random id is there already");
                Err(TokensError::from(corrupt).into())
            }
        }
    }

    /// Makes one and keeps it.
    pub(crate) async fn issue(
        &self,
        policy: &Policy,
        details: &Details,
    ) -> Result<Issued, ApiError> {
        let issued = self.make(policy, details)?;
        self.keep(&issued.record).await?;
        Ok(issued)
    }

    /// How the token with this text stands. Nothing is spent.
    pub(crate) async fn standing(&self, policy: &Policy, text: &str) -> Result<Standing, ApiError> {
        let presented = self
            .tokens
            .issuer()
            .present_by_itself(policy, "", text, self.now());
        match presented {
            Ok(presented) => self.standing_of(policy, presented.id()).await,
            Err(_) => Ok(Standing::Unknown),
        }
    }

    pub(crate) async fn standing_of(
        &self,
        policy: &Policy,
        id: &RecordId,
    ) -> Result<Standing, ApiError> {
        let found = match self.tokens.find(policy, id).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Standing::Unknown),
            Err(error) if error.reason().is_some() => return Ok(Standing::Unknown),
            Err(error) => return Err(error.into()),
        };
        let stored = found.stored();
        // To the second: what was approved lives no longer here.
        let over = stored.expires_at.is_some_and(|end| end <= self.now());
        Ok(match stored.state {
            State::Waiting | State::Ready if over => Standing::Expired,
            State::Waiting => Standing::Waiting(*found.id()),
            State::Ready => Standing::Ready,
            State::Spent => Standing::Used,
            _ => Standing::Unknown,
        })
    }

    /// Redeems the token with this text, once; `None` where somebody else did, or it is not ready.
    pub(crate) async fn redeem(
        &self,
        policy: &Policy,
        text: &str,
    ) -> Result<Option<Record>, ApiError> {
        if !matches!(self.standing(policy, text).await?, Standing::Ready) {
            return Ok(None);
        }
        redeemed(
            self.tokens
                .redeem_by_itself(policy, "", text, nobodys)
                .await,
        )
    }

    /// As [`App::redeem`], in a transaction that is open: dropped, it leaves the token as it was.
    pub(crate) async fn redeem_open(
        &self,
        policy: &Policy,
        text: &str,
    ) -> Result<Option<(Transaction, Record)>, ApiError> {
        if !matches!(self.standing(policy, text).await?, Standing::Ready) {
            return Ok(None);
        }
        let opened = self
            .opening
            .redeem_by_itself_in_transaction(policy, "", text, nobodys);
        redeemed(opened.await)
    }
}

/// What binds a token that is nobody's.
async fn nobodys(_: Claimed) -> Result<Option<OwnedBinding>, contract_server::Fault> {
    Ok(Some(Binding::tenant("").into_owned()))
}

fn redeemed<T>(redeemed: Result<T, TokensError>) -> Result<Option<T>, ApiError> {
    match redeemed {
        Ok(redeemed) => Ok(Some(redeemed)),
        Err(error) if error.reason().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What was done in a transaction stands.
pub(crate) async fn committed(open: Transaction) -> Result<(), ApiError> {
    let committed = open.commit().await;
    committed.map_err(|error| contract_server::Fault::from(error).into())
}

/// A token that was just made: only the fields that are set.
pub(crate) fn fresh(issued: &Issued, details: &Details) -> Value {
    json!({
        "token": issued.token.expose_secret(),
        "ip": details.ip,
        "user_agent": details.user_agent,
        "expire_at": expire_at(issued.record.stored()),
    })
}

/// A token that was used by this account: every field.
pub(crate) fn consumed(text: &str, stored: &Stored, details: &Details, account: u64) -> Value {
    let device = details.device.as_ref();
    json!({
        "token": text,
        "pn_provider": device.map(|device| device.provider.as_str()),
        "pn_param": device.and_then(|device| device.param.as_deref()),
        "pn_prid": device.and_then(|device| device.prid.as_deref()),
        "used": true,
        "account_id": account,
        "ip": details.ip,
        "user_agent": details.user_agent,
        "expire_at": expire_at(stored),
    })
}

fn expire_at(stored: &Stored) -> Option<String> {
    let written = |end: DateTime<Utc>| end.to_rfc3339_opts(SecondsFormat::Micros, true);
    stored.expires_at.map(written)
}
