//! Accounts, one at a time and all.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::Path,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse as _,
};
use otp_vault::store::{Account, Draft, Subject};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, nothing, ok},
    call::{Call, id},
    codes, icons, images, logs,
    parameters::{Grouped, Parameters},
    preferences,
    shape::{self, Shown},
    sharing::Sharing,
};

/// An account that the caller may see.
pub(crate) struct Found {
    pub(crate) owner: Subject,
    pub(crate) account: Account,
    pub(crate) borrowed: bool,
}

const FOREIGN: &str = "This account belongs to somebody else";

/// An account that the caller owns, or that is shared with them.
pub(crate) async fn readable(call: &Call, id: i64) -> Result<Found, ApiError> {
    let found = call.app().vaults.find(id).await?;
    let (owner, account) = found.ok_or_else(ApiError::not_found)?;
    let borrowed = owner != call.subject;
    if borrowed
        && !Sharing::read(call.app())
            .await?
            .reaches(id, &owner, call.id)
    {
        return Err(ApiError::forbidden(FOREIGN));
    }
    Ok(Found {
        owner,
        account,
        borrowed,
    })
}

/// An account that the caller owns.
pub(crate) async fn own(call: &Call, id: i64) -> Result<Account, ApiError> {
    let found = call.app().vaults.find(id).await?;
    let (owner, account) = found.ok_or_else(ApiError::not_found)?;
    if owner != call.subject {
        return Err(ApiError::forbidden(FOREIGN));
    }
    Ok(account)
}

/// Those of the caller's accounts that a batch names.
pub(crate) struct Among {
    all: Arc<Vec<Account>>,
    wanted: BTreeSet<i64>,
}

impl Among {
    /// In the order of the list.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        let accounts = self.all.iter();
        accounts.filter(|account| self.wanted.contains(&account.id))
    }
}

/// The caller's accounts among these. One that is somebody else's refuses all.
pub(crate) async fn own_among(call: &Call, ids: &[i64]) -> Result<Among, ApiError> {
    let vaults = &call.app().vaults;
    let wanted: BTreeSet<i64> = ids.iter().copied().collect();
    let all = vaults.list(&call.subject).await?;
    let known: BTreeSet<i64> = all.iter().map(|account| account.id).collect();
    for id in wanted.difference(&known) {
        if vaults.store().find(*id).await?.is_some() {
            return Err(ApiError::forbidden(FOREIGN));
        }
    }
    Ok(Among { all, wanted })
}

/// The group that an account stands in from now on; one that is not the caller's is refused.
async fn group(call: &Call, said: Grouped, else_in: Option<i64>) -> Result<Option<i64>, ApiError> {
    match said {
        Grouped::Unsaid => Ok(else_in),
        Grouped::None => Ok(None),
        Grouped::In(group) => {
            let owner = call.app().vaults.store().group_owner(group).await?;
            if owner.as_ref() != Some(&call.subject) {
                return Err(ApiError::invalid(
                    "group_id",
                    "The selected group id is invalid.",
                ));
            }
            Ok(Some(group))
        }
    }
}

/// What a reader of accounts asks for.
pub(crate) struct View {
    secret: bool,
    otp: Option<u64>,
}

impl View {
    /// What is read of an account that was made or changed.
    const WHOLE: Self = Self {
        secret: true,
        otp: None,
    };

    pub(crate) fn of(call: &Call, secret: bool) -> Self {
        // Codes are asked for by any value, also by 0.
        let otp = call.visit.parameter("withOtp");
        Self {
            secret: call.visit.switch("withSecret").unwrap_or(secret),
            otp: otp.map(|_| call.app().unix()),
        }
    }

    pub(crate) fn shape<'a>(&self, account: &'a Account, borrowed: bool) -> Shown<'a> {
        let entry = &account.kept.entry;
        let mut shown = Shown::of(&account.kept);
        shown.id = account.id;
        shown.group_id = account.group.filter(|_| !borrowed);
        shown.secret = (self.secret && !borrowed).then(|| shape::padded(entry));
        if let (Some(now), None) = (self.otp, entry.counter()) {
            // A time without a code, of MD5, has none.
            shown.otp = shape::codes(entry, now).ok();
        }
        shown
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    let app = call.app();
    let ids = call.ids()?;
    let view = View::of(&call, false);
    let wanted = move |id: i64| ids.as_ref().is_none_or(|ids| ids.contains(&id));
    let sharing = Sharing::read(app).await?;
    let mut borrowed = Vec::new();
    for id in sharing.lent_to(call.id) {
        if let Some((owner, account)) = app.vaults.find(id).await?.filter(|_| wanted(id))
            && sharing.reaches(id, &owner, call.id)
        {
            let by = Sharing::owner_name(app, &owner).await?;
            borrowed.push((account, by));
        }
    }
    let own = app.vaults.list(&call.subject).await?;
    let owner = call.id;
    // Thousands of codes take milliseconds, in which other requests are served.
    let shown = tokio::task::spawn_blocking(move || {
        let own = own
            .iter()
            .filter(|account| wanted(account.id))
            .map(|account| {
                let mut shown = view.shape(account, false);
                sharing.mark_owned(&mut shown, owner);
                shown
            });
        let borrowed = borrowed.iter().map(|(account, by)| {
            let mut shown = view.shape(account, true);
            (shown.is_borrowed, shown.borrowed_by) = (Some(true), by.clone());
            shown
        });
        serde_json::to_vec(&own.chain(borrowed).collect::<Vec<_>>())
    });
    let shown = shown.await.map_err(|error| ApiError::outage(&error))?;
    let shown = shown.map_err(|error| ApiError::outage(&error))?;
    Ok(([(CONTENT_TYPE, "application/json")], shown).into_response())
}

pub(crate) async fn show(call: Call, Path(of): Path<String>) -> Answer {
    let found = readable(&call, id(&of)?).await?;
    let mut shown = View::of(&call, true).shape(&found.account, found.borrowed);
    let sharing = Sharing::read(call.app()).await?;
    if found.borrowed {
        shown.is_borrowed = Some(true);
        shown.borrowed_by = Sharing::owner_name(call.app(), &found.owner).await?;
    } else {
        sharing.mark_owned(&mut shown, call.id);
    }
    Ok(Json(shown).into_response())
}

pub(crate) async fn create(call: Call) -> Answer {
    let body = call.visit.object()?;
    let (draft, said) = if body.contains_key("uri") {
        let draft = codes::from_uri(&body)?;
        // What stands beside the URI of an import.
        let icon = body.get("icon").and_then(Value::as_str).map(Into::into);
        let mut fields = crate::fields::Fields::new(&body);
        let said = match (
            fields.has("group_id"),
            fields.number("group_id", 0, i64::MAX),
        ) {
            (false, _) => Grouped::Unsaid,
            (true, None | Some(0)) => Grouped::None,
            (true, Some(group)) => Grouped::In(group),
        };
        fields.check()?;
        (Draft { icon, ..draft }, said)
    } else {
        let parameters = Parameters::create(&body)?;
        (parameters.draft, parameters.group)
    };
    let default = match said {
        Grouped::Unsaid => preferences::default_group(&call).await?,
        _ => None,
    };
    let group = group(&call, said, default).await?;
    // Only once nothing is wrong with the rest: what is refused keeps no picture.
    let icon = match (draft.icon, &draft.uri) {
        (None, Some(uri)) => images::of_uri(&call, uri).await?,
        (icon, _) => icon,
    };
    let draft = Draft {
        icon: icon.clone(),
        ..draft
    };
    let vaults = &call.app().vaults;
    let ids = vaults.add(&call.subject, group, &[draft]).await?;
    // Only once an account has it: what fails before leaves an icon that waits.
    if let Some(icon) = &icon {
        icons::settle(call.app(), call.id, icon).await;
    }
    let made = match ids.first() {
        Some(id) => vaults.find(*id).await?,
        None => None,
    };
    let (_, made) = made.ok_or_else(|| ApiError::outage(&"an account that was made is gone"))?;
    Ok((StatusCode::CREATED, Json(View::WHOLE.shape(&made, false))).into_response())
}

/// Tries of a change beside other processes.
const TRIES: usize = 20;

pub(crate) async fn update(call: Call, Path(of): Path<String>) -> Answer {
    let id = id(&of)?;
    let body = call.visit.object()?;
    // In turn within this process: else each one's change is what the others have to read anew.
    let _turn = call.app().changing.lock().await;
    for _ in 0..TRIES {
        let was = own(&call, id).await?;
        let parameters = Parameters::update(&body, &was.kept)?;
        let group = group(&call, parameters.group, was.group).await?;
        let (draft, counter) = (&parameters.draft, parameters.counter);
        let (app, vaults) = (call.app(), &call.app().vaults);
        if vaults
            .change(&call.subject, &was, group, draft, counter)
            .await?
        {
            if let Some(icon) = &draft.icon {
                icons::settle(app, call.id, icon).await;
            }
            if let Some(icon) = was
                .kept
                .icon
                .as_ref()
                .filter(|was| draft.icon.as_ref() != Some(*was))
            {
                icons::release(app, call.id, &call.subject, icon).await?;
            }
            let now = own(&call, id).await?;
            return Ok(Json(View::WHOLE.shape(&now, false)).into_response());
        }
    }
    Err(ApiError::outage(
        &"an account changes faster than it is read",
    ))
}

/// Removes accounts, and what only they needed.
pub(crate) async fn remove<'a>(
    call: &Call,
    accounts: impl Iterator<Item = &'a Account> + Send,
) -> Result<(), ApiError> {
    let app = call.app();
    let accounts: Vec<&Account> = accounts.collect();
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    app.vaults.store().remove(&call.subject, &ids).await?;
    for account in &accounts {
        Sharing::forget(app, account.id, None).await?;
        logs::forget_codes(app, account.id).await?;
    }
    let icons = accounts
        .iter()
        .filter_map(|account| account.kept.icon.as_deref());
    icons::remove_unused(app, call.id, &call.subject, icons).await
}

pub(crate) async fn delete(call: Call, Path(of): Path<String>) -> Answer {
    let account = own(&call, id(&of)?).await?;
    remove(&call, core::iter::once(&account)).await?;
    nothing()
}

pub(crate) async fn preview(call: Call) -> Answer {
    let draft = codes::from_uri(&call.visit.object()?)?;
    let mut value = shape::account(&draft);
    shape::put(&mut value, "secret", shape::padded(&draft.entry));
    ok(&value)
}

pub(crate) async fn count(call: Call) -> Answer {
    let app = call.app();
    let owned = app.vaults.list(&call.subject).await?.len();
    let shared = Sharing::read(app).await?.lent_to(call.id).len();
    let total = owned.saturating_add(shared);
    ok(&json!({"owned": owned, "shared": shared, "total": total}))
}
