//! A forgotten password, and a lost key.

use ott_flows::{
    Operation, To, Who,
    ready::{self, ProveOther, RecoverAddress, RecoverPassword},
    token_store::{Revoke, ott_core::Destination},
};
use rocket::{State, post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, Json},
    app::{App, SESSION},
    call::{Body, NewPassword, key_of, user_key},
    planted,
    process::{For, Process, ProcessId, to},
    user::{self, KeyKind, User},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forgotten {
    user_key: String,
}

#[post("/api/v1/password/recovery", data = "<body>")]
pub(crate) async fn password(app: &State<App>, body: Body) -> Answer {
    let key = user_key(&body.read::<Forgotten>()?.user_key)?;
    app.recover::<RecoverPassword>(&key, For::RecoverPassword)
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lost {
    user_key: String,
    key_type: KeyKind,
}

#[post("/api/v1/userKeys/recovery", data = "<body>")]
pub(crate) async fn key(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let lost: Lost = body.read()?;
    let key = user_key(&lost.user_key)?;
    app.recover::<ProveOther>(&key, For::RecoverKey(lost.key_type))
        .await
}

impl App {
    /// Starts a process for whoever has this key, or for nobody.
    async fn recover<O: Operation<After = ()>>(&self, key: &Destination, what: For) -> Answer {
        let account = self.owner(&mut self.documents.anywhere(), key).await?;
        planted::leak(account.is_some());
        let who = match &account {
            Some(account) => Who::Account(&account.subject),
            None => Who::Nobody {
                tenant: "",
                typed: key,
            },
        };
        let id = ProcessId::random()?;
        let opened = self.flows.open::<O>(who, id.as_str()).await;
        let handle = opened.map_err(|error| self.told_process(error))?;
        let process = Process {
            what,
            key: key.address().into(),
            account: account.map(|account| account.subject.id().into()),
            handle: handle.expose_secret().to_string(),
            next: None,
        };
        self.add_process(&id, &process).await?;
        Ok(Json(json!({"processingId": id.as_str()})))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    destination: KeyKind,
    processing_id: ProcessId,
}

#[post("/api/v1/token/password/recovery", data = "<body>")]
pub(crate) async fn password_token(app: &State<App>, body: Body) -> Answer {
    let Wanted {
        destination: kind,
        processing_id: id,
    } = body.read()?;
    let process = app
        .process(&id, |what| what == For::RecoverPassword)
        .await?;
    let account = app.process_account(&process).await?;
    let (own, shown) = process.destination(account.as_ref(), kind)?;
    app.send_in::<RecoverPassword>(&id, &process.handle, to(own.as_ref()), &[])
        .await?;
    Ok(app.sent_to(&shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recovered {
    processing_id: ProcessId,
    one_time_token: String,
    new_password: NewPassword,
}

#[post("/api/v1/password/recovery/verification", data = "<body>")]
pub(crate) async fn password_verification(app: &State<App>, body: Body) -> Answer {
    let Recovered {
        processing_id: id,
        one_time_token,
        new_password,
    } = body.read()?;
    let process = app
        .process(&id, |what| what == For::RecoverPassword)
        .await?;
    // Before the transaction: hashing takes long, and SQLite has one writer.
    let hash = app.passwords.hash(new_password.0).await?;
    let (change, mut open) = app
        .complete_in::<RecoverPassword>(&id, &process.handle, &one_time_token)
        .await?;
    let (epoch, now) = (change.epoch(), app.now());
    let on = &mut app.documents.within(&mut open);
    let changed = user::change(on, change.subject(), |user| {
        let fits = user.epoch == epoch;
        if fits {
            user.password = Some(hash.clone());
            user.changed(now);
            user.recovered_at = Some(now.timestamp_micros());
        }
        fits
    });
    let changed = changed.await;
    // Whoever signed in with the old password is signed out.
    let sessions = Revoke::purpose(change.subject(), SESSION.purpose());
    app.tokens()
        .store()
        .on(&mut open)?
        .revoke(&sessions)
        .await?;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedOther {
    destination: Option<KeyKind>,
    processing_id: ProcessId,
}

/// The process of a lost key, and which kind that is.
async fn lost(app: &App, id: &ProcessId) -> Result<(Process, KeyKind), ApiError> {
    let process = app
        .process(id, |what| matches!(what, For::RecoverKey(_)))
        .await?;
    match process.what {
        For::RecoverKey(kind) => Ok((process, kind)),
        _ => Err(ApiError::PROCESS),
    }
}

const VERIFIED: ApiError = ApiError::unmet("The other key is proved already");
const NOT_VERIFIED: ApiError = ApiError::unmet("Prove the other key first");

#[post("/api/v1/token/userKeys/recovery/verification", data = "<body>")]
pub(crate) async fn other_token(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let WantedOther {
        destination,
        processing_id: id,
    } = body.read()?;
    let (process, lost) = lost(app, &id).await?;
    if process.next.is_some() {
        return Err(VERIFIED);
    }
    let kind = destination.unwrap_or(lost.other());
    if kind == lost {
        return Err(ApiError::unmet("The lost key cannot be the channel"));
    }
    let account = app.process_account(&process).await?;
    let (own, shown) = process.destination(account.as_ref(), kind)?;
    let parameters = ready::about(lost.channel());
    app.send_in::<ProveOther>(&id, &process.handle, to(own.as_ref()), &parameters)
        .await?;
    Ok(app.sent_to(&shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    processing_id: ProcessId,
    one_time_token: String,
}

#[post("/api/v1/userKeys/recovery/verification", data = "<body>")]
pub(crate) async fn other_verification(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let Typed {
        processing_id: id,
        one_time_token,
    } = body.read()?;
    let (process, _) = lost(app, &id).await?;
    if process.next.is_some() {
        return Err(VERIFIED);
    }
    let proof = app
        .prove_in::<ProveOther>(&id, &process.handle, &one_time_token)
        .await?;
    let opened = app.flows.open_after::<RecoverAddress, _>(proof).await;
    let handle = opened.map_err(|error| app.told_process(error))?;
    let next = Some(handle.expose_secret().to_string());
    app.add_process(&id, &Process { next, ..process }).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedNew {
    destination: String,
    processing_id: ProcessId,
}

#[post("/api/v1/token/userKeys/recovery/newKey", data = "<body>")]
pub(crate) async fn new_token(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let WantedNew {
        destination,
        processing_id: id,
    } = body.read()?;
    user_key(&destination)?;
    let (process, lost) = lost(app, &id).await?;
    let key = key_of(lost, &destination)?;
    let handle = process.next.as_deref().ok_or(NOT_VERIFIED)?;
    let parameters = ready::new_address(&key);
    app.send_in::<RecoverAddress>(&id, handle, To::New(&key), &parameters)
        .await?;
    Ok(app.sent())
}

#[post("/api/v1/userKeys/recovery/newKey", data = "<body>")]
pub(crate) async fn new_verification(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let Typed {
        processing_id: id,
        one_time_token,
    } = body.read()?;
    let (process, _) = lost(app, &id).await?;
    let handle = process.next.as_deref().ok_or(NOT_VERIFIED)?;
    let (change, mut open) = app
        .complete_in::<RecoverAddress>(&id, handle, &one_time_token)
        .await?;
    let key = change.parameters().address().ok_or(ApiError::TOKEN)?;
    let (epoch, now) = (change.epoch(), app.now());
    let fits = |user: &User| user.epoch == epoch;
    let recovered = |user: &mut User| user.recovered_at = Some(now.timestamp_micros());
    let on = &mut app.documents.within(&mut open);
    let changed = app.replace_key(on, change.subject(), &key, fits, recovered);
    let changed = changed.await;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}
