//! A write: run by its caller where nobody else writes, or with others in one commit.

use core::any::Any;

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection};
use token_store::{Charge, StoreError};
use tokio::sync::oneshot;

use super::{ledger::Ledger, outage::outage};

/// What a verb writes.
pub(super) trait Verb: Send + Sync + Sized + 'static {
    type Answer: Send + Sync + 'static;

    /// Whether it is more than one statement that writes.
    fn is_several(&self) -> bool {
        false
    }

    /// The limits that it asks, to be read with those of the others.
    fn charges(&self) -> &[Charge] {
        &[]
    }

    /// Runs it inside of the lock of SQLite, or as the one statement that it is. If it fails, whatever it did is rolled
    /// back; an answer stands.
    fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;

    /// Runs it in a commit of its own.
    fn run_alone(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send {
        async {
            let mut ledger = Ledger::default();
            if !self.is_several() {
                let answer = self.run(connection, &mut ledger).await?;
                ledger.write(connection).await?;
                return Ok(answer);
            }
            let begin = connection.begin_with("BEGIN IMMEDIATE");
            let mut transaction = begin.await.map_err(outage)?;
            let answer = self.run(&mut transaction, &mut ledger).await?;
            ledger.write(&mut transaction).await?;
            transaction.commit().await.map_err(outage)?;
            Ok(answer)
        }
    }
}

/// A verb that waits. Whoever waits for its answer is gone when `told` is closed.
pub(super) struct Waiting<V: Verb> {
    pub(super) verb: V,
    pub(super) answer: Option<Result<V::Answer, StoreError>>,
    pub(super) told: oneshot::Sender<Result<V::Answer, StoreError>>,
}

/// A verb that waits, whichever it is.
#[async_trait]
pub(super) trait Step: Any + Send + Sync {
    fn is_gone(&self) -> bool;
    fn charges(&self) -> &[Charge];
    /// Keeps the answer until what it says is on the disk.
    async fn run(
        &mut self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<(), StoreError>;
    async fn run_alone(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError>;
    fn fail(&mut self, error: StoreError);
    fn tell(self: Box<Self>);
}

#[async_trait]
impl<V: Verb> Step for Waiting<V> {
    fn is_gone(&self) -> bool {
        self.told.is_closed()
    }

    fn charges(&self) -> &[Charge] {
        self.verb.charges()
    }

    async fn run(
        &mut self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<(), StoreError> {
        let answer = self.verb.run(connection, ledger).await?;
        self.answer = Some(Ok(answer));
        Ok(())
    }

    async fn run_alone(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let answer = self.verb.run_alone(connection).await?;
        self.answer = Some(Ok(answer));
        Ok(())
    }

    fn fail(&mut self, error: StoreError) {
        self.answer = Some(Err(error));
    }

    fn tell(self: Box<Self>) {
        let Self { answer, told, .. } = *self;
        if let Some(answer) = answer {
            // Nobody listens any more: it is done or not done all the same.
            let _ = told.send(answer);
        }
    }
}
