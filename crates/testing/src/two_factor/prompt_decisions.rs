//! One decision leaves the waiting state, whoever else decides at the same time, and an edited row approves nothing.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Approver, Attempt, PromptStatus, TwoFactorError,
    token_store::{
        FactorId, Revoke,
        ott_core::{Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    asking::Waiting,
    subject,
    world::{World, reason},
};

/// How a prompt may stand when something else happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Waiting,
    Approved,
    Denied,
    Reported,
    Spent,
    Revoked,
    Superseded,
    Expired,
}

/// Every decision in every state: the first stands, and nothing revives what is over.
pub async fn decision_meets_every_state(place: Place) {
    use Stands::{Approved, Denied, Expired, Reported, Revoked, Spent, Superseded, Waiting};
    for stands in [
        Waiting, Approved, Denied, Reported, Spent, Revoked, Superseded, Expired,
    ] {
        for verb in ["approve", "deny", "report", "go on"] {
            let (world, alice) = (World::asking(place).await, alice());
            let phone = world.device(&alice, "phone", None).await;
            let waiting = world.ask(&alice, phone).await;
            put(&world, &alice, phone, &waiting, stands).await;
            let before = world.store.inner_row(&waiting.id).await;
            let by = Approver::new(&alice).device(phone);
            let (prompts, id) = (world.prompts(), &waiting.id);
            let answer = match verb {
                "approve" => prompts.approve(&by, id, waiting.number).await,
                "deny" => prompts.deny(&by, id).await,
                "report" => prompts.report(&by, id).await,
                _ => {
                    let proved = world.go_on(&alice, phone, &waiting).await;
                    proved.map(|_| PromptStatus::Over)
                }
            };
            let refused = match stands {
                Waiting | Approved => None,
                Denied | Reported => Some(Reason::Denied),
                Spent => Some(Reason::Spent),
                Revoked => Some(Reason::Revoked),
                Superseded => Some(Reason::Superseded),
                Expired => Some(Reason::Expired),
            };
            match (stands, verb) {
                (Waiting, "approve") => assert_eq!(answer.unwrap(), PromptStatus::Approved),
                (Waiting, "deny" | "report") => assert_eq!(answer.unwrap(), PromptStatus::Denied),
                (Waiting, _) => assert!(matches!(answer, Err(TwoFactorError::Pending))),
                (Approved, "go on") => assert_eq!(answer.unwrap(), PromptStatus::Over),
                (Approved, _) => assert_eq!(reason(answer), Reason::NotWaiting),
                // Said again, it is what it was.
                (Denied, "deny") | (Reported, "report") => {
                    assert_eq!(answer.unwrap(), PromptStatus::Denied);
                }
                _ => assert_eq!(Some(reason(answer)), refused, "{stands:?} {verb}"),
            }
            let changes = matches!((stands, verb), (Waiting, "approve" | "deny" | "report"))
                || (stands, verb) == (Approved, "go on");
            let after = world.store.inner_row(&waiting.id).await;
            assert_eq!(after != before, changes, "{stands:?} {verb}");
        }
    }
}

async fn put(world: &World, owner: &Subject, device: FactorId, waiting: &Waiting, stands: Stands) {
    let by = Approver::new(owner).device(device);
    match stands {
        Stands::Waiting => {}
        Stands::Approved => {
            let _ = world.approve(owner, waiting).await.unwrap();
        }
        Stands::Denied => {
            let _ = world.prompts().deny(&by, &waiting.id).await.unwrap();
        }
        Stands::Reported => {
            let _ = world.prompts().report(&by, &waiting.id).await.unwrap();
        }
        Stands::Spent => {
            let _ = world.approve(owner, waiting).await.unwrap();
            let _ = world.go_on(owner, device, waiting).await.unwrap();
        }
        Stands::Revoked => {
            let own = Revoke::own(owner, waiting.id);
            assert_eq!(world.tokens.revoke(&own).await.unwrap(), 1);
        }
        Stands::Superseded => {
            let attempt = Attempt::new(owner, "prompt").factor(device);
            let again = world.engine.request(&attempt.handle(&waiting.handle)).await;
            let _ = again.unwrap();
        }
        Stands::Expired => world.pass(TimeDelta::minutes(10)),
    }
}

/// Of decisions at once one is taken, and the waiting side gets what that one said.
pub async fn decisions_at_once_have_one_winner(place: Place) {
    let world = Arc::new(World::asking(place).await);
    for round in 0..place.often(40, 6) {
        let owner = subject("acme", &round.to_string());
        let phone = world.device(&owner, owner.id(), None).await;
        let waiting = world.ask(&owner, phone).await;
        let barrier = Arc::new(Barrier::new(12));
        let mut tasks = JoinSet::new();
        for nth in 0..12 {
            let (world, owner) = (Arc::clone(&world), owner.clone());
            let (barrier, id, number) = (Arc::clone(&barrier), waiting.id, waiting.number);
            tasks.spawn(async move {
                barrier.wait().await;
                let by = Approver::new(&owner).device(phone);
                match nth % 3 {
                    0 => world.prompts().approve(&by, &id, number).await,
                    1 => world.prompts().deny(&by, &id).await,
                    _ => world.prompts().approve(&by, &id, None).await,
                }
            });
        }
        let mut won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        // Who denies what was denied hears that it was.
        won.dedup();
        let [won] = won[..] else {
            panic!("{won:?}");
        };
        assert_eq!(world.status(&owner, &waiting).await, Some(won));
        let proved = world.go_on(&owner, phone, &waiting).await;
        assert_eq!(proved.is_ok(), won == PromptStatus::Approved);
    }
}

/// Of many who go on with one approval, one does.
pub async fn approval_at_once_proves_one(place: Place) {
    let world = Arc::new(World::asking(place).await);
    let owner = alice();
    let phone = world.device(&owner, "phone", None).await;
    let waiting = Arc::new(world.ask(&owner, phone).await);
    let _ = world.approve(&owner, &waiting).await.unwrap();
    let barrier = Arc::new(Barrier::new(50));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (world, owner) = (Arc::clone(&world), owner.clone());
        let (barrier, waiting) = (Arc::clone(&barrier), Arc::clone(&waiting));
        tasks.spawn(async move {
            barrier.wait().await;
            world.go_on(&owner, phone, &waiting).await.is_ok()
        });
    }
    let won = tasks.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(won.count(), 1);
}

/// Whoever writes to the database approves nothing by another state.
pub async fn flipped_state_approves_nothing(place: Place) {
    use twofa_providers::token_store::ott_core::State;
    let (world, alice) = (World::asking(place).await, alice());
    let phone = world.device(&alice, "phone", None).await;
    let waiting = world.ask(&alice, phone).await;
    world.store.edit(|row| row.state = State::Ready);
    let proved = world.go_on(&alice, phone, &waiting).await;
    assert_eq!(reason(proved), Reason::DecisionForged);
    let status = world.prompts().status(&alice, &waiting.handle).await;
    assert_eq!(reason(status), Reason::DecisionForged);
}
