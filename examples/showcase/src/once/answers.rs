//! The last answer of each visit, for a few seconds, in the database: sealed, with an end, and no more than so many.

#[cfg(test)]
mod tests;

use core::{convert::Infallible, time::Duration};

use axum::response::Response;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;
use twofa_providers::token_store::{
    ott_core::{chrono::TimeDelta, rand::rngs::SysRng},
    seal::{self, SealedFor},
};

use super::kept::Kept;
use crate::{app::App, error::AppError, log, sealed::anybody};

/// A hash of what makes a request this one, or of the visit's cookie.
pub(super) type Name = [u8; 32];

/// How long after the first answer a copy still gets it: a slow line, and not a second thought. A request that is being
/// answered, and whose process does not say so for as long, is not answered any more.
const WITHIN: TimeDelta = TimeDelta::seconds(5);
/// How often a process says that it goes on answering.
const SAYS_SO: Duration = Duration::from_secs(2);
/// How long a copy waits for the answer, whatever the clock says.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks for it: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// How many visits are looked after at once. Beyond that a copy is a request like any other.
const MOST: i64 = 512;
/// The longest answer that is kept, in bytes.
const LONGEST: usize = 64 * 1_024;

const KIND: &str = "showcase answer";

/// The last answer of each visit: whoever does something else in between, and then the same again, means it.
///
/// A row is replaced and removed by what it holds, which a random nonce makes another one each time: what somebody else
/// wrote meanwhile stays.
pub(crate) struct Answers {
    pool: SqlitePool,
}

/// Whose turn it is to answer a request.
pub(super) enum Turn {
    /// This one's.
    Mine(Mine),
    /// Nobody's: a copy was answered like this.
    Given(Response),
    /// This one's, and nothing is kept of it: there are too many.
    None,
}

/// A request that is being answered here: its row.
pub(super) struct Mine {
    visit: Name,
    sealed: Vec<u8>,
}

impl Answers {
    /// Over the database of these options. What is kept for seconds need not outlive a machine that loses its power, so
    /// that no write here waits for the disk.
    pub(crate) async fn open(database: SqliteConnectOptions) -> Result<Self, AppError> {
        let pool = SqlitePoolOptions::new().max_connections(2);
        let database = database.synchronous(SqliteSynchronous::Normal);
        let pool = pool.connect_with(database).await?;
        let table = "CREATE TABLE IF NOT EXISTS answers (
            visit BLOB PRIMARY KEY, at INTEGER NOT NULL, sealed BLOB NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Waits until nobody else answers this request of this visit, and takes the turn unless it was answered.
    pub(super) async fn begin(
        &self,
        app: &App,
        visit: Name,
        request: Name,
    ) -> Result<Turn, AppError> {
        let (mut pause, longest) = PAUSES;
        let (mut waited, mut full) = (Duration::ZERO, 0_u8);
        loop {
            let find = "SELECT at, sealed FROM answers WHERE visit = ?";
            let find = sqlx::query_as(find).bind(&visit[..]);
            let row: Option<(i64, Vec<u8>)> = find.fetch_optional(&self.pool).await?;
            if let Some((at, sealed)) = &row
                && is_new(*at, now(app))
            {
                match opened(app, visit, sealed, &request) {
                    Some(Kept::Done(answer)) => return Ok(Turn::Given(answer)),
                    Some(Kept::Open) if waited >= PATIENCE => return Ok(Turn::None),
                    Some(Kept::Open) => {
                        sleep(pause).await;
                        waited = waited.saturating_add(pause);
                        pause = pause.saturating_mul(2).min(longest);
                        continue;
                    }
                    None => {}
                }
            }
            let mine = sealed(app, visit, &Kept::open(request))?;
            let taken = match &row {
                Some((_, before)) => self.replace(app, &visit, before, &mine).await?,
                None => self.add(app, &visit, &mine).await?,
            };
            if taken {
                let sealed = mine;
                return Ok(Turn::Mine(Mine { visit, sealed }));
            }
            // Somebody was faster, and is found now; or there is no room.
            full = full.saturating_add(1);
            if full == 3 {
                return Ok(Turn::None);
            }
        }
    }

    async fn add(&self, app: &App, visit: &Name, sealed: &[u8]) -> Result<bool, AppError> {
        self.purge(app).await?;
        let add = "INSERT INTO answers (visit, at, sealed)
            SELECT ?, ?, ? WHERE (SELECT count(*) FROM answers) < ? ON CONFLICT DO NOTHING";
        let add = sqlx::query(add)
            .bind(&visit[..])
            .bind(now(app))
            .bind(sealed)
            .bind(MOST);
        Ok(add.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn replace(
        &self,
        app: &App,
        visit: &Name,
        before: &[u8],
        sealed: &[u8],
    ) -> Result<bool, AppError> {
        let replace = "UPDATE answers SET at = ?, sealed = ? WHERE visit = ? AND sealed = ?";
        let replace = sqlx::query(replace)
            .bind(now(app))
            .bind(sealed)
            .bind(&visit[..])
            .bind(before);
        Ok(replace.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Says, for as long as it is polled, that the request is being answered.
    pub(super) async fn keep(&self, app: &App, mine: &Mine) -> Infallible {
        loop {
            sleep(SAYS_SO).await;
            let said = self.replace(app, &mine.visit, &mine.sealed, &mine.sealed);
            if let Err(error) = said.await {
                log::outage(&*error.into_cause());
            }
        }
    }

    /// Keeps the answer for the copies. One that is too long is forgotten.
    pub(super) async fn end(&self, app: &App, mine: Mine, kept: &[u8]) -> Result<(), AppError> {
        if kept.len() > LONGEST {
            return self.forget(mine).await;
        }
        let done = sealed(app, mine.visit, kept)?;
        self.replace(app, &mine.visit, &mine.sealed, &done).await?;
        Ok(())
    }

    /// Forgets a request: its copy is another one.
    pub(super) async fn forget(&self, mine: Mine) -> Result<(), AppError> {
        let forget = "DELETE FROM answers WHERE visit = ? AND sealed = ?";
        let forget = sqlx::query(forget).bind(&mine.visit[..]).bind(mine.sealed);
        forget.execute(&self.pool).await?;
        Ok(())
    }

    /// Removes what no copy gets any more.
    pub(crate) async fn purge(&self, app: &App) -> Result<(), AppError> {
        let purge = "DELETE FROM answers WHERE abs(at - ?) >= ?";
        let purge = sqlx::query(purge).bind(now(app)).bind(micros(WITHIN));
        purge.execute(&self.pool).await?;
        Ok(())
    }
}

fn now(app: &App) -> i64 {
    app.tokens.now().timestamp_micros()
}

/// By the clock that everything else here goes by; one that was set back since makes nothing newer.
fn is_new(at: i64, now: i64) -> bool {
    at.abs_diff(now) < micros(WITHIN).unsigned_abs()
}

fn micros(span: TimeDelta) -> i64 {
    span.num_microseconds().unwrap_or(i64::MAX)
}

/// Sealed to the row of its visit.
fn sealed(app: &App, visit: Name, plain: &[u8]) -> Result<Vec<u8>, AppError> {
    let (owner, item) = (anybody()?, item(visit));
    let context = SealedFor {
        owner: &owner,
        item,
        kind: KIND,
    };
    let keys = app.tokens.issuer().keys();
    seal::seal(keys, &context, plain, &mut SysRng).map_err(AppError::unavailable)
}

fn opened(app: &App, visit: Name, sealed: &[u8], request: &Name) -> Option<Kept> {
    let (owner, item) = (anybody().ok()?, item(visit));
    let context = SealedFor {
        owner: &owner,
        item,
        kind: KIND,
    };
    let keys = app.tokens.issuer().keys();
    let plain = seal::open(keys, &context, sealed).ok()?;
    Kept::read(&plain, request)
}

/// The first half of a visit's name.
fn item(visit: Name) -> [u8; 16] {
    let mut item = [0; 16];
    item.copy_from_slice(visit.split_at(16).0);
    item
}
