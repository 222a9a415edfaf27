//! Registration and sign-in.

use ott_flows::{
    To, Who,
    ready::{self, Register},
    token_store::{
        Charge, Spent,
        ott_core::{
            Binding, Destination, Limit, LimitKey, LimitScope, Subject,
            chrono::{DateTime, TimeDelta},
        },
    },
};
use rocket::{State, post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, Json},
    app::{App, SESSION},
    call::{Body, Caller, user_key},
    operations::SignIn,
    process::{For, Process, ProcessId, to},
    user::{self, KeyKind, Unchanged, User},
};

/// How long nobody signs in after too many wrong passwords.
const LOCKED: TimeDelta = TimeDelta::minutes(15);
const LOCK: &str = "locked";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    user_key: String,
    #[serde(default, rename = "referralCode")]
    _referral_code: Option<String>,
}

#[post("/api/v1/registration", data = "<body>")]
pub(crate) async fn register(app: &State<App>, body: Body) -> Answer {
    let registration: Registration = body.read()?;
    let key = user_key(&registration.user_key)?;
    let (id, name) = (ProcessId::random()?, ProcessId::random()?);
    // What the account will be called.
    let subject = Subject::new("", name.as_str()).map_err(|_| ApiError::of_status(503))?;
    let opened = app
        .flows
        .open::<Register>(Who::New(&subject), id.as_str())
        .await;
    let handle = opened.map_err(|error| app.told_process(error))?;
    let process = Process {
        what: For::SignUp,
        key: key.address().into(),
        account: None,
        handle: handle.expose_secret().to_string(),
        next: None,
    };
    app.add_process(&id, &process).await?;
    Ok(Json(json!({"processingId": id.as_str()})))
}

#[post("/api/v1/token/registration/<id>")]
pub(crate) async fn registration_token(app: &State<App>, id: &str) -> Answer {
    let id = ProcessId::try_from(String::from(id)).map_err(|_| ApiError::PROCESS)?;
    let process = app.process(&id, |what| what == For::SignUp).await?;
    let key = user_key(&process.key)?;
    let parameters = ready::address(&key);
    app.send_in::<Register>(&id, &process.handle, To::New(&key), &parameters)
        .await?;
    Ok(app.sent_to(key.address()))
}

#[post("/api/v1/token/registration/verification/<id>")]
pub(crate) async fn registration_token_alias(app: &State<App>, id: &str) -> Answer {
    registration_token(app, id).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    processing_id: ProcessId,
    one_time_token: String,
    is_mfa_enabled: Option<bool>,
}

#[post("/api/v1/registration/verification", data = "<body>")]
pub(crate) async fn registration_verification(app: &State<App>, body: Body) -> Answer {
    let Verification {
        processing_id: id,
        one_time_token,
        is_mfa_enabled,
    } = body.read()?;
    let process = app.process(&id, |what| what == For::SignUp).await?;
    let (change, mut open) = app
        .complete_in::<Register>(&id, &process.handle, &one_time_token)
        .await?;
    let key = change.parameters().address().ok_or(ApiError::TOKEN)?;
    let (mut user, kind) = (User::default(), KeyKind::of(&key));
    user.set_key(kind, Some(key.address()));
    user.set_mfa(kind, is_mfa_enabled.unwrap_or(false));
    let (on, id) = (&mut app.documents.within(&mut open), change.subject().id());
    let mut made = app.take_key(on, &key, id).await;
    if made.is_ok() {
        made = match user::add(on, id, &user).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unchanged::Unmet),
            Err(error) => Err(error.into()),
        };
    }
    app.settle(open, made).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    user_key: String,
    password: String,
}

#[post("/api/v1/login", data = "<body>")]
pub(crate) async fn sign_in(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let Credentials {
        user_key: key,
        password,
    } = body.read()?;
    let key = user_key(&key)?;
    let counter = Counter::of(app, &key, &caller);
    counter.locked(app).await?;
    let account = app.owner(&mut app.documents.anywhere(), &key).await?;
    let hash = account
        .as_ref()
        .and_then(|account| account.user.password.clone());
    let right = app.passwords.verify(password, hash).await?;
    let Some(account) = account.filter(|_| right) else {
        return Err(counter.wrong(app).await?);
    };
    counter.right(app).await?;
    let user = &account.user;
    if !app.settings.multifactorAuthSystemEnabled || !(user.mfa_email || user.mfa_phone) {
        return app.session(&account.subject).await;
    }
    let id = ProcessId::random()?;
    let opened = app
        .flows
        .open::<SignIn>(Who::Account(&account.subject), id.as_str())
        .await;
    let handle = opened.map_err(|error| app.told_process(error))?;
    let process = Process {
        what: For::SignIn,
        key: key.address().into(),
        account: Some(account.subject.id().into()),
        handle: handle.expose_secret().to_string(),
        next: None,
    };
    app.add_process(&id, &process).await?;
    Ok(Json(json!({"processingId": id.as_str()})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    destination: KeyKind,
    processing_id: ProcessId,
}

#[post("/api/v1/token/login", data = "<body>")]
pub(crate) async fn sign_in_token(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let Wanted {
        destination: kind,
        processing_id: id,
    } = body.read()?;
    let process = app.process(&id, |what| what == For::SignIn).await?;
    let account = app
        .process_account(&process)
        .await?
        .ok_or(ApiError::PROCESS)?;
    let own = account.user.key(kind);
    let parameters = ready::about(kind.channel());
    app.send_in::<SignIn>(&id, &process.handle, to(own.as_ref()), &parameters)
        .await?;
    // The password was given: it is told in full.
    Ok(app.sent_to(own.as_ref().map_or("", Destination::address)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondStep {
    processing_id: ProcessId,
    one_time_token: String,
}

#[post("/api/v1/login/verification", data = "<body>")]
pub(crate) async fn sign_in_verification(app: &State<App>, body: Body) -> Answer {
    app.with_mfa()?;
    let SecondStep {
        processing_id: id,
        one_time_token,
    } = body.read()?;
    let process = app.process(&id, |what| what == For::SignIn).await?;
    let proof = app
        .prove_in::<SignIn>(&id, &process.handle, &one_time_token)
        .await?;
    let change = app
        .flows
        .apply(proof)
        .await
        .map_err(|error| app.told_process(error))?;
    app.end_process(&id).await?;
    app.session(change.subject()).await
}

impl App {
    async fn session(&self, subject: &Subject) -> Answer {
        let issued = self
            .tokens()
            .issue(&SESSION, &Binding::subject(subject))
            .await?;
        Ok(Json(json!({"authorization": issued.token.expose_secret()})))
    }

    /// MFA is switched on.
    pub(crate) const fn with_mfa(&self) -> Result<(), ApiError> {
        if self.settings.multifactorAuthSystemEnabled {
            Ok(())
        } else {
            Err(ApiError::OFF)
        }
    }

    /// A token is on its way there.
    pub(crate) fn sent_to(&self, destination: &str) -> Json {
        Json(json!({"destination": destination, "expiration": self.settings.expiration()}))
    }

    /// A token is on its way.
    pub(crate) fn sent(&self) -> Json {
        Json(json!({"expiration": self.settings.expiration()}))
    }
}

/// Wrong passwords for one address from one network, alike whether it is somebody's.
struct Counter {
    key: LimitKey,
    lock: String,
}

impl Counter {
    fn of(app: &App, key: &Destination, caller: &Caller) -> Self {
        let operation = [("key", key.address()), ("network", &caller.network)];
        let binding = Binding::tenant("").operation(&operation);
        let name = format!("password {} {}", caller.network, key.address());
        Self {
            key: LimitKey::new(LimitScope::Application, "wrong passwords", &binding),
            lock: app.given.name(&name).to_string(),
        }
    }

    async fn locked(&self, app: &App) -> Result<(), ApiError> {
        let until = app.documents.get::<i64>(LOCK, &self.lock).await?;
        match until.and_then(|until| DateTime::from_timestamp_micros(until.value)) {
            Some(until) if app.now() < until => Err(ApiError::later(Some(until), app.now())),
            Some(_) => {
                app.tokens().limit_store().clear(&self.key).await?;
                Ok(app.documents.remove(LOCK, &self.lock).await.map(drop)?)
            }
            None => Ok(()),
        }
    }

    /// The answer to a wrong password. The last one locks.
    async fn wrong(&self, app: &App) -> Result<ApiError, ApiError> {
        let before_last = app
            .settings
            .limitForInputInvalidPassword
            .get()
            .saturating_sub(1);
        if before_last > 0 {
            let charge = Charge {
                key: self.key,
                limit: Limit::ceiling(before_last),
            };
            let spent = app
                .tokens()
                .limit_store()
                .spend(&[charge], app.now())
                .await?;
            if spent == Spent::Allowed {
                return Ok(ApiError::PASSWORD);
            }
        }
        let until = app.now().checked_add_signed(LOCKED).unwrap_or_default();
        app.documents
            .put(LOCK, &self.lock, &until.timestamp_micros())
            .await?;
        Ok(ApiError::later(Some(until), app.now()))
    }

    async fn right(&self, app: &App) -> Result<(), ApiError> {
        app.tokens().limit_store().clear(&self.key).await?;
        Ok(())
    }
}
