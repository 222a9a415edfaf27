//! Rows of any database: what is read is checked, and what cannot be is an outage.

use token_store::{
    Advanced, ConfirmIf, DeadLetter, FactorId, FactorState, Line, Removal, StoreError,
    StoredFactor, Taken, Waiting,
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
    let (state, removal) = (factor_state(row)?, removal(row)?);
    if removal.is_some() != (state == FactorState::Removed) {
        return Err(StoreError::Corrupt("removed_at"));
    }
    Ok(StoredFactor {
        id: FactorId::from_bytes(id(row, "id")?),
        subject: Subject::new(text(row, "tenant")?, text(row, "subject")?)
            .map_err(|_| StoreError::Corrupt("subject"))?,
        provider: text(row, "provider")?,
        label: text(row, "label")?,
        state,
        sealed: blob(row, "sealed")?.to_vec(),
        last: optional_number(row, "last")?,
        created_at: time(row, "created_at")?,
        used_at: optional_time(row, "used_at")?,
        removal,
    })
}

fn removal<R: ReadRow>(row: &R) -> Result<Option<Removal>, StoreError> {
    let Some(at) = optional_time(row, "removed_at")? else {
        return Ok(None);
    };
    let from = FactorState::from_number(number(row, "removed_from")?);
    Ok(Some(Removal {
        from: from.ok_or(StoreError::Corrupt("removed_from"))?,
        at,
        by: blob(row, "removed_by")?.to_vec(),
    }))
}

pub(crate) fn factor_state<R: ReadRow>(row: &R) -> Result<FactorState, StoreError> {
    FactorState::from_number(number(row, "state")?).ok_or(StoreError::Corrupt("state"))
}

/// Why a code was not burnt that this row refused a moment before; `only` is what had to hold beside it.
///
/// The row may have changed in that moment. Where nothing of it refuses the code any more, it was in another state.
pub(crate) fn not_burnt<R: ReadRow>(
    row: Option<&R>,
    state: FactorState,
    counter: Option<i64>,
    only: ConfirmIf,
) -> Result<Advanced, StoreError> {
    let Some(row) = row else {
        return Ok(Advanced::Absent);
    };
    if factor_state(row)? != state {
        return Ok(Advanced::Absent);
    }
    let last = optional_number::<i64>(row, "last")?;
    let replayed = counter.is_some() && counter <= last;
    Ok(match only {
        _ if replayed => Advanced::Replayed,
        ConfirmIf::Always => Advanced::Absent,
        ConfirmIf::Beside(_) | ConfirmIf::First => Advanced::Unvouched,
    })
}

pub(crate) fn limit<R: ReadRow>(row: &R) -> Result<LimitState, StoreError> {
    Ok(LimitState {
        full_at: number(row, "full_at")?,
        count: number(row, "count")?,
    })
}

pub(crate) fn taken<R: ReadRow>(row: &R) -> Result<Taken, StoreError> {
    Ok(Taken {
        entry: Waiting {
            id: id(row, "id")?,
            tenant: text(row, "tenant")?,
            slot: id(row, "slot")?,
            queued_at: time(row, "queued_at")?,
            sealed: blob(row, "sealed")?.to_vec(),
        },
        tries: number(row, "tries")?,
    })
}

pub(crate) fn dead_letter<R: ReadRow>(row: &R) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        id: id(row, "id")?,
        tenant: text(row, "tenant")?,
        queued_at: time(row, "queued_at")?,
        died_at: time(row, "due_at")?,
        tries: number(row, "tries")?,
        reason: text(row, "reason")?,
    })
}

pub(crate) fn line<R: ReadRow>(row: &R) -> Result<Line, StoreError> {
    Ok(Line {
        tenant: text(row, "tenant")?,
        waiting: number(row, "waiting")?,
        oldest: optional_time(row, "oldest")?,
        dead: number(row, "dead")?,
        queued: number(row, "queued")?,
        sent: number(row, "sent")?,
        replaced: number(row, "replaced")?,
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

pub(crate) fn text(row: &impl ReadRow, column: &'static str) -> Result<String, StoreError> {
    row.text(column)?.ok_or(StoreError::Corrupt(column))
}

pub(crate) fn id(row: &impl ReadRow, column: &'static str) -> Result<[u8; 16], StoreError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A factor's row, as far as a refusal looks at it.
    struct Row {
        state: FactorState,
        last: Option<i64>,
    }

    impl ReadRow for Row {
        fn blob(&self, column: &'static str) -> Result<Option<&[u8]>, StoreError> {
            Err(StoreError::Corrupt(column))
        }

        fn id(&self, column: &'static str) -> Result<Option<[u8; 16]>, StoreError> {
            Err(StoreError::Corrupt(column))
        }

        fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
            match column {
                "state" => Ok(Some(self.state.number().into())),
                "last" => Ok(self.last),
                _ => Err(StoreError::Corrupt(column)),
            }
        }

        fn text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
            Err(StoreError::Corrupt(column))
        }
    }

    /// A code was refused, and then the row became what somebody looks at for the reason. A code that nobody used is never
    /// called used.
    #[test]
    fn refusal_whose_row_changed_is_no_replay() {
        use FactorState::{Active, Pending, Removed};
        let beside = ConfirmIf::Beside(FactorId::from_bytes([2; 16]));
        let told = |from, counter, (state, last), only| {
            not_burnt(Some(&Row { state, last }), from, counter, only).ok()
        };
        for (from, row, only, right) in [
            // Nothing changed.
            (
                Active,
                (Active, Some(5)),
                ConfirmIf::Always,
                Advanced::Replayed,
            ),
            (
                Active,
                (Removed, Some(4)),
                ConfirmIf::Always,
                Advanced::Absent,
            ),
            (Pending, (Pending, Some(5)), beside, Advanced::Replayed),
            (Pending, (Pending, None), beside, Advanced::Unvouched),
            (
                Pending,
                (Pending, Some(4)),
                ConfirmIf::First,
                Advanced::Unvouched,
            ),
            // Refused as pending or removed; confirmed or restored since, with a lower counter.
            (
                Active,
                (Active, Some(4)),
                ConfirmIf::Always,
                Advanced::Absent,
            ),
            (Active, (Active, None), ConfirmIf::Always, Advanced::Absent),
            (
                Pending,
                (Pending, None),
                ConfirmIf::Always,
                Advanced::Absent,
            ),
            // Confirmed or removed since, whatever refused it.
            (
                Pending,
                (Active, Some(9)),
                ConfirmIf::First,
                Advanced::Absent,
            ),
            (Pending, (Removed, Some(9)), beside, Advanced::Absent),
        ] {
            let told = told(from, Some(5), row, only);
            assert_eq!(told, Some(right), "{from:?} {row:?} {only:?}");
        }
        // Without a counter none can have been used; without a row there is nothing.
        let told = told(Pending, None, (Pending, Some(7)), ConfirmIf::First);
        assert_eq!(told, Some(Advanced::Unvouched));
        let none = not_burnt(None::<&Row>, Active, Some(5), ConfirmIf::Always);
        assert_eq!(none.ok(), Some(Advanced::Absent));
    }
}
