//! How many factors there are at most and at least, also in a race, and what their proofs outlive.

#[path = "../../token-store/tests/support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Limits, MOST_OF_A_KIND, TwoFactorError,
    token_store::{
        FactorChange, FactorState, FactorStore as _, What,
        ott_core::{Limit, Reason, chrono::TimeDelta},
    },
};
use world::{App, World, alice, is_outage, needs_proof, reason};

/// Two authenticators of Alice.
async fn two(world: &World) -> (App, App) {
    let first = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &first).await;
    let second = world.confirmed(&alice(), Some(&proof)).await;
    (first, second)
}

async fn active(world: &World) -> usize {
    let factors = world.engine.factors(&alice()).await.expect("memory");
    let active = |factor: &&_| state(factor) == FactorState::Active;
    factors.iter().filter(active).count()
}

fn state(factor: &twofa_providers::FactorView) -> FactorState {
    factor.state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_16_enrolments_at_once_five_stay_and_those_can_be_confirmed() {
    for round in 0..50 {
        let world = Arc::new(World::new());
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (world, barrier) = (world.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world.try_enrol(&alice(), "phone", None).await
            });
        }
        let enrolled = tasks.join_all().await;
        let factors = world.engine.factors(&alice()).await.unwrap();
        assert_eq!(factors.len(), MOST_OF_A_KIND, "round {round}");
        let told: Vec<_> = enrolled.into_iter().flatten().collect();
        for factor in &factors {
            let told = told.iter().find(|told| told.factor == factor.id);
            assert!(told.is_some(), "round {round}: one stays that nobody has");
        }
    }
}

#[tokio::test]
async fn the_last_active_factor_goes_only_where_none_is_required() {
    let world = World::new();
    let (first, second) = two(&world).await;
    let proof = world.proof(&alice(), &second).await;
    world.engine.remove(&proof, &first.factor).await.unwrap();
    world.log.drain();
    let removed = world.engine.remove(&proof, &second.factor).await;
    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    assert_eq!((active(&world).await, world.log.whats()), (1, vec![]));
    let proof = world.proof(&alice(), &second).await;
    let removed = world.engine.remove_even_last(&proof, &second.factor).await;
    assert!(removed.is_ok());
    assert_eq!(active(&world).await, 0);
}

#[tokio::test]
async fn what_counts_for_nothing_is_removed_beside_the_last_and_is_no_other() {
    let world = World::new();
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let pending = world.enrol(&alice(), Some(&proof)).await;
    let removed = world.engine.remove(&proof, &app.factor).await;
    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    assert!(world.engine.remove(&proof, &pending.factor).await.is_ok());
    let again = world.engine.remove(&proof, &pending.factor).await;
    assert_eq!(reason(again), Reason::Unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_parallel_removals_of_every_factor_at_least_one_factor_stays_and_proves() {
    let mut removed_some = 0;
    for round in 0..200 {
        let world = Arc::new(World::new());
        let (first, second) = two(&world).await;
        let proof = Arc::new(world.proof(&alice(), &first).await);
        let barrier = Arc::new(Barrier::new(4));
        let mut tasks = JoinSet::new();
        // Twice each: a double click is a race too.
        for factor in [first.factor, second.factor, first.factor, second.factor] {
            let (world, proof, barrier) = (world.clone(), proof.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world.engine.remove(&proof, &factor).await.is_ok()
            });
        }
        let removed = tasks.join_all().await;
        let removed = removed.into_iter().filter(|removed| *removed).count();
        removed_some += usize::from(removed > 0);
        assert_eq!(active(&world).await, 2 - removed, "round {round}");
        assert!(removed < 2, "round {round}: both are gone");
        // Whichever stayed still proves with what its owner has, and has burnt what was burnt.
        let mut proving = 0;
        for app in [&first, &second] {
            let used = world.verify(&alice(), &world.code_ago(app, 30)).await;
            assert!(used.is_err(), "round {round}");
        }
        world.pass(TimeDelta::hours(1));
        for app in [&first, &second] {
            let verified = world.verify(&alice(), &world.code(app)).await;
            proving += usize::from(verified.is_ok());
        }
        assert_eq!(proving, 2 - removed, "round {round}");
    }
    assert!(removed_some > 0, "nothing was ever removed");
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_removal_leaves_the_account_guarded() {
    let world = World::new();
    let (first, second) = two(&world).await;
    let proof = world.proof(&alice(), &second).await;
    world.store.fail("update");
    assert!(is_outage(&world.engine.remove(&proof, &first.factor).await));
    assert_eq!(active(&world).await, 2);
    world.store.recover();
    world.store.fail("remove");
    assert!(is_outage(&world.engine.remove(&proof, &first.factor).await));
    world.store.recover();
    assert_eq!(active(&world).await, 1);
    assert!(needs_proof(&world.try_enrol(&alice(), "new", None).await));
    world.engine.remove(&proof, &first.factor).await.unwrap();
    world.store.fail("clear");
    let removed = world.engine.remove_even_last(&proof, &second.factor).await;
    assert!(removed.is_ok());
    assert!(world.log.whats().contains(&What::StoreFailed("clear")));
}

#[tokio::test]
async fn the_proof_of_a_factor_that_was_removed_or_disabled_is_none_any_more() {
    let owner = alice();
    for removes in [true, false] {
        let world = World::knowing(Limits::default());
        let (stolen, own) = two(&world).await;
        let of_thief = world.proof(&owner, &stolen).await;
        let proof = world.proof(&owner, &own).await;
        if removes {
            world.engine.remove(&proof, &stolen.factor).await.unwrap();
        } else {
            let disabled = world
                .store
                .update(&stolen.factor, &FactorChange::Disable)
                .await;
            assert!(disabled.unwrap());
        }
        let enrolled = world.try_enrol(&owner, "planted", Some(&of_thief)).await;
        assert!(needs_proof(&enrolled));
        let engine = &world.engine;
        assert!(needs_proof(
            &engine.rename(&of_thief, &own.factor, "mine").await
        ));
        assert!(needs_proof(&engine.remove(&of_thief, &own.factor).await));
        assert!(needs_proof(
            &engine.remove_even_last(&of_thief, &own.factor).await
        ));
        assert!(needs_proof(&engine.renew_recovery_codes(&of_thief).await));
        assert!(needs_proof(
            &engine.remember_device(&of_thief, "mine").await
        ));
        // The owner's own is one still.
        assert!(world.try_enrol(&owner, "new", Some(&proof)).await.is_ok());
    }
}

#[tokio::test]
async fn a_removed_factor_leaves_no_count_behind() {
    let world = World::with(Limits {
        ceiling: Limit::ceiling(5),
        ..Limits::default()
    });
    let (first, second) = two(&world).await;
    for _ in 0..3 {
        let _ = world
            .verify(&alice(), &world.wrong_code(&[&first, &second]))
            .await;
    }
    world.pass(TimeDelta::hours(2));
    let proof = world.proof(&alice(), &second).await;
    world.store.asked();
    world.engine.remove(&proof, &first.factor).await.unwrap();
    let asked = world.store.asked();
    assert_eq!(asked.iter().filter(|verb| **verb == "clear").count(), 1);
}
