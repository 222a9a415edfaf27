//! Many tasks on one token, one factor, one limit: exactly one winner, exactly so many counted.

use std::sync::Arc;

use token_store::{
    Advanced, Charge, FactorId, FactorState, FactorStore, Inserted, LimitStore, Redeemed, Spent,
    StoredFactor, TokenStore,
    ott_core::{
        Binding, Issuer, KeyRing, Limit, LimitKey, Policy, Purpose, Reason, State, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_sqlx::SqliteStore;
use tokio::{sync::Barrier, task::JoinSet};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const TASKS: usize = 64;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_000_000_000).unwrap()
}

/// Runs all of them at once and gives their answers.
async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().collect();
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut set = JoinSet::new();
    for task in tasks {
        let barrier = Arc::clone(&barrier);
        set.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    set.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_winner_of_64_every_round() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("t.db")).await.unwrap();
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let alice = Subject::new("", "4711").unwrap();
    let binding = Binding::subject(&alice);
    for round in 0..100 {
        let issued = issuer.issue(&CODE, &binding, now()).unwrap();
        assert_eq!(
            store.insert(&[issued.record]).await.unwrap(),
            Inserted::Done
        );
        let presented = issuer
            .present_by_id(
                &CODE,
                &issued.handle,
                &binding,
                issued.token.expose_secret(),
                now(),
            )
            .unwrap();
        let tasks = (0..TASKS).map(|_| {
            let (store, presented) = (store.clone(), presented.clone());
            async move { store.redeem(&presented, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let won = answers
            .iter()
            .filter(|a| matches!(a, Redeemed::Redeemed(_)))
            .count();
        let spent = answers
            .iter()
            .filter(|a| **a == Redeemed::Refused(Reason::Spent))
            .count();
        assert_eq!((won, spent), (1, TASKS - 1), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_and_wrong_mixed_evaluate_exactly_the_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("t.db")).await.unwrap();
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let alice = Subject::new("", "4711").unwrap();
    let binding = Binding::subject(&alice);
    for round in 0..60 {
        let issued = issuer.issue(&CODE, &binding, now()).unwrap();
        let id = *issued.record.id();
        store.insert(&[issued.record]).await.unwrap();
        let right = issued.token.expose_secret();
        let wrong = if right == "000000" {
            "000001"
        } else {
            "000000"
        };
        let present = |typed| {
            issuer
                .present_by_id(&CODE, &issued.handle, &binding, typed, now())
                .unwrap()
        };
        let (right, wrong) = (present(right), present(wrong));
        let tasks = (0..TASKS).map(|n| {
            let store = store.clone();
            // One in eight is right, so that some rounds exhaust and some redeem.
            let presented = if n % 8 == round % 8 {
                right.clone()
            } else {
                wrong.clone()
            };
            async move { store.redeem(&presented, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let won = answers
            .iter()
            .filter(|a| matches!(a, Redeemed::Redeemed(_)))
            .count();
        let missed = answers
            .iter()
            .filter(|a| **a == Redeemed::Refused(Reason::Mismatch))
            .count();
        let stored = store.find(&id).await.unwrap().unwrap();
        if won == 0 {
            // Four mismatches and the fifth, which exhausts and tells the others so.
            assert_eq!(
                (missed, stored.attempts, stored.state),
                (4, 5, State::Exhausted),
                "round {round}"
            );
        } else {
            assert_eq!((won, stored.state), (1, State::Spent), "round {round}");
            assert_eq!(stored.attempts as usize, missed + 1, "round {round}");
            assert!(missed < 5, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_batches_of_one_slot_leave_exactly_one() {
    const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("t.db")).await.unwrap();
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let alice = Subject::new("", "4711").unwrap();
    let binding = Binding::subject(&alice);
    for round in 0..20 {
        let tasks = (0..16).map(|_| {
            let batch: Vec<_> = (0..3)
                .map(|_| issuer.issue(&RECOVERY, &binding, now()).unwrap().record)
                .collect();
            let store = store.clone();
            async move { store.insert(&batch).await.unwrap() }
        });
        assert_eq!(at_once(tasks).await, vec![Inserted::Done; 16]);
        assert_eq!(
            store.list(&alice, None, now()).await.unwrap().len(),
            3,
            "round {round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_counter_burns_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("t.db")).await.unwrap();
    let alice = Subject::new("", "4711").unwrap();
    let id = FactorId::from_bytes([7; 16]);
    let factor = StoredFactor {
        id,
        subject: alice,
        kind: "totp".into(),
        label: "phone".into(),
        state: FactorState::Pending,
        sealed: vec![1, 2, 3],
        last: None,
        created_at: now(),
        used_at: None,
    };
    assert!(store.insert_factor(&factor).await.unwrap());
    assert!(!store.insert_factor(&factor).await.unwrap());
    let confirms = (0..TASKS).map(|_| {
        let store = store.clone();
        async move { store.confirm(&id, Some(0), now()).await.unwrap() }
    });
    let answers = at_once(confirms).await;
    assert_eq!(
        answers.iter().filter(|a| **a == Advanced::Accepted).count(),
        1
    );
    for counter in 1..40 {
        let advances = (0..TASKS).map(|_| {
            let store = store.clone();
            async move { store.advance(&id, counter, now()).await.unwrap() }
        });
        let answers = at_once(advances).await;
        assert_eq!(
            answers.iter().filter(|a| **a == Advanced::Accepted).count(),
            1
        );
        assert_eq!(
            answers.iter().filter(|a| **a == Advanced::Replayed).count(),
            TASKS - 1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_burst_of_every_limit_passes() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("t.db")).await.unwrap();
    let alice = Subject::new("", "4711").unwrap();
    for (round, limit) in (0..10).flat_map(|round| {
        [
            (round, Limit::pace(7, TimeDelta::minutes(6))),
            (round, Limit::ceiling(10)),
        ]
    }) {
        let kind = format!("{round}-{:?}", limit.kind());
        let key = LimitKey::new(&kind, &Binding::subject(&alice));
        let wide = LimitKey::new(&format!("wide-{kind}"), &Binding::tenant(""));
        let charges = [
            Charge {
                key: wide,
                limit: Limit::ceiling(1_000),
            },
            Charge { key, limit },
        ];
        let tasks = (0..TASKS).map(|_| {
            let store = store.clone();
            async move { store.spend(&charges, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let passed = answers.iter().filter(|a| **a == Spent::Allowed).count();
        assert_eq!(passed, limit.burst() as usize, "{kind}");
    }
}
