//! Who calls; and how a device without a keyboard comes to an API key: a token that a signed-in user attaches.

use std::sync::Arc;

use poem::{handler, http::HeaderValue, web::Data};
use serde_json::json;
use twofa_providers::token_store::{
    Claimed,
    ott_core::{Binding, IssueOptions, OwnedBinding, Subject, Verdict},
};
use zeroize::Zeroizing;

use crate::{
    account::{Account, blocked},
    answer::{Answer, ApiError, Reply},
    app::App,
    call::Call,
    policies::GIVEN_KEY,
    tokens::{Details, Standing},
};

impl App {
    /// Who calls, by their API key.
    async fn caller(&self, call: &Call) -> Result<Account, ApiError> {
        let Some(key) = &call.api_key else {
            return Err(ApiError::of_status(401));
        };
        let owner = match self.given.owner(&self.tokens, &GIVEN_KEY, key).await? {
            Some((owner, _)) => owner,
            None => self.paired(call, key).await?.ok_or(ApiError::Key)?,
        };
        let account = match owner.id().parse() {
            Ok(id) => self.account(id).await?,
            Err(_) => None,
        };
        account.ok_or(ApiError::Key)
    }

    /// Whose paired key this is. It is good from the address that it was handed out to.
    async fn paired(&self, call: &Call, key: &str) -> Result<Option<Subject>, ApiError> {
        let bound =
            async |claimed: Claimed| -> Result<Option<OwnedBinding>, contract_server::Fault> {
                let here = claimed.data() == call.ip.as_bytes();
                Ok(claimed.owner_alone().filter(|_| here))
            };
        let policy = &self.policies.api_key;
        match self.tokens.authenticate(policy, "", key, bound).await {
            Ok(record) => Ok(record.stored().owner()),
            Err(error) if error.reason().is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A user who is not blocked.
    pub(crate) async fn user(&self, call: &Call) -> Result<Account, ApiError> {
        let account = self.caller(call).await?;
        if account.user.blocked {
            return Err(blocked());
        }
        Ok(account)
    }

    /// An administrator, also one who is blocked: the contract blocks the user's routes alone. Else whoever knows the number of
    /// the only one could have them blocked by codes of the recovery page, and nobody could unblock.
    pub(crate) async fn admin(&self, call: &Call) -> Result<Account, ApiError> {
        let account = self.caller(call).await?;
        if !account.user.admin {
            return Err(ApiError::new(403, "Unauthorized area"));
        }
        Ok(account)
    }

    /// A new key for whoever calls, in the place of the account's former one.
    pub(crate) async fn hand_out_key(
        &self,
        call: &Call,
        owner: &Subject,
    ) -> Result<(Zeroizing<String>, HeaderValue), ApiError> {
        let options = IssueOptions {
            data: call.ip.as_bytes(),
            ..IssueOptions::default()
        };
        let policy = &self.policies.api_key;
        let binding = Binding::subject(owner);
        let issued = self.tokens.issue_opts(policy, &binding, options).await?;
        let issued = issued.first().ok_or(ApiError::of_status(503))?;
        let key = Zeroizing::new(String::from(issued.token.expose_secret()));
        let cookie = format!(
            "x-api-key={}; Path=/; HttpOnly; SameSite=Strict",
            key.as_str()
        );
        let mut cookie = HeaderValue::try_from(cookie).map_err(|_| ApiError::of_status(503))?;
        cookie.set_sensitive(true);
        Ok((key, cookie))
    }
}

/// `POST accounts/auth_token`.
#[handler]
pub(crate) async fn create(app: Data<&Arc<App>>, call: Call) -> Answer {
    call.parameters()?;
    let details = Details::of(&call, None);
    let issued = app.issue(&app.policies.pairing, &details).await?;
    Ok(Reply::Json(
        201,
        json!({
            "token": issued.token.expose_secret(),
            "ip": details.ip,
            "user_agent": details.user_agent,
        }),
    ))
}

/// `GET accounts/auth_token/{token}/attach`.
#[handler]
pub(crate) async fn attach(app: Data<&Arc<App>>, call: Call) -> Answer {
    let caller = app.user(&call).await?;
    let policy = &app.policies.pairing;
    let Standing::Waiting(id) = app.standing(policy, call.part("token")).await? else {
        return Err(ApiError::not_found());
    };
    let (subject, yes) = (caller.subject()?, Verdict::Approve { number: None });
    let decided = app.tokens.decide(policy, &id, &subject, yes, &[]).await;
    match decided {
        Ok(_) => Ok(Reply::Empty),
        Err(error) if error.reason().is_some() => Err(ApiError::not_found()),
        Err(error) => Err(error.into()),
    }
}

/// `GET accounts/me/api_key/{token}`.
#[handler]
pub(crate) async fn exchange(app: Data<&Arc<App>>, call: Call) -> Answer {
    let record = app
        .redeem(&app.policies.pairing, call.part("token"))
        .await?;
    let owner = record.and_then(|record| record.stored().owner());
    let owner = owner.ok_or_else(ApiError::not_found)?;
    let (key, cookie) = app.hand_out_key(&call, &owner).await?;
    Ok(Reply::Keyed(json!({"api_key": key.as_str()}), cookie))
}
