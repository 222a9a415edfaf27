//! Keys rotate under the engine: nobody is refused, and seals follow the ring.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Limits, Response, TwoFactorError, Upkeep,
    token_store::{
        FactorChange, FactorId, FactorStore as _, StoredFactor,
        ott_core::{Handle, KeyId, KeyRing, Limit, Subject, chrono::TimeDelta},
    },
};

use crate::{
    KEY_1, KEY_2, Place, alice, key_2, ring,
    world::{App, World, is_outage, needs_proof, reason},
};

const PAGE: &str = include_str!("../../../../docs/keys.md");
const STEPS: [&str; 4] = ["before", "added", "moved", "retired"];
const ADDRESS: &str = "alice@example.org";

/// The ring that docs/keys.md prints under this name, with keys in it. The page's retirement lies
/// after the time of the tests.
fn page_ring(name: &str) -> KeyRing {
    let (_, rest) = PAGE
        .split_once(&format!("```ring {name}\n"))
        .expect("a ring of this name");
    let (text, _) = rest.split_once("```").expect("an end");
    let text = text.replace("KEY-A", KEY_1).replace("KEY-B", KEY_2);
    KeyRing::from_text(&text).expect("a key ring")
}

fn both(first: u32) -> KeyRing {
    let (one, two) = (format!("1 {KEY_1}"), format!("2 {KEY_2}"));
    match first {
        1 => ring(&[&one, &two]),
        _ => ring(&[&two, &one]),
    }
}

async fn row(world: &World, factor: FactorId) -> StoredFactor {
    let factors = world.store.factors(&alice()).await.expect("the store");
    let mut own = factors.into_iter().filter(|row| row.id == factor);
    own.next().expect("a factor")
}

/// The id of the key that a factor's seal names.
async fn sealed_by(world: &World, factor: FactorId) -> u32 {
    let sealed = row(world, factor).await.sealed;
    let id = sealed.get(1..5).expect("a seal").try_into();
    u32::from_be_bytes(id.expect("four bytes"))
}

/// Verifies at this engine, with the code of the next step.
async fn sign_in(world: &World, app: &App) -> Result<(), TwoFactorError> {
    world.pass(TimeDelta::seconds(30));
    world.verify(&alice(), &world.code(app)).await.map(drop)
}

fn by_mail(owner: &Subject) -> Attempt<'_> {
    Attempt::new(owner, "email")
}

/// A code by e-mail, and its flow.
async fn mailed(world: &World) -> (Handle, String) {
    let owner = alice();
    let requested = world.engine.request(&by_mail(&owner)).await.expect("sent");
    (requested.handle.expect("a flow"), world.sent())
}

async fn verify_mailed(world: &World, mail: &(Handle, String)) -> Result<(), TwoFactorError> {
    let owner = alice();
    let attempt = by_mail(&owner).handle(&mail.0);
    let response = Response::typed(&mail.1);
    world.engine.verify(&attempt, &response).await.map(drop)
}

/// Engines one step apart refuse nobody, and count nothing.
pub async fn engines_one_step_apart_refuse_nobody(place: Place) {
    for pair in STEPS.windows(2) {
        let first = World::new(place).await;
        let engines = [pair[0], pair[1]].map(|step| first.beside(page_ring(step)));
        let app = engines[0].confirmed(&alice(), None).await;
        let proof = engines[0].proof(&alice(), &app).await;
        let codes = engines[0].codes(&proof).await;
        engines[1]
            .confirmed_email(&alice(), ADDRESS, Some(&proof))
            .await;
        for engine in &engines {
            engine.log.drain();
        }
        // Twice as many as the allowance has, in two hours, or as the pace has: each gives back what it
        // spent.
        for round in 0..place.often(100, 20) {
            for engine in &engines {
                let signed_in = sign_in(engine, &app).await;
                assert!(signed_in.is_ok(), "{pair:?} {round}: {signed_in:?}");
            }
        }
        // What one sends the other takes, and each renewed what the other sealed.
        for (maker, user) in [(0, 1), (1, 0), (0, 1)] {
            first.pass(TimeDelta::minutes(10));
            let mail = mailed(&engines[maker]).await;
            let signed_in = verify_mailed(&engines[user], &mail).await;
            assert!(signed_in.is_ok(), "{pair:?}: {signed_in:?}");
        }
        for (code, engine) in codes.iter().zip(&engines) {
            assert!(engine.recover(&alice(), code).await.is_ok(), "{pair:?}");
        }
        for engine in &engines {
            let told = engine.log.whats();
            let amiss = told.iter().find(|what| {
                let bad = ["refused", "missing", "failed", "throttled"];
                bad.iter().any(|bad| what.contains(bad))
            });
            assert_eq!(amiss, None, "{pair:?}");
        }
    }
}

/// A used factor is sealed again, and outlives the old key.
pub async fn used_factor_outlives_the_old_key(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let mail = world.confirmed_email(&alice(), ADDRESS, Some(&proof)).await;
    let pending = world.enrol(&alice(), Some(&proof)).await;
    let added = world.beside(page_ring("added"));
    sign_in(&added, &app).await.unwrap();
    for factor in [app.factor, mail, pending.factor] {
        assert_eq!(sealed_by(&world, factor).await, 1);
    }
    let moved = world.beside(page_ring("moved"));
    sign_in(&moved, &app).await.unwrap();
    let code = mailed(&moved).await;
    verify_mailed(&moved, &code).await.unwrap();
    let confirmed = moved
        .confirm(&alice(), &pending, &moved.code(&pending))
        .await;
    assert!(confirmed.is_ok());
    for factor in [app.factor, mail, pending.factor] {
        assert_eq!(sealed_by(&world, factor).await, 2);
    }
    let dropped = world.beside(page_ring("dropped"));
    sign_in(&dropped, &app).await.unwrap();
    sign_in(&dropped, &pending).await.unwrap();
    let code = mailed(&dropped).await;
    verify_mailed(&dropped, &code).await.unwrap();
    assert_eq!(
        dropped.outbox.last().unwrap().destination().address(),
        ADDRESS
    );
}

/// A seal of the first key is left as it is.
pub async fn seal_of_the_first_key_stays(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let before = row(&world, app.factor).await.sealed;
    for engine in [world.beside(both(1)), world.beside(page_ring("before"))] {
        engine.store.asked();
        sign_in(&engine, &app).await.unwrap();
        assert!(!engine.store.asked().contains(&"update"));
        assert_eq!(
            Upkeep::new(&engine.engine)
                .renew_seals(&alice())
                .await
                .unwrap(),
            0
        );
    }
    assert!(row(&world, app.factor).await.sealed == before);
}

/// A try that fails leaves the seal as it is.
pub async fn failed_try_leaves_the_seal(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let spent = world.code(&app);
    let moved = world.beside(both(2));
    moved.store.asked();
    for typed in [&*moved.wrong_code(&[&app]), &spent, "no code"] {
        reason(moved.verify(&alice(), typed).await);
    }
    world.store.fail("advance");
    assert!(is_outage(&sign_in(&moved, &app).await.map(drop)));
    assert!(!moved.store.asked().contains(&"update"));
    assert_eq!(sealed_by(&world, app.factor).await, 1);
}

/// A seal that cannot be stored loses no proof, and is told.
pub async fn seal_that_cannot_be_stored_loses_no_proof(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let moved = world.beside(both(2));
    world.store.fail("update");
    sign_in(&moved, &app).await.unwrap();
    assert!(
        moved
            .log
            .whats()
            .contains(&"store.failed update".to_owned())
    );
    assert_eq!(sealed_by(&world, app.factor).await, 1);
    assert!(is_outage(
        &Upkeep::new(&moved.engine).renew_seals(&alice()).await
    ));
    world.store.recover();
    sign_in(&moved, &app).await.unwrap();
    assert_eq!(sealed_by(&world, app.factor).await, 2);
}

/// Engines that seal again at once lose nothing.
pub async fn engines_that_seal_at_once_lose_nothing(place: Place) {
    let first = World::new(place).await;
    let factor = first.confirmed_email(&alice(), ADDRESS, None).await;
    // Two machines whose rings differ by a step, each of which rewrites what the other wrote.
    let engines = [both(1), both(2)].map(|keys| Arc::new(first.beside(keys)));
    for round in 0..40 {
        first.pass(TimeDelta::hours(4));
        let barrier = Arc::new(Barrier::new(4));
        let mut tasks = JoinSet::new();
        for engine in engines.iter().cycle().take(4) {
            let mail = mailed(engine).await;
            let (engine, barrier) = (Arc::clone(engine), Arc::clone(&barrier));
            tasks.spawn(async move {
                barrier.wait().await;
                verify_mailed(&engine, &mail).await
            });
        }
        for verified in tasks.join_all().await {
            assert!(verified.is_ok(), "round {round}: {verified:?}");
        }
    }
    // Of many that read one old seal, one takes its place.
    let last = usize::from(sealed_by(&first, factor).await == 1);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let engine = Arc::clone(&engines[last]);
        tasks.spawn(async move {
            Upkeep::new(&engine.engine)
                .renew_seals(&alice())
                .await
                .unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 1);
    first.pass(TimeDelta::hours(4));
    let mail = mailed(&engines[0]).await;
    assert!(verify_mailed(&engines[1], &mail).await.is_ok());
}

/// A moved or edited seal is refused, and never rewritten.
pub async fn moved_or_edited_seal_is_never_rewritten(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let other = world.confirmed(&alice(), Some(&proof)).await;
    let good = row(&world, app.factor).await.sealed;
    let mut edited = good.clone();
    *edited.last_mut().unwrap() ^= 1;
    let moved_here = row(&world, other.factor).await.sealed;
    for bad in [edited, moved_here] {
        let change = FactorChange::Seal {
            old: good.clone(),
            new: bad.clone(),
        };
        assert!(world.store.update(&app.factor, &change).await.unwrap());
        let moved = world.beside(both(2));
        assert!(is_outage(&sign_in(&moved, &app).await));
        assert!(is_outage(
            &Upkeep::new(&moved.engine).renew_seals(&alice()).await
        ));
        assert!(row(&world, app.factor).await.sealed == bad);
        let back = FactorChange::Seal {
            old: bad,
            new: good.clone(),
        };
        assert!(world.store.update(&app.factor, &back).await.unwrap());
    }
}

/// What was enrolled without a proof stays so under the new key.
pub async fn enrolment_without_proof_stays_so(place: Place) {
    let world = World::new(place).await;
    let planted = world.enrol(&alice(), None).await;
    let owned = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &owned).await;
    let second = world.enrol(&alice(), Some(&proof)).await;
    let moved = world.beside(both(2));
    assert_eq!(
        Upkeep::new(&moved.engine)
            .renew_seals(&alice())
            .await
            .unwrap(),
        3
    );
    let code = moved.code(&planted);
    assert!(needs_proof(&moved.confirm(&alice(), &planted, &code).await));
    let code = moved.code(&second);
    assert!(moved.confirm(&alice(), &second, &code).await.is_ok());
}

/// What nobody uses is sealed again before the old key goes.
pub async fn unused_seals_follow_before_the_key_goes(place: Place) {
    let limits = Limits {
        ceiling: Limit::ceiling(1),
        ..Limits::default()
    };
    let world = World::with(place, limits).await;
    let unused = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &unused).await;
    let removed = world.confirmed(&alice(), Some(&proof)).await;
    let disabled = world.confirmed(&alice(), Some(&proof)).await;
    world
        .remove(&proof, &removed.factor)
        .await
        .expect("removed");
    let pending = world.enrol(&alice(), Some(&proof)).await;
    let disable = FactorChange::Disable;
    assert!(
        world
            .store
            .update(&disabled.factor, &disable)
            .await
            .unwrap()
    );

    let moved = world.beside(page_ring("moved"));
    let lacking = world.beside(key_2());
    let answer = Upkeep::new(&lacking.engine).renew_seals(&alice()).await;
    assert!(matches!(answer, Err(TwoFactorError::KeyMissing(KeyId(1)))));
    assert_eq!(
        Upkeep::new(&moved.engine)
            .renew_seals(&alice())
            .await
            .unwrap(),
        4
    );
    assert_eq!(
        Upkeep::new(&moved.engine)
            .renew_seals(&alice())
            .await
            .unwrap(),
        0
    );
    // What was removed may be brought back.
    for app in [&unused, &disabled, &pending, &removed] {
        assert_eq!(sealed_by(&world, app.factor).await, 2);
    }
    let dropped = world.beside(page_ring("dropped"));
    sign_in(&dropped, &unused).await.unwrap();
    let code = dropped.code(&pending);
    assert!(dropped.confirm(&alice(), &pending, &code).await.is_ok());
}
