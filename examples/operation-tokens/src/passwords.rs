//! Another password, by somebody who is signed in.

use ott_flows::token_store::ott_core::Destination;
use rocket::{State, post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    answer::{Answer, Json},
    app::App,
    call::{Body, Caller, NewPassword},
    operations::ChangePassword,
    process::to,
    user,
};

#[post("/api/v1/token/password/changing")]
pub(crate) async fn change_token(app: &State<App>, caller: Caller) -> Answer {
    let account = app.signed_in(&caller).await?;
    let key = account.user.first_key();
    app.ask::<ChangePassword>(&account, to(key.as_ref()), &[])
        .await?;
    Ok(app.sent_to(key.as_ref().map_or("", Destination::address)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changing {
    one_time_token: String,
    new_password: NewPassword,
}

#[post("/api/v1/password/changing", data = "<body>")]
pub(crate) async fn change(app: &State<App>, caller: Caller, body: Body) -> Answer {
    let account = app.signed_in(&caller).await?;
    let Changing {
        one_time_token,
        new_password,
    } = body.read()?;
    // Before the transaction: hashing takes long, and SQLite has one writer.
    let hash = app.passwords.hash(new_password.0).await?;
    let (change, mut open) = app
        .complete::<ChangePassword>(&account, &one_time_token)
        .await?;
    let (now, epoch) = (app.now(), change.epoch());
    let on = &mut app.documents.within(&mut open);
    let changed = user::change(on, change.subject(), |user| {
        let fits = user.epoch == epoch;
        if fits {
            user.password = Some(hash.clone());
            user.changed(now);
        }
        fits
    });
    let changed = changed.await;
    app.settle(open, changed).await?;
    Ok(Json(json!({})))
}
