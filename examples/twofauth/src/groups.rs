//! Groups. The one with id 0 is all accounts, and no group.

use axum::{Json, extract::Path, response::IntoResponse as _};
use otp_vault::store::{Group, GroupChange};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, nothing, ok, reply},
    batches::ordered_ids,
    call::{Call, id},
    fields::Fields,
    twofaccounts::{View, own_among},
};

fn shape(group: &Group) -> Value {
    json!({
        "id": group.id, "name": group.name, "show_in_chips": group.chip, "twofaccounts_count": group.accounts,
    })
}

fn all(accounts: usize) -> Value {
    json!({"id": 0, "name": "All", "show_in_chips": true, "twofaccounts_count": accounts})
}

/// A group of the caller's; 0 is none.
async fn own(call: &Call, id: i64) -> Result<Group, ApiError> {
    let store = call.app().vaults.store();
    let owner = store
        .group_owner(id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if owner != call.subject {
        return Err(ApiError::forbidden("This group belongs to somebody else"));
    }
    let groups = store.groups(&call.subject).await?;
    let group = groups.into_iter().find(|group| group.id == id);
    group.ok_or_else(ApiError::not_found)
}

/// Whether the path names all accounts.
fn is_all(of: &str) -> bool {
    !of.is_empty() && of.bytes().all(|byte| byte == b'0')
}

fn not_all() -> ApiError {
    ApiError::forbidden("The group of all accounts is not one that can be changed")
}

/// Name and chip of a body.
fn read(call: &Call) -> Result<(String, Option<bool>), ApiError> {
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let name = fields.needed_text("name").to_owned();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'');
    if name.chars().count() > 32 {
        fields.wrong("name", "field must not be longer than 32 characters.");
    }
    if !name.chars().all(fits) {
        fields.wrong(
            "name",
            "field must have letters, digits, blanks, - _ and ' alone.",
        );
    }
    if name.eq_ignore_ascii_case("all") {
        fields.wrong("name", "is the one of all accounts.");
    }
    let chip = fields.boolean("show_in_chips");
    fields.check()?;
    Ok((name, chip))
}

fn taken() -> ApiError {
    ApiError::invalid("name", "The name has already been taken.")
}

pub(crate) async fn list(call: Call) -> Answer {
    let store = call.app().vaults.store();
    let accounts = call.app().vaults.list(&call.subject).await?.len();
    let groups = store.groups(&call.subject).await?;
    let list: Vec<_> = [all(accounts)]
        .into_iter()
        .chain(groups.iter().map(shape))
        .collect();
    ok(&list.into())
}

pub(crate) async fn create(call: Call) -> Answer {
    let (name, chip) = read(&call)?;
    let store = call.app().vaults.store();
    let made = store
        .add_group(&call.subject, &name, chip.unwrap_or(true))
        .await?;
    match made {
        GroupChange::Done(id) => reply(201, &shape(&own(&call, id).await?)),
        GroupChange::NameTaken | GroupChange::Unknown => Err(taken()),
    }
}

pub(crate) async fn show(call: Call, Path(of): Path<String>) -> Answer {
    if is_all(&of) {
        let accounts = call.app().vaults.list(&call.subject).await?;
        return ok(&all(accounts.len()));
    }
    ok(&shape(&own(&call, id(&of)?).await?))
}

pub(crate) async fn update(call: Call, Path(of): Path<String>) -> Answer {
    if is_all(&of) {
        return Err(not_all());
    }
    let group = own(&call, id(&of)?).await?;
    let (name, chip) = read(&call)?;
    let store = call.app().vaults.store();
    let changed = store
        .change_group(&call.subject, group.id, &name, chip.unwrap_or(group.chip))
        .await?;
    match changed {
        GroupChange::Done(id) => ok(&shape(&own(&call, id).await?)),
        GroupChange::NameTaken => Err(taken()),
        GroupChange::Unknown => Err(ApiError::not_found()),
    }
}

pub(crate) async fn delete(call: Call, Path(of): Path<String>) -> Answer {
    if is_all(&of) {
        return Err(not_all());
    }
    let group = own(&call, id(&of)?).await?;
    let store = call.app().vaults.store();
    if !store.remove_group(&call.subject, group.id).await? {
        return Err(ApiError::not_found());
    }
    nothing()
}

pub(crate) async fn assign(call: Call, Path(of): Path<String>) -> Answer {
    if is_all(&of) {
        return Err(not_all());
    }
    let group = own(&call, id(&of)?).await?;
    let ids = ordered_ids(&call, "ids")?;
    own_among(&call, &ids).await?;
    let store = call.app().vaults.store();
    if !store.assign(&call.subject, Some(group.id), &ids).await? {
        return Err(ApiError::told(409, "The group was removed meanwhile"));
    }
    ok(&shape(&own(&call, group.id).await?))
}

pub(crate) async fn accounts(call: Call, Path(of): Path<String>) -> Answer {
    let group = if is_all(&of) {
        None
    } else {
        Some(own(&call, id(&of)?).await?.id)
    };
    let view = View::of(&call, false);
    let accounts = call.app().vaults.list(&call.subject).await?;
    let list: Vec<_> = accounts
        .iter()
        .filter(|account| group.is_none() || account.group == group)
        .map(|account| view.shape(account, false))
        .collect();
    Ok(Json(list).into_response())
}

pub(crate) async fn reorder(call: Call) -> Answer {
    let ids = ordered_ids(&call, "orderedIds")?;
    let store = call.app().vaults.store();
    for id in &ids {
        let owner = store.group_owner(*id).await?;
        if owner.is_some_and(|owner| owner != call.subject) {
            return Err(ApiError::forbidden("This group belongs to somebody else"));
        }
    }
    store.reorder_groups(&call.subject, &ids).await?;
    let groups = store.groups(&call.subject).await?;
    let ids: Vec<Value> = groups.iter().map(|group| group.id.into()).collect();
    ok(&json!({"message": "order saved", "orderedIds": ids}))
}
