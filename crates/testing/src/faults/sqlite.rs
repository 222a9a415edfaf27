//! SQLite: a full disk, a lock that somebody holds, clocks that differ.

use core::time::Duration;
use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use token_store::{
    InTransaction, RedeemInTransaction, Redeemed, StoreError,
    ott_core::{
        Presented,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_sqlx::{SqliteStore, sqlx};
use tokio::time::{Instant, sleep};

use super::{Disk, Fault, TIMEOUT, patiently};
use crate::ledger::{Applies, Plan, Row, Run, Station, Terms};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("sqlite-locked", |plan| Box::pin(locked(plan))),
    Fault::new("sqlite-clocks", |plan| Box::pin(clocks(plan))),
    Fault::on_a_disk("sqlite-full", |plan| Box::pin(full(plan))),
];

#[async_trait]
impl Applies for SqliteStore {
    async fn redeem_and_apply(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
        effect: &str,
    ) -> (Duration, Result<Redeemed, StoreError>) {
        let began = Instant::now();
        let told = self.redeem_in_transaction(presented, now).await;
        let took = began.elapsed();
        let apply = async {
            match told? {
                InTransaction::Refused(reason) => Ok(Redeemed::Refused(reason)),
                InTransaction::Redeemed(mut transaction, stored) => {
                    let note = sqlx::query("INSERT INTO effects VALUES ($1)").bind(effect);
                    note.execute(&mut *transaction)
                        .await
                        .map_err(StoreError::unavailable)?;
                    transaction
                        .commit()
                        .await
                        .map_err(StoreError::unavailable)?;
                    Ok(Redeemed::Redeemed(stored))
                }
            }
        };
        (took, apply.await)
    }

    async fn effects(&self) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query_scalar("SELECT id FROM effects").fetch_all(self.pool());
        found.await.map_err(StoreError::unavailable)
    }
}

/// Two stores on one file, as two processes have it.
pub(super) async fn stations(folder: &Path) -> Vec<Station> {
    let mut all = Vec::new();
    for _ in 0..2 {
        let builder = || SqliteStore::builder().timeout(TIMEOUT);
        let store = patiently(|| builder().open(folder.join("tokens.db"))).await;
        if all.is_empty() {
            let table = "CREATE TABLE effects (id TEXT NOT NULL)";
            sqlx::raw_sql(table)
                .execute(store.pool())
                .await
                .expect("a new table");
        }
        all.push(Station::applying(Arc::new(store)));
    }
    all
}

/// Somebody else holds the lock for writers for longer than the time-out.
async fn locked(plan: Plan) -> Row {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = Run::begin(stations(folder.path()).await, plan);
    run.load().await;
    let other = SqliteStore::builder()
        .open(folder.path().join("tokens.db"))
        .await;
    let other = other.expect("the file opens");
    let held = other
        .pool()
        .begin_with("BEGIN IMMEDIATE")
        .await
        .expect("the lock");
    sleep(TIMEOUT + TIMEOUT / 4).await;
    held.rollback().await.expect("its end");
    run.mended();
    run.load().await;
    run.end(
        "SQLite: another process holds the lock",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// Two processes whose clocks are ten minutes ahead and ten behind.
async fn clocks(plan: Plan) -> Row {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut all = stations(folder.path()).await;
    all[0].ahead = TimeDelta::minutes(10);
    all[1].ahead = TimeDelta::minutes(-10);
    let run = Run::begin(all, plan);
    run.load().await;
    run.load().await;
    let terms = Terms {
        clocks_apart: Duration::from_secs(20 * 60),
        ..Terms::keeps(TIMEOUT)
    };
    run.end("clocks of two processes, 20 minutes apart", terms)
        .await
}

/// The disk is full, and then is not. The disk is one in memory, which only root can make.
async fn full(plan: Plan) -> Row {
    let disk = Disk::new(24);
    let mut run = Run::begin(stations(disk.path()).await, plan);
    run.load().await;
    disk.fill();
    run.load().await;
    disk.clear();
    run.mended();
    run.load().await;
    run.end("SQLite: the disk is full", Terms::keeps(TIMEOUT))
        .await
}
