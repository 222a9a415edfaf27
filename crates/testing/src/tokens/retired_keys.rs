//! docs/keys.md, step by step: what a retired, leaked, restored or lost key still does.

use token_store::{
    Clock as _, TokenStore as _, TokensError,
    ott_core::{
        Binding, Decider, IssueOptions, Issuer, KeyId, Policy, Reason, Verdict,
        chrono::{DateTime, TimeDelta, Utc},
    },
    seal::SealError,
};

use crate::{Place, alice};

use super::machines::{
    ALL, BEARER, LINK, Made, PROMPT, RECOVERY, World, is_an_outage, reason, retirement, ring, text,
};

/// A record made with a stolen key: dated `issued_at`, alive for a century, its prompt approved.
async fn forge(world: &World, policy: &Policy, issued_at: DateTime<Utc>) -> Made {
    let (thief, owner) = (Issuer::new(ring("before")), alice());
    let forever = match policy == &RECOVERY {
        true => *policy,
        false => policy.lifetime(TimeDelta::days(36_500)),
    };
    let binding = Binding::subject(&owner);
    let options = IssueOptions::default();
    let made: Made = if policy == &PROMPT {
        let parked = thief.park(&forever, &binding, options, issued_at);
        parked.expect("randomness").into()
    } else {
        let issued = thief.issue(&forever, &binding, issued_at);
        issued.expect("randomness").into()
    };
    let record = core::slice::from_ref(&made.record);
    world.store.insert(record).await.expect("memory");
    if policy == &PROMPT {
        let number = made.record.stored().number;
        let verdict = Verdict::Approve { number };
        let decider = Decider::from(&owner);
        let decision = thief
            .decide(policy, &made.record, &decider, verdict, b"", issued_at)
            .expect("a key that made it");
        let decided = world
            .store
            .decide(made.record.id(), &decision, issued_at)
            .await;
        assert!(matches!(decided, Ok(token_store::Decided::Decided(_))));
    }
    made
}

/// When a retired key makes nothing of this policy any more, as the page says.
fn horizon(policy: &Policy) -> Option<DateTime<Utc>> {
    let lifetime = policy.token_lifetime()?;
    Some(retirement("retired") + lifetime + TimeDelta::minutes(2))
}

/// A retired key mints nothing after its horizon.
pub async fn retired_key_mints_nothing_past_its_horizon(place: Place) {
    let tick = TimeDelta::microseconds(1);
    let retired = retirement("retired");
    for policy in ALL {
        let world = World::at(place, retired).await;
        let machine = world.machine("retired");
        // Dated after the retirement it is worth nothing at any time.
        for date in [retired, retired + tick, retired + TimeDelta::days(1)] {
            world.reach(date);
            let forged = forge(&world, policy, date).await;
            assert_eq!(
                reason(machine.redeem(policy, &forged).await),
                Reason::KeyRetired
            );
        }
        // Dated back it is worth nothing once what was honestly made is dead.
        let Some(horizon) = horizon(policy) else {
            continue;
        };
        let late = [
            (horizon - tick, true),
            (horizon, false),
            (horizon + TimeDelta::days(1), false),
            (horizon + TimeDelta::days(9_000), false),
        ];
        let world = World::at(place, horizon - tick).await;
        let machine = world.machine("retired");
        for (now, alive) in late {
            world.reach(now);
            let forged = forge(&world, policy, retired - tick).await;
            let answer = machine.redeem(policy, &forged).await;
            if alive {
                // The page says "until then": the horizon is not earlier either.
                assert!(answer.is_ok(), "{answer:?}");
            } else {
                let why = reason(answer);
                assert_eq!(why, Reason::KeyRetired);
            }
        }
    }
}

/// What has no horizon counts until the old key is dropped.
pub async fn tokens_without_horizon_end_with_the_key(place: Place) {
    let retired = retirement("retired");
    let world = World::at(place, retired + TimeDelta::days(9_000)).await;
    let date = retired - TimeDelta::days(1);
    let planted = world.machine("before").seal();
    let [holding, dropped] = ["retired", "dropped"].map(|step| world.machine(step));
    let forged = forge(&world, &RECOVERY, date).await;
    assert!(holding.redeem(&RECOVERY, &forged).await.is_ok());
    assert_eq!(holding.opens(&planted), Ok(()));
    let forged = forge(&world, &RECOVERY, date).await;
    let answer = dropped.redeem(&RECOVERY, &forged).await;
    assert!(matches!(answer, Err(TokensError::KeyMissing(KeyId(1)))));
    assert_eq!(
        dropped.opens(&planted),
        Err(SealError::KeyMissing(KeyId(1)))
    );
}

/// After a leak, nothing that the old key made is accepted, whatever its date.
pub async fn leaked_key_makes_nothing_of_any_date(place: Place) {
    let leak = retirement("leaked");
    let tick = TimeDelta::microseconds(1);
    for policy in ALL {
        let world = World::at(place, leak - TimeDelta::seconds(1)).await;
        let honest = world.machine("before").issue(policy).await;
        let planted = world.machine("before").seal();
        world.reach(leak);
        let machine = world.machine_of(&text("leaked"), Some(leak));
        assert_eq!(
            reason(machine.accepts(policy, &honest).await),
            Reason::NotBefore
        );
        let dates = [
            (leak - TimeDelta::days(9_000), Reason::NotBefore),
            (leak - tick, Reason::NotBefore),
            (leak, Reason::KeyRetired),
            (leak + tick, Reason::KeyRetired),
        ];
        for (date, expected) in dates {
            let forged = forge(&world, policy, date).await;
            assert_eq!(reason(machine.redeem(policy, &forged).await), expected);
        }
        let since = machine.issue(policy).await;
        machine.accepts(policy, &since).await.unwrap();
        // Which is why the page drops the line if the database was within reach.
        assert_eq!(machine.opens(&planted), Ok(()));
        let strict = world.machine_of(&text("leaked-with-database"), Some(leak));
        assert_eq!(strict.opens(&planted), Err(SealError::KeyMissing(KeyId(1))));
        let since = machine.issue(policy).await;
        strict.accepts(policy, &since).await.unwrap();
    }
}

/// What a restored backup brings back is refused from `not_before` on.
pub async fn backup_tokens_end_at_not_before(place: Place) {
    let live = World::before_retirement(place).await;
    let moment = live.clock.now() + TimeDelta::minutes(1);
    let restored = World::at(place, moment).await;
    let unguarded = World::at(place, moment).await;
    let machine = live.machine("before");
    for policy in ALL {
        let used = machine.issue(policy).await;
        // The backup is made here; then the token is used, and the backup restored.
        let backup = live.store.inner_row(used.record.id()).await;
        machine.accepts(policy, &used).await.unwrap();
        let record = machine.tokens.issuer().open(policy, backup).unwrap();
        let batch = core::slice::from_ref(&record);
        restored.store.insert(batch).await.unwrap();
        let guarded = restored.machine_of(&text("before"), Some(moment));
        assert_eq!(
            reason(guarded.accepts(policy, &used).await),
            Reason::NotBefore
        );
        let since = guarded.issue(policy).await;
        guarded.accepts(policy, &since).await.unwrap();
        guarded.opens(&machine.seal()).unwrap();
        // Without it the token works a second time.
        unguarded.store.insert(batch).await.unwrap();
        let careless = unguarded.machine("before");
        careless.accepts(policy, &used).await.unwrap();
    }
}

/// A backup that is older than the drop needs the dropped key as a retired line.
pub async fn backup_older_than_the_drop_needs_the_key(place: Place) {
    let world = World::before_retirement(place).await;
    let maker = world.machine("before");
    let (sealed, date) = (maker.seal(), retirement("retired") - TimeDelta::days(1));
    world.clock.advance(TimeDelta::days(40));
    let now = world.clock.now();
    let dropped = world.machine_of(&text("dropped"), Some(now));
    assert_eq!(dropped.opens(&sealed), Err(SealError::KeyMissing(KeyId(1))));
    let back = world.machine_of(&text("retired"), Some(now));
    assert_eq!(back.opens(&sealed), Ok(()));
    for policy in ALL {
        let forged = forge(&world, policy, date).await;
        reason(back.redeem(policy, &forged).await);
    }
}

/// A lost ring is an outage under a new id, and looks forged under an old one.
pub async fn lost_ring_is_an_outage_or_looks_forged(place: Place) {
    let world = World::before_retirement(place).await;
    let (old, new) = (world.machine("before"), world.machine("lost"));
    is_an_outage(place, &world, &old, &new, KeyId(1)).await;
    for policy in ALL {
        let issued = new.issue(policy).await;
        new.accepts(policy, &issued).await.unwrap();
    }
    let mistaken = world.machine_of(&text("lost").replace("3 ", "1 "), None);
    for policy in ALL {
        let issued = old.issue(policy).await;
        let expected = match policy {
            policy if [&BEARER, &LINK, &PROMPT].contains(&policy) => Reason::TagForged,
            _ => Reason::Mismatch,
        };
        assert_eq!(reason(mistaken.accepts(policy, &issued).await), expected);
    }
    assert!(world.store.evaluated().await > 0);
    assert_eq!(mistaken.opens(&old.seal()), Err(SealError::Broken));
}
