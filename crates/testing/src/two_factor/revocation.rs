//! What an owner revokes stays revoked, and what a thief revokes comes back.

use core::future::Future;

use tokio::task::yield_now;
use twofa_providers::{
    Attempt, EnrolDetails, FactorView, Limits, MAX_FACTORS_PER_PROVIDER, Operator, ResetReason,
    Response, TwoFactorError, UNDO_WITHIN, Upkeep,
    token_store::{
        FactorState, FactorStore as _,
        ott_core::{Limit, Reason, chrono::TimeDelta},
    },
};

use super::removal::yielding;
use crate::{
    Place, alice,
    telling::{Telling, sign_in},
    world::{App, World, needs_proof, reason},
};

const ALICE: &str = "alice@example.org";

/// Runs both, the second so many turns late.
async fn both<A, B>(
    first: impl Future<Output = A>,
    late: usize,
    second: impl Future<Output = B>,
) -> (A, B) {
    let second = async {
        for _ in 0..late {
            yield_now().await;
        }
        second.await
    };
    tokio::join!(biased; first, second)
}

fn state(factor: &FactorView) -> FactorState {
    factor.state
}

/// Of two factors that were enrolled without a proof, and are confirmed at once, one becomes active.
pub async fn first_factors_at_once_are_one(place: Place) {
    for late in 0..6 {
        let (world, alice) = (World::new(place).await, alice());
        let engine = yielding(&world);
        let apps = [
            world.enrol(&alice, None).await,
            world.enrol(&alice, None).await,
        ];
        let confirm = async |app: &App| {
            let code = world.code(app);
            let attempt = Attempt::new(&alice, "totp").factor(app.factor);
            let confirmed = engine.confirm(&attempt, &Response::typed(&code)).await;
            confirmed.is_ok()
        };
        let (one, other) = both(confirm(&apps[0]), late, confirm(&apps[1])).await;
        let factors = world.engine.factors(&alice).await.unwrap();
        let active = factors
            .iter()
            .filter(|factor| state(factor) == FactorState::Active);
        assert_eq!((one ^ other, active.count()), (true, 1), "{late} late");
    }
}

/// What was enrolled before the password changed is not confirmed after it.
pub async fn enrolment_ends_with_its_epoch(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let details = EnrolDetails::new(&alice, ALICE).epoch(1);
    let enrolled = world.enrol_with("totp", &details, "phone", None).await;
    let app = App::new(&enrolled.unwrap());
    let attempt = Attempt::new(&alice, "totp").factor(app.factor);
    let code = world.code(&app);
    for other in [attempt, attempt.epoch(0), attempt.epoch(2)] {
        let confirmed = world.engine.confirm(&other, &Response::typed(&code)).await;
        assert_eq!(reason(confirmed), Reason::Binding);
    }
    let same = attempt.epoch(1);
    let confirmed = world.engine.confirm(&same, &Response::typed(&code)).await;
    assert!(confirmed.is_ok());
}

/// What one sign-in enrolled, no other confirms.
pub async fn enrolment_is_confirmed_in_its_sign_in(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let details = EnrolDetails::new(&alice, ALICE).sign_in(&mine);
    let enrolled = world.enrol_with("totp", &details, "phone", None).await;
    let app = App::new(&enrolled.unwrap());
    let attempt = Attempt::new(&alice, "totp").factor(app.factor);
    let code = world.code(&app);
    for other in [attempt, attempt.sign_in(&theirs)] {
        let confirmed = world.engine.confirm(&other, &Response::typed(&code)).await;
        assert_eq!(reason(confirmed), Reason::Binding);
    }
    let same = attempt.sign_in(&mine);
    let confirmed = world.engine.confirm(&same, &Response::typed(&code)).await;
    assert!(confirmed.is_ok());
}

/// Removing, disabling, renewing codes, "this was not me" and a reset end what waits for its confirmation, and
/// leave no row of it.
pub async fn pending_factor_goes_with_each_change(place: Place) {
    let changes = [
        "remove",
        "remove last",
        "disable",
        "renew",
        "not me",
        "reset",
    ];
    for change in changes {
        let limits = Limits {
            ceiling: Limit::ceiling(1),
            ..Limits::default()
        };
        let told = Telling::with(place, &[ALICE], limits).await;
        let (world, alice, mine) = (&told.world, alice(), sign_in("mine"));
        let first = told.add_app(&mine, None).await;
        let proof = told.proof(&mine, &first).await;
        let second = told.add_app(&mine, Some(&proof)).await;
        let link = told.arrived().remove(0).token;
        let proof = told.proof(&mine, &second).await;
        let planted = world.enrol(&alice, Some(&proof)).await;
        match change {
            "remove" => world.remove(&proof, &first.factor).await.unwrap(),
            "remove last" => world.remove_last_too(&proof, &first.factor).await.unwrap(),
            "disable" => {
                for _ in 0..2 {
                    let wrong = world.wrong_code(&[&first, &second]);
                    let attempt = Attempt::new(&alice, "totp").factor(first.factor);
                    let wrong = Response::typed(&wrong);
                    assert!(world.engine.verify(&attempt, &wrong).await.is_err());
                }
            }
            "renew" => drop(world.codes(&proof).await),
            "not me" => drop(told.not_me(&link).await.unwrap()),
            _ => {
                let operator = Operator::new(&world.engine);
                let reset = operator.reset(&alice, ResetReason::Compromised).await;
                assert_eq!(reset.unwrap().factors, 3);
            }
        }
        let confirmed = world.confirm(&alice, &planted, &world.code(&planted)).await;
        assert_eq!(reason(confirmed), Reason::Unknown, "{change}");
        let left = world.store.factors(&alice).await.unwrap();
        let gone = left.iter().all(|factor| factor.id != planted.factor);
        assert!(gone, "{change} leaves a row");
    }
}

/// Once the owner has made new codes, what a stolen code proved adds nothing: neither what waits already, nor what is
/// begun with that proof afterwards.
pub async fn stolen_code_adds_nothing_once_renewed(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, alice) = (&told.world, alice());
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let app = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &app).await;
    let codes = world.codes(&proof).await;
    let attempt = Attempt::new(&alice, "recovery").sign_in(&theirs);
    let stolen = world
        .engine
        .verify(&attempt, &Response::typed(&codes[0]))
        .await;
    let stolen = stolen.unwrap();
    let planted = world.enrol(&alice, Some(&stolen)).await;
    world.pass(TimeDelta::seconds(30));
    let proof = told.proof(&mine, &app).await;
    let _ = world.codes(&proof).await;
    let confirmed = world.confirm(&alice, &planted, &world.code(&planted)).await;
    assert_eq!(reason(confirmed), Reason::Unknown);
    assert!(needs_proof(
        &world.try_enrol(&alice, "again", Some(&stolen)).await
    ));
    // The owner's own proof by a code outlives the codes that it made.
    let codes = world.codes(&told.proof(&mine, &app).await).await;
    let attempt = Attempt::new(&alice, "recovery").sign_in(&mine);
    let own = world
        .engine
        .verify(&attempt, &Response::typed(&codes[0]))
        .await;
    let own = own.unwrap();
    world.pass(TimeDelta::seconds(1));
    let _ = world.codes(&own).await;
    assert!(world.try_enrol(&alice, "again", Some(&own)).await.is_ok());
}

/// Whichever link of a thief's sign-in the owner opens: what it removed is back and proves, and what it added
/// proves nothing.
pub async fn not_me_brings_back_what_was_removed(place: Place) {
    for which in 0..3 {
        let told = Telling::new(place, &[ALICE]).await;
        let (world, alice) = (&told.world, alice());
        let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
        let phone = told.add_app(&mine, None).await;
        let proof = told.proof(&mine, &phone).await;
        let tablet = told.add_app(&mine, Some(&proof)).await;
        // The tablet was locked before; it comes back as it was.
        let disable = twofa_providers::token_store::FactorChange::Disable;
        assert!(world.store.update(&tablet.factor, &disable).await.unwrap());
        let stolen = told.proof(&theirs, &phone).await;
        let _ = told.arrived();
        let planted = told.add_app(&theirs, Some(&stolen)).await;
        let stolen = told.proof(&theirs, &planted).await;
        world.remove(&stolen, &phone.factor).await.unwrap();
        world.remove(&stolen, &tablet.factor).await.unwrap();
        let links = told.arrived();
        assert_eq!(links.len(), 3);
        let used = told.not_me(&links[which].token).await.unwrap();
        assert_eq!(used.disabled, [planted.factor]);
        assert_eq!(used.restored, [phone.factor, tablet.factor]);
        let news = told.arrived();
        let addresses: Vec<_> = news.iter().map(|news| &news.to).collect();
        assert_eq!(addresses, [ALICE; 3]);
        let factors = world.engine.factors(&alice).await.unwrap();
        let states: Vec<_> = factors.iter().map(|factor| factor.state).collect();
        let disabled = FactorState::Disabled;
        assert_eq!(states, [FactorState::Active, disabled, disabled]);
        world.pass(TimeDelta::seconds(30));
        for (app, proves) in [(&phone, true), (&planted, false)] {
            let attempt = Attempt::new(&alice, "totp").factor(app.factor);
            let code = world.code(app);
            let verified = world.engine.verify(&attempt, &Response::typed(&code)).await;
            assert_eq!(verified.is_ok(), proves);
        }
        // Another link of that sign-in finds nothing more to undo.
        let other = &links[(which + 1) % 3].token;
        let again = told.not_me(other).await.unwrap();
        assert_eq!(
            (again.disabled, again.restored),
            (vec![planted.factor], vec![])
        );
    }
}

/// What was removed can be brought back for a week. Then its row goes with its secret, and what waited that long.
pub async fn removal_is_undone_for_a_week(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, alice) = (&told.world, alice());
    let (mine, theirs) = (sign_in("mine"), sign_in("theirs"));
    let phone = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &phone).await;
    let tablet = told.add_app(&mine, Some(&proof)).await;
    let stolen = told.proof(&theirs, &tablet).await;
    let _ = told.arrived();
    world.remove(&stolen, &phone.factor).await.unwrap();
    world.enrol(&alice, Some(&stolen)).await;
    let last = TimeDelta::microseconds(1);
    world.pass(UNDO_WITHIN - last);
    assert_eq!(
        Upkeep::new(&world.engine).purge_factors(10).await.unwrap(),
        0
    );
    // A later link of the same sign-in, when the first one's week is over.
    let stolen = told.proof(&theirs, &tablet).await;
    let _ = world.codes(&stolen).await;
    let later = told.arrived().pop().unwrap();
    let used = told.not_me(&later.token).await.unwrap();
    assert_eq!(used.restored, []);
    assert_eq!(
        Upkeep::new(&world.engine).purge_factors(0).await.unwrap(),
        0
    );
    assert_eq!(
        Upkeep::new(&world.engine).purge_factors(10).await.unwrap(),
        1
    );
    let left = world.store.factors(&alice).await.unwrap();
    let left = left.iter().filter(|factor| factor.provider == "totp");
    let left: Vec<_> = left.map(|factor| factor.id).collect();
    assert_eq!(left, [tablet.factor]);
}

/// Whoever starts enrolments by the thousand leaves as many rows as may wait, and no more.
pub async fn enrolments_by_the_thousand_leave_five_rows(place: Place) {
    // Faster than the default, so that as many wait at once as may.
    let pace = TimeDelta::minutes(10);
    let limits = Limits {
        enrolments: Limit::pace(10, pace),
        ..Limits::default()
    };
    let (world, alice) = (World::with(place, limits).await, alice());
    for _ in 0..place.often(4_000, 40) {
        let enrolled = world.try_enrol(&alice, "phone", None).await;
        assert!(enrolled.is_ok());
        world.pass(pace);
    }
    let rows = world.store.factors(&alice).await.unwrap();
    assert_eq!(rows.len(), MAX_FACTORS_PER_PROVIDER);
}

/// What gives way to a newcomer, and is confirmed at that moment, stays.
pub async fn surplus_spares_what_was_confirmed(place: Place) {
    let mut confirmed_first = 0;
    for late in 0..8 {
        let (world, alice) = (World::new(place).await, alice());
        let engine = yielding(&world);
        let oldest = world.enrol(&alice, None).await;
        for _ in 1..MAX_FACTORS_PER_PROVIDER {
            world.pass(TimeDelta::microseconds(1));
            world.enrol(&alice, None).await;
        }
        world.pass(TimeDelta::microseconds(1));
        let details = EnrolDetails::new(&alice, ALICE);
        let code = world.code(&oldest);
        let (attempt, response) = (
            Attempt::new(&alice, "totp").factor(oldest.factor),
            Response::typed(&code),
        );
        let confirms = engine.confirm(&attempt, &response);
        let enrols = engine.enrol("totp", &details, "newcomer", None);
        let (enrolled, confirmed) = both(enrols, late, confirms).await;
        let factors = world.engine.factors(&alice).await.unwrap();
        assert_eq!(factors.len(), MAX_FACTORS_PER_PROVIDER, "{late} late");
        let active = factors
            .iter()
            .filter(|factor| state(factor) == FactorState::Active);
        assert_eq!(
            active.count(),
            usize::from(confirmed.is_ok()),
            "{late} late"
        );
        confirmed_first += usize::from(confirmed.is_ok());
        let refused = matches!(enrolled, Err(TwoFactorError::ProofNeeded));
        assert!(enrolled.is_ok() || refused, "{late} late");
    }
    assert!(confirmed_first > 0);
}
