//! What the tasks know together: tokens, factors and limits, each by its number.

mod kind;
mod present;
mod recipe;

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kind::KINDS;
use recipe::{Recipe, whole_micros};
use token_store::{
    Charge, FactorId, FactorState, StoredFactor,
    ott_core::{
        Binding, Handle, IssueOptions, Issuer, KeyId, KeyRing, Limit, LimitKey, LimitScope, Record,
        RecordId, Subject, Token as Text,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};

use super::{dice::Dice, wire::Words};

pub(super) use kind::Kind;

/// How many spends each limit allows.
pub(super) const BURST: u32 = 5;
/// How many failures in a row a factor allows: fewer than a limit, so that wrong guesses under a new one reach it.
pub(super) const FAILURES: u32 = 4;
/// Longer than any run: what recovers meanwhile is a part of one.
pub(super) const PERIOD: TimeDelta = TimeDelta::hours(2);

pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) owner: usize,
    pub(super) batch: usize,
    pub(super) record: Record,
    handle: Handle,
    text: Text,
}

/// Tokens that are inserted together; a later one of the same owner takes their place.
#[derive(Clone)]
pub(super) struct Batch {
    pub(super) owner: usize,
    pub(super) tokens: Vec<Arc<Token>>,
}

pub(super) struct Factor {
    pub(super) owner: usize,
    pub(super) stored: StoredFactor,
}

#[derive(Default)]
struct Known {
    /// How everything was made, in that order, a line each.
    made: Vec<String>,
    tokens: Vec<Arc<Token>>,
    numbers: HashMap<RecordId, usize>,
    batches: Vec<Batch>,
    factors: Vec<Arc<Factor>>,
}

/// Everything that was ever made.
pub(super) struct Stock {
    keys: String,
    issuer: Issuer,
    known: Mutex<Known>,
    owners: AtomicUsize,
    limits: AtomicUsize,
    /// The next counter of a factor: one for all, so that it only grows.
    counter: AtomicU64,
    /// Whether the stores have transactions.
    pub(super) applies: bool,
}

/// As many of the latest as the tasks meet at.
const LATEST: usize = 48;

impl Stock {
    pub(super) fn new(applies: bool) -> Self {
        let keys = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).expect("randomness");
        Self::with_keys(&keys, applies)
    }

    pub(super) fn with_keys(keys: &str, applies: bool) -> Self {
        Self {
            keys: format!("{}\n", keys.trim_end()),
            issuer: Issuer::new(KeyRing::from_text(keys).expect("a key ring")),
            known: Mutex::default(),
            owners: AtomicUsize::new(0),
            limits: AtomicUsize::new(1),
            counter: AtomicU64::new(1),
            applies,
        }
    }

    /// The key ring, a line.
    pub(super) fn keys(&self) -> &str {
        &self.keys
    }

    /// How everything was made that is newer than the first so many.
    pub(super) fn made_since(&self, known: usize) -> Vec<String> {
        self.known().made[known..].to_vec()
    }

    /// Makes what another process made, in the same order, if this line says how.
    pub(super) fn make(&self, line: &str) -> Option<()> {
        let mut words = Words::of(line);
        match words.word()? {
            "batch" => {
                let recipe = Recipe {
                    kind: *KINDS.get(words.next::<usize>()?)?,
                    owner: words.next()?,
                    seed: words.next()?,
                    now: DateTime::from_timestamp_micros(words.next()?)?,
                    earlier: words.next(),
                };
                self.batch(&recipe);
            }
            "factor" => {
                let (owner, now) = (words.next()?, words.next()?);
                self.enrol_for(owner, DateTime::from_timestamp_micros(now)?);
            }
            _ => return None,
        }
        Some(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new owner's token, or sheet of them.
    pub(super) fn issue(&self, kind: Kind, now: DateTime<Utc>) -> usize {
        let owner = self.owners.fetch_add(1, Ordering::Relaxed);
        self.batch(&Recipe::new(kind, owner, None, now))
    }

    /// Another one in the place of the owner's earlier ones.
    pub(super) fn issue_again(&self, earlier: &Token, now: DateTime<Utc>) -> usize {
        let number = self.number_of(earlier.record.id());
        let resends = number.filter(|_| earlier.kind != Kind::Recovery);
        self.batch(&Recipe::new(earlier.kind, earlier.owner, resends, now))
    }

    fn batch(&self, recipe: &Recipe) -> usize {
        let &Recipe {
            kind,
            owner,
            earlier,
            now,
            seed,
        } = recipe;
        let (policy, subject) = (kind.policy(), subject(owner));
        let earlier = earlier.map(|number| self.token(number));
        let options = IssueOptions {
            count: if kind == Kind::Recovery { 4 } else { 1 },
            resend: earlier.as_ref().map(|token| &token.handle),
            ..IssueOptions::default()
        };
        let binding = Binding::subject(&subject);
        let mut dice = Dice::new(seed);
        let issued = self
            .issuer
            .issue_from_rng(policy, &binding, options, now, &mut dice);
        let mut known = self.known();
        let (number, first) = (known.batches.len(), known.tokens.len());
        let tokens: Vec<_> = issued
            .expect("policies that fit")
            .into_iter()
            .map(|issued| {
                Arc::new(Token {
                    kind,
                    owner,
                    batch: number,
                    record: issued.record,
                    handle: issued.handle,
                    text: issued.token,
                })
            })
            .collect();
        for (at, token) in tokens.iter().enumerate() {
            known.numbers.insert(*token.record.id(), first + at);
        }
        known.tokens.extend(tokens.iter().cloned());
        known.batches.push(Batch { owner, tokens });
        known.made.push(recipe.to_line());
        number
    }

    pub(super) fn token(&self, number: usize) -> Arc<Token> {
        Arc::clone(&self.known().tokens[number])
    }

    pub(super) fn number_of(&self, id: &RecordId) -> Option<usize> {
        self.known().numbers.get(id).copied()
    }

    pub(super) fn batch_of(&self, number: usize) -> Batch {
        self.known().batches[number].clone()
    }

    pub(super) fn batches(&self) -> Vec<Batch> {
        self.known().batches.clone()
    }

    pub(super) fn tokens(&self) -> Vec<Arc<Token>> {
        self.known().tokens.clone()
    }

    pub(super) fn factor(&self, number: usize) -> Arc<Factor> {
        Arc::clone(&self.known().factors[number])
    }

    pub(super) fn factors(&self) -> Vec<Arc<Factor>> {
        self.known().factors.clone()
    }

    pub(super) fn limits(&self) -> usize {
        self.limits.load(Ordering::Relaxed)
    }

    /// One of the latest tokens.
    pub(super) fn some_token(&self, dice: &mut Dice) -> Option<usize> {
        latest(self.known().tokens.len(), LATEST, dice)
    }

    pub(super) fn some_factor(&self, dice: &mut Dice) -> Option<usize> {
        latest(self.known().factors.len(), 12, dice)
    }

    pub(super) fn some_owner(&self, dice: &mut Dice) -> Option<usize> {
        latest(self.owners.load(Ordering::Relaxed), LATEST, dice)
    }

    /// A limit of which nothing is spent.
    pub(super) fn new_limit(&self) -> usize {
        self.limits.fetch_add(1, Ordering::Relaxed)
    }

    /// One of the latest limits, or a new one.
    pub(super) fn some_limit(&self, dice: &mut Dice) -> usize {
        if dice.below(8) == 0 {
            return self.new_limit();
        }
        latest(self.limits(), LATEST, dice).unwrap_or(0)
    }

    /// Another factor, of an owner who may have some.
    pub(super) fn enrol(&self, dice: &mut Dice, now: DateTime<Utc>) -> usize {
        let owner = self.some_owner(dice).unwrap_or(0);
        self.enrol_for(owner, whole_micros(now))
    }

    fn enrol_for(&self, owner: usize, now: DateTime<Utc>) -> usize {
        let mut known = self.known();
        let line = format!("factor {owner} {}", now.timestamp_micros());
        known.made.push(line);
        let number = known.factors.len();
        let id = u128::try_from(number).unwrap_or(0) + 1;
        known.factors.push(Arc::new(Factor {
            owner,
            stored: StoredFactor {
                id: FactorId::from_bytes(id.to_be_bytes()),
                subject: subject(owner),
                provider: "totp".into(),
                label: "phone".into(),
                state: FactorState::Pending,
                sealed: vec![1, 2, 3],
                last: None,
                created_at: now,
                used_at: None,
                removal: None,
            },
        }));
        number
    }

    /// A counter that was never used, or one that may have been a moment ago.
    pub(super) fn counter(&self, dice: &mut Dice) -> u64 {
        if dice.below(3) > 0 {
            return self.counter.fetch_add(1, Ordering::Relaxed);
        }
        let back = dice.below(24);
        let latest = self.counter.load(Ordering::Relaxed);
        latest.saturating_sub(back).max(self.floor() + 1)
    }

    fn floor(&self) -> u64 {
        self.counter.load(Ordering::Relaxed) / EXPIRED * EXPIRED
    }

    /// All codes of now have expired: from here on, factors count from higher on.
    pub(super) fn let_codes_expire(&self) {
        let floor = self.floor();
        self.counter.store(floor + EXPIRED, Ordering::Relaxed);
    }

    /// Whether a code with this counter may still be presented.
    pub(super) fn is_valid(&self, counter: u64) -> bool {
        counter >= self.floor()
    }
}

/// How far counters jump where codes have expired.
const EXPIRED: u64 = 1 << 20;

pub(super) fn subject(owner: usize) -> Subject {
    Subject::new("t1", format!("owner-{owner}")).expect("a name")
}

/// The limit with this number: a pace, a ceiling, an allowance.
pub(super) fn charge(number: usize) -> Charge {
    let limit = match number % 3 {
        0 => Limit::pace(BURST, PERIOD),
        1 => Limit::ceiling(BURST),
        _ => Limit::allowance(BURST, PERIOD),
    };
    Charge {
        key: LimitKey::new(
            LimitScope::Application,
            &format!("limit-{number}"),
            &Binding::tenant("t1"),
        ),
        limit,
    }
}

/// The ceiling of this factor's failures.
pub(super) fn failures(factor: &StoredFactor) -> Charge {
    Charge {
        key: factor.id.failures_key(),
        limit: Limit::ceiling(FAILURES),
    }
}

fn latest(count: usize, most: usize, dice: &mut Dice) -> Option<usize> {
    let window = u64::try_from(count.min(most)).unwrap_or(1);
    let back = (window > 0).then(|| dice.below(window))?;
    count.checked_sub(1 + usize::try_from(back).ok()?)
}
