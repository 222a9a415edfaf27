//! A small store of rows, right but for one mistake at a time.

use core::future::pending;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use token_store::{
    Clock, Decided, Inserted, Redeemed, Revoke, StoreError, SystemClock, TokenStore,
    ott_core::{
        Decision, LimitKey, LimitState, Outcome, Presented, Purpose, Reason, Record, RecordId,
        State, Stored, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use tokio::task::yield_now;

use super::Mistake;

pub(crate) type Time = DateTime<Utc>;

/// Rows behind a mutex each.
pub(crate) struct Toy {
    pub(crate) mistake: Mistake,
    pub(crate) down: bool,
    pub(crate) rows: Arc<Mutex<Vec<Stored>>>,
    pub(crate) transaction: Arc<tokio::sync::Mutex<()>>,
    pub(crate) factors: Arc<Mutex<Vec<token_store::StoredFactor>>>,
    pub(crate) limits: Arc<Mutex<HashMap<LimitKey, LimitState>>>,
    /// What no other instance waits for.
    own: tokio::sync::Mutex<()>,
}

impl Toy {
    pub(crate) fn new(mistake: Mistake, down: bool) -> Self {
        Self {
            mistake,
            down,
            rows: Arc::default(),
            transaction: Arc::default(),
            factors: Arc::default(),
            limits: Arc::default(),
            own: tokio::sync::Mutex::default(),
        }
    }

    /// Another instance on the same rows.
    pub(crate) fn another(&self) -> Self {
        Self {
            mistake: self.mistake,
            down: self.down,
            rows: Arc::clone(&self.rows),
            transaction: Arc::clone(&self.transaction),
            factors: Arc::clone(&self.factors),
            limits: Arc::clone(&self.limits),
            own: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    pub(crate) async fn up(&self) -> Result<(), StoreError> {
        match self.mistake {
            _ if !self.down => Ok(()),
            Mistake::NeverAnswers => pending().await,
            Mistake::TellsAnOutageAsMisuse => Err(StoreError::Misuse("no connection")),
            _ => Err(StoreError::Timeout),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.rows.lock().unwrap()
    }

    /// Changes a row in one step, or by reading it, waiting, and writing it back.
    async fn change<T>(
        &self,
        in_two_steps: bool,
        id: &RecordId,
        change: impl FnOnce(&mut Stored) -> T,
    ) -> Option<T> {
        if !in_two_steps {
            let mut rows = self.rows();
            return rows.iter_mut().find(|row| row.id == *id).map(change);
        }
        let read = self.rows().iter().find(|row| row.id == *id).cloned();
        let mut row = read?;
        let answer = change(&mut row);
        yield_now().await;
        let mut rows = self.rows();
        let old = rows.iter_mut().find(|old| old.id == *id)?;
        *old = row;
        Some(answer)
    }

    pub(crate) fn redeem_row(
        &self,
        row: &mut Stored,
        presented: &Presented,
        now: Time,
    ) -> Redeemed {
        let was_final = row.state.refusal().is_some();
        let reason = match (self.mistake, row.refusal(presented, self.now(now))) {
            (Mistake::DiesLate, Some(Reason::Expired)) => {
                row.refusal(presented, now - TimeDelta::microseconds(1))
            }
            (Mistake::AllowsNoOtherClock, None) if now < row.issued_at => Some(Reason::Expired),
            (Mistake::GivesApprovedNoMinute, None)
                if row.expires_at.is_some_and(|end| end <= now) =>
            {
                Some(Reason::Expired)
            }
            (Mistake::TakesTheIdForProof, Some(Reason::Mismatch)) if row.max_attempts.is_none() => {
                None
            }
            (Mistake::RedeemsAgain, Some(Reason::Spent)) => None,
            (Mistake::TellsExpiredFirst, Some(_)) if !row.is_live(now) => Some(Reason::Expired),
            (_, reason) => reason,
        };
        match reason {
            None => {
                if !self.makes(Mistake::SpendsInTwoSteps) {
                    row.attempts += 1;
                }
                row.state = State::Spent;
                row.used_at = DateTime::from_timestamp_micros(now.timestamp_micros());
                return Redeemed::Redeemed(row.clone());
            }
            Some(Reason::Mismatch) => row.attempts += 1,
            Some(Reason::Exhausted) if !was_final => {
                row.attempts += 1;
                row.state = State::Exhausted;
            }
            Some(Reason::KeyMissing) if self.makes(Mistake::CountsWithoutComparing) => {
                row.attempts += 1;
            }
            Some(_) => {}
        }
        Redeemed::Refused(reason.unwrap())
    }

    pub(crate) fn now(&self, now: Time) -> Time {
        match self.mistake {
            Mistake::AsksItsOwnClock => SystemClock.now(),
            Mistake::RoundsTimes => {
                let rounded = now + TimeDelta::nanoseconds(500);
                DateTime::from_timestamp_micros(rounded.timestamp_micros()).unwrap()
            }
            Mistake::EndsWithin32Bits => now.min(the_last_of_32_bits()),
            // Beyond 2038 it is 1901.
            Mistake::Wraps32Bits => {
                let seconds = now.timestamp().rem_euclid(1 << 32);
                let wrapped = (seconds + (1 << 31)).rem_euclid(1 << 32) - (1 << 31);
                DateTime::from_timestamp(wrapped, now.timestamp_subsec_nanos()).unwrap()
            }
            Mistake::FailsToday if (1_780_000_000..1_800_000_000).contains(&now.timestamp()) => {
                DateTime::UNIX_EPOCH
            }
            _ => now,
        }
    }

    fn belongs(&self, row: &Stored, subject: &Subject, purpose: Option<&Purpose>) -> bool {
        let tenant = row.tenant == subject.tenant()
            || (self.makes(Mistake::ComparesTheFirst100Bytes)
                && same_first_100(&row.tenant, subject.tenant()))
            || self.makes(Mistake::ForgetsTheTenant);
        let id = row.subject.as_deref().is_some_and(|id| {
            id == subject.id()
                || (self.makes(Mistake::ComparesTheFirst100Bytes)
                    && same_first_100(id, subject.id()))
                || (self.makes(Mistake::FoldsCase) && id.eq_ignore_ascii_case(subject.id()))
        });
        tenant && id && purpose.is_none_or(|purpose| row.purpose == purpose.as_str())
    }

    pub(crate) fn supersede(&self, rows: &mut [Stored], batch: &[Record]) {
        for row in rows {
            let same = |record: &Record| {
                let newer = record.stored();
                let slot = newer.slot.is_some() && newer.slot == row.slot;
                let owner = newer.purpose == row.purpose && newer.subject == row.subject;
                slot || (owner && self.makes(Mistake::RetiresOtherFlows))
            };
            let lives = row.state.refusal().is_none() || self.makes(Mistake::RetiresTheSpent);
            if lives && batch.iter().any(same) && !self.makes(Mistake::ForgetsTheSlot) {
                row.state = State::Superseded;
            }
        }
    }
}

/// 2038-01-19, 03:14:07.
pub(crate) fn the_last_of_32_bits() -> Time {
    DateTime::from_timestamp(i64::from(i32::MAX), 0).unwrap()
}

/// What a column of 100 bytes takes for equal.
pub(crate) fn same_first_100(one: &str, other: &str) -> bool {
    let cut = |name: &str| name.as_bytes()[..name.len().min(100)].to_vec();
    cut(one) == cut(other)
}

#[async_trait]
impl TokenStore for Toy {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.up().await?;
        let mut new: Vec<_> = batch.iter().map(|record| record.stored().clone()).collect();
        if self.makes(Mistake::CutsToMilliseconds) {
            for row in &mut new {
                let millis = row.issued_at.timestamp_millis();
                row.issued_at = DateTime::from_timestamp_millis(millis).unwrap();
            }
        }
        if self.makes(Mistake::CutsNumbersTo8Bits) {
            for row in &mut new {
                row.number = row.number.map(|number| number % 256);
            }
        }
        if self.makes(Mistake::InsertsTheUsedAsNew) {
            for row in &mut new {
                row.used_at = None;
            }
        }
        if self.makes(Mistake::IssuesIn32Bits) {
            for row in &mut new {
                row.issued_at = row.issued_at.min(the_last_of_32_bits());
            }
        }
        {
            let mut rows = self.rows();
            let known = |place: &usize| {
                let id = new[*place].id;
                let twice = new[..*place].iter().any(|other| other.id == id);
                twice || rows.iter().any(|row| row.id == id)
            };
            if let Some(place) = (0..new.len()).find(known) {
                if self.makes(Mistake::InsertsHalf) {
                    rows.extend_from_slice(&new[..place]);
                }
                if self.makes(Mistake::RetiresOnCollision) {
                    self.supersede(&mut rows, batch);
                }
                return Ok(Inserted::Collision);
            }
            self.supersede(&mut rows, batch);
            if !self.makes(Mistake::InsertsInTwoSteps) {
                rows.extend(new);
                return Ok(Inserted::Done);
            }
        }
        yield_now().await;
        self.rows().extend(new);
        Ok(Inserted::Done)
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Result<Redeemed, StoreError> {
        self.up().await?;
        let id = presented.id();
        if self.makes(Mistake::SpendsInTwoSteps) {
            let counted = self.change(false, id, |row| {
                row.attempts += u32::from(row.refusal(presented, now).is_none());
            });
            counted.await;
            yield_now().await;
        }
        let locks = self.makes(Mistake::LocksInItsProcess);
        let _own = if locks {
            Some(self.own.lock().await)
        } else {
            None
        };
        let reads_first =
            locks || self.makes(Mistake::ReadsThenWrites) || self.makes(Mistake::CountsInTwoSteps);
        let answer = self.change(reads_first, id, |row| self.redeem_row(row, presented, now));
        Ok(answer.await.unwrap_or(Redeemed::Refused(Reason::Unknown)))
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: Time,
    ) -> Result<Decided, StoreError> {
        self.up().await?;
        let in_two_steps = self.makes(Mistake::DecidesInTwoSteps);
        let answer = self.change(in_two_steps, id, |row| {
            let anyone = self.makes(Mistake::LetsAnyoneDecide);
            match row.decision_refusal(decision, now) {
                Some(Reason::Stranger) if anyone => {}
                Some(reason) => return Decided::Refused(reason),
                None => {}
            }
            let mut made = decision.stored().clone();
            if made.outcome == Outcome::Reported && self.makes(Mistake::KeepsReportsAsDenials) {
                made.outcome = Outcome::Denied;
            }
            let approved =
                made.outcome == Outcome::Approved || self.makes(Mistake::ApprovesDenials);
            row.state = if approved {
                State::Ready
            } else {
                State::Denied
            };
            row.decision = Some(made);
            Decided::Decided(row.clone())
        });
        Ok(answer.await.unwrap_or(Decided::Refused(Reason::Unknown)))
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        if self.down && self.makes(Mistake::FindsNothingInAnOutage) {
            return Ok(None);
        }
        self.up().await?;
        let counts = self.makes(Mistake::CountsFinding);
        let found = self.change(false, id, |row| {
            row.attempts += u32::from(counts);
            row.clone()
        });
        Ok(found.await)
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Result<(), StoreError> {
        self.up().await?;
        let touched = self.change(false, id, |row| {
            let usable = (row.state == State::Ready || self.makes(Mistake::TouchesWaiting))
                && (row.is_live(now) || self.makes(Mistake::RevivesTheIdle));
            let now = DateTime::from_timestamp_micros(now.timestamp_micros());
            if usable && (row.used_at < now || self.makes(Mistake::TouchesBackward)) {
                row.used_at = now;
            }
        });
        touched.await;
        Ok(())
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: Time,
    ) -> Result<Vec<Stored>, StoreError> {
        self.up().await?;
        let now = self.now(now);
        let rows = self.rows();
        let live = rows.iter().filter(|row| {
            let ends = self.makes(Mistake::DiesLate) && row.expires_at == Some(now);
            (row.is_live(now) || ends)
                && row.state.refusal().is_none()
                && self.belongs(row, subject, purpose)
        });
        let mut listed: Vec<_> = live.cloned().collect();
        if !self.makes(Mistake::ListsNewestFirst) {
            listed.sort_by_key(|row| row.issued_at);
        } else {
            listed.sort_by_key(|row| core::cmp::Reverse(row.issued_at));
        }
        Ok(listed)
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        self.up().await?;
        let mut revoked = 0;
        for row in &mut *self.rows() {
            let meant = match what {
                Revoke::Record(id) => row.id == *id,
                Revoke::Own { subject, record } => {
                    let owns = self.belongs(row, subject, None);
                    row.id == *record && (owns || self.makes(Mistake::RevokesAnybodys))
                }
                Revoke::Subject {
                    subject,
                    purpose,
                    except,
                } => {
                    let kept = *except == Some(row.id) && !self.makes(Mistake::ForgetsExcept);
                    self.belongs(row, subject, purpose.as_ref()) && !kept
                }
            };
            let lives = row.state.refusal().is_none();
            if meant && (lives || self.makes(Mistake::RevokesTwice)) {
                row.state = State::Revoked;
                revoked += 1;
            }
        }
        Ok(revoked)
    }

    async fn purge(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up().await?;
        let mut removed = 0;
        self.rows().retain(|row| {
            let early = self.makes(Mistake::PurgesTheLiving)
                && row.expires_at.is_some_and(|end| end <= before);
            let allowed = removed < u64::from(limit) || self.makes(Mistake::PurgesWithoutLimit);
            let goes = allowed && (row.is_dead_before(before) || early);
            removed += u64::from(goes);
            !goes
        });
        Ok(removed)
    }
}
