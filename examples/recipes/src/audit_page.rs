//! An audit page: what happened to an account, for its owner and for support.
//!
//! `token-store-sqlx = "0.1"`, `tokio = { version = "1", features = ["rt", "sync"] }`.

use token_store_sqlx::sqlx::{self, SqlitePool};
use token_store_sqlx::token_store::{Event, EventSink, ott_core::Subject};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::Fault;

/// Give the first to `Tokens::builder(…).events(…)`, and spawn [`write()`] with the second.
///
/// An event holds no token, code, secret or address, so the table may be read by support.
#[must_use]
pub fn sink() -> (Sink, Receiver<Event>) {
    let (sender, receiver) = channel(1_024);
    (Sink(sender), receiver)
}

/// A sink must not block: if the database is down for long, events are lost and requests are not.
pub struct Sink(Sender<Event>);

impl EventSink for Sink {
    fn emit(&self, event: Event) {
        let _lost = self.0.try_send(event);
    }
}

/// Writes down what arrives, until every sink is gone.
pub async fn write(pool: SqlitePool, mut events: Receiver<Event>) -> Result<(), Fault> {
    let insert =
        "INSERT INTO audit (at, tenant, subject, what, purpose, why) VALUES (?, ?, ?, ?, ?, ?)";
    while let Some(event) = events.recv().await {
        let subject = event.subject.as_ref();
        sqlx::query(insert)
            .bind(event.at.timestamp())
            .bind(event.tenant)
            .bind(subject.map(Subject::id))
            .bind(event.name) // `token.redeemed`, `factor.refused`, `limit.reached`, …
            .bind(event.purpose)
            .bind(event.reason.map(|why| format!("{why:?}"))) // for support, never for the client
            .execute(&pool)
            .await?;
    }
    Ok(())
}

/// The newest fifty lines of one account: time and what happened.
pub async fn page(pool: &SqlitePool, owner: &Subject) -> Result<Vec<(i64, String)>, Fault> {
    let select =
        "SELECT at, what FROM audit WHERE tenant = ? AND subject = ? ORDER BY rowid DESC LIMIT 50";
    let select = sqlx::query_as(select).bind(owner.tenant()).bind(owner.id());
    Ok(select.fetch_all(pool).await?)
}
