//! Request tokens: made for anybody, validated by a person on a page, exchanged for a creation token.

use std::sync::Arc;

use poem::{handler, web::Data};
use serde_json::json;
use twofa_providers::token_store::ott_core::{Decider, Verdict};

use crate::{
    answer::{Answer, ApiError, Faults, Reply},
    app::App,
    call::Call,
    captcha, pages,
    settings::ResendPolicy,
    tokens::{Details, Standing, fresh},
};

const TOKEN: &str = "account_creation_request_token";

/// `POST account_creation_request_tokens`.
#[handler]
pub(crate) async fn create(app: Data<&Arc<App>>, call: Call) -> Answer {
    call.parameters()?;
    let details = Details::of(&call, None);
    let issued = app.issue(&app.policies.request, &details).await?;
    let token = issued.token.expose_secret();
    let url = format!("{}/creation_token/check/{token}", app.public_url);
    Ok(Reply::Json(
        201,
        json!({"token": token, "validation_url": url}),
    ))
}

/// `POST account_creation_tokens/using-account-creation-request-token`.
#[handler]
pub(crate) async fn exchange(app: Data<&Arc<App>>, call: Call) -> Answer {
    let parameters = call.parameters()?;
    let mut faults = Faults::default();
    let text = parameters.required(TOKEN, &mut faults);
    faults.end()?;
    let text = text.unwrap_or_default();
    let unknown = || match app.settings.resend_policy {
        ResendPolicy::Documented => ApiError::not_found(),
        ResendPolicy::Current => ApiError::invalid(TOKEN, "The provided token is not valid"),
    };
    let policy = &app.policies.request;
    match app.standing(policy, &text).await? {
        Standing::Ready => {}
        Standing::Waiting(_) => return Err(ApiError::not_found()),
        Standing::Expired | Standing::Unknown | Standing::Used => return Err(unknown()),
    }
    if app.redeem(policy, &text).await?.is_none() {
        return Err(unknown());
    }
    let details = Details::of(&call, None);
    let issued = app.issue(&app.policies.creation, &details).await?;
    Ok(Reply::Json(201, fresh(&issued, &details)))
}

/// `GET creation_token/check/{token}`: the page with the button. Looking at it validates nothing.
#[handler]
pub(crate) async fn check_page(app: Data<&Arc<App>>, call: Call) -> Answer {
    let text = call.part("token");
    let answer = match app.standing(&app.policies.request, text).await {
        Ok(Standing::Waiting(_)) => {
            let captcha = app.settings.captcha.as_ref();
            let site_key = captcha.map(|captcha| captcha.site_key.as_str());
            Ok(Reply::Page(200, pages::validate(text, site_key)))
        }
        Ok(_) => Err(ApiError::not_found()),
        Err(error) => Err(error),
    };
    call.page(answer)
}

/// `POST creation_token/validate`.
#[handler]
pub(crate) async fn validate(app: Data<&Arc<App>>, call: Call) -> Answer {
    let answer = app.validate(&call).await;
    call.page(answer)
}

impl App {
    async fn validate(&self, call: &Call) -> Answer {
        let form = call.form()?;
        let mut faults = Faults::default();
        let text = form.required(TOKEN, &mut faults);
        let response = form.long("h-captcha-response", captcha::LONGEST);
        faults.end()?;
        let policy = &self.policies.request;
        let standing = self.standing(policy, &text.unwrap_or_default()).await?;
        let Standing::Waiting(id) = standing else {
            return Err(ApiError::not_found());
        };
        self.check_captcha(response.as_deref()).await?;
        let captcha = Decider::System("captcha".into());
        let yes = Verdict::Approve { number: None };
        match self.tokens.decide(policy, &id, captcha, yes, &[]).await {
            Ok(_) => Ok(Reply::Page(200, pages::validated())),
            // Somebody else was faster.
            Err(error) if error.reason().is_some() => Err(ApiError::not_found()),
            Err(error) => Err(error.into()),
        }
    }
}
