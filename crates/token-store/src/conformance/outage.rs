//! Law 11.

use core::{fmt::Debug, future::Future, time::Duration};

use ott_core::{Binding, Limit, LimitKey, LimitScope};

use super::{
    Harness,
    dice::Dice,
    factors::factor,
    fixture::{LINK, Mint, NOWS, PROMPT, alice, records},
    report::Law,
};
use crate::{
    Charge, ConfirmIf, FactorChange, FactorState, FactorStore, LimitStore, RemoveIf, Revoke,
    StoreError, TokenStore,
};

const LAW: Law = Law(
    11,
    "an outage is `StoreError`, within the configured time-out, and no verb reports success",
);

/// What a busy machine may add to a time-out.
const SLACK: Duration = Duration::from_secs(5);

pub(super) async fn fails<T: Debug>(
    patience: Duration,
    verb: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) {
    match tokio::time::timeout(patience + SLACK, call).await {
        Ok(Err(StoreError::Timeout | StoreError::Unavailable(_))) => {}
        Ok(Err(error)) => LAW.broken(&format!("`{verb}` told an outage as {error:?}")),
        Ok(Ok(answer)) => LAW.broken(&format!("`{verb}` without a back end answered {answer:?}")),
        Err(_) => LAW.broken(&format!(
            "`{verb}` did not give up within its {patience:?} and {SLACK:?}"
        )),
    }
}

/// Law 11: each verb of a broken [`TokenStore`] is a `StoreError` in time.
pub async fn law_11_outage_of_tokens<H: Harness<Store: TokenStore>>(harness: &H) {
    let (store, patience, mut mint) = (harness.broken().await, harness.patience(), Mint::new());
    let now = NOWS[1];
    let link = mint.mint(&LINK, &alice(), now);
    let prompt = mint.mint(&PROMPT, &alice(), now);
    let (batch, right) = (records([&link, &prompt]), mint.right(&link));
    let approval = mint.approve(&prompt, &alice(), now);
    let (id, owner) = (*link.id(), alice());
    let (one, all) = (Revoke::Record(id), Revoke::subject(&owner));
    tokio::join!(
        fails(patience, "insert", store.insert(&batch)),
        fails(patience, "redeem", store.redeem(&right, now)),
        fails(
            patience,
            "decide",
            store.decide(prompt.id(), &approval, now)
        ),
        fails(patience, "find", store.find(&id)),
        fails(patience, "touch", store.touch(&id, now)),
        fails(patience, "list", store.list(&owner, None, now)),
        fails(patience, "revoke", store.revoke(&one)),
        fails(patience, "revoke", store.revoke(&all)),
        fails(patience, "purge", store.purge(now, 1)),
    );
}

/// Law 11: each verb of a broken [`FactorStore`] is a `StoreError` in time.
pub async fn law_11_outage_of_factors<H: Harness<Store: FactorStore>>(harness: &H) {
    let (store, patience) = (harness.broken().await, harness.patience());
    let now = NOWS[1];
    let made = factor(&mut Dice::new(1), &alice(), FactorState::Pending);
    let (id, owner) = (made.id, alice());
    let label = FactorChange::Label(String::from("phone"));
    tokio::join!(
        fails(patience, "insert_factor", store.insert_factor(&made)),
        fails(patience, "factors", store.factors(&owner)),
        fails(
            patience,
            "confirm",
            store.confirm(&id, Some(1), ConfirmIf::Always, now)
        ),
        fails(
            patience,
            "confirm",
            store.confirm(&id, Some(1), ConfirmIf::First, now)
        ),
        fails(patience, "advance", store.advance(&id, 1, now)),
        fails(
            patience,
            "update",
            store.update(&id, &FactorChange::Disable)
        ),
        fails(patience, "update", store.update(&id, &label)),
        fails(
            patience,
            "remove",
            store.remove(&id, RemoveIf::Always, &[], now)
        ),
        fails(patience, "restore", store.restore(&id)),
        fails(patience, "purge_factors", store.purge_factors(now, 1)),
    );
}

/// Law 11: each verb of a broken [`LimitStore`] is a `StoreError` in time.
pub async fn law_11_outage_of_limits<H: Harness<Store: LimitStore>>(harness: &H) {
    let (store, patience) = (harness.broken().await, harness.patience());
    let now = NOWS[1];
    let key = LimitKey::new(LimitScope::Application, "broken", &Binding::tenant("t1"));
    let charge = [Charge {
        key,
        limit: Limit::CEILING,
    }];
    tokio::join!(
        fails(patience, "spend", store.spend(&charge, now)),
        fails(patience, "refund", store.refund(&charge, 1)),
        fails(patience, "clear", store.clear(&key)),
        fails(patience, "purge_limits", store.purge_limits(now, 1)),
    );
}
