//! Keys and clients in the store that keeps factors: a sealed row each, which changes by comparing.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use twofa_providers::token_store::{
    FactorChange, FactorId, FactorState, FactorStore, StoreError, StoredFactor, Tokens,
    events::{KEY_MISSING, STORE_FAILED},
    ott_core::{InvalidName, Subject, rand::rngs::SysRng},
    seal::{self, SealError, SealedFor},
};

use crate::records::Record;

/// The rows, and the keys that seal.
pub(crate) struct Rows {
    pub(crate) tokens: Arc<Tokens>,
    store: Arc<dyn FactorStore>,
}

/// What was read, and what must stand there still when it is changed.
pub(crate) struct Row<R> {
    pub(crate) record: R,
    owner: Subject,
    sealed: Vec<u8>,
}

/// Why a key or a client was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The client's id is 0, or its key no base64 of 1 to 64 bytes.
    #[error("client {0}: the id has to be above 0, the key 1 to 64 bytes in base64")]
    Client(u64),
    /// It was neither sealed nor kept.
    #[error("the keys are unavailable")]
    Unavailable(#[source] Box<dyn core::error::Error + Send + Sync>),
    /// What a file says of a Yubikey is not one.
    #[error(
        "Yubikey {0:?}: a public id of 2 to 16 letters of modhex, a private id of 6 bytes and an AES key of 16 in hexadecimal digits"
    )]
    Yubikey(String),
}

/// Nothing is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Outage {
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Outage> for AddError {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(outage.into())
    }
}

impl Rows {
    pub(crate) fn new(tokens: &Arc<Tokens>, store: Arc<dyn FactorStore>) -> Self {
        let tokens = Arc::clone(tokens);
        Self { tokens, store }
    }

    /// Adds a record under this name; says whether there was none.
    pub(crate) async fn add<R: Record>(&self, name: &str, record: &R) -> Result<bool, Outage> {
        let owner = Subject::new(R::KIND, name)?;
        let row = StoredFactor {
            id: id_of(&owner),
            provider: R::KIND.to_owned(),
            label: name.to_owned(),
            state: FactorState::Active,
            sealed: self.seal(&owner, record)?,
            last: None,
            created_at: self.tokens.now(),
            used_at: None,
            removal: None,
            subject: owner,
        };
        self.tell(self.store.insert_factor(&row).await.map_err(Outage::from))
    }

    /// Reads the record of this name.
    pub(crate) async fn get<R: Record>(&self, name: &str) -> Result<Option<Row<R>>, Outage> {
        let owner = Subject::new(R::KIND, name)?;
        let stored = self.store.factors(&owner).await.map_err(Outage::from);
        let stored = self.tell(stored)?.into_iter();
        let id = id_of(&owner);
        let Some(stored) = stored.into_iter().find(|stored| stored.id == id) else {
            return Ok(None);
        };
        let keys = self.tokens.issuer().keys();
        let opened = seal::open(keys, &context::<R>(&owner, &id), &stored.sealed);
        let opened = opened.and_then(|plain| R::from_bytes(&plain).ok_or(SealError::Broken));
        Ok(Some(Row {
            record: self.tell(opened.map_err(Outage::from))?,
            owner,
            sealed: stored.sealed,
        }))
    }

    /// Keeps what became of a record, in one step that compares what was read: `Ok(false)` if something else stands there.
    pub(crate) async fn replace<R: Record>(&self, row: Row<R>) -> Result<bool, Outage> {
        let change = FactorChange::Seal {
            new: self.seal(&row.owner, &row.record)?,
            old: row.sealed,
        };
        let changed = self.store.update(&id_of(&row.owner), &change).await;
        self.tell(changed.map_err(Outage::from))
    }

    fn seal<R: Record>(&self, owner: &Subject, record: &R) -> Result<Vec<u8>, Outage> {
        let (keys, id) = (self.tokens.issuer().keys(), id_of(owner));
        let context = context::<R>(owner, &id);
        Ok(seal::seal(keys, &context, &record.to_bytes(), &mut SysRng)?)
    }

    /// Tells the events of an outage.
    fn tell<T>(&self, answer: Result<T, Outage>) -> Result<T, Outage> {
        if let Err(outage) = &answer {
            let tokens = &self.tokens;
            tokens.emit(match outage {
                Outage::Seal(SealError::KeyMissing(key)) => tokens.event(KEY_MISSING).key(*key),
                _ => tokens.event(STORE_FAILED).verb("yubico validation"),
            });
        }
        answer
    }
}

/// The first half of SHA-256 over kind and name, which a zero parts.
fn id_of(owner: &Subject) -> FactorId {
    let mut hash = Sha256::new_with_prefix(owner.tenant());
    hash.update([0]);
    hash.update(owner.id());
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(digest.split_at(16).0);
    FactorId::from_bytes(id)
}

fn context<'a, R: Record>(owner: &'a Subject, id: &FactorId) -> SealedFor<'a> {
    SealedFor {
        owner,
        item: *id.as_bytes(),
        kind: R::KIND,
    }
}
