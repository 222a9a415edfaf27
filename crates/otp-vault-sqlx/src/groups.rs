//! The verbs of groups.

use otp_vault::store::{Group, GroupChange, StoreError, Subject};

use crate::{
    SqlVaultStore,
    database::{
        Cell, Field, Open,
        Value::{Number, Text},
    },
    store::subject,
};

const ODD: StoreError = StoreError::Corrupt("a group of a vault");

impl SqlVaultStore {
    pub(crate) async fn list_groups(&self, owner: &Subject) -> Result<Vec<Group>, StoreError> {
        let sql =
            "SELECT id, name, chip, (SELECT count(*) FROM vault_accounts a WHERE a.group_id = g.id)
             FROM vault_groups g WHERE tenant = $1 AND owner = $2 ORDER BY place, id";
        let values = [Text(owner.tenant()), Text(owner.id())];
        let fields = [Field::Number, Field::Text, Field::Number, Field::Number];
        let rows = self.read(sql, &values, &fields).await?;
        let group = |cells: Vec<Cell>| {
            let cells: [Cell; 4] = cells.try_into().map_err(|_| ODD)?;
            match cells {
                [
                    Cell::Number(Some(id)),
                    Cell::Text(name),
                    Cell::Number(chip),
                    Cell::Number(Some(accounts)),
                ] => Ok(Group {
                    id,
                    name,
                    chip: chip == Some(1),
                    accounts,
                }),
                _ => Err(ODD),
            }
        };
        rows.into_iter().map(group).collect()
    }

    pub(crate) async fn owner_of_group(&self, id: i64) -> Result<Option<Subject>, StoreError> {
        let sql = "SELECT tenant, owner FROM vault_groups WHERE id = $1";
        let fields = [Field::Text, Field::Text];
        let rows = self.read(sql, &[Number(id)], &fields).await?;
        let Some(mut cells) = rows.into_iter().next() else {
            return Ok(None);
        };
        let (owner, tenant) = (cells.pop(), cells.pop());
        subject(tenant, owner).map(Some)
    }

    pub(crate) async fn make_group(
        &self,
        owner: &Subject,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        let mut open = self.write(owner).await?;
        if is_taken(&mut open, owner, 0, name).await? {
            return Ok(GroupChange::NameTaken);
        }
        let sql = "INSERT INTO vault_groups (tenant, owner, place, name, chip)
             VALUES ($1, $2,
                     (SELECT coalesce(max(place), 0) + 1 FROM vault_groups WHERE tenant = $1 AND owner = $2), $3, $4)
             RETURNING id";
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Text(name),
            Number(chip.into()),
        ];
        let id = open.number(sql, &values).await?.ok_or(ODD)?;
        open.commit().await?;
        Ok(GroupChange::Done(id))
    }

    pub(crate) async fn rename_group(
        &self,
        owner: &Subject,
        id: i64,
        name: &str,
        chip: bool,
    ) -> Result<GroupChange, StoreError> {
        let mut open = self.write(owner).await?;
        if is_taken(&mut open, owner, id, name).await? {
            return Ok(GroupChange::NameTaken);
        }
        let sql = "UPDATE vault_groups SET name = $4, chip = $5 WHERE tenant = $1 AND owner = $2 AND id = $3";
        let values = [
            Text(owner.tenant()),
            Text(owner.id()),
            Number(id),
            Text(name),
            Number(chip.into()),
        ];
        if open.execute(sql, &values).await? == 0 {
            return Ok(GroupChange::Unknown);
        }
        open.commit().await?;
        Ok(GroupChange::Done(id))
    }

    pub(crate) async fn drop_group(&self, owner: &Subject, id: i64) -> Result<bool, StoreError> {
        let mut open = self.write(owner).await?;
        let values = [Text(owner.tenant()), Text(owner.id()), Number(id)];
        let sql = "DELETE FROM vault_groups WHERE tenant = $1 AND owner = $2 AND id = $3";
        if open.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        let sql = "UPDATE vault_accounts SET group_id = NULL WHERE tenant = $1 AND owner = $2 AND group_id = $3";
        open.execute(sql, &values).await?;
        open.commit().await?;
        Ok(true)
    }
}

/// Whether another group of the owner has the name. Their writes come one after the other, so it stays so.
async fn is_taken(
    open: &mut Open,
    owner: &Subject,
    but: i64,
    name: &str,
) -> Result<bool, StoreError> {
    let sql =
        "SELECT id FROM vault_groups WHERE tenant = $1 AND owner = $2 AND name = $3 AND id <> $4";
    let values = [
        Text(owner.tenant()),
        Text(owner.id()),
        Text(name),
        Number(but),
    ];
    Ok(open.number(sql, &values).await?.is_some())
}
