//! The verbs of accounts.

use async_trait::async_trait;
use otp_vault::store::{
    Advanced, Counter, Group, GroupChange, NewRow, Row, StoreError, Subject, VaultStore,
};

use crate::{
    SqlVaultStore,
    database::{
        Cell, Field,
        Value::{Bytes, Maybe, Number, Text},
    },
    ids,
};

const COLUMNS: [Field; 5] = [
    Field::Number,
    Field::Bytes,
    Field::Number,
    Field::Number,
    Field::Bytes,
];

const ODD: StoreError = StoreError::Corrupt("a row of a vault");

fn row(cells: Vec<Cell>) -> Result<Row, StoreError> {
    let cells: [Cell; 5] = cells.try_into().map_err(|_| ODD)?;
    let [
        Cell::Number(Some(id)),
        Cell::Bytes(item),
        Cell::Number(group),
        Cell::Number(counter),
        Cell::Bytes(sealed),
    ] = cells
    else {
        return Err(ODD);
    };
    Ok(Row {
        id,
        item: item.try_into().map_err(|_| ODD)?,
        group,
        counter,
        sealed,
    })
}

pub(crate) fn subject(tenant: Option<Cell>, owner: Option<Cell>) -> Result<Subject, StoreError> {
    match (tenant, owner) {
        (Some(Cell::Text(tenant)), Some(Cell::Text(owner))) => {
            Subject::new(tenant, owner).map_err(|_| ODD)
        }
        _ => Err(ODD),
    }
}

#[async_trait]
impl VaultStore for SqlVaultStore {
    async fn insert(&self, owner: &Subject, rows: &[NewRow]) -> Result<Vec<i64>, StoreError> {
        let sql = "INSERT INTO vault_accounts (tenant, owner, item, place, group_id, counter, sealed)
             VALUES ($1, $2, $3,
                     (SELECT coalesce(max(place), 0) + 1 FROM vault_accounts WHERE tenant = $1 AND owner = $2),
                     (SELECT id FROM vault_groups WHERE id = $4 AND tenant = $1 AND owner = $2), $5, $6)
             RETURNING id";
        let mut open = self.write(owner).await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            let values = [
                Text(owner.tenant()),
                Text(owner.id()),
                Bytes(&row.item),
                Maybe(row.group),
                Maybe(row.counter),
                Bytes(&row.sealed),
            ];
            ids.push(open.number(sql, &values).await?.ok_or(ODD)?);
        }
        open.commit().await?;
        Ok(ids)
    }

    async fn rows(&self, owner: &Subject) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT id, item, group_id, counter, sealed FROM vault_accounts
             WHERE tenant = $1 AND owner = $2 ORDER BY place, id";
        let values = [Text(owner.tenant()), Text(owner.id())];
        let rows = self.read(sql, &values, &COLUMNS).await?;
        rows.into_iter().map(row).collect()
    }

    async fn version(&self, owner: &Subject) -> Result<i64, StoreError> {
        let sql = "SELECT version FROM vault_owners WHERE tenant = $1 AND owner = $2";
        let values = [Text(owner.tenant()), Text(owner.id())];
        let rows = self.read(sql, &values, &[Field::Number]).await?;
        match rows.into_iter().flatten().next() {
            None => Ok(0),
            Some(Cell::Number(Some(version))) => Ok(version),
            Some(_) => Err(ODD),
        }
    }

    async fn find(&self, id: i64) -> Result<Option<(Subject, Row)>, StoreError> {
        let sql = "SELECT id, item, group_id, counter, sealed, tenant, owner FROM vault_accounts WHERE id = $1";
        let mut fields = Vec::from(COLUMNS);
        fields.extend([Field::Text, Field::Text]);
        let rows = self.read(sql, &[Number(id)], &fields).await?;
        let Some(mut cells) = rows.into_iter().next() else {
            return Ok(None);
        };
        let (owner, tenant) = (cells.pop(), cells.pop());
        Ok(Some((subject(tenant, owner)?, row(cells)?)))
    }

    async fn change(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &NewRow,
        counter: Counter,
    ) -> Result<bool, StoreError> {
        // `seen` and the counter that was seen are compared in the step that writes.
        let (how, seen, counter) = match counter {
            Counter::None => (0, None, None),
            Counter::KeepOr(first) => (1, None, Some(first)),
            Counter::Set { seen, to } => (2, seen, Some(to)),
        };
        let sql = "UPDATE vault_accounts SET sealed = $5,
                 group_id = (SELECT g.id FROM vault_groups g WHERE g.id = $6 AND g.tenant = $1 AND g.owner = $2),
                 counter = CASE WHEN $7 = 0 THEN NULL
                     WHEN $7 = 1 THEN coalesce(counter, $8)
                     WHEN counter IS NULL OR counter = $9 OR counter < $8 THEN $8
                     ELSE counter END
             WHERE tenant = $1 AND owner = $2 AND id = $3 AND sealed = $4";
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Number(id),
            Bytes(was),
            Bytes(&to.sealed),
            Maybe(to.group),
            Number(how),
            Maybe(counter),
            Maybe(seen),
        ];
        let mut open = self.write(owner).await?;
        let changed = open.execute(sql, &values).await?;
        open.commit().await?;
        Ok(changed == 1)
    }

    async fn advance(&self, owner: &Subject, id: i64) -> Result<Advanced, StoreError> {
        let mut open = self.write(owner).await?;
        let values = [Text(owner.tenant()), Text(owner.id()), Number(id)];
        let sql = "UPDATE vault_accounts SET counter = counter + 1
             WHERE tenant = $1 AND owner = $2 AND id = $3 AND counter BETWEEN 0 AND 9223372036854775806
             RETURNING counter - 1";
        if let Some(counter) = open.number(sql, &values).await? {
            open.commit().await?;
            return Ok(Advanced::Taken(counter));
        }
        let sql = "SELECT count(counter) + 1 FROM vault_accounts WHERE tenant = $1 AND owner = $2 AND id = $3
             HAVING count(*) > 0";
        Ok(match open.number(sql, &values).await? {
            None => Advanced::Unknown,
            Some(1) => Advanced::NotCounting,
            Some(_) => Advanced::Spent,
        })
    }

    async fn remove(&self, owner: &Subject, ids: &[i64]) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM vault_accounts WHERE tenant = $1 AND owner = $2 AND id IN (SELECT value FROM {})",
            self.pool.ids()
        );
        let mut open = self.write(owner).await?;
        let ids = ids::text(ids);
        let values = [Text(owner.tenant()), Text(owner.id()), Text(&ids)];
        let removed = open.execute(&sql, &values).await?;
        open.commit().await?;
        Ok(removed)
    }

    async fn reorder(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError> {
        self.put_in_front("vault_accounts", owner, ids).await
    }

    async fn assign(
        &self,
        owner: &Subject,
        group: Option<i64>,
        ids: &[i64],
    ) -> Result<bool, StoreError> {
        let mut open = self.write(owner).await?;
        if let Some(group) = group {
            let sql = "SELECT id FROM vault_groups WHERE tenant = $1 AND owner = $2 AND id = $3";
            let values = [Text(owner.tenant()), Text(owner.id()), Number(group)];
            if open.number(sql, &values).await?.is_none() {
                return Ok(false);
            }
        }
        let sql = format!(
            "UPDATE vault_accounts SET group_id = $4
             WHERE tenant = $1 AND owner = $2 AND id IN (SELECT value FROM {})",
            self.pool.ids()
        );
        let ids = ids::text(ids);
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Text(&ids),
            Maybe(group),
        ];
        open.execute(&sql, &values).await?;
        open.commit().await?;
        Ok(true)
    }

    async fn give(
        &self,
        owner: &Subject,
        id: i64,
        was: &[u8],
        to: &Subject,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        // Two gifts that cross would wait for each other: the lesser name is locked first.
        let (first, second) = if owner <= to {
            (owner, to)
        } else {
            (to, owner)
        };
        let mut open = self.write(first).await?;
        open.touch(second).await?;
        let sql = "UPDATE vault_accounts SET tenant = $5, owner = $6, sealed = $7, group_id = NULL,
                 place = (SELECT coalesce(max(a.place), 0) + 1 FROM vault_accounts a WHERE a.tenant = $5 AND a.owner = $6)
             WHERE tenant = $1 AND owner = $2 AND id = $3 AND sealed = $4";
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Number(id),
            Bytes(was),
            Text(to.tenant()),
            Text(to.id()),
            Bytes(sealed),
        ];
        let given = open.execute(sql, &values).await?;
        open.commit().await?;
        Ok(given == 1)
    }

    async fn groups(&self, owner: &Subject) -> Result<Vec<Group>, StoreError> {
        self.list_groups(owner).await
    }

    async fn group_owner(&self, id: i64) -> Result<Option<Subject>, StoreError> {
        self.owner_of_group(id).await
    }

    async fn add_group(
        &self,
        owner: &Subject,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        self.make_group(owner, name, chip).await
    }

    async fn change_group(
        &self,
        owner: &Subject,
        id: i64,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        self.rename_group(owner, id, name, chip).await
    }

    async fn remove_group(&self, owner: &Subject, id: i64) -> Result<bool, StoreError> {
        self.drop_group(owner, id).await
    }

    async fn reorder_groups(&self, owner: &Subject, ids: &[i64]) -> Result<(), StoreError> {
        self.put_in_front("vault_groups", owner, ids).await
    }

    async fn forget(&self, owner: &Subject) -> Result<(), StoreError> {
        let mut open = self.write(owner).await?;
        let values = [Text(owner.tenant()), Text(owner.id())];
        for sql in [
            "DELETE FROM vault_accounts WHERE tenant = $1 AND owner = $2",
            "DELETE FROM vault_groups WHERE tenant = $1 AND owner = $2",
        ] {
            open.execute(sql, &values).await?;
        }
        open.commit().await
    }
}

impl SqlVaultStore {
    async fn put_in_front(
        &self,
        table: &'static str,
        owner: &Subject,
        ids: &[i64],
    ) -> Result<(), StoreError> {
        let mut open = self.write(owner).await?;
        // In front of the first one: places may be below zero.
        let sql =
            format!("SELECT coalesce(min(place), 0) FROM {table} WHERE tenant = $1 AND owner = $2");
        let values = [Text(owner.tenant()), Text(owner.id())];
        let first = open.number(&sql, &values).await?.unwrap_or(0);
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let first = first.saturating_sub(count);
        let sql = format!(
            "UPDATE {table} SET place = $4 + ids.at FROM {}
             WHERE {table}.id = ids.value AND tenant = $1 AND owner = $2",
            self.pool.ids()
        );
        let text = ids::text(ids);
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Text(&text),
            Number(first),
        ];
        open.execute(&sql, &values).await?;
        open.commit().await
    }
}
