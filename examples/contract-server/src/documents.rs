//! What a server keeps beside tokens: sealed documents, changed only by comparing.

use core::{fmt, hint::black_box};
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use sqlx::{AnyPool, Row as _};
use twofa_providers::{
    TwoFactorError,
    token_store::{
        Clock,
        ott_core::{
            KeyRing, Subject,
            chrono::{DateTime, Utc},
            rand::rngs::SysRng,
        },
        seal::{self, SealError, SealedFor},
    },
};
use zeroize::Zeroizing;

use crate::{
    Fault, Transaction,
    statements::{
        Place, Row,
        Value::{self, Text},
    },
};

/// Documents by kind and id. Each rests sealed to its own row, as one text; nothing of it can be searched for.
///
/// Kind and id stand in clear: an id is a public name.
pub struct Documents {
    pool: AnyPool,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
}

/// A document as it was read.
#[derive(Debug)]
pub struct Document<T> {
    /// What it holds.
    pub value: T,
    version: i64,
}

/// Why nothing is known about a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The database did not answer.
    #[error("the documents are unavailable")]
    Database(#[source] sqlx::Error),
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was sealed is no such document. Nothing of it is told: JSON's own errors quote what they read.
    #[error("a document cannot be read")]
    Unreadable,
}

impl From<sqlx::Error> for DocumentError {
    /// A row that was edited is no outage.
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. } => Self::Unreadable,
            error => Self::Database(error),
        }
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS contract_documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, changed_at BIGINT NOT NULL, sealed TEXT NOT NULL,
    PRIMARY KEY (kind, id))";
/// What did not change since is found without a look at the rest.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS contract_documents_changed_at ON contract_documents (kind, changed_at)";

/// The document of an id, or the next; after the last one comes the first. Whichever it is, one row is read, by the same
/// steps down the same index.
const OR_NEXT: &str =
    "SELECT id, version, sealed FROM contract_documents WHERE kind = $1 AND id = COALESCE(
         (SELECT MIN(id) FROM contract_documents WHERE kind = $1 AND id >= $2),
         (SELECT MIN(id) FROM contract_documents WHERE kind = $1))";

const REPLACE: &str =
    "UPDATE contract_documents SET sealed = $1, changed_at = $2, version = version + 1
    WHERE kind = $3 AND id = $4 AND version = $5";

impl Documents {
    /// Makes the table if it is missing, and says whether anything was ever sealed into it.
    pub(crate) async fn prepare(pool: &AnyPool) -> Result<bool, Fault> {
        for made in [TABLE, INDEX] {
            sqlx::query(made).execute(pool).await?;
        }
        let any = sqlx::query("SELECT version FROM contract_documents LIMIT 1");
        Ok(any.fetch_optional(pool).await?.is_some())
    }

    /// Over a table that is [prepared](Self::prepare).
    pub(crate) fn open(pool: AnyPool, keys: KeyRing, clock: Arc<dyn Clock>) -> Self {
        Self { pool, keys, clock }
    }

    /// The same in a transaction that is open: what is done stands when it commits, and what it changed is read in it.
    #[must_use]
    pub const fn within<'d>(&'d self, open: &'d mut Transaction) -> Within<'d> {
        Within {
            documents: self,
            place: Place::Open(open),
        }
    }

    /// The same outside of any transaction: each call stands by itself.
    #[must_use]
    pub const fn anywhere(&self) -> Within<'_> {
        Within {
            documents: self,
            place: Place::Pool(&self.pool),
        }
    }

    /// Reads one. What cannot be an id names none.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        kind: &str,
        id: &str,
    ) -> Result<Option<Document<T>>, DocumentError> {
        self.anywhere().get(kind, id).await
    }

    /// Adds one; says whether there was none.
    ///
    /// # Errors
    /// [`DocumentError`]; also for what cannot be an id.
    pub async fn add<T: Serialize>(
        &self,
        kind: &str,
        id: &str,
        value: &T,
    ) -> Result<bool, DocumentError> {
        self.anywhere().add(kind, id, value).await
    }

    /// Adds one, or takes the place of what is there.
    ///
    /// # Errors
    /// [`DocumentError`]; also for what cannot be an id.
    pub async fn put<T: Serialize>(
        &self,
        kind: &str,
        id: &str,
        value: &T,
    ) -> Result<(), DocumentError> {
        self.anywhere().put(kind, id, value).await
    }

    /// Changes one, and gives what `change` answers; `None` where there is none. Where somebody else was faster,
    /// `change` is called again with what they left; it says with `Err` that nothing is to be changed.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn change<T: Serialize + DeserializeOwned, R>(
        &self,
        kind: &str,
        id: &str,
        change: impl FnMut(&mut T) -> Result<R, R>,
    ) -> Result<Option<R>, DocumentError> {
        self.anywhere().change(kind, id, change).await
    }

    /// Removes one; says whether this very call did.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn remove(&self, kind: &str, id: &str) -> Result<bool, DocumentError> {
        self.anywhere().remove(kind, id).await
    }

    /// Puts a value in the place of the document that was read; says whether that one stood there still.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn replace<T: Serialize>(
        &self,
        kind: &str,
        id: &str,
        read: &Document<T>,
        value: &T,
    ) -> Result<bool, DocumentError> {
        let sealed = self.seal(kind, id, value)?;
        let values = [Text(&sealed), self.now(), Text(kind), Text(id)];
        let values = [&values[..], &[Value::Number(read.version)]].concat();
        Ok(Place::Pool(&self.pool).execute(REPLACE, &values).await? == 1)
    }

    /// Removes the document that was read; says whether that one stood there still.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn remove_read<T>(
        &self,
        kind: &str,
        id: &str,
        read: &Document<T>,
    ) -> Result<bool, DocumentError> {
        let sql = "DELETE FROM contract_documents WHERE kind = $1 AND id = $2 AND version = $3";
        let values = [Text(kind), Text(id), Value::Number(read.version)];
        Ok(Place::Pool(&self.pool).execute(sql, &values).await? == 1)
    }

    /// The documents of a kind with the greatest ids, so many at most, the greatest first: of a log whose ids sort by time
    /// the newest.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn newest<T: DeserializeOwned>(
        &self,
        kind: &str,
        most: usize,
    ) -> Result<Vec<T>, DocumentError> {
        let query = sqlx::query(
            "SELECT id, version, sealed FROM contract_documents WHERE kind = $1 ORDER BY id DESC LIMIT $2",
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = query.bind(kind).bind(most).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let row = Row {
                    id: row.try_get("id")?,
                    version: row.try_get("version")?,
                    sealed: row.try_get("sealed")?,
                };
                Ok(self.unseal(kind, row)?.value)
            })
            .collect()
    }

    /// Removes all of a kind but those with the greatest ids, so many: of a log whose ids sort by time the newest stay.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn keep_newest(&self, kind: &str, most: u32) -> Result<(), DocumentError> {
        // The greatest id that is one too many, and all below it.
        let query = sqlx::query(
            "DELETE FROM contract_documents WHERE kind = $1 AND id <= (
                 SELECT id FROM contract_documents WHERE kind = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        );
        let query = query.bind(kind).bind(i64::from(most));
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Removes all documents of a kind.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn clear(&self, kind: &str) -> Result<(), DocumentError> {
        let query = sqlx::query("DELETE FROM contract_documents WHERE kind = $1");
        query.bind(kind).execute(&self.pool).await?;
        Ok(())
    }

    /// The ids of at most 500 that did not change since, oldest first.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn unchanged_since(
        &self,
        kind: &str,
        time: DateTime<Utc>,
    ) -> Result<Vec<String>, DocumentError> {
        let query = sqlx::query_scalar(
            "SELECT id FROM contract_documents WHERE kind = $1 AND changed_at < $2 ORDER BY changed_at LIMIT 500",
        );
        let ids = query.bind(kind).bind(time.timestamp_micros());
        Ok(ids.fetch_all(&self.pool).await?)
    }

    /// The ids of at most 500 that did not change since, by id, from the first behind `after` on: all are seen, also where
    /// some stay.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn unchanged_after(
        &self,
        kind: &str,
        time: DateTime<Utc>,
        after: &str,
    ) -> Result<Vec<String>, DocumentError> {
        let query = sqlx::query_scalar(
            "SELECT id FROM contract_documents WHERE kind = $1 AND changed_at < $2 AND id > $3 ORDER BY id LIMIT 500",
        );
        let ids = query.bind(kind).bind(time.timestamp_micros()).bind(after);
        Ok(ids.fetch_all(&self.pool).await?)
    }

    fn now(&self) -> Value<'static> {
        Value::Number(self.clock.now().timestamp_micros())
    }

    fn seal<T: Serialize>(&self, kind: &str, id: &str, value: &T) -> Result<String, DocumentError> {
        let owner = Subject::new(kind, id).map_err(|_| SealError::Broken)?;
        let plain = serde_json::to_vec(value).map_err(|_| DocumentError::Unreadable)?;
        let plain = Zeroizing::new(plain);
        let sealed = seal::seal(&self.keys, &context(&owner), &plain, &mut SysRng)?;
        Ok(sealed.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn unseal<T: DeserializeOwned>(
        &self,
        kind: &str,
        row: Row,
    ) -> Result<Document<T>, DocumentError> {
        let owner = Subject::new(kind, row.id).map_err(|_| SealError::Broken)?;
        let sealed = bytes(row.sealed).ok_or(SealError::Broken)?;
        let plain = seal::open(&self.keys, &context(&owner), &sealed)?;
        Ok(Document {
            value: serde_json::from_slice(&plain).map_err(|_| DocumentError::Unreadable)?,
            version: row.version,
        })
    }
}

/// [`Documents`] in a transaction ([`Documents::within`]) or in none ([`Documents::anywhere`]).
pub struct Within<'d> {
    documents: &'d Documents,
    place: Place<'d>,
}

impl Within<'_> {
    /// As [`Documents::get`].
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn get<T: DeserializeOwned>(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<Option<Document<T>>, DocumentError> {
        if Subject::new(kind, id).is_err() {
            return Ok(None);
        }
        let sql = "SELECT id, version, sealed FROM contract_documents WHERE kind = $1 AND id = $2";
        let row = self.place.row(sql, &[Text(kind), Text(id)]).await?;
        row.map(|row| self.documents.unseal(kind, row)).transpose()
    }

    /// Reads one; where there is none, the next one of its kind is read and opened all the same, and dropped. So the time does
    /// not tell which it was, however many there are and wherever they rest.
    ///
    /// The ids of the kind have to be spread evenly ([`spread`], [`GivenTexts::name`](crate::GivenTexts::name)): then the next
    /// one is anybody's, as often read or as seldom as the one that was asked for.
    ///
    /// # Errors
    /// [`DocumentError`]; of the next one nothing is told.
    pub async fn get_or_next<T: DeserializeOwned>(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<Option<Document<T>>, DocumentError> {
        if Subject::new(kind, id).is_err() {
            return Ok(None);
        }
        let Some(row) = self.place.row(OR_NEXT, &[Text(kind), Text(id)]).await? else {
            return Ok(None);
        };
        let found = row.id == id;
        let document = black_box(self.documents.unseal(kind, row));
        found.then_some(document).transpose()
    }

    /// As [`Documents::add`].
    ///
    /// # Errors
    /// [`DocumentError`]; also for what cannot be an id.
    pub async fn add<T: Serialize>(
        &mut self,
        kind: &str,
        id: &str,
        value: &T,
    ) -> Result<bool, DocumentError> {
        let sql = "INSERT INTO contract_documents (kind, id, version, changed_at, sealed) VALUES ($1, $2, 0, $3, $4)
             ON CONFLICT (kind, id) DO NOTHING";
        Ok(self.write(sql, kind, id, value).await? == 1)
    }

    /// As [`Documents::put`].
    ///
    /// # Errors
    /// [`DocumentError`]; also for what cannot be an id.
    pub async fn put<T: Serialize>(
        &mut self,
        kind: &str,
        id: &str,
        value: &T,
    ) -> Result<(), DocumentError> {
        let sql = "INSERT INTO contract_documents (kind, id, version, changed_at, sealed) VALUES ($1, $2, 0, $3, $4)
             ON CONFLICT (kind, id) DO UPDATE
             SET version = contract_documents.version + 1, changed_at = excluded.changed_at, sealed = excluded.sealed";
        self.write(sql, kind, id, value).await?;
        Ok(())
    }

    async fn write<T: Serialize>(
        &mut self,
        sql: &'static str,
        kind: &str,
        id: &str,
        value: &T,
    ) -> Result<u64, DocumentError> {
        let sealed = self.documents.seal(kind, id, value)?;
        let values = [Text(kind), Text(id), self.documents.now(), Text(&sealed)];
        Ok(self.place.execute(sql, &values).await?)
    }

    /// As [`Documents::change`].
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn change<T: Serialize + DeserializeOwned, R>(
        &mut self,
        kind: &str,
        id: &str,
        mut change: impl FnMut(&mut T) -> Result<R, R>,
    ) -> Result<Option<R>, DocumentError> {
        loop {
            let Some(mut document) = self.get::<T>(kind, id).await? else {
                return Ok(None);
            };
            let answer = match change(&mut document.value) {
                Ok(answer) => answer,
                Err(answer) => return Ok(Some(answer)),
            };
            let sealed = self.documents.seal(kind, id, &document.value)?;
            let (now, version) = (self.documents.now(), Value::Number(document.version));
            let values = [Text(&sealed), now, Text(kind), Text(id), version];
            if self.place.execute(REPLACE, &values).await? == 1 {
                return Ok(Some(answer));
            }
        }
    }

    /// As [`Documents::remove`].
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn remove(&mut self, kind: &str, id: &str) -> Result<bool, DocumentError> {
        let sql = "DELETE FROM contract_documents WHERE kind = $1 AND id = $2";
        Ok(self.place.execute(sql, &[Text(kind), Text(id)]).await? == 1)
    }
}

/// An id in a name's place, spread evenly among all others: SHA-256, in hexadecimal digits.
#[must_use]
pub fn spread(name: &str) -> String {
    let digest = Sha256::digest(name);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The row that a document is sealed to: the item is the first half of SHA-256 over its id.
fn context(owner: &Subject) -> SealedFor<'_> {
    let digest: [u8; 32] = Sha256::digest(owner.id()).into();
    let mut item = [0; 16];
    item.copy_from_slice(digest.split_at(16).0);
    SealedFor {
        owner,
        item,
        kind: "document",
    }
}

fn bytes(hex: String) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).map(pair).collect()
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl fmt::Debug for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}

impl From<DocumentError> for TwoFactorError {
    fn from(error: DocumentError) -> Self {
        Self::Unavailable(error.into())
    }
}
