//! Sealing what a store keeps.

use core::fmt;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use token_store::{
    StoreError,
    ott_core::{KeyRing, Subject},
    seal::{self, SealError, SealedFor},
};

use super::{Account, Advanced, Counter, Draft, NewRow, Row, VaultStore};
use crate::{Kind, cipher::random};

/// What a seal is of.
const KIND: &str = "vault-account";

/// Accounts of many people: seals what it is given, opens what it reads.
#[derive(Clone)]
pub struct Vaults {
    store: Arc<dyn VaultStore>,
    keys: Arc<KeyRing>,
    read: Arc<Mutex<HashMap<Subject, Read>>>,
}

/// What was read of an owner, and the version that they had before.
struct Read {
    version: i64,
    accounts: Arc<Vec<Account>>,
}

/// Of so many owners what was read is kept, until they change it.
const KEPT: usize = 16;

/// Below this many rows, a thread costs more than it saves.
const ALONE: usize = 256;

/// Why nothing is known, or nothing was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
    /// A seal does not open, or its key is missing.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was sealed is no account.
    #[error("an account cannot be read")]
    Unreadable,
}

impl Vaults {
    /// Over a store, under a key ring.
    #[must_use]
    pub fn new(store: Arc<dyn VaultStore>, keys: KeyRing) -> Self {
        Self {
            store,
            keys: Arc::new(keys),
            read: Arc::default(),
        }
    }

    /// The store, for what needs no seal: order, groups, removing.
    #[must_use]
    pub fn store(&self) -> &dyn VaultStore {
        &*self.store
    }

    /// Adds accounts behind the last one, in this order: all or none.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn add(
        &self,
        owner: &Subject,
        group: Option<i64>,
        drafts: &[Draft],
    ) -> Result<Vec<i64>, VaultError> {
        let rows: Result<Vec<_>, VaultError> = drafts
            .iter()
            .map(|draft| {
                let item = random::<16>().map_err(|_| VaultError::Random)?;
                self.row(owner, item, group, draft)
            })
            .collect();
        Ok(self.store.insert(owner, &rows?).await?)
    }

    /// All accounts of an owner, in their order.
    ///
    /// What was opened is kept in memory, of a few owners, and given again while the store says that nothing of theirs
    /// changed: [`VaultStore::version`]. It is wiped when it is dropped.
    ///
    /// # Errors
    /// [`VaultError`], never a shorter list.
    pub async fn list(&self, owner: &Subject) -> Result<Arc<Vec<Account>>, VaultError> {
        // Before the rows: what changes in between is read again.
        let version = self.store.version(owner).await?;
        if let Some(read) = self.kept().get(owner)
            && read.version == version
        {
            return Ok(Arc::clone(&read.accounts));
        }
        let rows = self.store.rows(owner).await?;
        let accounts = Arc::new(self.open_all(owner, rows)?);
        let read = Read {
            version,
            accounts: Arc::clone(&accounts),
        };
        let mut kept = self.kept();
        if kept.len() >= KEPT && !kept.contains_key(owner) {
            let other = kept.keys().next().cloned();
            other.and_then(|other| kept.remove(&other));
        }
        kept.insert(owner.clone(), read);
        Ok(accounts)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Subject, Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens rows, on as many threads as there are processors.
    fn open_all(&self, owner: &Subject, rows: Vec<Row>) -> Result<Vec<Account>, VaultError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let part = rows.len().div_ceil(threads).max(ALONE);
        let mut parts = Vec::new();
        let mut rest = rows;
        while rest.len() > part {
            let behind = rest.split_off(part);
            parts.push(core::mem::replace(&mut rest, behind));
        }
        let open = |rows: Vec<Row>| -> Result<Vec<Account>, VaultError> {
            rows.into_iter().map(|row| self.open(owner, row)).collect()
        };
        if parts.is_empty() {
            return open(rest);
        }
        std::thread::scope(|scope| {
            let others: Vec<_> = parts
                .into_iter()
                .map(|rows| scope.spawn(|| open(rows)))
                .collect();
            let last = open(rest)?;
            let mut all = Vec::new();
            for other in others {
                all.extend(other.join().map_err(|_| VaultError::Unreadable)??);
            }
            all.extend(last);
            Ok(all)
        })
    }

    /// An account, and whose it is.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn find(&self, id: i64) -> Result<Option<(Subject, Account)>, VaultError> {
        match self.store.find(id).await? {
            None => Ok(None),
            Some((owner, row)) => {
                let account = self.open(&owner, row)?;
                Ok(Some((owner, account)))
            }
        }
    }

    /// Changes an account; says whether it is still as it was read. `counter` is the one that the owner names; without it
    /// the one that stands is kept.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn change(
        &self,
        owner: &Subject,
        read: &Account,
        group: Option<i64>,
        draft: &Draft,
        counter: Option<u64>,
    ) -> Result<bool, VaultError> {
        let to = self.row(owner, read.item, group, draft)?;
        let seen = read.kept.entry.counter().and_then(signed);
        let counter = match (draft.entry.kind, counter.and_then(signed)) {
            (Kind::Hotp(_), Some(to)) => Counter::Set { seen, to },
            (Kind::Hotp(first), None) => Counter::KeepOr(signed(first).unwrap_or(0)),
            _ => Counter::None,
        };
        let changed = self
            .store
            .change(owner, read.id, &read.sealed, &to, counter);
        Ok(changed.await?)
    }

    /// Takes a counter for an account: what its next code is made with, once.
    ///
    /// # Errors
    /// [`VaultError`]: the counter may be lost, and is nobody's.
    pub async fn advance(&self, owner: &Subject, id: i64) -> Result<Advanced, VaultError> {
        Ok(self.store.advance(owner, id).await?)
    }

    /// Gives an account to somebody else; says whether it is still as it was read.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn give(
        &self,
        owner: &Subject,
        read: &Account,
        to: &Subject,
    ) -> Result<bool, VaultError> {
        let row = self.row(to, read.item, None, &read.kept)?;
        let given = self
            .store
            .give(owner, read.id, &read.sealed, to, &row.sealed);
        Ok(given.await?)
    }

    fn row(
        &self,
        owner: &Subject,
        item: [u8; 16],
        group: Option<i64>,
        draft: &Draft,
    ) -> Result<NewRow, VaultError> {
        let kind = KIND;
        let context = SealedFor { owner, item, kind };
        let plain = draft.write();
        let sealed = seal::seal(&self.keys, &context, &plain, &mut rand::rngs::SysRng)?;
        let counter = draft.entry.counter().and_then(signed);
        Ok(NewRow {
            item,
            group,
            counter,
            sealed,
        })
    }

    fn open(&self, owner: &Subject, row: Row) -> Result<Account, VaultError> {
        let (item, kind) = (row.item, KIND);
        let context = SealedFor { owner, item, kind };
        let plain = seal::open(&self.keys, &context, &row.sealed)?;
        let mut kept = Draft::read(&plain).ok_or(VaultError::Unreadable)?;
        if let Kind::Hotp(counter) = &mut kept.entry.kind {
            let stands = row.counter.and_then(|counter| u64::try_from(counter).ok());
            *counter = stands.ok_or(VaultError::Unreadable)?;
        }
        Ok(Account {
            id: row.id,
            group: row.group,
            kept,
            item,
            sealed: row.sealed,
        })
    }
}

fn signed(counter: u64) -> Option<i64> {
    i64::try_from(counter).ok()
}

impl fmt::Debug for Vaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vaults(..)")
    }
}
