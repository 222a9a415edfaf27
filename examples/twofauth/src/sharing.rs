//! Accounts that several people may read codes of.

use std::collections::BTreeMap;

use axum::extract::Path;
use otp_vault::store::Subject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, nothing, ok, reply},
    app::{App, subject},
    call::{Call, id},
    fields::Fields,
    icons,
    shape::{self, Shown},
    sign_in,
    twofaccounts::own,
    users::Users,
};

/// Who may read which account: one document.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Sharing {
    shares: BTreeMap<i64, Share>,
    /// Read from the settings: nobody borrows anything while it is off.
    #[serde(skip)]
    on: bool,
}

#[derive(Clone, Default, Deserialize, Serialize)]
struct Share {
    /// Who shared it. One that came too late for a change of owner is nobody's.
    owner: i64,
    /// Since when everybody may.
    all: Option<String>,
    /// Since when these may.
    users: BTreeMap<i64, String>,
}

const SHARING: (&str, &str) = ("sharing", "all");

impl Share {
    fn is_for(&self, user: i64) -> bool {
        self.all.is_some() || self.users.contains_key(&user)
    }

    fn is_any(&self) -> bool {
        self.all.is_some() || !self.users.is_empty()
    }
}

impl Sharing {
    pub(crate) async fn read(app: &App) -> Result<Self, ApiError> {
        let on = crate::options::is_on(app, "enableSharing").await?;
        let read = app.engine.documents.get::<Self>(SHARING.0, SHARING.1);
        let read = read.await?.map(|read| read.value).unwrap_or_default();
        Ok(Self { on, ..read })
    }

    /// Changes what this owner shares of an account; what an earlier one shared is forgotten.
    async fn change<R>(
        app: &App,
        account: i64,
        owner: i64,
        mut change: impl FnMut(&mut Share) -> R,
    ) -> Result<R, ApiError> {
        let documents = &app.engine.documents;
        documents
            .add(SHARING.0, SHARING.1, &Self::default())
            .await?;
        let change = |sharing: &mut Self| {
            let share = sharing.shares.entry(account).or_default();
            if share.owner != owner {
                *share = Share {
                    owner,
                    ..Share::default()
                };
            }
            let answer = change(share);
            if !share.is_any() {
                sharing.shares.remove(&account);
            }
            Ok(answer)
        };
        let changed = documents.change(SHARING.0, SHARING.1, change).await?;
        changed.ok_or_else(|| ApiError::outage(&"the list of shares is gone"))
    }

    /// Forgets what is shared of an account: by anybody, or by all but the owner that stays.
    pub(crate) async fn forget(
        app: &App,
        account: i64,
        stays: Option<i64>,
    ) -> Result<(), ApiError> {
        let forget = |sharing: &mut Self| {
            let shares = &mut sharing.shares;
            let goes = shares
                .get(&account)
                .is_some_and(|share| stays != Some(share.owner));
            if goes {
                shares.remove(&account);
            }
            if goes { Ok(()) } else { Err(()) }
        };
        let documents = &app.engine.documents;
        documents
            .change::<Self, ()>(SHARING.0, SHARING.1, forget)
            .await?;
        Ok(())
    }

    /// The user is gone.
    pub(crate) async fn forget_user(app: &App, user: i64) -> Result<(), ApiError> {
        let forget = |sharing: &mut Self| {
            for share in sharing.shares.values_mut() {
                share.users.remove(&user);
            }
            sharing
                .shares
                .retain(|_, share| share.owner != user && share.is_any());
            Ok(())
        };
        let documents = &app.engine.documents;
        documents
            .change::<Self, ()>(SHARING.0, SHARING.1, forget)
            .await?;
        Ok(())
    }

    /// What this owner shares of an account.
    fn of(&self, account: i64, owner: i64) -> Option<&Share> {
        let share = self.shares.get(&account).filter(|_| self.on);
        share.filter(|share| share.owner == owner)
    }

    /// Whether somebody who does not own the account may read its codes: as its present owner says.
    pub(crate) fn reaches(&self, account: i64, owner: &Subject, user: i64) -> bool {
        let owner = owner.id().parse().unwrap_or(0);
        let share = self.of(account, owner).filter(|_| owner != user);
        share.is_some_and(|share| share.is_for(user))
    }

    /// The accounts that somebody may read, as far as those who shared them own them still.
    pub(crate) fn lent_to(&self, user: i64) -> Vec<i64> {
        let shares = self.shares.iter().filter(|_| self.on);
        shares
            .filter(|(_, share)| share.owner != user && share.is_for(user))
            .map(|(account, _)| *account)
            .collect()
    }

    pub(crate) fn mark_owned(&self, shown: &mut Shown<'_>, owner: i64) {
        if let Some(share) = self.of(shown.id, owner) {
            shown.is_shared = Some(true);
            shown.is_shared_with_all = Some(share.all.is_some());
        }
    }

    /// What the owner of a borrowed account is called.
    pub(crate) async fn owner_name(app: &App, owner: &Subject) -> Result<Option<String>, ApiError> {
        let users = Users::read(app).await?;
        let id = owner.id().parse().unwrap_or(0);
        Ok(users.members.get(&id).map(|member| member.name.clone()))
    }

    fn shape(&self, users: &Users, account: i64, owner: i64) -> Value {
        let share = self.of(account, owner).cloned().unwrap_or_default();
        let people: Vec<_> = share
            .users
            .iter()
            .filter_map(|(id, since)| {
                let name = &users.members.get(id)?.name;
                Some(json!({"id": id, "name": name, "is_shared_with": true, "is_shared_since": since}))
            })
            .collect();
        json!({
            "twofaccount_id": account, "is_shared_with_all": share.all.is_some(), "specific_users": people,
        })
    }
}

/// The account, where sharing is on and the caller owns it.
async fn shared(call: &Call, of: &str) -> Result<i64, ApiError> {
    call.sharing().await?;
    Ok(own(call, id(of)?).await?.id)
}

async fn told(call: &Call, status: u16, account: i64) -> Answer {
    let users = Users::read(call.app()).await?;
    let sharing = Sharing::read(call.app()).await?;
    reply(status, &sharing.shape(&users, account, call.id))
}

pub(crate) async fn list(call: Call, Path(of): Path<String>) -> Answer {
    let account = shared(&call, &of).await?;
    told(&call, 200, account).await
}

pub(crate) async fn share(call: Call, Path(of): Path<String>) -> Answer {
    let account = shared(&call, &of).await?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let ids = fields.ids("user_ids");
    if ids.is_empty() && fields.has("user_ids") {
        fields.wrong("user_ids", "field must have at least 1 item.");
    }
    let users = Users::read(call.app()).await?;
    let known = |id: &i64| users.members.contains_key(id) && *id != call.id;
    if !ids.iter().all(known) {
        fields.wrong("user_ids", "field names somebody who cannot get it.");
    }
    fields.check()?;
    let now = call.app().stamp();
    let added = Sharing::change(call.app(), account, call.id, |share| {
        if share.all.is_some() {
            return None;
        }
        let before = share.users.len();
        for id in &ids {
            share.users.entry(*id).or_insert_with(|| now.clone());
        }
        Some(share.users.len() > before)
    });
    match added.await? {
        None => Err(ApiError::told(
            409,
            "The account is shared with everybody already",
        )),
        Some(true) => told(&call, 201, account).await,
        Some(false) => told(&call, 200, account).await,
    }
}

pub(crate) async fn share_with_all(call: Call, Path(of): Path<String>) -> Answer {
    let account = shared(&call, &of).await?;
    let now = call.app().stamp();
    let new = Sharing::change(call.app(), account, call.id, |share| {
        let new = share.all.is_none();
        share.all.get_or_insert_with(|| now.clone());
        share.users.clear();
        new
    });
    let status = if new.await? { 201 } else { 200 };
    told(&call, status, account).await
}

pub(crate) async fn unshare(call: Call, Path(of): Path<String>) -> Answer {
    let account = shared(&call, &of).await?;
    Sharing::forget(call.app(), account, None).await?;
    nothing()
}

pub(crate) async fn unshare_one(call: Call, Path((of, user)): Path<(String, String)>) -> Answer {
    let account = shared(&call, &of).await?;
    let user = id(&user)?;
    let ended = Sharing::change(call.app(), account, call.id, |share| {
        let all = share.all.is_some();
        (!all).then(|| share.users.remove(&user).is_some())
    });
    match ended.await? {
        None => Err(ApiError::told(409, "The account is shared with everybody")),
        Some(true) => nothing(),
        Some(false) => Err(ApiError::not_found()),
    }
}

pub(crate) async fn recipients(call: Call, Path(of): Path<String>) -> Answer {
    let account = shared(&call, &of).await?;
    let name = "filter[nameOrEmail]";
    let wanted = call.visit.parameter(name).map(str::trim);
    let wanted = wanted.filter(|wanted| !wanted.is_empty());
    let wanted = wanted.ok_or_else(|| ApiError::invalid(name, "The filter is required."))?;
    let wanted = wanted.to_lowercase();
    let users = Users::read(call.app()).await?;
    let sharing = Sharing::read(call.app()).await?;
    let share = sharing.of(account, call.id).cloned().unwrap_or_default();
    let people: Vec<_> = users
        .members
        .iter()
        .filter(|(id, member)| {
            let found = |text: &str| text.to_lowercase().contains(&wanted);
            **id != call.id && (found(&member.name) || found(&member.email))
        })
        .map(|(id, member)| {
            let since = share.all.as_ref().or_else(|| share.users.get(id));
            let mut person =
                json!({"id": id, "name": member.name, "is_shared_with": since.is_some()});
            if let Some(since) = since {
                shape::put(&mut person, "is_shared_since", since.as_str());
            }
            person
        })
        .collect();
    ok(&people.into())
}

pub(crate) async fn give(call: Call, Path(of): Path<String>) -> Answer {
    call.sharing().await?;
    let app = call.app();
    let mut account = own(&call, id(&of)?).await?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    if fields.get("new_owner_id").is_none() {
        fields.wrong("new_owner_id", "field is required.");
    }
    let to = fields.number("new_owner_id", 1, i64::MAX).unwrap_or(0);
    let password = fields.needed_text("confirm_password");
    let users = Users::read(app).await?;
    if to != 0 && !users.members.contains_key(&to) {
        fields.wrong("new_owner_id", "field names nobody.");
    }
    fields.check()?;
    let right = sign_in::right_hash(app, &call.member.email, Some(call.id), password).await?;
    if right.is_none() {
        return Err(ApiError::unauthorized());
    }
    if to == call.id {
        return Err(ApiError::bad("The account is theirs already"));
    }
    // What the next owner shared when they owned it before, and came too late to be forgotten then.
    Sharing::forget(app, account.id, Some(call.id)).await?;
    // Under a name of its own: another account of the first owner's may have the same icon, and lose it.
    let icon = account.kept.icon.clone();
    let copy = match &icon {
        Some(icon) => icons::copy(app, call.id, icon, to).await?,
        None => None,
    };
    if copy.is_some() {
        account.kept.icon.clone_from(&copy);
    }
    if !app
        .vaults
        .give(&call.subject, &account, &subject(to)?)
        .await?
    {
        return Err(ApiError::told(409, "The account was changed meanwhile"));
    }
    Sharing::forget(app, account.id, Some(to)).await?;
    if let Some(copy) = &copy {
        icons::settle(app, to, copy).await;
        icons::remove_unused(app, call.id, &call.subject, icon.as_deref().into_iter()).await?;
    }
    ok(&json!({"twofaccount_id": account.id, "owner_id": to}))
}
