//! What a store keeps, and its verbs.

use async_trait::async_trait;
use token_store::{StoreError, ott_core::Subject};

/// An account as it rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1; never given twice.
    pub id: i64,
    /// What its seal is bound to.
    pub item: [u8; 16],
    /// The group that it stands in.
    pub group: Option<i64>,
    /// The next counter, if codes are made by counter.
    pub counter: Option<i64>,
    /// The rest, sealed.
    pub sealed: Vec<u8>,
}

/// An account that is to be kept.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// What its seal is bound to: random, and kept for as long as the account is.
    pub item: [u8; 16],
    /// One of its owner's groups.
    pub group: Option<i64>,
    /// The first counter, if codes are made by counter.
    pub counter: Option<i64>,
    /// The rest, sealed.
    pub sealed: Vec<u8>,
}

/// What becomes of a counter when its account is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Codes are not made by counter (any more).
    None,
    /// The one that stands; this one if none stands.
    KeepOr(i64),
    /// The second; but where the first is not the one that stands, somebody read a code meanwhile: then the higher one.
    Set {
        /// What was read before.
        seen: Option<i64>,
        /// What it becomes.
        to: i64,
    },
}

/// What an attempt to take a counter found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// This counter is the caller's, and nobody else's.
    Taken(i64),
    /// The account has no counter.
    NotCounting,
    /// The last counter was taken.
    Spent,
    /// The owner has no such account.
    Unknown,
}

/// A group of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number, from 1; never given twice.
    pub id: i64,
    /// Its name, which none of its owner's other groups has.
    pub name: String,
    /// Whether it is among those that are offered at once.
    pub chip: bool,
    /// How many accounts stand in it.
    pub accounts: i64,
}

/// What became of a group that was to be made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// Done; its number.
    Done(i64),
    /// Another group of the owner has this name.
    NameTaken,
    /// The owner has no such group.
    Unknown,
}

/// Keeps accounts and groups of many owners.
///
/// Each verb happens whole or not at all, also where its future is dropped. An owner is a [`Subject`], compared exactly.
/// What does not belong to the owner that a verb names does not exist for it.
#[async_trait]
pub trait VaultStore: Send + Sync {
    /// Adds accounts behind the last one of their owner, in this order; their numbers. One that names a group which is not
    /// the owner's stands in none.
    ///
    /// # Errors
    /// [`StoreError`]: all are there, or none.
    async fn insert(&self, owner: &Subject, rows: &[NewRow]) -> Result<Vec<i64>, StoreError>;

    /// All accounts of an owner, in their order.
    ///
    /// # Errors
    /// [`StoreError`], never a shorter list.
    async fn rows(&self, owner: &Subject) -> Result<Vec<Row>, StoreError>;

    /// A number that changes with every change of what the owner has; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn version(&self, owner: &Subject) -> Result<i64, StoreError>;

    /// An account, and whose it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, id: i64) -> Result<Option<(Subject, Row)>, StoreError>;

    /// Changes seal, group and counter; says whether the owner has it. `was` is the seal that the new one takes the place
    /// of: one that was changed meanwhile is not changed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn change(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &NewRow,
        counter: Counter,
    ) -> Result<bool, StoreError>;

    /// Takes the counter of an account, and raises it by one, in one step.
    ///
    /// # Errors
    /// [`StoreError`]: the counter may have been taken, and is nobody's then.
    async fn advance(&self, owner: &Subject, id: i64) -> Result<Advanced, StoreError>;

    /// Removes the owner's accounts among these; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&self, owner: &Subject, ids: &[i64]) -> Result<u64, StoreError>;

    /// Puts the owner's accounts among these in front, in this order. The others follow in theirs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn reorder(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError>;

    /// Puts the owner's accounts among these into a group, or into none; says whether the owner has the group.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn assign(
        &self,
        owner: &Subject,
        group: Option<i64>,
        ids: &[i64],
    ) -> Result<bool, StoreError>;

    /// Gives an account to somebody else, sealed for them, in no group and behind their last one. `was` as at
    /// [`change`](Self::change).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn give(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &Subject,
        sealed: &[u8],
    ) -> Result<bool, StoreError>;

    /// The groups of an owner, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn groups(&self, owner: &Subject) -> Result<Vec<Group>, StoreError>;

    /// Whose group this is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn group_owner(&self, id: i64) -> Result<Option<Subject>, StoreError>;

    /// Makes a group, behind the owner's last one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add_group(
        &self,
        owner: &Subject,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError>;

    /// Renames a group.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn change_group(
        &self,
        owner: &Subject,
        id: i64,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError>;

    /// Removes a group, and takes its accounts out of it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_group(&self, owner: &Subject, id: i64) -> Result<bool, StoreError>;

    /// Puts the owner's groups among these in front, in this order.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn reorder_groups(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError>;

    /// Removes everything that an owner has.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget(&self, owner: &Subject) -> Result<(), StoreError>;
}
