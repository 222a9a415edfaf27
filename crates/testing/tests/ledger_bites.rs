//! The ledger finds a store that errs one time in a thousand.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use testing::ledger::{Plan, Row, Run, Station, Terms};
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ConfirmIf, Decided, FactorChange, FactorId,
    FactorStore, Guess, Inserted, LimitStore, Looked, MemoryStore, Redeemed, RemoveIf, Revoke,
    Spent, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Decision, LimitKey, LimitKind, Presented, Purpose, Reason, Record, RecordId, Stored,
        Subject,
        chrono::{DateTime, Utc},
    },
};

type Time = DateTime<Utc>;

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Nothing,
    RedeemsAgain,
    LosesTokens,
    LosesFactors,
    ForgetsGuesses,
    BringsCountersBack,
    ForgetsSpends,
    RevokesNothing,
    RestoresWhatWasRemoved,
    InsertsHalf,
    RefusesForNoReason,
    TakesTooLong,
    FindsOldStates,
    IsAnOutage,
    AcceptsWithoutBurning,
    /// It charges a right guess, burns nothing, and answers nothing.
    BreaksOffAfterTheCharge,
    /// It burns a code, charges it too, and answers nothing.
    BreaksOffAfterBoth,
    BurnsTheRefused,
    ChargesTheAccepted,
    ClearsNothing,
    ForgetsFailures,
    GuessesForNothing,
    /// One time in twenty: once in a thousand a busy machine does so.
    TimesOutOften,
}

struct Broken {
    inner: MemoryStore,
    mistake: Mistake,
    /// How many there were, and with which the next mistake is due.
    calls: AtomicU64,
    due: AtomicU64,
    spent: Mutex<HashMap<RecordId, Stored>>,
    first: Mutex<HashMap<RecordId, Stored>>,
    removed: Mutex<HashSet<FactorId>>,
}

impl Broken {
    fn new(mistake: Mistake) -> Self {
        Self {
            inner: MemoryStore::new(),
            mistake,
            calls: AtomicU64::new(0),
            due: AtomicU64::new(100),
            spent: Mutex::default(),
            first: Mutex::default(),
            removed: Mutex::default(),
        }
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this is the one time in a thousand calls: the first occasion after as many.
    fn errs(&self, mistake: Mistake) -> bool {
        let times = match mistake {
            Mistake::TimesOutOften => 20,
            _ => 1_000,
        };
        let (calls, due) = (&self.calls, &self.due);
        let (now, then) = (calls.load(Ordering::Relaxed), due.load(Ordering::Relaxed));
        self.mistake == mistake
            && now >= then
            && due
                .compare_exchange(then, now + times, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[async_trait]
impl TokenStore for Broken {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.called();
        for record in batch {
            self.first
                .lock()
                .unwrap()
                .insert(*record.id(), record.stored().clone());
        }
        if self.errs(Mistake::LosesTokens) {
            return Ok(Inserted::Done);
        }
        if batch.len() > 1 && self.errs(Mistake::InsertsHalf) {
            return self.inner.insert(&batch[..batch.len() / 2]).await;
        }
        self.inner.insert(batch).await
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Result<Redeemed, StoreError> {
        self.called();
        if self.errs(Mistake::TakesTooLong) {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        if self.errs(Mistake::IsAnOutage) {
            return Err(StoreError::unavailable("nobody is there"));
        }
        if self.errs(Mistake::TimesOutOften) {
            return Err(StoreError::Timeout);
        }
        if self.errs(Mistake::RefusesForNoReason) {
            return Ok(Redeemed::Refused(Reason::Revoked));
        }
        if self.mistake == Mistake::ForgetsGuesses {
            let found = self.inner.find(presented.id()).await?;
            if found.is_some_and(|found| found.refusal(presented, now) == Some(Reason::Mismatch))
                && self.errs(Mistake::ForgetsGuesses)
            {
                return Ok(Redeemed::Refused(Reason::Mismatch));
            }
        }
        let told = self.inner.redeem(presented, now).await?;
        match &told {
            Redeemed::Redeemed(stored) => {
                self.spent.lock().unwrap().insert(stored.id, stored.clone());
            }
            Redeemed::Refused(Reason::Spent) if self.errs(Mistake::RedeemsAgain) => {
                if let Some(stored) = self.spent.lock().unwrap().get(presented.id()) {
                    return Ok(Redeemed::Redeemed(stored.clone()));
                }
            }
            Redeemed::Refused(_) => {}
        }
        Ok(told)
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: Time,
    ) -> Result<Decided, StoreError> {
        self.inner.decide(id, decision, now).await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        self.called();
        if self.errs(Mistake::FindsOldStates) {
            return Ok(self.first.lock().unwrap().get(id).cloned());
        }
        self.inner.find(id).await
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Result<(), StoreError> {
        self.inner.touch(id, now).await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: Time,
    ) -> Result<Vec<Stored>, StoreError> {
        self.inner.list(subject, purpose, now).await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        self.called();
        if self.errs(Mistake::RevokesNothing) {
            return Ok(1);
        }
        self.inner.revoke(what).await
    }

    async fn purge(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.inner.purge(before, limit).await
    }
}

#[async_trait]
impl FactorStore for Broken {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.called();
        if self.errs(Mistake::LosesFactors) {
            return Ok(true);
        }
        self.inner.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.inner.factors(subject).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.inner.confirm(id, counter, only, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.called();
        let told = self.inner.advance(id, counter, now).await?;
        if told == Advanced::Replayed && self.errs(Mistake::BringsCountersBack) {
            return Ok(Advanced::Accepted);
        }
        let removed = self.removed.lock().unwrap().contains(id);
        if told == Advanced::Absent
            && removed
            && self.errs(Mistake::RestoresWhatWasRemoved)
            && self.inner.restore(id).await?
        {
            return self.inner.advance(id, counter, now).await;
        }
        Ok(told)
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.inner.update(id, change).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: Time,
    ) -> Result<bool, StoreError> {
        self.removed.lock().unwrap().insert(*id);
        self.inner.remove(id, only, by, now).await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        self.inner.restore(id).await
    }

    async fn purge_factors(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.inner.purge_factors(before, limit).await
    }

    fn charged_factors(&self, _: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        Some(self)
    }
}

#[async_trait]
impl ChargedFactors for Broken {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        self.inner.look(subject, keys).await
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: Time,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        self.called();
        let broken_off = || Err(StoreError::unavailable("broken off"));
        let as_wrong = Guess {
            right: None,
            ..guess
        };
        if guess.right.is_some() && self.errs(Mistake::BreaksOffAfterTheCharge) {
            self.inner.advance_charged(as_wrong, now).await?;
            return broken_off();
        }
        if guess.right.is_some() && self.errs(Mistake::AcceptsWithoutBurning) {
            return Ok(Charged::Answered(Some(Advanced::Accepted)));
        }
        if guess.right.is_some() && self.errs(Mistake::ClearsNothing) {
            let cleared = &[];
            let guess = Guess { cleared, ..guess };
            return self.inner.advance_charged(guess, now).await;
        }
        let told = self.inner.advance_charged(guess, now).await?;
        match (&told, guess.right) {
            (Charged::Answered(None), _) if self.errs(Mistake::GuessesForNothing) => {
                self.inner.refund(guess.charges, 1).await?;
            }
            (Charged::Answered(None), _) if self.errs(Mistake::ForgetsFailures) => {
                self.inner.refund(&guess.charges[1..], 1).await?;
            }
            (Charged::Answered(Some(Advanced::Accepted)), _) => {
                if self.errs(Mistake::ChargesTheAccepted) {
                    self.inner.spend(guess.charges, now).await?;
                }
                if self.errs(Mistake::BreaksOffAfterBoth) {
                    self.inner.spend(guess.charges, now).await?;
                    return broken_off();
                }
            }
            (Charged::Refused(_), Some((id, counter))) if self.errs(Mistake::BurnsTheRefused) => {
                self.inner.advance(&id, counter, now).await?;
            }
            _ => {}
        }
        Ok(told)
    }
}

#[async_trait]
impl LimitStore for Broken {
    fn keeps(&self, kind: LimitKind) -> bool {
        self.inner.keeps(kind)
    }

    async fn spend(&self, charges: &[Charge], now: Time) -> Result<Spent, StoreError> {
        self.called();
        let told = self.inner.spend(charges, now).await?;
        if told == Spent::Allowed && self.errs(Mistake::ForgetsSpends) {
            self.inner.refund(charges, 1).await?;
        }
        Ok(told)
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.inner.refund(charges, times).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.inner.clear(key).await
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.inner.purge_limits(before, limit).await
    }
}

/// Runs over stores that err like this, one after the other, until these words are found.
///
/// A mistake has more signs than one: a token that was lost also leaves alive what it should have
/// superseded. A run that shows another sign first is followed by the next.
async fn run(mistake: Mistake, words: &str) -> Row {
    let mut runs = 0;
    loop {
        let store = Arc::new(Broken::new(mistake));
        let stations = (0..3)
            .map(|_| Station::new(Arc::clone(&store) as _))
            .collect();
        let plan = Plan {
            around: Duration::from_millis(400),
            rest: Duration::ZERO,
            ..Plan::quick(11 + runs)
        };
        let mut run = Run::begin(stations, plan);
        // There is no fault, so that service is due at once.
        run.mended();
        run.load().await;
        let terms = Terms {
            recovers_in: Duration::ZERO,
            ..Terms::keeps(Duration::from_secs(1))
        };
        let row = run.end("a store that errs", terms).await;
        runs += 1;
        let found = row.found.faults.iter().any(|fault| fault.contains(words));
        if found || runs == 30 || mistake == Mistake::Nothing {
            return row;
        }
    }
}

/// A store that does everything right is found to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_without_a_mistake_is_kept() {
    let row = run(Mistake::Nothing, "").await;
    row.assert_kept();
    assert!(row.operations > 1_000, "{row}");
}

macro_rules! found {
    ($($test:ident: $mistake:ident, $words:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let row = run(Mistake::$mistake, $words).await;
            let faults = &row.found.faults;
            assert!(faults.iter().any(|words| words.contains($words)), "{row} {faults:#?}");
        }
    )+};
}

found! {
    token_redeemed_again_is_found: RedeemsAgain, "double spend";
    token_lost_is_found: LosesTokens, "lost: token";
    factor_lost_is_found: LosesFactors, "lost: factor";
    guess_forgotten_is_found: ForgetsGuesses, "tries";
    counter_brought_back_is_found: BringsCountersBack, "again or late";
    spend_forgotten_is_found: ForgetsSpends, "too many";
    revoke_left_out_is_found: RevokesNothing, "after it was Revoked";
    batch_done_by_half_is_found: InsertsHalf, "lost: token";
    removal_undone_is_found: RestoresWhatWasRemoved, "after it was removed";
    refusal_without_a_reason_is_found: RefusesForNoReason, "nobody did that";
    verb_beyond_its_time_is_found: TakesTooLong, "took";
    state_gone_back_is_found: FindsOldStates, "after it was";
    outage_without_a_fault_is_found: IsAnOutage, "after the end of the fault";
    accepted_without_burning_is_found: AcceptsWithoutBurning, "again or late";
    charge_without_burning_is_found: BreaksOffAfterTheCharge, "refuses after";
    burnt_and_charged_is_found: BreaksOffAfterBoth, "refuses after";
    refused_and_burnt_is_found: BurnsTheRefused, "nobody used";
    accepted_and_charged_is_found: ChargesTheAccepted, "refuses after";
    success_that_clears_nothing_is_found: ClearsNothing, "is locked after";
    failure_forgotten_is_found: ForgetsFailures, "failures in a row";
    guess_for_nothing_is_found: GuessesForNothing, "too many";
    too_many_time_outs_are_found: TimesOutOften, "verbs time out";
}
