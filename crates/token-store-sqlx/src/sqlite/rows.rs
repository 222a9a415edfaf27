//! Rows: what is read is checked, and what cannot be is an outage.

use sqlx::{Decode, Row, Sqlite, Type, ValueRef, sqlite::SqliteRow};
use token_store::{
    FactorId, FactorState, StoreError, StoredFactor,
    ott_core::{
        Decision, KeyId, RecordId, State, Stored, Subject, TokenDigest,
        chrono::{DateTime, Utc},
    },
};

pub(super) fn stored(row: &SqliteRow) -> Result<Stored, StoreError> {
    Ok(Stored {
        id: RecordId::from_bytes(bytes(row, "id")?),
        purpose: value(row, "purpose")?,
        key: KeyId(number(row, "key")?),
        tenant: value(row, "tenant")?,
        subject: optional(row, "subject", value)?,
        slot: optional(row, "slot", bytes)?,
        policy: bytes(row, "policy")?,
        binding: bytes(row, "binding")?,
        digest: TokenDigest::from_bytes(bytes(row, "digest")?),
        data: value(row, "data")?,
        number: optional(row, "number", number)?,
        max_attempts: optional(row, "max_attempts", number)?,
        issued_at: time(row, "issued_at")?,
        expires_at: optional(row, "expires_at", time)?,
        idle_micros: optional(row, "idle_micros", value)?,
        tag: bytes(row, "tag")?,
        state: State::from_number(number(row, "state")?).ok_or(StoreError::Corrupt("state"))?,
        attempts: number(row, "attempts")?,
        used_at: optional(row, "used_at", time)?,
        decision: optional(row, "approved", decision)?,
    })
}

fn decision(row: &SqliteRow, approved: &'static str) -> Result<Decision, StoreError> {
    let tenant: String = value(row, "decider_tenant")?;
    let id: String = value(row, "decider")?;
    Ok(Decision {
        approved: match number::<u8>(row, approved)? {
            0 => false,
            1 => true,
            _ => return Err(StoreError::Corrupt(approved)),
        },
        decider: Subject::new(tenant, id).map_err(|_| StoreError::Corrupt("decider"))?,
        data: value(row, "decision_data")?,
        at: time(row, "decided_at")?,
        tag: bytes(row, "decision_tag")?,
    })
}

pub(super) fn factor(row: &SqliteRow) -> Result<StoredFactor, StoreError> {
    let tenant: String = value(row, "tenant")?;
    let id: String = value(row, "subject")?;
    Ok(StoredFactor {
        id: FactorId::from_bytes(bytes(row, "id")?),
        subject: Subject::new(tenant, id).map_err(|_| StoreError::Corrupt("subject"))?,
        kind: value(row, "kind")?,
        label: value(row, "label")?,
        state: FactorState::from_number(number(row, "state")?)
            .ok_or(StoreError::Corrupt("state"))?,
        sealed: value(row, "sealed")?,
        last: optional(row, "last", number)?,
        created_at: time(row, "created_at")?,
        used_at: optional(row, "used_at", time)?,
    })
}

/// A time as its column keeps it.
pub(super) const fn micros(time: &DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// What stands in the column. The driver reads a null as 0 or as empty, so nulls are looked for.
fn value<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    if is_null(row, column)? {
        return Err(StoreError::Corrupt(column));
    }
    row.try_get(column).map_err(|_| StoreError::Corrupt(column))
}

/// What `read` makes of the column, unless that is null.
fn optional<'r, T>(
    row: &'r SqliteRow,
    column: &'static str,
    read: fn(&'r SqliteRow, &'static str) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    if is_null(row, column)? {
        return Ok(None);
    }
    read(row, column).map(Some)
}

fn is_null(row: &SqliteRow, column: &'static str) -> Result<bool, StoreError> {
    let raw = row.try_get_raw(column);
    raw.map(|raw| raw.is_null())
        .map_err(|_| StoreError::Corrupt(column))
}

fn bytes<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N], StoreError> {
    value::<&[u8]>(row, column)?
        .try_into()
        .map_err(|_| StoreError::Corrupt(column))
}

pub(super) fn number<T: TryFrom<i64>>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    T::try_from(value(row, column)?).map_err(|_| StoreError::Corrupt(column))
}

fn time(row: &SqliteRow, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(value(row, column)?).ok_or(StoreError::Corrupt(column))
}
