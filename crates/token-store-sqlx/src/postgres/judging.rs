//! Guesses at factors with their charges: a look, and one statement that burns or charges.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{PgConnection, Row, ValueRef, postgres::PgRow};
use token_store::{
    Advanced, Charged, ChargedFactors, ConfirmIf, Guess, Looked, StoreError, StoredFactor,
    ott_core::{
        LimitKey, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore,
    charged::{KEPT_CHANGING, Try},
    connection::{done, on_connection},
    factors::{Burn, MOST},
    id::Id,
    limits::{asked, ids, refused},
    outage::{Again, is_unique_violation, outage},
    statements::Query,
};
use crate::{
    error::TRIES,
    rows::{self, micros},
};

#[async_trait]
impl ChargedFactors for PostgresStore {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        let select = || {
            let query = self.statements.look.query();
            let query = query.bind(subject.tenant()).bind(subject.id()).bind(MOST);
            query.bind(ids(keys.iter()))
        };
        on_connection!(self, connection => looked(connection, select()))
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        guess.check()?;
        let right = guess.right.as_ref();
        let burn = right.map(|(id, counter)| Burn::advance(id, *counter, now));
        let burn = burn.transpose()?;
        let deadline = self.deadline();
        for _ in 0..TRIES {
            let told = on_connection!(self, by deadline, connection => {
                self.judge(connection, burn.as_ref(), guess, now)
            })?;
            if let Try::Told(told) = told {
                return Ok(told);
            }
        }
        Err(StoreError::unavailable(KEPT_CHANGING))
    }
}

impl PostgresStore {
    async fn judge(
        &self,
        connection: &mut PgConnection,
        burn: Option<&Burn>,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Try<Option<Advanced>>, StoreError> {
        let query = self.statements.advance_charged.query();
        let query = query
            .bind(burn.map_or(NOBODYS, |burn| burn.id))
            .bind(burn.map_or(Some(-1), |burn| burn.counter))
            .bind(micros(&now));
        let query = asked(query, guess.charges, now).bind(ids(guess.cleared.iter()));
        let rows = match done(connection, query).await {
            Err(failed) if is_unique_violation(&failed.error) => return Ok(Try::Again),
            told => told?.rows,
        };
        let row = rows.first().ok_or(StoreError::Corrupt("burnt"))?;
        if !is_null(row, "place")? {
            return Ok(Try::Told(Charged::Refused(refused(
                row,
                guess.charges,
                now,
            )?)));
        }
        let advanced = match burn {
            None => None,
            Some(_) if row.try_get("burnt").map_err(outage)? => Some(Advanced::Accepted),
            Some(burn) => {
                let why = self.not_burnt(connection, burn, ConfirmIf::Always).await;
                Some(why.map_err(decided)?)
            }
        };
        Ok(Try::Told(Charged::Answered(advanced)))
    }
}

/// No factor's id, for a guess that was wrong: with a null the server would plan another statement, which is faster.
const NOBODYS: Id = Id([0; 16]);

/// An error after the charge, which is not charged again.
fn decided(error: StoreError) -> StoreError {
    match Again::after(&error) {
        None => error,
        Some(_) => StoreError::unavailable(error),
    }
}

async fn looked(connection: &mut PgConnection, select: Query<'_>) -> Result<Looked, StoreError> {
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    let (mut factors, mut limits) = (Vec::new(), HashMap::new());
    for row in &rows {
        if !is_null(row, "id")? {
            factors.push(rows::factor(row)?);
        }
        if !is_null(row, "key")? {
            let key = LimitKey::of_random_id(rows::id(row, "key")?);
            limits.insert(key, rows::limit(row)?);
        }
    }
    Ok(Looked {
        factors: StoredFactor::listed(factors),
        limits,
    })
}

fn is_null(row: &PgRow, column: &str) -> Result<bool, StoreError> {
    let value = row.try_get_raw(column).map_err(outage)?;
    Ok(value.is_null())
}
