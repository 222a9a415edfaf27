//! How many factors there are at most and at least, also in a race, and what their proofs outlive.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{
    sync::Barrier,
    task::{JoinSet, yield_now},
};
use twofa_providers::{
    Attempt, Limits, MAX_FACTORS_PER_PROVIDER, Operator, Proof, ResetReason, Response,
    TotpProvider, TwoFactor, TwoFactorError,
    token_store::{
        Advanced, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore, RemoveIf,
        StoreError, StoredFactor,
        ott_core::{
            Limit, Reason, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{
    Place, Watched, alice,
    telling::{HOME, Telling, sign_in},
    world::{App, World, is_outage, needs_proof, reason},
};

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

/// Of 16 enrolments at once five stay, and those can be confirmed.
pub async fn enrolments_at_once_are_five(place: Place) {
    for round in 0..place.often(50, 3) {
        let limits = Limits {
            enrolments: Limit::pace(16, TimeDelta::minutes(10)),
            ..Limits::default()
        };
        let world = Arc::new(World::with(place, limits).await);
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

/// The last active factor goes only where none is required.
pub async fn last_factor_goes_where_none_is_required(place: Place) {
    let world = World::new(place).await;
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

/// What counts for nothing is removed beside the last, and is no other.
pub async fn pending_is_removed_beside_the_last(place: Place) {
    let world = World::new(place).await;
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
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        yield_now().await;
        self.0.confirm(id, counter, only, now).await
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
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.remove(id, only, by, now).await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.restore(id).await
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        yield_now().await;
        self.0.purge_factors(before, limit).await
    }
}

/// An engine that lets every other task go on before each verb.
pub(super) fn yielding(world: &World) -> TwoFactor {
    let totp = TotpProvider::new("Example").unwrap();
    let factors = Arc::new(Yielding(Arc::clone(&world.store)));
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors);
    engine.provider(totp).build().unwrap()
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
        let fresh = engine.fresh(proof.subject(), None, proof).await;
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

/// Of parallel removals of every factor one stays as it was, and proves.
pub async fn removals_at_once_leave_one_factor(place: Place) {
    let mut stayed = [0; 2];
    // Every way in which three of them run up to four verbs behind the first; one in eight where each
    // verb takes its own time anyway.
    for way in (0..125).step_by(place.often(1, 8)) {
        let world = World::new(place).await;
        let engine = yielding(&world);
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
        let which = both.iter().position(|factor| *factor == left.id);
        stayed[which.expect("no other factor came")] += 1;
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

/// A disabled factor beside no active one guards the account.
pub async fn disabled_factor_alone_guards_the_account(place: Place) {
    let world = World::new(place).await;
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

/// An outage of a removal leaves the account as it was.
pub async fn removal_that_fails_leaves_the_account(place: Place) {
    let world = World::new(place).await;
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

/// The proof of a factor that was removed or disabled is none any more.
pub async fn proof_ends_with_its_factor(place: Place) {
    let owner = alice();
    for removes in [true, false] {
        let world = World::knowing(place, Limits::default()).await;
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

/// A removed factor leaves no count behind.
pub async fn removed_factor_leaves_no_count_behind(place: Place) {
    let world = World::with(
        place,
        Limits {
            ceiling: Limit::ceiling(5),
            ..Limits::default()
        },
    )
    .await;
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

/// What was enrolled under a proof of a stolen phone is not confirmed once the phone is taken off, nor is what
/// waited beside it.
pub async fn waiting_factor_ends_with_what_vouched_for_it(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let (phone, laptop) = two(&world).await;
    let stolen = world.proof(&alice, &phone).await;
    let planted = world.enrol(&alice, Some(&stolen)).await;
    let own = world.proof(&alice, &laptop).await;
    let beside = world.enrol(&alice, Some(&own)).await;
    world.remove(&own, &phone.factor).await.unwrap();
    for waiting in [&planted, &beside] {
        let confirmed = world.confirm(&alice, waiting, &world.code(waiting)).await;
        assert_eq!(reason(confirmed), Reason::Unknown);
    }
}

/// "This was not me" takes off what waits for its confirmation, whatever vouched for it.
pub async fn waiting_factors_go_with_not_me(place: Place) {
    let told = Telling::new(place, &["alice@example.org"]).await;
    let (world, alice) = (&told.world, alice());
    let (mine, thiefs) = (sign_in("mine"), sign_in("thief"));
    let app = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &app).await;
    let codes = world.codes(&proof).await;
    let _ = told.arrived();
    let attempt = Attempt::new(&alice, "recovery")
        .sign_in(&thiefs)
        .network(HOME);
    let stolen = world
        .engine
        .verify(&attempt, &Response::typed(&codes[0]))
        .await
        .unwrap();
    let planted = world.enrol(&alice, Some(&stolen)).await;
    let link = told.arrived().remove(0);
    let _ = told.not_me(&link.token).await.unwrap();
    let confirmed = world.confirm(&alice, &planted, &world.code(&planted)).await;
    assert_eq!(reason(confirmed), Reason::Unknown);
}

/// A proof of before a reset vouches for no factor beside those that the owner enrols then.
pub async fn old_proof_vouches_for_nothing_after_a_reset(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    let codes = world.codes(&proof).await;
    let stolen = world.recover(&alice, &codes[0]).await.unwrap();
    let operator = Operator::new(&world.engine);
    operator
        .reset(&alice, ResetReason::Compromised)
        .await
        .unwrap();
    let enrolled = world.try_enrol(&alice, "theirs", Some(&stolen)).await;
    assert!(needs_proof(&enrolled));
    // Without it they start one as anybody may who knows the password, and it does not outlive the owner's.
    let planted = world.enrol(&alice, None).await;
    let _ = world.confirmed(&alice, None).await;
    let confirmed = world.confirm(&alice, &planted, &world.code(&planted)).await;
    assert!(needs_proof(&confirmed));
}
