//! Creation tokens: pushed to a device, or exchanged for a request token; consumed by an account, or turned into one.

use std::sync::Arc;

use poem::{handler, web::Data};
use serde_json::json;

use crate::{
    account::User,
    answer::{Answer, ApiError, Faults, Reply},
    app::App,
    call::{Call, Parameters},
    push::Device,
    resend::Kind,
    tokens::{Details, Standing, committed, consumed, fresh},
    validation,
};

const TOKEN: &str = "account_creation_token";
const NAME_TAKEN: &str = "The username has already been taken.";

/// `POST account_creation_tokens/send-by-push`.
#[handler]
pub(crate) async fn send_creation(app: Data<&Arc<App>>, call: Call) -> Answer {
    send_by_push(app.0, call, Kind::Creation).await
}

/// `POST account_recovery_tokens/send-by-push`.
#[handler]
pub(crate) async fn send_recovery(app: Data<&Arc<App>>, call: Call) -> Answer {
    send_by_push(app.0, call, Kind::Recovery).await
}

async fn send_by_push(app: &Arc<App>, call: Call, kind: Kind) -> Answer {
    let device = Device::read(&call.parameters()?)?;
    let details = Details::of(&call, Some(device.clone()));
    let app = Arc::clone(app);
    // Whoever hangs up stops nothing: what is pushed is kept, and the device's turn ends.
    let sending = tokio::spawn(async move { app.send(kind, &device, &details).await });
    sending.await.map_err(|_| ApiError::of_status(503))?
}

impl App {
    async fn send(&self, kind: Kind, device: &Device, details: &Details) -> Answer {
        let not_sent = || ApiError::new(503, "Token not sent");
        let name = self.device_name(kind, device);
        let turn = self.turns.wait(&name).await;
        if turn.failed {
            return Err(not_sent());
        }
        if !self.begin_sending(kind, &name).await? {
            turn.fail();
            return Err(not_sent());
        }
        match self.push_and_keep(kind, device, details, &name).await {
            Ok(true) => return Ok(Reply::Empty),
            Ok(false) => turn.fail(),
            Err(error) => {
                self.forget_sending(&name).await?;
                return Err(error);
            }
        }
        self.forget_sending(&name).await?;
        Err(not_sent())
    }

    /// Whether it was sent; then it is kept, and counts.
    async fn push_and_keep(
        &self,
        kind: Kind,
        device: &Device,
        details: &Details,
        name: &str,
    ) -> Result<bool, ApiError> {
        let policy = self.policy_of(kind);
        let issued = self.make(policy, details)?;
        if !self.push(device, policy.purpose(), &issued.token).await {
            return Ok(false);
        }
        self.keep(&issued.record).await?;
        self.note_sent(name, issued.record.id()).await?;
        Ok(true)
    }
}

/// `POST account_creation_tokens/consume`.
#[handler]
pub(crate) async fn consume(app: Data<&Arc<App>>, call: Call) -> Answer {
    let caller = app.user(&call).await?;
    let parameters = call.parameters()?;
    let mut faults = Faults::default();
    let text = parameters.text(TOKEN, &mut faults);
    faults.end()?;
    let text = text.ok_or_else(ApiError::not_found)?;
    let record = app.redeem(&app.policies.creation, &text).await?;
    let record = record.ok_or_else(ApiError::not_found)?;
    let (stored, details) = (record.stored(), Details::read(record.stored())?);
    let validated = app.change(caller.id, |user| {
        user.validated = true;
        Ok(())
    });
    validated.await?;
    app.note_used(Kind::Creation, details.device.as_ref(), stored)
        .await?;
    Ok(Reply::Json(
        200,
        consumed(&text, stored, &details, caller.id),
    ))
}

/// `POST account_creation_tokens`.
#[handler]
pub(crate) async fn issue(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.admin(&call).await?;
    call.parameters()?;
    let details = Details::of(&call, None);
    let issued = app.issue(&app.policies.creation, &details).await?;
    Ok(Reply::Json(201, fresh(&issued, &details)))
}

/// `POST accounts/with-account-creation-token`.
#[handler]
pub(crate) async fn create_account(app: Data<&Arc<App>>, call: Call) -> Answer {
    let mut new = NewAccount::read(&call.parameters()?);
    // Slow on purpose, and before anything is spent.
    let password = match new.password.take() {
        Some(password) if new.faults.is_empty() => Some(app.passwords.hash(password).await?),
        _ => None,
    };
    let mut faults = new.faults;
    let on = &mut app.documents.anywhere();
    if let Some(username) = &new.username
        && app.by_username(on, username, &app.domain).await?.is_some()
    {
        faults.add("username", NAME_TAKEN);
    }
    let policy = &app.policies.creation;
    if let Some(token) = &new.token {
        match app.standing(policy, token).await? {
            Standing::Ready => {}
            Standing::Expired => faults.add(TOKEN, "The provided token is expired"),
            Standing::Used => faults.add(TOKEN, "The provided token is already used"),
            Standing::Unknown | Standing::Waiting(_) => {
                faults.add(TOKEN, "The provided token is not valid");
            }
        }
    }
    faults.end()?;
    let (Some(username), Some(token)) = (new.username, new.token) else {
        return Err(ApiError::of_status(422));
    };
    let Some((mut open, record)) = app.redeem_open(policy, &token).await? else {
        return Err(ApiError::invalid(
            TOKEN,
            "The provided token is already used",
        ));
    };
    let user = User {
        username,
        domain: app.domain.clone(),
        password,
        activated: true,
        validated: true,
        ..User::default()
    };
    let on = &mut app.documents.within(&mut open);
    // Of two who want a name at once one gets it. The other's transaction is dropped, which leaves them the token.
    let taken = || ApiError::invalid("username", NAME_TAKEN);
    let id = app.add_account(on, &user).await?.ok_or_else(taken)?;
    committed(open).await?;
    let details = Details::read(record.stored())?;
    app.note_used(Kind::Creation, details.device.as_ref(), record.stored())
        .await?;
    Ok(Reply::Json(200, user.json(id)))
}

/// What an account is asked for with. What is missing is among the faults, which are told together with those of the token.
struct NewAccount {
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    faults: Faults,
}

impl NewAccount {
    fn read(parameters: &Parameters) -> Self {
        let mut faults = Faults::default();
        for field in ["admin", "activated"] {
            if parameters.has(field) {
                faults.add(field, format!("The {field} field is prohibited."));
            }
        }
        let username = parameters.required("username", &mut faults);
        if let Some(wrong) = username.as_deref().and_then(validation::username) {
            faults.add("username", wrong);
        }
        let password = parameters.required("password", &mut faults);
        if password
            .as_ref()
            .is_some_and(|password| password.chars().count() < 3)
        {
            faults.add("password", "The password must be at least 3 characters.");
        }
        let token = parameters.required(TOKEN, &mut faults);
        Self {
            username,
            password,
            token,
            faults,
        }
    }
}

/// `GET ping`.
#[handler]
pub(crate) fn ping() -> Answer {
    Ok(Reply::Text("pong"))
}

/// `GET openapi.json`.
#[handler]
pub(crate) fn openapi() -> Answer {
    let file = include_str!("../openapi.json");
    let read = serde_json::from_str(file);
    Ok(Reply::Json(200, read.unwrap_or_else(|_| json!({}))))
}
