//! Every verb of the contracts.

use core::pin::Pin;
use std::sync::Arc;

use token_store::{
    Charge, ChargedFactors, ChargedStore, ConfirmIf, Cost, FactorChange, FactorId, FactorState,
    FactorStore, Guess, LimitStore, RemoveIf, Revoke, StoreError, StoredFactor, TokenStore,
    ott_core::{Decision, Issued, Presented, Record, RecordId, Subject},
};
use token_store_redis::RedisStore;

use crate::{
    fixture::{CODE, Fixture, charge, now},
    outages::PACE,
};

type Asked = Pin<Box<dyn Future<Output = (&'static str, Result<(), StoreError>)> + Send>>;

struct Given {
    store: RedisStore,
    alice: Subject,
    code: RecordId,
    right: Presented,
    prompt: RecordId,
    approval: Decision,
    other: [Record; 1],
    charged: [Record; 1],
    pending: FactorId,
    active: FactorId,
    new: StoredFactor,
    pace: [Charge; 1],
}

const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

const fn guess(given: &Given, right: Option<(FactorId, u64)>) -> Guess<'_> {
    Guess {
        right,
        charges: &given.pace,
        cleared: &[],
    }
}

/// Asks each of them once, about a code to redeem and a prompt to decide.
pub(crate) fn every_verb(fixture: &Fixture, code: &Issued, prompt: &Issued) -> Vec<Asked> {
    let given = Arc::new(Given {
        store: fixture.store.clone(),
        alice: fixture.alice.clone(),
        code: *code.record.id(),
        right: fixture.right(&CODE, code),
        prompt: *prompt.record.id(),
        approval: fixture.approval(prompt),
        other: [fixture.issue(&CODE).record],
        charged: [fixture.issue(&CODE).record],
        pending: fixture.factor(1, FactorState::Pending).id,
        active: fixture.factor(2, FactorState::Active).id,
        new: fixture.factor(3, FactorState::Pending),
        pace: [charge("a pace", PACE)],
    });
    macro_rules! all {
        ($($name:literal: |$given:ident| $verb:expr;)*) => { vec![$({
            let $given = Arc::clone(&given);
            Box::pin(async move { ($name, $verb.await.map(drop)) }) as Asked
        }),*] };
    }
    all! {
        "insert": |g| g.store.insert(&g.other);
        "redeem": |g| g.store.redeem(&g.right, now());
        "decide": |g| g.store.decide(&g.prompt, &g.approval, now());
        "find": |g| g.store.find(&g.code);
        "touch": |g| g.store.touch(&g.code, now());
        "list": |g| g.store.list(&g.alice, None, now());
        "revoke": |g| g.store.revoke(&Revoke::Record(g.code));
        "revoke all": |g| g.store.revoke(&Revoke::subject(&g.alice));
        "purge": |g| g.store.purge(now(), 10);
        "insert_factor": |g| g.store.insert_factor(&g.new);
        "factors": |g| g.store.factors(&g.alice);
        "confirm": |g| g.store.confirm(&g.pending, Some(1), ConfirmIf::Always, now());
        "advance": |g| g.store.advance(&g.active, 1, now());
        "update": |g| g.store.update(&g.active, &FactorChange::Disable);
        "confirm first": |g| g.store.confirm(&g.pending, Some(1), ConfirmIf::First, now());
        "remove": |g| g.store.remove(&g.active, RemoveIf::Always, &[], now());
        "restore": |g| g.store.restore(&g.active);
        "purge_factors": |g| g.store.purge_factors(now(), 10);
        "spend": |g| g.store.spend(&g.pace, now());
        "refund": |g| g.store.refund(&g.pace, 1);
        "clear": |g| g.store.clear(&g.pace[0].key);
        "purge_limits": |g| g.store.purge_limits(now(), 10);
        "insert_charged": |g| g.store.insert_charged(&g.charged, &g.pace, now());
        "redeem_charged": |g| g.store.redeem_charged(&g.right, cost(&g.pace), &[], now());
        "look": |g| g.store.look(&g.alice, &[g.pace[0].key]);
        "advance_charged": |g| g.store.advance_charged(guess(&g, Some((g.active, 2))), now());
        "advance_charged, wrong": |g| g.store.advance_charged(guess(&g, None), now());
        "accept_lost_writes": |g| g.store.accept_lost_writes(1);
    }
}
