//! Many accounts at once.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, nothing, ok},
    call::Call,
    fields::Fields,
    sharing::Sharing,
    twofaccounts::{own_among, remove},
};

/// The ids of a body; an order has each once.
pub(crate) fn ordered_ids(call: &Call, field: &str) -> Result<Vec<i64>, crate::answer::ApiError> {
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let ids = fields.ids(field);
    let mut seen = std::collections::BTreeSet::new();
    if field == "orderedIds" && !ids.iter().all(|id| seen.insert(*id)) {
        fields.wrong(field, "field has a duplicate value.");
    }
    fields.check()?;
    Ok(ids)
}

pub(crate) async fn delete(call: Call) -> Answer {
    let ids = call.needed_ids()?;
    let accounts = own_among(&call, &ids).await?;
    remove(&call, accounts.iter()).await?;
    nothing()
}

pub(crate) async fn withdraw(call: Call) -> Answer {
    let ids = call.needed_ids()?;
    own_among(&call, &ids).await?;
    let store = call.app().vaults.store();
    store.assign(&call.subject, None, &ids).await?;
    ok(&json!({"message": "accounts withdrawn"}))
}

pub(crate) async fn reorder(call: Call) -> Answer {
    let mut ids = ordered_ids(&call, "orderedIds")?;
    // What is borrowed is visible too, and stands behind one's own: it has no order of the borrower's.
    let store = call.app().vaults.store();
    let borrowed = Sharing::read(call.app()).await?.lent_to(call.id);
    ids.retain(|id| !borrowed.contains(id));
    own_among(&call, &ids).await?;
    store.reorder(&call.subject, &ids).await?;
    let rows = store.rows(&call.subject).await?;
    let own = rows.iter().map(|row| row.id);
    let ids: Vec<Value> = own.chain(borrowed).map(Value::from).collect();
    ok(&json!({"message": "order saved", "orderedIds": ids}))
}
