//! One-time passwords.

use axum::extract::Path;
use otp_vault::{Kind, store::Advanced};
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, ok},
    call::{Call, id},
    logs,
    parameters::Parameters,
    shape, twofaccounts, uri,
};

pub(crate) async fn of_account(call: Call, Path(of): Path<String>) -> Answer {
    let found = twofaccounts::readable(&call, id(&of)?).await?;
    let (app, mut account) = (call.app(), found.account);
    let now = app.unix();
    if let Kind::Hotp(_) = account.kept.entry.kind {
        let taken = app.vaults.advance(&found.owner, account.id).await?;
        account.kept.entry.kind = match taken {
            Advanced::Taken(counter) => Kind::Hotp(u64::try_from(counter).unwrap_or(0)),
            Advanced::Spent => {
                return Err(ApiError::bad_parameters("The last counter was used."));
            }
            Advanced::NotCounting | Advanced::Unknown => return Err(ApiError::not_found()),
        };
    }
    let otp = shape::otp(&account.kept.entry, now)?;
    logs::code_given(&call, &found.owner, &account).await?;
    ok(&otp)
}

/// A code of what is sent: nothing is kept.
pub(crate) async fn of_parameters(call: Call) -> Answer {
    let body = call.visit.object()?;
    let draft = if body.contains_key("uri") {
        let known = |name: &String| name == "uri" || name == "custom_otp";
        if !body.keys().all(known) {
            let reason = json!({"uri": "no other parameter may stand beside uri and custom_otp"});
            return Err(ApiError::bad_reason("bad request", &reason));
        }
        from_uri(&body)?
    } else {
        Parameters::create(&body)?.draft
    };
    ok(&shape::otp(&draft.entry, call.app().unix())?)
}

/// The account of a body with `uri`, and perhaps `custom_otp`.
pub(crate) fn from_uri(
    body: &serde_json::Map<String, serde_json::Value>,
) -> Result<otp_vault::store::Draft, ApiError> {
    let mut fields = crate::fields::Fields::new(body);
    let text = fields.needed_text("uri");
    if !text.is_empty() && !uri::is_uri(text) {
        fields.wrong("uri", "field format is invalid.");
    }
    let custom = fields.text("custom_otp");
    if custom.is_some_and(|custom| !custom.eq_ignore_ascii_case("steamtotp")) {
        fields.wrong("custom_otp", "field must be steamtotp.");
    }
    fields.check()?;
    uri::read(text, custom.is_some())
}
