//! One call of a store, and its entry.

use core::time::Duration;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use token_store::{
    Advanced, Charged, Clock, ConfirmIf, Decided, Guess, Inserted, Redeemed, RemoveIf, Revoke,
    Spent, StoreError, SystemClock,
    ott_core::{
        Presented, Reason, Stored,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use super::{
    entry::{Asked, Entry, Seen, Told, Try},
    process::Process,
    stock::{Kind, Stock, charge, failures, subject},
};
use crate::Everything;

/// How old must be what a purge takes.
const SPARED: TimeDelta = TimeDelta::seconds(1);

/// A store that redeems in a transaction, and applies something in it.
#[async_trait]
pub trait Applies: Send + Sync {
    /// Redeems, notes down `effect` in the same transaction, and commits. Gives how long the store's verb took.
    async fn redeem_and_apply(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
        effect: &str,
    ) -> (Duration, Result<Redeemed, StoreError>);

    /// Everything that was noted down, once for each time.
    ///
    /// # Errors
    /// The back end's.
    async fn effects(&self) -> Result<Vec<String>, StoreError>;
}

/// A store with connections and a clock of its own, as a process has them.
#[derive(Clone)]
pub struct Station {
    at: At,
    /// How far its clock is ahead.
    pub ahead: TimeDelta,
}

#[derive(Clone)]
enum At {
    /// In this process.
    Here {
        store: Arc<dyn Everything>,
        /// The same, where it has transactions.
        applies: Option<Arc<dyn Applies>>,
    },
    /// In another one, over a store that has transactions or not.
    Process(Arc<Process>, bool),
}

impl core::fmt::Debug for Station {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Station")
            .field("ahead", &self.ahead)
            .finish_non_exhaustive()
    }
}

impl Station {
    /// A store without transactions.
    pub fn new(store: Arc<dyn Everything>) -> Self {
        Self::at(At::Here {
            store,
            applies: None,
        })
    }

    /// A store with transactions.
    pub fn applying<S: Applies + Everything + 'static>(store: Arc<S>) -> Self {
        Self::at(At::Here {
            applies: Some(Arc::clone(&store) as Arc<dyn Applies>),
            store,
        })
    }

    /// An application of its own, whose store has transactions or not.
    #[must_use]
    pub fn process(process: Arc<Process>, applies: bool) -> Self {
        Self::at(At::Process(process, applies))
    }

    const fn at(at: At) -> Self {
        Self {
            at,
            ahead: TimeDelta::zero(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.ahead
    }

    /// Whether its store has transactions.
    pub(super) const fn applies(&self) -> bool {
        match &self.at {
            At::Here { applies, .. } => applies.is_some(),
            At::Process(_, applies) => *applies,
        }
    }
}

/// Everything that was asked and answered so far.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Mutex::default(),
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks, and enters the answer.
    pub(super) async fn call(
        &self,
        number: usize,
        station: &Station,
        stock: &Stock,
        asked: Asked,
    ) -> Told {
        let began = self.began.elapsed();
        let (took, told) = ask(station, stock, asked).await;
        let ended = self.began.elapsed();
        let entry = Entry {
            station: number,
            asked,
            began,
            ended,
            took: took.unwrap_or(ended.saturating_sub(began)),
            told: told.clone(),
        };
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
        told
    }
}

/// The answer, and how long the store's verb took where that is known.
pub(super) async fn ask(
    station: &Station,
    stock: &Stock,
    asked: Asked,
) -> (Option<Duration>, Told) {
    let (store, applies) = match &station.at {
        At::Here { store, applies } => (&**store, applies.as_deref()),
        At::Process(process, _) => return process.ask(stock, asked).await,
    };
    let now = station.now();
    let told = match asked {
        Asked::Redeem { token, how } => {
            let token = stock.token(token);
            let presented = stock.present(&token, how == Try::Right, now);
            if let (Kind::Applied, Some(applies)) = (token.kind, applies) {
                let effect = token.record.id().to_string();
                let (took, told) = applies.redeem_and_apply(&presented, now, &effect).await;
                return (Some(took), told.map_or_else(Told::from, redeemed));
            }
            store.redeem(&presented, now).await.map(redeemed)
        }
        Asked::Insert { .. }
        | Asked::Decide { .. }
        | Asked::Find { .. }
        | Asked::Revoke { .. }
        | Asked::RevokeAll { .. }
        | Asked::List { .. }
        | Asked::Purge => tokens(store, now, stock, asked).await,
        Asked::Spend { limit } => {
            let told = store.spend(&[charge(limit)], now).await;
            told.map(|told| match told {
                Spent::Allowed => Told::Done,
                Spent::Locked(_) | Spent::RetryAt(..) => Told::Limited,
                Spent::Ahead(_) => Told::Ahead,
            })
        }
        Asked::Refund { limit } => store.refund(&[charge(limit)], 1).await.map(|()| Told::Done),
        Asked::PurgeLimits => {
            let told = store.purge_limits(now - SPARED, 50).await;
            told.map(|_| Told::Done)
        }
        Asked::Effects => match applies {
            None => Ok(Told::Effects(Vec::new())),
            Some(applies) => applies.effects().await.map(|all| {
                let tokens = stock.tokens();
                let numbers = tokens.iter().enumerate();
                let numbers: HashMap<_, _> = numbers
                    .map(|(number, token)| (token.record.id().to_string(), number))
                    .collect();
                Told::Effects(
                    all.iter()
                        .filter_map(|id| numbers.get(id).copied())
                        .collect(),
                )
            }),
        },
        _ => factors(store, now, stock, asked).await,
    };
    (None, told.unwrap_or_else(Told::from))
}

async fn tokens(
    store: &dyn Everything,
    now: DateTime<Utc>,
    stock: &Stock,
    asked: Asked,
) -> Result<Told, StoreError> {
    Ok(match asked {
        Asked::Insert { batch } => {
            let tokens = stock.batch_of(batch).tokens;
            let records: Vec<_> = tokens.iter().map(|token| token.record.clone()).collect();
            match store.insert(&records).await? {
                Inserted::Done => Told::Done,
                Inserted::Collision => Told::Strange("an id that exists already".into()),
            }
        }
        Asked::Decide { token, approves } => {
            let token = stock.token(token);
            let decision = stock.decision(&token, approves, now);
            match store.decide(token.record.id(), &decision, now).await? {
                Decided::Decided(_) => Told::Done,
                Decided::Refused(reason) => Told::Refused(reason),
            }
        }
        Asked::Find { token } => {
            let found = store.find(stock.token(token).record.id()).await?;
            Told::Found(found.map(|found| Seen {
                state: found.state,
                attempts: found.attempts,
            }))
        }
        Asked::Revoke { token } => {
            let id = *stock.token(token).record.id();
            store
                .revoke(&Revoke::Record(id))
                .await
                .map(|_| Told::Done)?
        }
        Asked::RevokeAll { owner } => {
            let what = Revoke::subject(&subject(owner));
            store.revoke(&what).await.map(|_| Told::Done)?
        }
        Asked::List { owner } => {
            let found = store.list(&subject(owner), None, now).await?;
            let number = |found: &Stored| stock.number_of(&found.id);
            Told::Listed(found.iter().filter_map(number).collect())
        }
        _ => store.purge(now - SPARED, 50).await.map(|_| Told::Done)?,
    })
}

async fn factors(
    store: &dyn Everything,
    now: DateTime<Utc>,
    stock: &Stock,
    asked: Asked,
) -> Result<Told, StoreError> {
    let id = |factor| stock.factor(factor).stored.id;
    let whether = |done| if done { Told::Done } else { Told::Absent };
    Ok(match asked {
        Asked::Enrol { factor } => {
            if store.insert_factor(&stock.factor(factor).stored).await? {
                Told::Done
            } else {
                Told::Strange("a factor that exists already".into())
            }
        }
        Asked::Confirm { factor, counter } => {
            let told = store
                .confirm(&id(factor), Some(counter), ConfirmIf::Always, now)
                .await?;
            advanced(told)
        }
        Asked::Advance { factor, counter } => {
            advanced(store.advance(&id(factor), counter, now).await?)
        }
        Asked::Guess {
            factor,
            counter,
            limit,
        } => {
            let factor = &stock.factor(factor).stored;
            let failures = failures(factor);
            let guess = Guess {
                right: counter.map(|counter| (factor.id, counter)),
                charges: &[charge(limit), failures],
                cleared: &[failures.key],
            };
            let Some(charged) = store.charged_factors(store) else {
                return Ok(Told::Strange("limits that are apart".into()));
            };
            match charged.advance_charged(guess, now).await? {
                Charged::Answered(Some(told)) if counter.is_some() => advanced(told),
                Charged::Answered(None) if counter.is_none() => Told::Refused(Reason::Mismatch),
                Charged::Answered(told) => Told::Strange(format!("{told:?}")),
                Charged::Refused(Spent::Locked(key)) if key == failures.key => Told::Locked,
                Charged::Refused(Spent::Locked(_) | Spent::RetryAt(..)) => Told::Limited,
                Charged::Refused(Spent::Ahead(_)) => Told::Ahead,
                Charged::Refused(Spent::Allowed) => Told::Strange("refused as allowed".into()),
            }
        }
        Asked::Remove { factor } => whether(
            store
                .remove(&id(factor), RemoveIf::Always, b"", now)
                .await?,
        ),
        Asked::Restore { factor } => whether(store.restore(&id(factor)).await?),
        Asked::Factors { owner } => {
            let found = store.factors(&subject(owner)).await?;
            let number = |bytes: &[u8; 16]| usize::try_from(u128::from_be_bytes(*bytes) - 1).ok();
            let kept = found.iter().filter_map(|factor| {
                Some((number(factor.id.as_bytes())?, factor.state, factor.last))
            });
            Told::Kept(kept.collect())
        }
        _ => store
            .purge_factors(now - SPARED, 50)
            .await
            .map(|_| Told::Done)?,
    })
}

fn redeemed(told: Redeemed) -> Told {
    match told {
        Redeemed::Redeemed(_) => Told::Done,
        Redeemed::Refused(reason) => Told::Refused(reason),
    }
}

fn advanced(told: Advanced) -> Told {
    match told {
        Advanced::Absent => Told::Absent,
        Advanced::Accepted => Told::Done,
        Advanced::Replayed => Told::Replayed,
        Advanced::Unvouched => Told::Strange("unvouched where nothing was asked for".into()),
    }
}
