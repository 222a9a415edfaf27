//! Every fault, under the ledger, for seconds; `scripts/chaos` runs them for longer.
//!
//! Most of the time of each is waiting, so several run at a time, whatever the machine: this file is its own harness.
//! `cargo test -p testing --features chaos --test faults NAME…` runs those whose name has one of the words.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "what a harness prints")]

use std::{env, process::ExitCode, sync::Arc, time::Instant};

use testing::{
    faults::{Fault, all, can_mount, serve_if_started},
    ledger::Plan,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// How many at a time.
const AT_ONCE: usize = 6;

macro_rules! faults {
    ($($(#[$doc:meta])+ fn $test:ident() = $name:literal;)+) => {
        const TESTS: &[(&str, &str)] = &[$((stringify!($test), $name)),+];
    };
}

// What takes longest begins first.
faults! {
    /// What an operator does with `redis-cli --cluster` grants nothing twice.
    fn cluster_resharded_by_hand_grants_nothing_twice() = "cluster-resharded";
    /// An operator's handover at the Sentinels is followed.
    fn sentinel_failover_by_hand_is_followed() = "sentinel-failover";
    /// PostgreSQL whose processes die, one after the other, keeps everything that it answered.
    fn postgres_that_crashes_keeps_everything() = "postgres-crash";
    /// Applications that are killed beside others lose nothing that they answered.
    fn postgres_applications_killed_lose_nothing() = "postgres-application";
    /// So do those on one file.
    fn sqlite_applications_killed_lose_nothing() = "sqlite-application";
    /// Where the file can grow no further, nothing is done by half.
    fn sqlite_file_at_its_limit_does_nothing_by_half() = "sqlite-file-limit";
    /// So do those on Redis.
    fn redis_applications_killed_lose_nothing() = "redis-application";
    /// A full disk does nothing by half.
    fn postgres_disk_that_is_full_does_nothing_by_half() = "postgres-full";
    /// Nor does one with a file.
    fn sqlite_disk_that_is_full_does_nothing_by_half() = "sqlite-full";
    /// A commit that waits for a replica, and is cancelled, is done.
    fn postgres_wait_cancelled_loses_nothing() = "postgres-wait-cancelled";
    /// One that is terminated is done or not.
    fn postgres_wait_terminated_loses_nothing() = "postgres-wait-terminated";
    /// If the replica is promoted then, it undoes them, as the page says, and no more.
    fn postgres_wait_cancelled_is_undone_as_documented() = "postgres-cancelled-and-promoted";
    /// So it does with those that were terminated.
    fn postgres_wait_terminated_is_undone_as_documented() = "postgres-terminated-and-promoted";
    /// PostgreSQL that is killed keeps everything that it answered.
    fn postgres_that_is_killed_keeps_everything() = "postgres-kill";
    /// While PostgreSQL hangs every verb times out, and afterwards everything is there.
    fn postgres_that_hangs_keeps_everything() = "postgres-hang";
    /// Whoever cancels statements and ends connections loses nothing.
    fn postgres_that_is_broken_off_keeps_everything() = "postgres-storm";
    /// A synchronous replica that is promoted has everything.
    fn postgres_replica_in_step_has_everything() = "postgres-promoted-in-step";
    /// A replica that missed commits undoes them, as the page says, and no more.
    fn postgres_replica_behind_undoes_as_documented() = "postgres-promoted-behind";
    /// A standby behind the name answers nothing old, and is left.
    fn postgres_standby_answers_nothing_old() = "postgres-standby";
    /// A primary that is demoted where it stands is left, and nothing is lost.
    fn postgres_primary_demoted_is_left() = "postgres-demoted";
    /// Commits that wait for a replica are outages, and whole afterwards.
    fn postgres_replica_that_stays_away_loses_nothing() = "postgres-replica-away";
    /// Another isolation level while the stores run is an outage at most.
    fn postgres_settings_changed_lose_nothing() = "postgres-set";
    /// Columns of another type are an outage at most.
    fn postgres_columns_changed_lose_nothing() = "postgres-altered";
    /// Sessions that the server ends while they are idle fail no verb.
    fn postgres_idle_sessions_fail_no_verb() = "postgres-idle";
    /// A pooler that is replaced loses nothing.
    fn postgres_pooler_replaced_loses_nothing() = "postgres-pooler";
    /// Redis that is killed grants nothing twice.
    fn redis_that_is_killed_grants_nothing_twice() = "redis-kill";
    /// While Redis hangs every verb times out, and afterwards everything is there.
    fn redis_that_hangs_keeps_everything() = "redis-hang";
    /// A handover in order grants nothing twice.
    fn redis_that_hands_over_grants_nothing_twice() = "redis-failover";
    /// A primary demoted where it stands grants nothing twice.
    fn redis_primary_demoted_grants_nothing_twice() = "redis-demoted";
    /// A promoted replica that missed writes grants nothing twice.
    fn redis_promotion_grants_nothing_twice() = "redis-promoted";
    /// Nor does one of which nobody asks anything until Redis has forgotten that it was a replica.
    fn redis_promotion_in_silence_grants_nothing_twice() = "redis-promoted-in-silence";
    /// Two promotions have two numbers, whoever missed the first.
    fn redis_promoted_twice_has_two_numbers() = "redis-promoted-twice";
    /// A primary that was a replica meanwhile, in silence, grants nothing twice.
    fn redis_there_and_back_grants_nothing_twice() = "redis-there-and-back";
    /// Two primaries under one name grant nothing twice.
    fn redis_two_primaries_grant_nothing_twice() = "redis-two-primaries";
    /// Full memory does nothing by half.
    fn redis_that_is_full_does_nothing_by_half() = "redis-full";
    /// Connections that Redis ends while they are idle fail no verb.
    fn redis_idle_connections_fail_no_verb() = "redis-idle";
    /// Copies of keys grant nothing twice.
    fn redis_copies_of_keys_grant_nothing_twice() = "redis-copied";
    /// While a replica hangs the answer says that too few have a write.
    fn redis_replica_that_hangs_is_told() = "redis-replica-gone";
    /// The store follows the Sentinels to another primary.
    fn sentinel_promotion_is_followed() = "sentinel-kill";
    /// The store leaves a primary that hangs for the one that the Sentinels name.
    fn sentinel_primary_that_hangs_is_left() = "sentinel-hang";
    /// A member that is killed grants nothing twice.
    fn cluster_member_killed_grants_nothing_twice() = "cluster-kill";
    /// A graceful failover grants nothing twice.
    fn cluster_failover_grants_nothing_twice() = "cluster-failover";
    /// A slot that moves grants nothing twice.
    fn cluster_slot_moved_grants_nothing_twice() = "cluster-slot-moved";
    /// Keys that a broken-off move lost are noticed.
    fn cluster_move_aborted_is_noticed() = "cluster-move-aborted";
    /// So they are where the indexes are among them.
    fn cluster_indexes_lost_are_noticed() = "cluster-move-aborted-with-indexes";
    /// Tokens alone that are lost so are unknown, as the page says.
    fn cluster_tokens_lost_are_as_documented() = "cluster-move-aborted-tokens";
    /// Members that come and go, and slots of others that move, lose nothing.
    fn cluster_members_come_and_go() = "cluster-members";
    /// A lock that another process holds is a time-out, and no more.
    fn sqlite_lock_held_elsewhere_loses_nothing() = "sqlite-locked";
    /// Clocks that are 20 minutes apart grant nothing twice.
    fn sqlite_clocks_apart_grant_nothing_twice() = "sqlite-clocks";
}

fn fault(name: &str) -> Fault {
    let found = all().into_iter().find(|fault| fault.name == name);
    found.expect("a fault of this name")
}

#[tokio::main]
async fn main() -> ExitCode {
    serve_if_started().await;
    let words: Vec<_> = env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let untried = |fault: &Fault| !TESTS.iter().any(|(_, name)| *name == fault.name);
    let untried: Vec<_> = all()
        .into_iter()
        .filter(untried)
        .map(|fault| fault.name)
        .collect();
    assert!(untried.is_empty(), "faults that have no test: {untried:?}");
    let began = Instant::now();
    let (turns, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    let (can_mount, mut left_out) = (can_mount(), Vec::new());
    for (test, name) in TESTS {
        if !words.is_empty() && !words.iter().any(|word| test.contains(word.as_str())) {
            continue;
        }
        if fault(name).mounts && !can_mount {
            println!("test {test} ... ignored");
            left_out.push(*name);
            continue;
        }
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await;
            let began = Instant::now();
            // A panic fails this one alone.
            let row = tokio::spawn(async move { fault(name).run(Plan::quick(7)).await }).await;
            let kept = row.is_ok_and(|row| {
                println!("{row}");
                let faults = row.found.faults.iter().take(20);
                faults.for_each(|words| println!("    NOT AS DOCUMENTED: {words}"));
                for (kind, (count, example)) in row.outages.iter().filter(|_| !row.is_kept()) {
                    println!("    {count} {kind:?}: {example}");
                }
                row.is_kept()
            });
            let (word, took) = (if kept { "ok" } else { "FAILED" }, began.elapsed());
            println!("test {test} ... {word} ({:.1} s)", took.as_secs_f32());
            kept
        });
    }
    let kept = running.join_all().await;
    let passed = kept.iter().filter(|kept| **kept).count();
    let failed = kept.iter().filter(|kept| !**kept).count();
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let ignored = left_out.len();
    if ignored > 0 {
        let left_out = left_out.join(", ");
        println!("NOT RUN: {left_out}: neither root nor sudo mounts a disk here");
    }
    println!(
        "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out; \
         finished in {:.2}s",
        began.elapsed().as_secs_f32()
    );
    ExitCode::from(u8::from(failed > 0))
}
