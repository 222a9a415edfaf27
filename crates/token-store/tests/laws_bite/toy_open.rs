//! The toy's transactions: one at a time, applied when it commits.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use token_store::{
    InTransaction, RedeemInTransaction, Redeemed, StoreError,
    conformance::OpenHarness,
    ott_core::{Presented, Reason, Stored},
};
use tokio::{sync::OwnedMutexGuard, task::yield_now};

use super::{
    Mistake, Mistaken,
    toy::{Time, Toy},
};

/// A spent row that is not written yet.
pub(crate) struct Pending {
    rows: Arc<Mutex<Vec<Stored>>>,
    row: Stored,
    _alone: OwnedMutexGuard<()>,
}

fn write(rows: &Mutex<Vec<Stored>>, row: &Stored) {
    for old in &mut *rows.lock().unwrap() {
        if old.id == row.id {
            *old = row.clone();
        }
    }
}

#[async_trait]
impl RedeemInTransaction for Toy {
    type Transaction = Pending;

    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: Time,
    ) -> Result<InTransaction<Pending>, StoreError> {
        self.up().await?;
        let alone = Arc::clone(&self.transaction).lock_owned().await;
        let rows = Arc::clone(&self.rows);
        let read = rows
            .lock()
            .unwrap()
            .iter()
            .find(|row| row.id == *presented.id())
            .cloned();
        let Some(mut row) = read else {
            return Ok(InTransaction::Refused(Reason::Unknown));
        };
        let told = self.redeem_row(&mut row, presented, now);
        if self.makes(Mistake::CommitsByItself) {
            write(&rows, &row);
        }
        if self.makes(Mistake::SpendsBeforeHandingOver) && matches!(told, Redeemed::Redeemed(_)) {
            let before = rows.lock().unwrap().clone();
            write(&rows, &row);
            yield_now().await;
            *rows.lock().unwrap() = before;
        }
        Ok(match told {
            Redeemed::Redeemed(stored) => InTransaction::Redeemed(
                Pending {
                    rows,
                    row,
                    _alone: alone,
                },
                stored,
            ),
            Redeemed::Refused(reason) => {
                if !self.makes(Mistake::RollsRefusalsBack) {
                    write(&rows, &row);
                }
                InTransaction::Refused(reason)
            }
        })
    }
}

impl OpenHarness for Mistaken {
    async fn commit(transaction: Pending) {
        write(&transaction.rows, &transaction.row);
    }
}
