//! Second factors: which there are, asking for one, verifying one.

use std::sync::Arc;

use axum::{Extension, Json, http::Uri, response::IntoResponse as _};
use serde_json::{Value, json};
use twofa_providers::{
    Attempt, Descriptor, Response, TwoFactorError, token_store::ott_core::Handle,
};

use crate::{
    app::{Kept, NOTIFICATION, NOTIFIER},
    call::{Answer, Call},
    error::ApiError,
};

const MAIL: &str = "email";
/// The engine calls them recovery codes.
const BACKUP: (&str, &str) = ("backup_codes", "recovery");

/// Asks for a code of this provider.
pub(crate) async fn request(Extension(call): Extension<Arc<Call>>, uri: Uri) -> Answer {
    let rate = call.app.settings.token_request_limit;
    call.not_too_often("token request", rate).await?;
    // As it stands: what is no name of ours is unknown, whatever escapes it has.
    let named = uri.path().rsplit('/').nth(1).unwrap_or_default();
    let offered = call.offered().await?;
    let data = match offered.iter().find(|offered| offered.id == named) {
        None => return Err(ApiError::NoToken),
        Some(offered) if offered.id == NOTIFIER => call.ask_devices().await?,
        Some(offered) if offered.id == MAIL => call.send_mail().await?,
        Some(_) => json!({}),
    };
    Ok(Json(json!({"success": true, "data": data})).into_response())
}

impl Call {
    /// The providers that the caller has, the backup codes last, and only beside another one.
    pub(crate) async fn offered(&self) -> Result<Vec<Descriptor>, ApiError> {
        let offers = self.app.two_factor.offered(&self.subject).await?;
        let mut offered: Vec<_> = offers.into_iter().map(|offer| offer.descriptor).collect();
        let (theirs, ours) = BACKUP;
        if offered.iter().all(|offered| offered.id == ours) {
            offered.clear();
        }
        for offered in offered.iter_mut().filter(|offered| offered.id == ours) {
            offered.id = theirs.into();
            offered.label = "Backup code".into();
        }
        Ok(offered)
    }

    /// Whether this code proves the provider's factor; then it is used up.
    pub(crate) async fn verify(&self, provider: &str, code: &str) -> Result<bool, ApiError> {
        let (app, subject) = (&*self.app, &self.subject);
        let handle = self.mail_handle();
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        let backup = app.engine.given.name(code.trim());
        let (theirs, ours) = BACKUP;
        let mut attempt = Attempt::new(subject, provider);
        let mut code = code;
        match (provider, &handle) {
            (MAIL, Some(handle)) => attempt = attempt.handle(handle),
            ("totp", _) => code = &digits,
            (backup_codes, _) if backup_codes == theirs => {
                (attempt, code) = (Attempt::new(subject, ours), &backup);
            }
            _ => {}
        }
        let (engine, two_factor) = (&app.engine, &app.two_factor);
        let verified = match provider {
            NOTIFIER => {
                let taken = app.notifications.take_up(engine, two_factor, subject, code);
                taken.await
            }
            _ => {
                let response = Response::typed(code);
                two_factor.verify(&attempt, &response).await.map(drop)
            }
        };
        match verified {
            Ok(()) => Ok(true),
            Err(TwoFactorError::Rejected(_) | TwoFactorError::Pending) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn mail_handle(&self) -> Option<Handle> {
        Handle::parse(self.session.kept.mail.as_deref()?).ok()
    }

    /// Sends a code, in the session's own flow.
    async fn send_mail(&self) -> Result<Value, ApiError> {
        let _one = self.app.mailing(self.subject.id()).await;
        let earlier = self.mail_handle();
        let mut attempt = Attempt::new(&self.subject, MAIL);
        if let Some(earlier) = &earlier {
            attempt = attempt.handle(earlier);
        }
        let asked = self.app.two_factor.request(&attempt).await?;
        let handle = asked
            .handle
            .map(|handle| handle.expose_secret().to_string());
        let keep = |kept: &mut Kept| {
            kept.mail.clone_from(&handle);
            Ok(())
        };
        self.change(keep).await?;
        Ok(json!({}))
    }

    /// Asks the user's devices, which get the number alone.
    async fn ask_devices(&self) -> Result<Value, ApiError> {
        let app = &*self.app;
        let outbox = app.engine.outbox.as_ref().ok_or(ApiError::NoToken)?;
        let asked = app
            .notifications
            .ask(&app.engine, &app.two_factor, &self.subject);
        let (token, number) = asked.await?;
        let (text, number) = ("Somebody opens your passwords", number.to_string());
        let pushed = outbox.push(self.subject.id(), &NOTIFICATION, text, Some(&number));
        pushed.map_err(|_| ApiError::Unavailable)?;
        Ok(json!({"token": token.expose_secret()}))
    }
}
