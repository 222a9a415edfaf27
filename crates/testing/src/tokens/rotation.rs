//! docs/keys.md, step by step: while a key is rotated, nobody is refused.

use token_store::{
    Clock as _, ConfirmIf, FactorChange, FactorState, FactorStore as _, StoredFactor, TokensError,
    ott_core::{Binding, KeyId, Reason, chrono::TimeDelta},
    seal::needs_renewal,
};

use crate::{Place, alice, wrong};

use super::machines::{
    ALL, BEARER, CODE, STEPS, World, factor, is_an_outage, reason, retirement, ring,
};

/// Machines one step apart refuse nobody, and count nothing.
pub async fn machines_one_step_apart_refuse_nobody(place: Place) {
    for pair in STEPS.windows(2) {
        let world = World::before_retirement(place).await;
        if pair[1] == "dropped" {
            world.clock.advance(TimeDelta::days(31));
        }
        let machines = [world.machine(pair[0]), world.machine(pair[1])];
        let [one, other] = &machines;
        // Twice as many as the pace would allow if one of them counted.
        for (maker, decider, user) in [
            (one, one, other),
            (one, other, one),
            (one, other, other),
            (other, one, one),
            (other, one, other),
            (other, other, one),
        ]
        .repeat(4)
        {
            for policy in ALL {
                let issued = maker.issue(policy).await;
                decider.approve(policy, &issued).await.expect(pair[1]);
                user.redeem(policy, &issued).await.expect(pair[1]);
            }
            user.opens(&maker.seal()).expect(pair[1]);
        }
        assert!(one.is_content() && other.is_content(), "{pair:?}");
        // Past the retirement too, with the tokens of both keys.
        if pair[1] == "retired" {
            let both = [world.machine("added"), world.machine("moved")];
            for (maker, user) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                world.reach(retirement("retired") - TimeDelta::microseconds(1));
                for policy in ALL {
                    let issued = both[maker].issue(policy).await;
                    world.reach(retirement("retired") + TimeDelta::minutes(9));
                    machines[user].accepts(policy, &issued).await.unwrap();
                    world.reach(retirement("retired") - TimeDelta::microseconds(1));
                }
            }
        }
    }
}

/// What was made before the rotation is used at any later step but the last.
pub async fn tokens_live_until_the_last_step(place: Place) {
    let world = World::before_retirement(place).await;
    let maker = world.machine("before");
    for step in ["added", "moved", "retired"] {
        let user = world.machine(step);
        for policy in ALL {
            let issued = maker.issue(policy).await;
            user.accepts(policy, &issued).await.unwrap();
        }
        user.opens(&maker.seal()).unwrap();
    }
    let keys: Vec<_> = STEPS
        .map(|step| ring(step).sealing().map(|(id, _)| id.0))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(keys, [1, 1, 2, 2, 2]);
}

/// A key that moves first before it was added everywhere is an outage.
pub async fn key_moved_before_added_is_an_outage(place: Place) {
    let world = World::before_retirement(place).await;
    let (early, forgotten) = (world.machine("moved"), world.machine("before"));
    is_an_outage(place, &world, &early, &forgotten, KeyId(2)).await;
    // The other way round nothing is amiss, and adding it mends the rest.
    for policy in ALL {
        let issued = forgotten.issue(policy).await;
        early.accepts(policy, &issued).await.unwrap();
        let issued = early.issue(policy).await;
        let mended = world.machine("added");
        mended.accepts(policy, &issued).await.unwrap();
    }
}

/// A key that is dropped too early is an outage, until it is back.
pub async fn key_dropped_too_early_is_an_outage(place: Place) {
    let world = World::before_retirement(place).await;
    let (old, dropped) = (world.machine("moved"), world.machine("dropped"));
    let maker = world.machine("before");
    is_an_outage(place, &world, &maker, &dropped, KeyId(1)).await;
    let sealed = maker.seal();
    assert_eq!(old.opens(&sealed), Ok(()));
    // One row is enough to make a list an outage: it is never a shorter one.
    maker.issue(&BEARER).await;
    let listed = dropped.tokens.list(&BEARER, &alice()).await;
    assert!(matches!(listed, Err(TokensError::KeyMissing(KeyId(1)))));
}

/// A machine that is left at step one makes what the others refuse after the retirement.
pub async fn machine_left_behind_makes_refused_tokens(place: Place) {
    let world = World::before_retirement(place).await;
    world.reach(retirement("retired"));
    let (behind, ahead) = (world.machine("added"), world.machine("retired"));
    for policy in ALL {
        let issued = behind.issue(policy).await;
        let refused = ahead.accepts(policy, &issued).await;
        assert_eq!(reason(refused), Reason::KeyRetired);
    }
}

/// Limits do not notice a rotation.
pub async fn limits_do_not_notice_a_rotation(place: Place) {
    let world = World::before_retirement(place).await;
    let owner = alice();
    let mut evaluated = 0;
    // Four wrong guesses at each of five steps: the pace allows ten.
    for step in STEPS {
        let machine = world.machine(step);
        let issued = machine.issue(&CODE).await;
        let guess = wrong(&issued.token);
        for _ in 0..4 {
            let binding = Binding::subject(&owner);
            let redeem = machine
                .tokens
                .redeem(&CODE, &issued.handle, &binding, &guess);
            match redeem.await.map(drop) {
                Err(TokensError::Throttled { .. }) => {}
                refused => {
                    assert_eq!(reason(refused), Reason::Mismatch);
                    evaluated += 1;
                }
            }
        }
    }
    assert_eq!(evaluated, 10);
}

/// A seal is renewed in one step, and the old key can be dropped.
pub async fn seal_is_renewed_before_the_key_is_dropped(place: Place) {
    let world = World::before_retirement(place).await;
    let [before, added, moved, dropped] =
        ["before", "added", "moved", "dropped"].map(|step| world.machine(step));
    let old = before.seal();
    let row = StoredFactor {
        id: factor(),
        subject: alice(),
        provider: "totp".into(),
        label: String::new(),
        state: FactorState::Pending,
        sealed: old.clone(),
        last: None,
        created_at: world.clock.now(),
        used_at: None,
        removal: None,
    };
    assert!(world.store.insert_factor(&row).await.unwrap());
    let now = world.clock.now();
    world
        .store
        .confirm(&factor(), Some(1), ConfirmIf::Always, now)
        .await
        .expect("memory");
    assert!(!needs_renewal(added.keys(), &old));
    assert!(needs_renewal(moved.keys(), &old));
    // Two machines renew what both have read: the first one's seal stands.
    let [first, second] = [moved.seal(), moved.seal()];
    for (new, expected) in [(&first, true), (&second, false)] {
        let (old, new) = (old.clone(), new.clone());
        let change = FactorChange::Seal { old, new };
        let changed = world.store.update(&factor(), &change).await.unwrap();
        assert_eq!(changed, expected);
    }
    let stored = world.store.factors(&alice()).await.unwrap();
    let sealed = &stored.first().expect("a factor").sealed;
    assert!(*sealed == first);
    for machine in [&added, &moved, &dropped] {
        assert_eq!(machine.opens(sealed), Ok(()));
    }
    assert!(!needs_renewal(moved.keys(), sealed));
    // While machines differ, one may rewrite it back: still nobody is refused.
    assert!(needs_renewal(added.keys(), sealed));
    let back = added.seal();
    assert_eq!(moved.opens(&back), Ok(()));
}
