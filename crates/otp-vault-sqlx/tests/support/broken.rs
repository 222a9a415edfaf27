//! A store that breaks one law.

use async_trait::async_trait;
use otp_vault_sqlx::{
    SqlVaultStore,
    otp_vault::store::{
        Advanced, Counter, Group, GroupChange, NewRow, Row, StoreError, Subject, VaultStore,
    },
};

/// What is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    AnyOwner,
    ChangeCompares,
    ChangeSetsCounter,
    CounterInTwoSteps,
    CounterStarts,
    GroupTakesAccounts,
    HalfBatch,
    NamesTwice,
    NoOrder,
    NoVersion,
}

pub(crate) struct Broken {
    store: SqlVaultStore,
    broken: Break,
}

impl Broken {
    pub(crate) const fn new(store: SqlVaultStore, broken: Break) -> Self {
        Self { store, broken }
    }

    fn is(&self, broken: Break) -> bool {
        self.broken == broken
    }

    /// Sets a counter as an editor of the row would.
    async fn set(&self, owner: &Subject, row: &Row, to: i64) -> Result<bool, StoreError> {
        let same = NewRow {
            item: row.item,
            group: row.group,
            counter: None,
            sealed: row.sealed.clone(),
        };
        let counter = Counter::Set {
            seen: row.counter,
            to,
        };
        self.store
            .change(owner, row.id, &row.sealed, &same, counter)
            .await
    }
}

#[async_trait]
impl VaultStore for Broken {
    async fn insert(&self, owner: &Subject, rows: &[NewRow]) -> Result<Vec<i64>, StoreError> {
        self.store.insert(owner, rows).await
    }

    async fn rows(&self, owner: &Subject) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.store.rows(owner).await?;
        if self.is(Break::NoOrder) {
            rows.sort_by_key(|row| row.id);
        }
        Ok(rows)
    }

    async fn version(&self, owner: &Subject) -> Result<i64, StoreError> {
        if self.is(Break::NoVersion) {
            return Ok(0);
        }
        self.store.version(owner).await
    }

    async fn find(&self, id: i64) -> Result<Option<(Subject, Row)>, StoreError> {
        self.store.find(id).await
    }

    async fn change(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &NewRow,
        counter: Counter,
    ) -> Result<bool, StoreError> {
        let found = self.store.find(id).await?;
        if self.is(Break::ChangeCompares)
            && let Some((_, row)) = &found
        {
            return self.store.change(owner, id, &row.sealed, to, counter).await;
        }
        let changed = self.store.change(owner, id, was, to, counter).await?;
        if self.is(Break::ChangeSetsCounter)
            && let (Some((_, row)), Some(to)) = (self.store.find(id).await?, to.counter)
        {
            self.set(owner, &row, to).await?;
        }
        Ok(changed)
    }

    async fn advance(&self, owner: &Subject, id: i64) -> Result<Advanced, StoreError> {
        let found = self.store.find(id).await?;
        if self.is(Break::CounterInTwoSteps)
            && let Some((_, row)) = &found
            && let Some(counter) = row.counter
        {
            tokio::task::yield_now().await;
            self.set(owner, row, counter.saturating_add(1)).await?;
            return Ok(Advanced::Taken(counter));
        }
        let advanced = self.store.advance(owner, id).await?;
        if self.is(Break::CounterStarts)
            && advanced == Advanced::Spent
            && let Some((_, row)) = &found
        {
            self.set(owner, row, 0).await?;
            return self.store.advance(owner, id).await;
        }
        Ok(advanced)
    }

    async fn remove(&self, owner: &Subject, ids: &[i64]) -> Result<u64, StoreError> {
        if self.is(Break::AnyOwner)
            && let Some(id) = ids.first()
            && let Some((owner, _)) = self.store.find(*id).await?
        {
            return self.store.remove(&owner, ids).await;
        }
        let half = if self.is(Break::HalfBatch) {
            50
        } else {
            ids.len()
        };
        self.store
            .remove(owner, ids.get(..half).unwrap_or(ids))
            .await
    }

    async fn reorder(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError> {
        self.store.reorder(owner, ids).await
    }

    async fn assign(
        &self,
        owner: &Subject,
        group: Option<i64>,
        ids: &[i64],
    ) -> Result<bool, StoreError> {
        self.store.assign(owner, group, ids).await
    }

    async fn give(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &Subject,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        self.store.give(owner, id, was, to, sealed).await
    }

    async fn groups(&self, owner: &Subject) -> Result<Vec<Group>, StoreError> {
        self.store.groups(owner).await
    }

    async fn group_owner(&self, id: i64) -> Result<Option<Subject>, StoreError> {
        self.store.group_owner(id).await
    }

    async fn add_group(
        &self,
        owner: &Subject,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        if self.is(Break::NamesTwice) {
            let other = format!("{name}{:08x}", rand::random::<u32>());
            return self.store.add_group(owner, &other, chip).await;
        }
        self.store.add_group(owner, name, chip).await
    }

    async fn change_group(
        &self,
        owner: &Subject,
        id: i64,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        self.store.change_group(owner, id, name, chip).await
    }

    async fn remove_group(&self, owner: &Subject, id: i64) -> Result<bool, StoreError> {
        if self.is(Break::GroupTakesAccounts) {
            let rows = self.store.rows(owner).await?;
            let inside = rows.iter().filter(|row| row.group == Some(id));
            let ids: Vec<i64> = inside.map(|row| row.id).collect();
            self.store.remove(owner, &ids).await?;
        }
        self.store.remove_group(owner, id).await
    }

    async fn reorder_groups(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError> {
        self.store.reorder_groups(owner, ids).await
    }

    async fn forget(&self, owner: &Subject) -> Result<(), StoreError> {
        self.store.forget(owner).await
    }
}
