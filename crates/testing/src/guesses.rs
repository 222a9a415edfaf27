//! Guesses at a factor, one after another, each of which leaves other rows than those before it: what stands after a fault tells how
//! many were done, and shows a half of one.

use std::collections::HashMap;

use token_store::{
    Advanced, Charge, Charged, ChargedFactors, FactorId, FactorState, FactorStore, Guess,
    StoreError, StoredFactor,
    ott_core::{
        Binding, Limit, LimitKey, LimitScope, LimitState, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Which counter is guessed, where the code is right; what is answered; and what stands then: the last counter, the failures in a row,
/// and how often the pace was charged.
type Step = (Option<u64>, Option<Advanced>, (Option<u64>, u32, i64));

const STEPS: [Step; 6] = [
    (None, None, (None, 1, 1)),
    (None, None, (None, 2, 2)),
    (Some(1), Some(Advanced::Accepted), (Some(1), 0, 2)),
    (None, None, (Some(1), 1, 3)),
    (Some(1), Some(Advanced::Replayed), (Some(1), 2, 4)),
    (Some(2), Some(Advanced::Accepted), (Some(2), 0, 4)),
];

/// A person with one factor, at whom somebody guesses.
#[derive(Clone, Debug)]
pub struct Guesses {
    factor: StoredFactor,
    charges: [Charge; 2],
    now: DateTime<Utc>,
}

impl Guesses {
    /// How many guesses there are.
    pub const ALL: usize = STEPS.len();

    /// The factor with this number, which nobody guessed at. All happens at `now`.
    pub fn new(number: u64, now: DateTime<Utc>) -> Self {
        let subject = Subject::new("t1", format!("guessed {number}")).unwrap();
        let id = FactorId::from_bytes((u128::from(number) + (1 << 64)).to_be_bytes());
        let pace = LimitKey::new(
            LimitScope::Application,
            "guesses",
            &Binding::subject(&subject),
        );
        let charges = [
            Charge {
                key: pace,
                limit: Limit::pace(9, HOUR),
            },
            Charge {
                key: id.failures_key(),
                limit: Limit::ceiling(3),
            },
        ];
        let factor = StoredFactor {
            id,
            subject,
            provider: "totp".into(),
            label: "phone".into(),
            state: FactorState::Active,
            sealed: vec![1, 2, 3],
            last: None,
            created_at: now,
            used_at: None,
            removal: None,
        };
        Self {
            factor,
            charges,
            now,
        }
    }

    /// Enrols the factor.
    ///
    /// # Errors
    /// The store's.
    pub async fn enrol<S: FactorStore>(&self, store: &S) -> Result<(), StoreError> {
        assert!(store.insert_factor(&self.factor).await?);
        Ok(())
    }

    /// Does the next guess, after so many.
    ///
    /// # Errors
    /// The store's: then it was done or not, as [`done`](Self::done) tells.
    pub async fn next<S: ChargedFactors>(&self, store: &S, done: usize) -> Result<(), StoreError> {
        let (right, expected, _) = STEPS[done];
        let guess = Guess {
            right: right.map(|counter| (self.factor.id, counter)),
            charges: &self.charges,
            cleared: &[self.charges[1].key],
        };
        let told = store.advance_charged(guess, self.now).await?;
        assert_eq!(told, Charged::Answered(expected), "guess {done}");
        Ok(())
    }

    /// Enrols the factor, does every guess, and says so of each.
    ///
    /// # Errors
    /// The store's.
    pub async fn all<S: FactorStore + ChargedFactors>(
        &self,
        store: &S,
        mut answered: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        self.enrol(store).await?;
        for done in 0..Self::ALL {
            self.next(store, done).await?;
            answered(done + 1);
        }
        Ok(())
    }

    /// How many guesses are done, where nobody guesses any more. `None`: the factor is not enrolled.
    ///
    /// # Panics
    /// If the store does not answer; or if a guess is done by half.
    pub async fn done<S: ChargedFactors>(&self, store: &S) -> Option<usize> {
        let keys = self.charges.map(|charge| charge.key);
        let looked = store.look(&self.factor.subject, &keys).await.unwrap();
        let last = looked.factors.first()?.last;
        let [pace, failures] = keys.map(|key| state(&looked.limits, key));
        let paced = (pace.full_at - self.now.timestamp_micros()) / HOUR.num_microseconds().unwrap();
        let stands = (last, failures.count, paced.max(0));
        let done = match stands {
            (None, 0, 0) => Some(0),
            _ => STEPS
                .iter()
                .position(|(.., after)| *after == stands)
                .map(|at| at + 1),
        };
        let what = &self.factor.subject;
        assert!(done.is_some(), "half of a guess at {what:?}: {stands:?}");
        done
    }

    /// No code that is burnt after so many guesses counts again.
    ///
    /// # Panics
    /// If one does.
    pub async fn counts_no_code_twice<S: FactorStore>(&self, store: &S, done: usize) {
        let burnt = done.checked_sub(1).and_then(|at| STEPS[at].2.0);
        for counter in 1..=burnt.unwrap_or(0) {
            let told = store.advance(&self.factor.id, counter, self.now).await;
            assert_eq!(told.unwrap(), Advanced::Replayed, "{counter}");
        }
    }

    /// Does what is left, wherever a fault ended it.
    ///
    /// # Panics
    /// As [`done`](Self::done); and if a guess is not answered as it should be.
    pub async fn end<S: FactorStore + ChargedFactors>(&self, store: &S) {
        let begun = self.done(store).await;
        if begun.is_none() {
            self.enrol(store).await.unwrap();
        }
        for done in begun.unwrap_or(0)..Self::ALL {
            self.next(store, done).await.unwrap();
        }
        assert_eq!(self.done(store).await, Some(Self::ALL));
        self.counts_no_code_twice(store, Self::ALL).await;
    }
}

fn state(limits: &HashMap<LimitKey, LimitState>, key: LimitKey) -> LimitState {
    limits.get(&key).copied().unwrap_or_default()
}
