//! The life of a process that will be killed: many tasks, and a line for each answer, written after
//! the answer.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

use core::{
    fmt,
    hash::{BuildHasher, BuildHasherDefault},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{hash::DefaultHasher, sync::Arc};

use token_store::{
    Advanced, Charge, FactorId, FactorState, FactorStore, InTransaction, Inserted, LimitStore,
    RedeemInTransaction, Redeemed, Revoke, Spent, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Binding, Decider, Handle, Issuer, KeyRing, Limit, LimitKey, LimitScope, Outcome, Presented,
        Reason, Record, RecordId, Subject, Verdict,
    },
};
use token_store_sqlx::sqlx;
use tokio::task::JoinSet;

use crate::{
    backend::{self, Store},
    fixture::{CODE, LINK, PROMPT, at_once, now},
};

/// How many spends a limit of the load allows.
pub(crate) const BURST: u32 = 5;
/// Factors whose counters the load advances.
pub(crate) const FACTORS: u8 = 3;
/// What the codes of [`Kind::Effect`] are for.
pub(crate) const EFFECTS: &str = "CREATE TABLE IF NOT EXISTS effects (id TEXT NOT NULL)";

const TASKS: u64 = 12;

/// A store, and who issues and redeems there.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) issuer: Issuer,
    pub(crate) alice: Subject,
}

/// How a token of the load lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Code,
    /// A code, redeemed in one transaction with what it is for.
    Effect,
    Link,
    Prompt,
}

/// A token as both processes know it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) id: RecordId,
    handle: String,
    text: String,
}

/// Choices that a seed repeats.
pub(crate) struct Dice(u64, u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed, 0)
    }

    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.1 += 1;
        BuildHasherDefault::<DefaultHasher>::default().hash_one((self.0, self.1)) % sides
    }
}

impl World {
    pub(crate) async fn open(place: &str, keys: &str) -> Self {
        Self::over(backend::open(place).await, keys)
    }

    pub(crate) fn over(store: Store, keys: &str) -> Self {
        Self {
            store,
            issuer: Issuer::new(KeyRing::from_text(keys).unwrap()),
            alice: Subject::new("t1", "alice").unwrap(),
        }
    }

    pub(crate) fn issue(&self, kind: Kind) -> (Token, Record) {
        let policy = match kind {
            Kind::Code | Kind::Effect => &CODE,
            Kind::Link => &LINK,
            Kind::Prompt => &PROMPT,
        };
        let binding = Binding::subject(&self.alice);
        let issued = self.issuer.issue(policy, &binding, now()).unwrap();
        let token = Token {
            kind,
            id: *issued.record.id(),
            handle: issued.handle.expose_secret().to_string(),
            text: issued.token.expose_secret().to_owned(),
        };
        (token, issued.record)
    }

    pub(crate) fn right(&self, token: &Token) -> Presented {
        self.present(token, &token.text)
    }

    /// A wrong code.
    pub(crate) fn wrong(&self, token: &Token) -> Presented {
        let others = ["000000", "000001"];
        let wrong = others.into_iter().find(|other| *other != token.text);
        self.present(token, wrong.unwrap())
    }

    fn present(&self, token: &Token, typed: &str) -> Presented {
        let binding = Binding::subject(&self.alice);
        let by_id = |policy| {
            let handle = Handle::parse(&token.handle).unwrap();
            let issuer = &self.issuer;
            issuer.present_by_handle(policy, &handle, &binding, typed, now())
        };
        let presented = match token.kind {
            Kind::Code | Kind::Effect => by_id(&CODE),
            Kind::Link => self.issuer.present_by_itself(&LINK, "t1", typed, now()),
            Kind::Prompt => by_id(&PROMPT),
        };
        presented.unwrap()
    }

    /// Redeems and applies, as this kind does.
    pub(crate) async fn redeem(
        &self,
        token: &Token,
        presented: &Presented,
    ) -> Result<Result<(), Reason>, StoreError> {
        if token.kind != Kind::Effect {
            return Ok(match self.store.redeem(presented, now()).await? {
                Redeemed::Redeemed(_) => Ok(()),
                Redeemed::Refused(reason) => Err(reason),
            });
        }
        match self.store.redeem_in_transaction(presented, now()).await? {
            InTransaction::Refused(reason) => Ok(Err(reason)),
            InTransaction::Redeemed(mut transaction, _) => {
                let effect = sqlx::query("INSERT INTO effects VALUES ($1)");
                effect
                    .bind(token.id.to_string())
                    .execute(&mut *transaction)
                    .await
                    .map_err(StoreError::unavailable)?;
                let done = transaction.commit().await;
                done.map(Ok).map_err(StoreError::unavailable)
            }
        }
    }

    /// Redeems of right and wrong tokens at once.
    pub(crate) async fn attempts(
        self: &Arc<Self>,
        token: &Token,
        rights: &[bool],
    ) -> Result<(), StoreError> {
        if rights.is_empty() {
            return Ok(());
        }
        let tries = rights.iter().map(|right| {
            let (world, token, right) = (Arc::clone(self), token.clone(), *right);
            async move { world.attempt(&token, right).await }
        });
        at_once(tries).await.into_iter().collect()
    }

    /// A redeem of the right token or of a wrong one, with its lines.
    async fn attempt(&self, token: &Token, right: bool) -> Result<(), StoreError> {
        let presented = if right {
            self.right(token)
        } else {
            self.wrong(token)
        };
        let id = token.id;
        say(format_args!("asks redeem {id}"));
        match self.redeem(token, &presented).await? {
            Ok(()) => say(format_args!("redeemed {id}")),
            Err(Reason::Mismatch) => say(format_args!("mismatch {id}")),
            Err(Reason::Exhausted) => say(format_args!("exhausted {id}")),
            Err(_) => say(format_args!("refused {id}")),
        }
        Ok(())
    }

    pub(crate) fn factor(&self, id: FactorId) -> StoredFactor {
        StoredFactor {
            id,
            subject: self.alice.clone(),
            provider: "totp".into(),
            label: "phone".into(),
            state: FactorState::Active,
            sealed: vec![1, 2, 3],
            last: None,
            created_at: now(),
            used_at: None,
        }
    }
}

/// The factors that every life advances.
pub(crate) fn factor_id(number: u8) -> FactorId {
    FactorId::from_bytes([number; 16])
}

/// The limit with this number.
pub(crate) fn charge(number: u64) -> Charge {
    Charge {
        key: LimitKey::new(
            LimitScope::Application,
            &number.to_string(),
            &Binding::tenant("t1"),
        ),
        limit: Limit::ceiling(BURST),
    }
}

/// One line, in one write: a kill leaves it whole or away.
pub(crate) fn say(line: impl fmt::Display) {
    println!("@ {line}");
}

/// What the tasks share: each life counts on from where no other was.
struct Shared {
    world: Arc<World>,
    spends: AtomicU64,
    counters: AtomicU64,
}

/// Does everything, in many tasks, until the store fails: each failure ends its task.
pub(crate) async fn load(world: Arc<World>, seed: u64, life: u64, known: Vec<Token>) {
    let shared = Arc::new(Shared {
        world,
        spends: AtomicU64::new(life << 32),
        counters: AtomicU64::new(life << 32),
    });
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (shared, known) = (Arc::clone(&shared), known.clone());
        tasks.spawn(async move {
            let mut dice = Dice::new(seed ^ (life << 16) ^ task);
            loop {
                if let Err(error) = shared.step(&mut dice, &known).await {
                    say(format_args!("down {error:?}"));
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
}

impl Shared {
    async fn step(&self, dice: &mut Dice, known: &[Token]) -> Result<(), StoreError> {
        match dice.below(9) {
            0 | 1 => self.live(Kind::Code, dice).await,
            2 | 3 => self.live(Kind::Effect, dice).await,
            4 => self.live(Kind::Link, dice).await,
            5 => self.live(Kind::Prompt, dice).await,
            6 => self.spend().await,
            7 => self.burn(dice).await,
            _ => match known.len() {
                0 => Ok(()),
                some => {
                    let chosen = dice.below(u64::try_from(some).unwrap());
                    let token = known.get(usize::try_from(chosen).unwrap()).unwrap();
                    self.world.attempts(token, &[true, true]).await
                }
            },
        }
    }

    /// A token's life: issued, decided, tried rightly and wrongly at once, left, or revoked.
    async fn live(&self, kind: Kind, dice: &mut Dice) -> Result<(), StoreError> {
        let (world, (token, record)) = (&self.world, self.world.issue(kind));
        let id = token.id;
        say(format_args!("asks insert {token}"));
        let inserted = world.store.insert(core::slice::from_ref(&record)).await?;
        assert_eq!(inserted, Inserted::Done);
        say(format_args!("inserted {id}"));
        if kind == Kind::Prompt {
            let number = record.stored().number;
            let verdict = match dice.below(3) {
                0 => Verdict::Deny,
                _ => Verdict::Approve { number },
            };
            let decision = world
                .issuer
                .decide(
                    &PROMPT,
                    &record,
                    &Decider::from(&world.alice),
                    verdict,
                    b"",
                    now(),
                )
                .unwrap();
            world.store.decide(&id, &decision, now()).await?;
            let approved = decision.stored().outcome == Outcome::Approved;
            say(format_args!("approved {id} {approved}"));
        }
        if kind == Kind::Code && dice.below(6) == 0 {
            let revoked = world.store.revoke(&Revoke::Record(id)).await?;
            assert_eq!(revoked, 1);
            say(format_args!("revoked {id}"));
        }
        let wrong = matches!(kind, Kind::Code | Kind::Effect);
        let tries: Vec<_> = (0..dice.below(7))
            .map(|_| !wrong || dice.below(4) == 0)
            .collect();
        world.attempts(&token, &tries).await
    }

    /// One more of the present limit, which takes a few more spends than it allows.
    async fn spend(&self) -> Result<(), StoreError> {
        let number = self.spends.fetch_add(1, Ordering::Relaxed) / u64::from(BURST + 2);
        say(format_args!("asks spend {number}"));
        if self.world.store.spend(&[charge(number)], now()).await? == Spent::Allowed {
            say(format_args!("spent {number}"));
        }
        Ok(())
    }

    /// Two try to burn one counter.
    async fn burn(&self, dice: &mut Dice) -> Result<(), StoreError> {
        let counter = self.counters.fetch_add(1, Ordering::Relaxed);
        let factor = u8::try_from(dice.below(u64::from(FACTORS))).unwrap();
        let tries = (0..2).map(|_| {
            let world = Arc::clone(&self.world);
            async move {
                say(format_args!("asks advance {factor} {counter}"));
                let id = factor_id(factor);
                if world.store.advance(&id, counter, now()).await? == Advanced::Accepted {
                    say(format_args!("advanced {factor} {counter}"));
                }
                Ok(())
            }
        });
        at_once(tries).await.into_iter().collect()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            id,
            handle,
            text,
        } = self;
        write!(f, "{id} {kind:?} {handle} {text}")
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, kind, handle, text] = words[..] else {
            return Err(line.into());
        };
        let kinds = [Kind::Code, Kind::Effect, Kind::Link, Kind::Prompt];
        let kind = kinds
            .into_iter()
            .find(|known| format!("{known:?}") == kind)
            .ok_or(line)?;
        Ok(Self {
            kind,
            id: RecordId::parse(id).map_err(|error| error.to_string())?,
            handle: handle.into(),
            text: text.into(),
        })
    }
}
