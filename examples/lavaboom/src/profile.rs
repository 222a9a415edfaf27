//! /accounts/me: what a signed-in user sees, wipes and deletes.

use actix_web::{
    HttpRequest,
    web::{Data, Path},
};
use serde_json::json;

use crate::{
    answer::{Answer, Reply},
    app::App,
    begun::Begun,
    claims::Claim,
    user::{USER, User},
};

pub(crate) async fn list(app: Data<App>, request: HttpRequest) -> Answer {
    app.signed_in(&request).await?;
    Err(Reply::refused(501, "Sorry, not implemented yet"))
}

pub(crate) async fn get(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    Ok(Reply::of(
        200,
        json!({"success": true, "user": user.shown()}),
    ))
}

pub(crate) async fn delete(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    app.bearers.revoke_all(&user.subject()?).await?;
    let removed = app.remove_account(&user.id).await?;
    let user = removed.ok_or_else(|| Reply::refused(401, "Invalid authorization token"))?;
    app.unclaim(&Claim::Name(&user.name), &user.id).await?;
    if let Some(email) = &user.alt_email {
        app.unclaim(&Claim::Email(email), &user.id).await?;
    }
    app.drop_factors(&user.factors).await;
    // A sign-in that ran meanwhile left nothing.
    app.bearers.revoke_all(&user.subject()?).await?;
    Ok(Reply::done(
        200,
        "Your account has been successfully deleted",
    ))
}

pub(crate) async fn wipe(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    app.bearers.revoke_all(&user.subject()?).await?;
    Ok(Reply::done(200, "Your account has been successfully wiped"))
}

impl App {
    pub(crate) async fn me(&self, request: &HttpRequest, id: &str) -> Result<User, Reply> {
        let signed_in = self.signed_in(request).await?;
        if id != "me" {
            let message = r#"Only the "me" user is implemented"#;
            return Err(Reply::refused(501, message));
        }
        Ok(signed_in.user)
    }

    /// The account as this very call removed it. Its factors are begun to be nobody's, also those that came a moment before.
    async fn remove_account(&self, id: &str) -> Result<Option<User>, Reply> {
        let documents = &self.engine.documents;
        while let Some(found) = documents.get::<User>(USER, id).await? {
            let factors = &found.value.factors;
            if !factors.id.is_empty() {
                let begun = Begun::Factors { user: id.into() };
                self.begin(&factors.id, &begun).await?;
            }
            if documents.remove_read(USER, id, &found).await? {
                return Ok(Some(found.value));
            }
        }
        Ok(None)
    }
}
