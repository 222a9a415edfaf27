//! How many factors there are at most and at least, also in a race, and what their proofs outlive.

#[path = "support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{
    sync::Barrier,
    task::{JoinSet, yield_now},
};
use twofa_providers::{
    Limits, MAX_FACTORS_PER_PROVIDER, Proof, TotpProvider, TwoFactor, TwoFactorError,
    token_store::{
        Advanced, FactorChange, FactorId, FactorState, FactorStore, StoreError, StoredFactor,
        ott_core::{
            Limit, Reason, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};
use watched::Watched;
use watched::often;
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
    for round in 0..often(50, 5) {
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
        assert_eq!(factors.len(), MAX_FACTORS_PER_PROVIDER, "round {round}");
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
    world.remove(&proof, &first.factor).await.unwrap();
    world.log.drain();
    let removed = world.remove(&proof, &second.factor).await;
    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    assert_eq!(
        (active(&world).await, world.log.whats()),
        (1, Vec::<String>::new())
    );
    let proof = world.proof(&alice(), &second).await;
    let removed = world.remove_last_too(&proof, &second.factor).await;
    assert!(removed.is_ok());
    assert_eq!(active(&world).await, 0);
}

#[tokio::test]
async fn what_counts_for_nothing_is_removed_beside_the_last_and_is_no_other() {
    let world = World::new();
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let pending = world.enrol(&alice(), Some(&proof)).await;
    let removed = world.remove(&proof, &app.factor).await;
    assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    assert!(world.remove(&proof, &pending.factor).await.is_ok());
    let again = world.remove(&proof, &pending.factor).await;
    assert_eq!(reason(again), Reason::Unknown);
}

/// A factor store that lets every other task go on before each verb.
struct Yielding(Arc<Watched>);

#[async_trait]
impl FactorStore for Yielding {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        yield_now().await;
        self.0.factors(subject).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        yield_now().await;
        self.0.confirm(id, counter, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        yield_now().await;
        self.0.advance(id, counter, now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.update(id, change).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.remove(id, beside, now).await
    }
}

/// Removals of both factors, twice each (a double click is a race too), each so many verbs late;
/// how many succeeded.
async fn removals(
    engine: &TwoFactor,
    proof: &Proof,
    factors: [FactorId; 2],
    late: [usize; 4],
) -> usize {
    let remove = async |late: usize, factor: FactorId| {
        for _ in 0..late {
            yield_now().await;
        }
        let fresh = engine.fresh(proof.subject(), proof).await;
        match fresh {
            Ok(fresh) => engine.remove(&fresh, &factor).await.is_ok(),
            Err(_) => false,
        }
    };
    let ([first, second], [a, b, c, d]) = (factors, late);
    let removed = tokio::join!(
        remove(a, first),
        remove(b, second),
        remove(c, first),
        remove(d, second)
    );
    let removed: [bool; 4] = removed.into();
    removed.into_iter().filter(|removed| *removed).count()
}

#[tokio::test]
async fn of_parallel_removals_of_every_factor_one_stays_as_it_was_and_proves() {
    let mut stayed = [0; 2];
    // Every way in which three of them run up to four verbs behind the first.
    for way in 0..125 {
        let world = World::new();
        let totp = TotpProvider::new("Example").unwrap();
        let factors = Arc::new(Yielding(Arc::clone(&world.store)));
        let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
            .provider(totp)
            .build()
            .unwrap();
        let (first, second) = two(&world).await;
        let codes = world.codes(&world.proof(&alice(), &first).await).await;
        // By a recovery code: a proof that ends with none of the factors.
        let proof = world.recover(&alice(), &codes[0]).await.unwrap();
        let late = [0, way % 5, way / 5 % 5, way / 25];
        let both = [first.factor, second.factor];
        let removed = removals(&engine, &proof, both, late).await;
        assert_eq!((active(&world).await, removed), (1, 1), "{late:?}");
        let left = world.engine.factors(&alice()).await.unwrap();
        let [left] = left.as_slice() else {
            panic!("{late:?}: {left:?}")
        };
        let place = both.iter().position(|factor| *factor == left.id);
        stayed[place.expect("no other factor came")] += 1;
        // What stayed has burnt what was burnt, and proves with what its owner has.
        let mut proving = 0;
        for app in [&first, &second] {
            let used = world.verify(&alice(), &world.code_ago(app, 30)).await;
            assert!(used.is_err(), "{late:?}");
        }
        world.pass(TimeDelta::hours(1));
        for app in [&first, &second] {
            let verified = world.verify(&alice(), &world.code(app)).await;
            proving += usize::from(verified.is_ok());
        }
        assert_eq!(proving, 1, "{late:?}");
    }
    assert!(stayed.iter().all(|ways| *ways > 0), "{stayed:?}");
}

#[tokio::test]
async fn a_disabled_factor_beside_no_active_one_guards_the_account() {
    let world = World::new();
    let (first, second) = two(&world).await;
    let codes = world.codes(&world.proof(&alice(), &first).await).await;
    let proof = world.recover(&alice(), &codes[0]).await.unwrap();
    for app in [&first, &second] {
        let disable = FactorChange::Disable;
        assert!(world.store.update(&app.factor, &disable).await.unwrap());
    }
    for app in [&first, &second] {
        let removed = world.remove(&proof, &app.factor).await;
        assert!(matches!(removed, Err(TwoFactorError::LastFactor)));
    }
    let removed = world.remove_last_too(&proof, &first.factor).await;
    assert!(removed.is_ok());
}

#[tokio::test]
async fn an_outage_of_a_removal_leaves_the_account_as_it_was() {
    let world = World::new();
    let (first, second) = two(&world).await;
    let proof = world.proof(&alice(), &second).await;
    world.store.fail("remove");
    assert!(is_outage(&world.remove(&proof, &first.factor).await));
    world.store.recover();
    assert_eq!(active(&world).await, 2);
    world.remove(&proof, &first.factor).await.unwrap();
    world.store.fail("clear");
    let removed = world.remove_last_too(&proof, &second.factor).await;
    assert!(removed.is_ok());
    assert!(world.log.whats().contains(&"store.failed clear".to_owned()));
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
            world.remove(&proof, &stolen.factor).await.unwrap();
        } else {
            let disabled = world
                .store
                .update(&stolen.factor, &FactorChange::Disable)
                .await;
            assert!(disabled.unwrap());
        }
        let enrolled = world.try_enrol(&owner, "planted", Some(&of_thief)).await;
        assert!(needs_proof(&enrolled));
        assert!(needs_proof(
            &world.rename(&of_thief, &own.factor, "mine").await
        ));
        assert!(needs_proof(&world.remove(&of_thief, &own.factor).await));
        assert!(needs_proof(
            &world.remove_last_too(&of_thief, &own.factor).await
        ));
        assert!(needs_proof(&world.try_codes(&of_thief).await));
        assert!(needs_proof(&world.remember(&of_thief, "mine").await));
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
    world.remove(&proof, &first.factor).await.unwrap();
    let asked = world.store.asked();
    assert_eq!(asked.iter().filter(|verb| **verb == "clear").count(), 1);
}
