//! Keys of somebody who is signed in: added, changed, removed.

use contract_server::Transaction;
use ott_flows::{
    Change, Operation, To,
    ready::{self, ChangeAddress, ProveAddress},
    token_store::ott_core::Destination,
};
use rocket::{State, post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, Json},
    app::{App, held},
    call::{Body, Caller, Query, key_of},
    operations::{
        AddEmail, AddPhone, RemoveKey, has_key, has_other_key, kind, lacks_key, mfa_is_off,
    },
    process::to,
    user::{self, Account, KeyKind, Unchanged},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Typed {
    pub(crate) one_time_token: String,
}

#[post("/api/v1/token/userKeys/adding/email")]
pub(crate) async fn add_email_token(app: &State<App>, caller: Caller, query: Query) -> Answer {
    let account = app.signed_in(&caller).await?;
    let text = query.one("newEmail")?;
    app.add_key::<AddEmail>(&account, KeyKind::Email, &text)
        .await
}

#[post("/api/v1/token/userKeys/adding/phoneNumber")]
pub(crate) async fn add_phone_token(app: &State<App>, caller: Caller, query: Query) -> Answer {
    let account = app.signed_in(&caller).await?;
    let text = query.one("newPhoneNumber")?;
    // An unescaped plus arrives as a blank.
    let text = match text.strip_prefix(' ') {
        Some(digits) => format!("+{digits}"),
        None => text,
    };
    app.add_key::<AddPhone>(&account, KeyKind::Phone, &text)
        .await
}

#[post("/api/v1/userKeys/adding/email", data = "<body>")]
pub(crate) async fn add_email(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let typed: Typed = body.read()?;
    app.added(
        app.complete::<AddEmail>(&account, &typed.one_time_token)
            .await?,
    )
    .await
}

#[post("/api/v1/userKeys/adding/phoneNumber", data = "<body>")]
pub(crate) async fn add_phone(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let typed: Typed = body.read()?;
    app.added(
        app.complete::<AddPhone>(&account, &typed.one_time_token)
            .await?,
    )
    .await
}

impl App {
    async fn add_key<O: Operation<After = ()>>(
        &self,
        account: &Account,
        kind: KeyKind,
        text: &str,
    ) -> Answer {
        let key = key_of(kind, text)?;
        let parameters = ready::address(&key);
        self.ask::<O>(account, To::New(&key), &parameters).await?;
        Ok(self.sent())
    }

    async fn added<O: Operation>(&self, (change, mut open): (Change<O>, Transaction)) -> Answer {
        let key = new_key(&change)?;
        let parameters = change.parameters();
        let fits = |user: &_| lacks_key(user, parameters, true);
        let on = &mut self.documents.within(&mut open);
        let changed = self.change_key(on, change.subject(), &key, fits, |_| {});
        let changed = changed.await;
        self.settle(open, changed).await?;
        Ok(Json(json!({})))
    }

    fn mfa(&self) -> bool {
        self.settings.multifactorAuthSystemEnabled
    }
}

fn new_key<O: Operation>(change: &Change<O>) -> Result<Destination, ApiError> {
    change.parameters().address().ok_or(ApiError::TOKEN)
}

fn key_type(query: Query) -> Result<KeyKind, ApiError> {
    let text = query.one("keyType")?;
    KeyKind::read(&text).ok_or(ApiError::form("keyType is EMAIL or PHONE_NUMBER"))
}

#[post("/api/v1/token/userKeys/changing")]
pub(crate) async fn change_token(app: &State<App>, caller: Caller, query: Query) -> Answer {
    let account = app.signed_in(&caller).await?;
    let kind = key_type(query)?;
    let present = account.user.key(kind);
    app.ask::<ProveAddress>(
        &account,
        to(present.as_ref()),
        &ready::about(kind.channel()),
    )
    .await?;
    app.keep_changing(&account, kind).await?;
    Ok(app.sent())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    one_time_token: String,
    new_user_key: String,
}

/// Of which kind the key is that a user changes.
const CHANGING: &str = "changing";

impl App {
    fn changing_id(&self, account: &Account) -> String {
        self.given
            .name(&format!("changing {}", account.subject.id()))
            .to_string()
    }

    async fn keep_changing(&self, account: &Account, kind: KeyKind) -> Result<(), ApiError> {
        Ok(self
            .documents
            .put(CHANGING, &self.changing_id(account), &kind)
            .await?)
    }
}

#[post("/api/v1/token/userKeys/changing/newKey", data = "<body>")]
pub(crate) async fn change_new_token(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let NewKey {
        one_time_token,
        new_user_key,
    } = body.read()?;
    let changing = app
        .documents
        .get::<KeyKind>(CHANGING, &app.changing_id(&account))
        .await?;
    let key = match changing {
        Some(kind) => key_of(kind.value, &new_user_key)?,
        None => crate::call::user_key(&new_user_key)?,
    };
    let proof = app.prove::<ProveAddress>(&account, &one_time_token).await?;
    let handle = app
        .flows
        .open_after::<ChangeAddress, _>(proof)
        .await
        .map_err(|error| app.told(error))?;
    app.keep_asked::<ChangeAddress>(&account, &handle).await?;
    let parameters = ready::new_address(&key);
    let sent = app
        .flows
        .send::<ChangeAddress>(&held(&handle, &account), To::New(&key), &parameters)
        .await;
    app.asked.notify_one();
    sent.map_err(|error| app.told(error))?;
    Ok(app.sent())
}

#[post("/api/v1/userKeys/changing", data = "<body>")]
pub(crate) async fn change(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let typed: Typed = body.read()?;
    let (change, mut open) = app
        .complete::<ChangeAddress>(&account, &typed.one_time_token)
        .await?;
    let (key, parameters, mfa) = (new_key(&change)?, change.parameters(), app.mfa());
    let fits = |user: &_| has_key(user, parameters, mfa) && mfa_is_off(user, parameters, mfa);
    let on = &mut app.documents.within(&mut open);
    let changed = app.replace_key(on, change.subject(), &key, fits, |_| {});
    let changed = changed.await;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}

#[post("/api/v1/token/userKeys/removing")]
pub(crate) async fn remove_token(app: &State<App>, caller: Caller, query: Query) -> Answer {
    let account = app.signed_in(&caller).await?;
    let kind = key_type(query)?;
    // It goes to the key that stays.
    let other = account.user.key(kind.other());
    app.ask::<RemoveKey>(&account, to(other.as_ref()), &ready::about(kind.channel()))
        .await?;
    Ok(app.sent())
}

#[post("/api/v1/userKeys/removing", data = "<body>")]
pub(crate) async fn remove(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let typed: Typed = body.read()?;
    let (change, mut open) = app
        .complete::<RemoveKey>(&account, &typed.one_time_token)
        .await?;
    let changed = app.removed(&mut open, &change).await;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}

impl App {
    async fn removed(
        &self,
        open: &mut Transaction,
        change: &Change<RemoveKey>,
    ) -> Result<(), Unchanged> {
        let (parameters, mfa, now) = (change.parameters(), self.mfa(), self.now());
        let kind = kind(parameters).ok_or(Unchanged::Unmet)?;
        let mut removed = None;
        let on = &mut self.documents.within(open);
        let changed = user::change(on, change.subject(), |user| {
            let fits = has_key(user, parameters, mfa)
                && has_other_key(user, parameters, mfa)
                && mfa_is_off(user, parameters, mfa);
            if fits {
                removed = user.key(kind);
                user.set_key(kind, None);
                user.set_mfa(kind, false);
                user.changed(now);
            }
            fits
        });
        changed.await?;
        match removed {
            Some(key) => {
                self.offer(on, change.subject(), &key).await?;
                self.drop_key(on, &key).await
            }
            None => Ok(()),
        }
    }
}
