//! Recovery codes: ten of them, each good once and for its owner, at most one in a sign-in.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, EnrolDetails, FRESH, Limits, Response,
    token_store::{
        FactorState,
        ott_core::{Limit, Reason, State, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    world::{App, Plan, World, is_outage, needs_proof, reason},
};

pub(super) async fn with_codes(world: &World) -> (App, Vec<String>) {
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let codes = world.codes(&proof).await;
    (app, codes)
}

/// A code of the same shape that is not this one.
pub(super) fn wrong(code: &str) -> String {
    let other = if code.starts_with('B') { 'C' } else { 'B' };
    core::iter::once(other)
        .chain(code.chars().skip(1))
        .collect()
}

pub(super) async fn left(world: &World) -> usize {
    world.recovery.left(&alice()).await.expect("memory")
}

/// Ten different codes are each good once, and each use tells how many are left.
pub async fn sheet_has_ten_codes_each_good_once(place: Place) {
    let world = World::new(place).await;
    let (_, codes) = with_codes(&world).await;
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10);
    assert!(codes.iter().all(|code| code.len() == "XXXX-".len() * 6 - 1));
    for (used, code) in codes.iter().enumerate() {
        assert_eq!(left(&world).await, 10 - used);
        world.log.drain();
        let verified = world.recover(&alice(), code).await.unwrap();
        assert_eq!((verified.subject(), verified.factor()), (&alice(), None));
        assert_eq!(verified.provider(), "recovery");
        let told = world.log.whats();
        let used = format!("recovery.used {}", 9 - used);
        assert!(told.contains(&used), "{told:?}");
        assert_eq!(reason(world.recover(&alice(), code).await), Reason::Spent);
    }
    let offered = world.engine.offered(&alice()).await.unwrap();
    assert!(
        offered
            .iter()
            .all(|offer| offer.descriptor.id != "recovery")
    );
}

/// Of 64 at once with one code, one is verified.
pub async fn codes_at_once_have_one_winner(place: Place) {
    let world = Arc::new(
        World::planned(
            place,
            &Plan {
                // The limits refuse nobody here: the record alone decides.
                limits: Limits {
                    pace: Limit::pace(10_000, TimeDelta::minutes(6)),
                    ..Limits::default()
                },
                allowance: Some(Limit::allowance(90, TimeDelta::days(1))),
                ..Plan::default()
            },
        )
        .await,
    );
    let (_, codes) = with_codes(&world).await;
    for code in codes {
        world.pass(TimeDelta::days(70));
        let barrier = Arc::new(Barrier::new(64));
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let (world, code, barrier) = (world.clone(), code.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world.recover(&alice(), &code).await.is_ok()
            });
        }
        let won = tasks.join_all().await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    }
}

/// A new set voids the old one whole.
pub async fn new_set_voids_the_old_one_whole(place: Place) {
    let world = World::new(place).await;
    let (app, old) = with_codes(&world).await;
    let proof = world.proof(&alice(), &app).await;
    let new = world.codes(&proof).await;
    assert_eq!(left(&world).await, 10);
    for code in old.iter().take(5) {
        assert_eq!(
            reason(world.recover(&alice(), code).await),
            Reason::Superseded
        );
    }
    assert!(world.recover(&alice(), &new[0]).await.is_ok());
}

/// Of 16 sets renewed at once, exactly one lives, and it is whole.
pub async fn sets_at_once_leave_one_whole(place: Place) {
    for round in 0..place.often(50, 3) {
        let limits = Limits {
            enrolments: Limit::pace(100, TimeDelta::hours(1)),
            ..Limits::default()
        };
        let world = Arc::new(World::with(place, limits).await);
        let app = world.confirmed(&alice(), None).await;
        let proof = Arc::new(world.proof(&alice(), &app).await);
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (world, proof, barrier) = (world.clone(), proof.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world.try_codes(&proof).await
            });
        }
        let mut sets: Vec<Vec<String>> = Vec::new();
        for made in tasks.join_all().await {
            match made {
                Ok(sheet) => sets.push(sheet.expose_secrets().map(str::to_owned).collect()),
                // Another one took its place before its owner saw it.
                Err(error) => assert_eq!(reason::<()>(Err(error)), Reason::Superseded),
            }
        }
        assert_eq!(left(&world).await, 10, "round {round}");
        let mut alive = Vec::new();
        for set in &sets {
            world.pass(TimeDelta::days(30));
            let first = world.recover(&alice(), &set[0]).await.is_ok();
            let last = world.recover(&alice(), &set[9]).await.is_ok();
            assert_eq!(first, last, "round {round}: half a set lives");
            alive.extend(first.then_some(set));
        }
        assert_eq!(alive.len(), 1, "round {round}");
    }
}

/// A code is worth nothing for another subject or tenant.
pub async fn recovery_code_is_bound_to_its_subject(place: Place) {
    let world = World::new(place).await;
    let (_, codes) = with_codes(&world).await;
    for other in [subject("acme", "bob"), subject("other", alice().id())] {
        assert_eq!(
            reason(world.recover(&other, &codes[0]).await),
            Reason::Unknown
        );
    }
    assert!(world.recover(&alice(), &codes[0]).await.is_ok());
}

/// A change of password does not void a printed sheet.
pub async fn password_change_leaves_the_sheet(place: Place) {
    let world = World::new(place).await;
    let (_, codes) = with_codes(&world).await;
    for (epoch, code) in codes.iter().enumerate().take(3) {
        let owner = alice();
        let attempt = Attempt::new(&owner, "recovery").epoch(epoch as u64);
        let verified = world
            .engine
            .verify(&attempt, &Response::typed(code))
            .await
            .unwrap();
        assert_eq!(verified.epoch(), Some(epoch as u64));
    }
}

/// One sheet counts once in a sign-in.
pub async fn sheet_counts_once_in_a_sign_in(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    let first = world.recover(&alice(), &codes[0]).await.unwrap();
    let used = [&first];
    let owner = alice();
    let second = Attempt::new(&owner, "recovery").after(&used);
    let verified = world
        .engine
        .verify(&second, &Response::typed(&codes[1]))
        .await;
    assert_eq!(reason(verified), Reason::Binding);
    assert_eq!(left(&world).await, 9);
    // Another provider is another factor.
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let by_app = Attempt::new(&owner, "totp").after(&used);
    assert!(
        world
            .engine
            .verify(&by_app, &Response::typed(&code))
            .await
            .is_ok()
    );
}

/// A code is typed forgivingly, and what cannot be one is free.
pub async fn recovery_code_is_typed_forgivingly(place: Place) {
    let world = World::new(place).await;
    let (_, codes) = with_codes(&world).await;
    for typed in ["", "123456", "XXXX", &"A".repeat(100_000), &codes[0][1..]] {
        for _ in 0..50 {
            let refused = world.recover(&alice(), typed).await;
            assert_eq!(reason(refused), Reason::Malformed);
        }
    }
    let lower = codes[0].to_lowercase().replace('-', " ");
    assert!(world.recover(&alice(), &lower).await.is_ok());
    let bare = codes[0].replace('-', "");
    assert_eq!(reason(world.recover(&alice(), &bare).await), Reason::Spent);
}

/// A line of a printed or saved sheet is read as it stands there: with its box, number or bullet, and with the dashes that
/// a word processor makes. The second spelling of one code is the same code.
pub async fn recovery_line_is_read_as_it_is_printed(place: Place) {
    let world = World::new(place).await;
    let (_, codes) = with_codes(&world).await;
    let en = codes[3].replace('-', "\u{2013}");
    let wide: String = codes[8]
        .chars()
        .map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap())
        .collect();
    let lines = [
        format!("[ ] {}", codes[0]),
        format!("1. {}", codes[1]),
        format!("• {}", codes[2]),
        format!("[x] {en}\r\n"),
        format!("  10)\t{}", codes[4]),
        format!("☐\u{a0}{}", codes[5]),
        format!("- {}", codes[6]),
        format!("[]{}", codes[7].to_lowercase()),
        wide,
    ];
    for (line, code) in lines.iter().zip(&codes) {
        let proof = world.recover(&alice(), line).await;
        assert!(proof.is_ok(), "{line:?}: {proof:?}");
        assert_eq!(reason(world.recover(&alice(), code).await), Reason::Spent);
        world.pass(TimeDelta::days(30));
    }
    for other in ["[y] ", "123. ", "(1) ", "code: ", "[ ", "1.. ", "• • "] {
        let refused = world
            .recover(&alice(), &format!("{other}{}", codes[9]))
            .await;
        assert_eq!(reason(refused), Reason::Malformed, "{other}");
    }
    assert!(world.recover(&alice(), &codes[9]).await.is_ok());
}

/// Renewing a sheet takes a fresh proof.
pub async fn sheet_is_renewed_by_a_fresh_proof(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    let proof = world.proof(&alice(), &app).await;
    world.pass(FRESH);
    let renewed = world.try_codes(&proof).await;
    assert!(needs_proof(&renewed));
    assert!(world.recover(&alice(), &codes[0]).await.is_ok());
}

/// Whoever lost the phone enrols another by a recovery code, and stays guarded.
pub async fn lost_phone_is_replaced_by_a_code(place: Place) {
    let world = World::with(
        place,
        Limits {
            ceiling: Limit::ceiling(3),
            ..Limits::default()
        },
    )
    .await;
    let alice = alice();
    let (lost, codes) = with_codes(&world).await;
    for _ in 0..4 {
        let _ = world.verify(&alice, &world.wrong_code(&[&lost])).await;
    }
    let states = async || -> Vec<_> {
        let factors = world.engine.factors(&alice).await.unwrap();
        factors.into_iter().map(|factor| factor.state).collect()
    };
    assert_eq!(states().await, [FactorState::Disabled]);
    assert!(needs_proof(&world.try_enrol(&alice, "new", None).await));
    let proof = world.recover(&alice, &codes[0]).await.unwrap();
    // The code replaces one proof; it lifts no requirement, and the disabled factor stays disabled.
    assert!(needs_proof(&world.try_enrol(&alice, "new", None).await));
    assert_eq!(states().await, [FactorState::Disabled]);
    world.pass(TimeDelta::seconds(30));
    let new = world.enrol(&alice, Some(&proof)).await;
    let _ = world
        .confirm(&alice, &new, &world.code(&new))
        .await
        .unwrap();
    assert_eq!(states().await, [FactorState::Disabled, FactorState::Active]);
    assert!(world.remove(&proof, &lost.factor).await.is_ok());
}

/// A sheet of codes has nothing to enrol, to confirm or to ask for.
pub async fn recovery_has_no_enrolment_and_no_request(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    let owner = alice();
    let proof = world.proof(&owner, &app).await;
    let details = EnrolDetails::new(&owner, "alice");
    let enrolled = world
        .enrol_with("recovery", &details, "sheet", Some(&proof))
        .await;
    assert_eq!(reason(enrolled), Reason::Unknown);
    assert!(
        world
            .engine
            .providers()
            .all(|descriptor| descriptor.id != "recovery")
    );
    let named = Attempt::new(&owner, "recovery").factor(app.factor);
    let typed = Response::typed(&codes[0]);
    assert_eq!(
        reason(world.engine.confirm(&named, &typed).await),
        Reason::Unknown
    );
    assert_eq!(
        reason(world.engine.verify(&named, &typed).await),
        Reason::Unknown
    );
    let asked = world
        .engine
        .request(&Attempt::new(&owner, "recovery"))
        .await;
    assert_eq!(reason(asked), Reason::Unknown);
    assert_eq!(left(&world).await, 10);
}

/// Whatever is down, no set is lost and nothing is proved.
pub async fn outage_loses_no_set_and_proves_nothing(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    let proof = world.proof(&alice(), &app).await;
    world.store.fail("insert");
    assert!(is_outage(&world.try_codes(&proof).await));
    world.store.recover();
    world.store.fail("redeem");
    assert!(is_outage(&world.recover(&alice(), &codes[0]).await));
    world.store.recover();
    world.store.fail("spend");
    let owner = alice();
    let attempt = Attempt::new(&owner, "recovery").network([192, 0, 2, 1].into());
    let typed = Response::typed(&codes[0]);
    assert!(is_outage(&world.engine.verify(&attempt, &typed).await));
    world.store.recover();
    world.store.fail("list");
    assert!(is_outage(&world.engine.offered(&alice()).await));
    world.log.drain();
    // Counting what is left is no part of the proof.
    assert!(world.recover(&alice(), &codes[0]).await.is_ok());
    let told = world.log.whats();
    assert!(told.contains(&"recovery.used".to_owned()));
    world.store.recover();
    assert_eq!(left(&world).await, 9);
}

/// No recovery code is printed, logged or stored.
pub async fn recovery_codes_are_printed_nowhere(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let set = world.try_codes(&proof).await.unwrap();
    let mut said = format!("{set:?}{:?}", world.engine);
    for code in set.expose_secrets().take(3) {
        let verified = world.recover(&alice(), code).await;
        said.push_str(&format!("{verified:?}"));
        let again = world.recover(&alice(), code).await;
        said.push_str(&format!("{again:?}"));
    }
    said.push_str(&format!("{:?}", world.log.drain()));
    for stored in world.store.records().await {
        said.push_str(&format!("{stored:?}"));
        said.push_str(&String::from_utf8_lossy(&stored.data));
        assert!(matches!(stored.state, State::Ready | State::Spent));
    }
    for code in set.expose_secrets() {
        assert!(!said.contains(code) && !said.contains(&code.replace('-', "")));
    }
}
