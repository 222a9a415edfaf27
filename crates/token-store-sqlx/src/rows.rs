//! Rows of any database: what is read is checked, and what cannot be is an outage.

use token_store::{
    FactorId, FactorState, StoreError, StoredFactor,
    ott_core::{
        Decider, KeyId, LimitState, Outcome, RecordId, State, Stored, StoredDecision, Subject,
        TokenDigest,
        chrono::{DateTime, Utc},
    },
};

/// A row, as its database keeps it; null is `None`, and what is of another type is corrupt.
pub(crate) trait ReadRow {
    fn blob(&self, column: &'static str) -> Result<Option<&[u8]>, StoreError>;
    /// 16 bytes.
    fn id(&self, column: &'static str) -> Result<Option<[u8; 16]>, StoreError>;
    fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError>;
    fn text(&self, column: &'static str) -> Result<Option<String>, StoreError>;
}

pub(crate) fn stored<R: ReadRow>(row: &R) -> Result<Stored, StoreError> {
    Ok(Stored {
        id: RecordId::from_bytes(id(row, "id")?),
        purpose: text(row, "purpose")?,
        key: KeyId(number(row, "key")?),
        tenant: text(row, "tenant")?,
        subject: row.text("subject")?,
        slot: row.id("slot")?,
        policy: id(row, "policy")?,
        binding: bytes(row, "binding")?,
        digest: TokenDigest::from_bytes(bytes(row, "digest")?),
        data: blob(row, "data")?.to_vec(),
        number: optional_number(row, "number")?,
        max_attempts: optional_number(row, "max_attempts")?,
        issued_at: time(row, "issued_at")?,
        expires_at: optional_time(row, "expires_at")?,
        idle_micros: row.integer("idle_micros")?,
        tag: bytes(row, "tag")?,
        state: State::from_number(number(row, "state")?).ok_or(StoreError::Corrupt("state"))?,
        attempts: number(row, "attempts")?,
        used_at: optional_time(row, "used_at")?,
        decision: decision(row)?,
    })
}

fn decision<R: ReadRow>(row: &R) -> Result<Option<StoredDecision>, StoreError> {
    let Some(outcome) = optional_number(row, "outcome")? else {
        return Ok(None);
    };
    let name = text(row, "decider")?;
    let decider = match row.text("decider_tenant")? {
        Some(tenant) => Subject::new(tenant, name)
            .map(Decider::Subject)
            .map_err(|_| StoreError::Corrupt("decider"))?,
        None => Decider::System(name),
    };
    Ok(Some(StoredDecision {
        outcome: Outcome::from_number(outcome).ok_or(StoreError::Corrupt("outcome"))?,
        decider,
        data: blob(row, "decision_data")?.to_vec(),
        at: time(row, "decided_at")?,
        tag: bytes(row, "decision_tag")?,
    }))
}

/// A person's tenant; a part of the system has none.
pub(crate) fn decider_tenant(made: &StoredDecision) -> Option<&str> {
    made.decider.subject().map(Subject::tenant)
}

pub(crate) fn decider_name(made: &StoredDecision) -> &str {
    match &made.decider {
        Decider::Subject(person) => person.id(),
        Decider::System(name) => name,
    }
}

pub(crate) fn factor<R: ReadRow>(row: &R) -> Result<StoredFactor, StoreError> {
    Ok(StoredFactor {
        id: FactorId::from_bytes(id(row, "id")?),
        subject: Subject::new(text(row, "tenant")?, text(row, "subject")?)
            .map_err(|_| StoreError::Corrupt("subject"))?,
        provider: text(row, "provider")?,
        label: text(row, "label")?,
        state: factor_state(row)?,
        sealed: blob(row, "sealed")?.to_vec(),
        last: optional_number(row, "last")?,
        created_at: time(row, "created_at")?,
        used_at: optional_time(row, "used_at")?,
    })
}

pub(crate) fn factor_state<R: ReadRow>(row: &R) -> Result<FactorState, StoreError> {
    FactorState::from_number(number(row, "state")?).ok_or(StoreError::Corrupt("state"))
}

pub(crate) fn limit<R: ReadRow>(row: &R) -> Result<LimitState, StoreError> {
    Ok(LimitState {
        full_at: number(row, "full_at")?,
        count: number(row, "count")?,
    })
}

/// A time as its column keeps it.
pub(crate) const fn micros(time: &DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A column holds 63 bits; what does not fit is refused, never cut off.
pub(crate) fn counter_column(counter: u64) -> Result<i64, StoreError> {
    i64::try_from(counter).map_err(|_| StoreError::Misuse("a counter above 2^63 - 1"))
}

pub(crate) fn number<T: TryFrom<i64>>(
    row: &impl ReadRow,
    column: &'static str,
) -> Result<T, StoreError> {
    optional_number(row, column).and_then(|found| found.ok_or(StoreError::Corrupt(column)))
}

fn optional_number<T: TryFrom<i64>>(
    row: &impl ReadRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let found = row.integer(column)?.map(T::try_from).transpose();
    found.map_err(|_| StoreError::Corrupt(column))
}

fn time(row: &impl ReadRow, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
    optional_time(row, column).and_then(|found| found.ok_or(StoreError::Corrupt(column)))
}

fn optional_time(
    row: &impl ReadRow,
    column: &'static str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let found = row.integer(column)?;
    let read = |micros| DateTime::from_timestamp_micros(micros).ok_or(StoreError::Corrupt(column));
    found.map(read).transpose()
}

fn text(row: &impl ReadRow, column: &'static str) -> Result<String, StoreError> {
    row.text(column)?.ok_or(StoreError::Corrupt(column))
}

fn id(row: &impl ReadRow, column: &'static str) -> Result<[u8; 16], StoreError> {
    row.id(column)?.ok_or(StoreError::Corrupt(column))
}

fn blob<'r>(row: &'r impl ReadRow, column: &'static str) -> Result<&'r [u8], StoreError> {
    row.blob(column)?.ok_or(StoreError::Corrupt(column))
}

fn bytes<const N: usize>(row: &impl ReadRow, column: &'static str) -> Result<[u8; N], StoreError> {
    blob(row, column)?
        .try_into()
        .map_err(|_| StoreError::Corrupt(column))
}
