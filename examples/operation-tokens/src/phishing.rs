//! The anti-phishing code, MFA, and what an account shows of itself.

use ott_flows::{
    Operation,
    ready::{ChangePhrase, RemoveFactor, factor},
};
use rocket::{State, get, post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, Json},
    app::App,
    call::{Body, Caller, NewPhrase},
    keys::Typed,
    operations::{AddPhrase, kind, mfa_is_on},
    process::to,
    user::{self, KeyKind, User},
};

#[post("/api/v1/token/antiPhishing/adding")]
pub(crate) async fn add_token(app: &State<App>, caller: Caller) -> Answer {
    app.phrase_token::<AddPhrase>(&caller).await
}

#[post("/api/v1/token/antiPhishing/changing")]
pub(crate) async fn change_token(app: &State<App>, caller: Caller) -> Answer {
    app.phrase_token::<ChangePhrase>(&caller).await
}

#[post("/api/v1/antiPhishing/adding", data = "<body>")]
pub(crate) async fn add(app: &State<App>, caller: Caller, body: Body) -> Answer {
    app.set_phrase::<AddPhrase>(&caller, body, |user| user.phrase.is_none())
        .await
}

#[post("/api/v1/antiPhishing/changing", data = "<body>")]
pub(crate) async fn change(app: &State<App>, caller: Caller, body: Body) -> Answer {
    app.set_phrase::<ChangePhrase>(&caller, body, |user| user.phrase.is_some())
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    one_time_token: String,
    anti_phishing_code: NewPhrase,
}

impl App {
    const fn with_phrases(&self) -> Result<(), ApiError> {
        if self.settings.antiPhishingCodeEnabled {
            Ok(())
        } else {
            Err(ApiError::OFF)
        }
    }

    async fn phrase_token<O: Operation<After = ()>>(&self, caller: &Caller) -> Answer {
        self.with_phrases()?;
        let account = self.signed_in(caller).await?;
        let email = account.user.key(KeyKind::Email);
        let email = email.ok_or(ApiError::unmet("There is no e-mail address"))?;
        self.ask::<O>(&account, to(Some(&email)), &[]).await?;
        Ok(self.sent())
    }

    async fn set_phrase<O: Operation>(
        &self,
        caller: &Caller,
        body: Body,
        fits: fn(&User) -> bool,
    ) -> Answer {
        self.with_phrases()?;
        let account = self.signed_in(caller).await?;
        let chosen: Chosen = body.read()?;
        let completed = self.complete::<O>(&account, &chosen.one_time_token).await;
        let (change, mut open) = completed?;
        let phrase = chosen.anti_phishing_code.0.expose_text();
        let on = &mut self.documents.within(&mut open);
        let changed = user::change(on, change.subject(), |user| {
            let fits = fits(user);
            if fits {
                user.phrase = Some(phrase.into());
            }
            fits
        });
        let changed = changed.await;
        self.settle(open, changed).await?;
        Ok(Json(json!({})))
    }
}

#[derive(Deserialize)]
struct Wanted {
    destination: KeyKind,
}

#[post("/api/v1/token/mfa/disabling", data = "<body>")]
pub(crate) async fn mfa_token(app: &State<App>, caller: Caller, body: Body) -> Answer {
    app.with_mfa()?;
    let account = app.signed_in(&caller).await?;
    let Wanted { destination: kind } = body.read()?;
    let key = account.user.key(kind);
    app.ask::<RemoveFactor>(&account, to(key.as_ref()), &factor(kind.name()))
        .await?;
    Ok(app.sent_to(key.as_ref().map_or("", |key| key.address())))
}

#[post("/api/v1/mfa/disabling", data = "<body>")]
pub(crate) async fn mfa(app: &State<App>, caller: Caller, body: Body) -> Answer {
    app.with_mfa()?;
    let account = app.signed_in(&caller).await?;
    let typed: Typed = body.read()?;
    let (change, mut open) = app
        .complete::<RemoveFactor>(&account, &typed.one_time_token)
        .await?;
    let (parameters, now) = (change.parameters(), app.now());
    let kind = kind(parameters).ok_or(ApiError::TOKEN)?;
    let on = &mut app.documents.within(&mut open);
    let changed = user::change(on, change.subject(), |user| {
        let fits = mfa_is_on(user, parameters, true);
        if fits {
            user.set_mfa(kind, false);
            user.changed(now);
        }
        fits
    });
    let changed = changed.await;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}

#[get("/api/v1/account/details")]
pub(crate) async fn details(app: &State<App>, caller: Caller) -> Answer {
    let user = app.signed_in(&caller).await?.user;
    Ok(Json(json!({
        "email": user.email, "phoneNumber": user.phone,
        "mfa": {"EMAIL": user.mfa_email, "PHONE_NUMBER": user.mfa_phone},
        "antiPhishingCode": user.phrase,
    })))
}
