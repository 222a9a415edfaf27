//! Verbs with their charges: one statement each, and a transaction for a redeem that counts nothing.

use async_trait::async_trait;
use sqlx::{PgConnection, Row, ValueRef};
use token_store::{
    Charge, Charged, ChargedStore, Cost, Inserted, Redeemed, Spent, StoreError, TokenStore,
    check_charges,
    ott_core::{
        Presented, Record,
        chrono::{DateTime, Utc},
    },
};
use tokio::time::Instant;

use super::{
    PostgresStore,
    connection::{done, in_transaction, on_connection},
    insert::{insert, rows_of},
    limits::{asked, refused},
    outage::{is_of_limits, is_unique_violation, outage},
    tokens::{self, compared},
};
use crate::{
    error::TRIES,
    redeem::{Counts, counted},
    rows::micros,
};

/// What one try told.
pub(super) enum Try<T> {
    Told(Charged<T>),
    /// Somebody made a limit's row at the same moment, and nothing was done.
    Again,
    /// Nothing was counted, and nothing charged.
    Uncounted,
}

pub(super) const KEPT_CHANGING: &str = "the limits kept changing";

#[async_trait]
impl ChargedStore for PostgresStore {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        check_charges(cost.charges)?;
        if cost.charges.is_empty() && earned.is_empty() {
            return self.redeem(presented, now).await.map(Charged::Answered);
        }
        let deadline = self.deadline();
        for _ in 0..TRIES {
            let told = on_connection!(self, by deadline, connection => {
                self.redeem_at_once(connection, presented, cost, earned, now)
            })?;
            match told {
                Try::Told(told) => return Ok(told),
                Try::Again => {}
                Try::Uncounted => {
                    let told = self.redeem_by_steps(presented, cost, earned, now, deadline);
                    return told.await;
                }
            }
        }
        Err(StoreError::unavailable(KEPT_CHANGING))
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        check_charges(charges)?;
        let deadline = self.deadline();
        for _ in 0..TRIES {
            let told = on_connection!(self, by deadline, connection => {
                self.insert_at_once(connection, batch, charges, now)
            })?;
            if let Try::Told(told) = told {
                return Ok(told);
            }
        }
        Err(StoreError::unavailable(KEPT_CHANGING))
    }
}

impl PostgresStore {
    async fn redeem_at_once(
        &self,
        connection: &mut PgConnection,
        presented: &Presented,
        Cost { charges, .. }: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Try<Redeemed>, StoreError> {
        let query = match earned {
            [] => self.statements.redeem_charged.query(),
            _ => rows_of(self.statements.redeem_earning.query(), earned),
        };
        let query = asked(compared(query, presented, now), charges, now);
        let rows = match done(connection, query).await {
            Err(failed) if is_unique_violation(&failed.error) => {
                return if is_of_limits(&failed.error) {
                    Ok(Try::Again)
                } else {
                    Err(StoreError::ID_TWICE)
                };
            }
            told => told?.rows,
        };
        let row = rows.first().ok_or(StoreError::Corrupt("redeemed"))?;
        let is_there = |column| -> Result<bool, StoreError> {
            let is_null = row.try_get_raw(column).map(|value| value.is_null());
            is_null.map(|is_null| !is_null).map_err(outage)
        };
        if is_there("place")? {
            return Ok(Try::Told(Charged::Refused(refused(row, charges, now)?)));
        }
        if is_there("id")? {
            return Ok(Try::Told(Charged::Answered(counted(row)?)));
        }
        Ok(Try::Uncounted)
    }

    /// One verb after another, in a transaction that holds the limits: what a refusal costs is known once its reason is.
    async fn redeem_by_steps(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Charged<Redeemed>, StoreError> {
        for _ in 0..TRIES {
            let told = in_transaction!(self, by deadline, connection => {
                self.redeem_in_steps(connection, presented, cost, earned, now)
            })?;
            if let Some(told) = told {
                return told;
            }
        }
        Err(StoreError::unavailable(KEPT_CHANGING))
    }

    /// `None`: somebody made a limit's row at the same moment, and nothing will be committed. That the row cannot be read is an answer:
    /// what it counted stands, and is charged as a wrong guess.
    async fn redeem_in_steps(
        &self,
        connection: &mut PgConnection,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Option<Result<Charged<Redeemed>, StoreError>>, StoreError> {
        let Cost { charges, .. } = cost;
        match self.spend_once(connection, charges, now).await? {
            None => return Ok(None),
            Some(Spent::Allowed) => {}
            Some(refused) => {
                let (Spent::Ahead(key) | Spent::Locked(key) | Spent::RetryAt(key, _)) = refused
                else {
                    return Err(StoreError::Corrupt("place"));
                };
                let before = charges.iter().take_while(|charge| charge.key != key);
                let before: Vec<_> = before.copied().collect();
                self.refund_once(connection, &before, 1).await?;
                return Ok(Some(Ok(Charged::Refused(refused))));
            }
        }
        let told = tokens::redeem(connection, &self.statements, presented, now, Counts::Yes);
        let told = match told.await {
            Err(error) if !matches!(error, StoreError::Corrupt(_)) => return Err(error),
            told => told,
        };
        if matches!(told, Ok(Redeemed::Redeemed(_))) && !earned.is_empty() {
            let inserted = insert(connection, &self.statements, earned).await?;
            inserted.ok_or(StoreError::ID_TWICE)?;
        }
        let times = told.as_ref().map_or(0, |told| cost.given_back(told));
        if times > 0 {
            self.refund_once(connection, charges, times).await?;
        }
        Ok(Some(told.map(Charged::Answered)))
    }

    async fn insert_at_once(
        &self,
        connection: &mut PgConnection,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Try<Inserted>, StoreError> {
        let query = rows_of(self.statements.insert_charged.query(), batch);
        let query = asked(query, charges, now).bind(micros(&now));
        let rows = match done(connection, query).await {
            Err(failed) if is_unique_violation(&failed.error) => {
                return Ok(if is_of_limits(&failed.error) {
                    Try::Again
                } else {
                    Try::Told(Charged::Answered(Inserted::Collision))
                });
            }
            told => told?.rows,
        };
        Ok(Try::Told(match rows.first() {
            Some(row) => Charged::Refused(refused(row, charges, now)?),
            None => Charged::Answered(Inserted::Done),
        }))
    }
}
