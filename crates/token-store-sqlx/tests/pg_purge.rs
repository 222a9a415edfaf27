//! Purges: so many and no more, only the dead, and their slots with them.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, PROMPT, RECOVERY, at_once, now};
use pg::PgFixture;
use token_store::{
    Charge, ChargedStore, Cost, Inserted, LimitStore, Redeemed, Revoke, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, Policy, Purpose, State, chrono::TimeDelta},
};
use token_store_sqlx::sqlx;

/// A purge removes as many tokens as it may, says how many, and leaves no slot of a token that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn purge_takes_as_many_as_it_may_and_says_how_many() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::days(1);
    let batch: Vec<_> = (0..3_000).map(|_| fixture.issue(&CODE).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    // More than one step removes, fewer than all, then the rest, then none.
    for (limit, removed) in [(0, 0), (1, 1), (1_800, 1_800), (u32::MAX, 1_199), (10, 0)] {
        let told = fixture.store.purge(later, limit).await.unwrap();
        assert_eq!(told, removed, "limit {limit}");
    }
    assert_eq!(fixture.number("SELECT count(*) FROM {slots}").await, 0);
}

/// Purges at once remove each row once, and their numbers add up to all rows.
#[tokio::test(flavor = "multi_thread")]
async fn several_purges_at_once_take_each_row_once() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::days(1);
    let batch: Vec<_> = (0..4_000).map(|_| fixture.issue(&CODE).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    let purges = (0..8).map(|_| {
        let store = fixture.store.clone();
        async move { store.purge(later, 10_000).await.unwrap() }
    });
    let told: u64 = at_once(purges).await.into_iter().sum();
    let rest = fixture.store.purge(later, 10_000).await.unwrap();
    assert_eq!(told + rest, 4_000);
}

/// The same, with the batch inserted at the one moment that matters: the purge has removed the last
/// record that it sees, and not its slot yet.
#[tokio::test(flavor = "multi_thread")]
async fn slot_that_a_newer_batch_took_under_a_purge_stays() {
    const GATE: i64 = 7_315_290_144_635;
    let fixture = PgFixture::new().await;
    let old = fixture.insert(&RECOVERY).await;
    let revoke = Revoke::Record(*old.record.id());
    assert_eq!(fixture.store.revoke(&revoke).await.unwrap(), 1);
    let wait = format!("{}.wait", fixture.place.name);
    let function = format!(
        "CREATE FUNCTION {wait}() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN OLD; END'"
    );
    fixture.run(&function).await;
    let trigger = "CREATE TRIGGER wait BEFORE DELETE ON {tokens} FOR EACH ROW EXECUTE FUNCTION";
    fixture.run(&format!("{trigger} {wait}()")).await;

    let mut gate = fixture.store.pool().begin().await.unwrap();
    let close = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GATE);
    close.execute(&mut *gate).await.unwrap();
    let store = fixture.store.clone();
    let later = now() + TimeDelta::microseconds(1);
    let purge = tokio::spawn(async move { store.purge(later, 10).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
        AND mode = 'ShareLock'";
    while fixture.number(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    let new = fixture.insert(&RECOVERY).await;
    gate.rollback().await.unwrap();
    assert_eq!(purge.await.unwrap().unwrap(), 1);

    let right = fixture.right(&RECOVERY, &new);
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
}

/// A slot goes with its last record, and never from under a batch that is being inserted.
#[tokio::test(flavor = "multi_thread")]
async fn slot_that_a_newer_batch_takes_stays() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::microseconds(1);
    for round in 0..300 {
        let old = fixture.insert(&RECOVERY).await;
        let revoke = Revoke::Record(*old.record.id());
        assert_eq!(fixture.store.revoke(&revoke).await.unwrap(), 1);
        let new = fixture.issue(&RECOVERY);
        let right = fixture.right(&RECOVERY, &new);
        let tasks = (0..4).map(|task| {
            let (store, record) = (fixture.store.clone(), new.record.clone());
            async move {
                if task == 0 {
                    assert_eq!(store.insert(&[record]).await.unwrap(), Inserted::Done);
                } else {
                    store.purge(later, 10).await.unwrap();
                }
            }
        });
        at_once(tasks).await;
        let told = fixture.store.redeem(&right, now()).await.unwrap();
        assert!(
            matches!(told, Redeemed::Redeemed(_)),
            "round {round}: {told:?}"
        );
        while fixture.store.purge(later, 10).await.unwrap() > 0 {}
        assert_eq!(fixture.number("SELECT count(*) FROM {tokens}").await, 0);
        assert_eq!(
            fixture.number("SELECT count(*) FROM {slots}").await,
            0,
            "round {round}"
        );
    }
}

/// What a newer batch retired is dead and its slot is not.
#[tokio::test(flavor = "multi_thread")]
async fn retired_batch_is_purged_and_its_slot_is_not() {
    let fixture = PgFixture::new().await;
    let old = fixture.insert(&RECOVERY).await;
    let new = fixture.insert(&RECOVERY).await;
    let later = now() + TimeDelta::microseconds(1);
    assert_eq!(fixture.store.purge(later, 10).await.unwrap(), 1);
    assert_eq!(fixture.store.find(old.record.id()).await.unwrap(), None);
    let found = fixture.store.find(new.record.id()).await.unwrap();
    assert_eq!(found.map(|found| found.state), Some(State::Ready));
}

const ENDS: &str = "SELECT count(*) FROM {ends}";

/// Each verb that ends a record lists it for a purge, and the list ends with what it names.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_is_listed_until_it_is_gone() {
    let fixture = PgFixture::new().await;
    let (store, alice) = (&fixture.store, &fixture.alice);
    // Lives until it is used or revoked: only the list leads to it.
    let unending = Policy::link(Purpose::new("link")).until_revoked();
    let cost = Cost {
        charges: &[],
        unknown_is_free: true,
    };
    for verb in [
        "redeem", "charged", "earning", "revoke", "own", "subject", "deny",
    ] {
        let policy = if verb == "deny" { PROMPT } else { unending };
        let issued = fixture.insert(&policy).await;
        assert_eq!(fixture.number(ENDS).await, 0, "{verb}: it lives");
        let id = *issued.record.id();
        let presented = || fixture.right(&policy, &issued);
        match verb {
            "redeem" => drop(store.redeem(&presented(), now()).await.unwrap()),
            "charged" => drop(
                store
                    .redeem_charged(&presented(), cost, &[], now())
                    .await
                    .unwrap(),
            ),
            "earning" => {
                let earned = [fixture.issue(&CODE).record];
                let told = store
                    .redeem_charged(&presented(), cost, &earned, now())
                    .await;
                drop(told.unwrap());
            }
            "revoke" => drop(store.revoke(&Revoke::Record(id)).await.unwrap()),
            "own" => drop(store.revoke(&Revoke::own(alice, id)).await.unwrap()),
            "subject" => drop(store.revoke(&Revoke::subject(alice)).await.unwrap()),
            _ => drop(
                store
                    .decide(&id, &fixture.denial(&issued), now())
                    .await
                    .unwrap(),
            ),
        }
        assert_eq!(fixture.number(ENDS).await, 1, "{verb}: it ended");
        // Not before its time, and then it stays listed.
        assert_eq!(store.purge(now(), 10).await.unwrap(), 0);
        assert_eq!(fixture.number(ENDS).await, 1, "{verb}");
        let later = now() + TimeDelta::microseconds(1);
        assert_eq!(store.purge(later, 10).await.unwrap(), 1, "{verb}");
        assert_eq!(store.find(&id).await.unwrap(), None, "{verb}");
        assert_eq!(fixture.number(ENDS).await, 0, "{verb}: it is gone");
        store.purge(now() + TimeDelta::days(1), 10).await.unwrap();
    }
    // An entry whose record expired goes too.
    let code = fixture.insert(&CODE).await;
    store
        .redeem(&fixture.right(&CODE, &code), now())
        .await
        .unwrap();
    fixture.run("DELETE FROM {tokens}").await;
    assert_eq!(
        store.purge(now() + TimeDelta::days(1), 10).await.unwrap(),
        0
    );
    assert_eq!(fixture.number(ENDS).await, 0);
}

/// What is used in time is listed for its new end, by the purge that finds it alive.
#[tokio::test(flavor = "multi_thread")]
async fn used_token_is_listed_for_its_new_end() {
    let fixture = PgFixture::new().await;
    let store = &fixture.store;
    let hour = TimeDelta::hours(1);
    let idle = Policy::bearer(Purpose::new("link"), TimeDelta::days(30)).idle(hour);
    let [used, unused] = [fixture.insert(&idle).await, fixture.insert(&idle).await];
    assert_eq!(fixture.number(ENDS).await, 2);
    store
        .touch(used.record.id(), now() + hour / 2)
        .await
        .unwrap();
    // Dead with the 60 s that clocks may differ.
    let minute = TimeDelta::minutes(1);
    let first = now() + hour + minute;
    let micro = TimeDelta::microseconds(1);
    for (before, gone) in [(first - micro, 0), (first, 1), (first, 0)] {
        assert_eq!(store.purge(before, 10).await.unwrap(), gone, "{before}");
    }
    assert_eq!(store.find(unused.record.id()).await.unwrap(), None);
    let listed = fixture.number("SELECT after FROM {ends}").await;
    let second = first + hour / 2;
    assert_eq!(listed, (second - micro).timestamp_micros());
    for (before, gone) in [(second - micro, 0), (second, 1)] {
        assert_eq!(store.purge(before, 10).await.unwrap(), gone, "{before}");
    }
    assert_eq!(fixture.number(ENDS).await, 0);
}

/// Purges at once neither lose an entry of what still lives nor double it.
#[tokio::test(flavor = "multi_thread")]
async fn several_purges_at_once_list_each_anew_once() {
    let fixture = PgFixture::new().await;
    let hour = TimeDelta::hours(1);
    let idle = Policy::bearer(Purpose::new("link"), TimeDelta::days(30)).idle(hour);
    let batch: Vec<_> = (0..2_500).map(|_| fixture.issue(&idle).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    let used = (now() + hour / 2).timestamp_micros();
    fixture
        .run(&format!("UPDATE {{tokens}} SET used_at = {used}"))
        .await;
    let before = now() + hour + TimeDelta::minutes(2);
    let purges = (0..8).map(|_| {
        let store = fixture.store.clone();
        async move { store.purge(before, 10_000).await.unwrap() }
    });
    assert_eq!(at_once(purges).await, [0; 8]);
    assert_eq!(fixture.store.purge(before, 10_000).await.unwrap(), 0);
    assert_eq!(fixture.number(ENDS).await, 2_500);
    let early = format!(
        "SELECT count(*) FROM {{ends}} WHERE after <= {}",
        before.timestamp_micros()
    );
    assert_eq!(fixture.number(&early).await, 0);
    let later = before + hour;
    assert_eq!(fixture.store.purge(later, 10_000).await.unwrap(), 2_500);
    assert_eq!(fixture.number(ENDS).await, 0);
}

/// The same of an unused one whose first use is noted by a clock that is behind.
#[tokio::test(flavor = "multi_thread")]
async fn use_noted_before_the_issue_is_met_in_time() {
    let fixture = PgFixture::new().await;
    let (store, hour) = (&fixture.store, TimeDelta::hours(1));
    let idle = Policy::bearer(Purpose::new("link"), TimeDelta::days(30)).idle(hour);
    let used = fixture.insert(&idle).await;
    let behind = now() - TimeDelta::minutes(1);
    store.touch(used.record.id(), behind).await.unwrap();
    assert_eq!(store.purge(now() + hour, 10).await.unwrap(), 1);
    assert_eq!(fixture.number(ENDS).await, 0);
    // What expires before it could be idle is not listed.
    let short = Policy::bearer(Purpose::new("link"), hour).idle(TimeDelta::hours(2));
    fixture.insert(&short).await;
    assert_eq!(fixture.number(ENDS).await, 0);
}

/// An entry that was left behind goes, where another record has its id by now and will never be idle.
#[tokio::test(flavor = "multi_thread")]
async fn entry_of_what_lives_for_ever_goes() {
    let fixture = PgFixture::new().await;
    let unending = Policy::link(Purpose::new("link")).until_revoked();
    fixture.insert(&unending).await;
    fixture
        .run("INSERT INTO {ends} SELECT 1, id FROM {tokens}")
        .await;
    assert_eq!(fixture.store.purge(now(), 10).await.unwrap(), 0);
    assert_eq!(fixture.number(ENDS).await, 0);
}

/// A slot is listed as long as something that was superseded rests in it: once, however often it was taken over, and after the first purge
/// for when that is dead.
#[tokio::test(flavor = "multi_thread")]
async fn slot_is_listed_while_it_holds_the_superseded() {
    let fixture = PgFixture::new().await;
    let store = &fixture.store;
    fixture.insert(&RECOVERY).await;
    assert_eq!(
        fixture.number(ENDS).await,
        0,
        "the first batch supersedes nothing"
    );
    for batches in [50, 10] {
        for _ in 0..batches {
            fixture.insert(&RECOVERY).await;
        }
        assert!(fixture.number(ENDS).await >= batches);
        assert_eq!(store.purge(now(), 10).await.unwrap(), 0, "not dead yet");
        assert_eq!(fixture.number(ENDS).await, 1);
        let listed = fixture.number("SELECT after FROM {ends}").await;
        assert_eq!(listed, now().timestamp_micros());
    }
    let later = now() + TimeDelta::microseconds(1);
    assert_eq!(store.purge(later, 10).await.unwrap(), 10);
    assert_eq!(fixture.number(ENDS).await, 1, "it holds more");
    assert_eq!(store.purge(later, 100).await.unwrap(), 50);
    assert_eq!(fixture.number(ENDS).await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM {tokens}").await, 1);
}

/// A slot that was taken over very often is emptied bit by bit, and keeps no other from its turn.
#[tokio::test(flavor = "multi_thread")]
async fn slot_with_very_many_is_emptied() {
    let fixture = PgFixture::new().await;
    fixture.insert(&RECOVERY).await;
    fixture
        .run(
            "INSERT INTO {tokens} (id, slot, policy, key, issued_at, generation, attempts, state, digest, binding, \
               tag, data, purpose, tenant) \
             SELECT gen_random_uuid(), t.slot, t.policy, 1, 7, 0, 0, 1, '\\x00', '\\x00', '\\x00', '', t.purpose, 't1' \
             FROM {tokens} AS t, generate_series(1, 5000) AS n",
        )
        .await;
    fixture
        .run(
            "INSERT INTO {ends} SELECT '-9223372036854775808'::bigint, slot \
             FROM {slots}, generate_series(1, 3000) AS n",
        )
        .await;
    let other = fixture.insert(&LINK).await;
    let revoke = Revoke::Record(*other.record.id());
    assert_eq!(fixture.store.revoke(&revoke).await.unwrap(), 1);
    let later = now() + TimeDelta::microseconds(1);
    assert_eq!(fixture.store.purge(later, u32::MAX).await.unwrap(), 5_001);
    assert_eq!(fixture.number(ENDS).await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM {tokens}").await, 1);
}

/// A purge removes limits that are as good as new, as many as it may, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn limits_that_are_as_good_as_new_go_and_no_others() {
    let fixture = PgFixture::new().await;
    for number in 0..2_000 {
        let limit = [Limit::ceiling(3), Limit::PACE][number % 2];
        let key = LimitKey::new(
            LimitScope::Application,
            &number.to_string(),
            &fixture.binding(),
        );
        fixture
            .store
            .spend(&[Charge { key, limit }], now())
            .await
            .unwrap();
    }
    let day = now() + TimeDelta::days(1);
    let before = fixture.store.purge_limits(now(), 10_000).await.unwrap();
    assert_eq!(before, 0);
    let some = fixture.store.purge_limits(day, 10).await.unwrap();
    let rest = fixture.store.purge_limits(day, 10_000).await.unwrap();
    assert_eq!((some, rest), (10, 990));
    assert_eq!(fixture.number("SELECT count(*) FROM {limits}").await, 1_000);
}
