//! What the process that survives was told, and what must then be in the store.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};

use token_store::{
    Advanced, FactorStore, LimitStore, Spent, TokenStore,
    ott_core::{Outcome, State, Stored},
};
use token_store_sqlx::sqlx;

use crate::{
    backend,
    fixture::now,
    life::{BURST, FACTORS, Kind, Token, World, charge, factor_id},
};

/// What was asked and answered of one token.
struct Known {
    token: Token,
    inserted: bool,
    asked: u32,
    mismatches: u32,
    redeemed: u32,
    exhausted: bool,
    approved: Option<bool>,
    revoked: bool,
}

/// Everything that was ever asked and answered.
#[derive(Default)]
pub(crate) struct Ledger {
    tokens: BTreeMap<String, Known>,
    /// The ones that the present life has named.
    touched: BTreeSet<String>,
    /// Asked and allowed.
    limits: BTreeMap<u64, (u32, u32)>,
    /// The highest counter that was asked and accepted.
    counters: BTreeMap<u8, (u64, Option<u64>)>,
    accepted: BTreeSet<(u8, u64)>,
    /// How many answers there were.
    pub(crate) answers: u32,
    /// How many answers were an outage.
    pub(crate) outages: u32,
}

impl Ledger {
    /// Reads a line.
    pub(crate) fn note(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        self.answers += u32::from(words[0] != "asks");
        match words[..] {
            ["asks", "insert", id, ..] => {
                let token = line.strip_prefix("asks insert ").unwrap().parse().unwrap();
                self.touched.insert(id.into());
                let known = Known {
                    token,
                    inserted: false,
                    asked: 0,
                    mismatches: 0,
                    redeemed: 0,
                    exhausted: false,
                    approved: None,
                    revoked: false,
                };
                assert!(self.tokens.insert(id.into(), known).is_none());
            }
            ["asks", "redeem", id] => self.token(id).asked += 1,
            ["inserted", id] => self.token(id).inserted = true,
            ["approved", id, how] => self.token(id).approved = Some(how == "true"),
            ["revoked", id] => self.token(id).revoked = true,
            ["mismatch", id] => self.token(id).mismatches += 1,
            ["exhausted", id] => self.token(id).exhausted = true,
            ["redeemed", id] => {
                let known = self.token(id);
                known.redeemed += 1;
                assert_eq!(known.redeemed, 1, "{} is redeemed twice", known.token);
            }
            ["refused", _] => {}
            ["asks", "spend", number] => self.limit(number).0 += 1,
            ["spent", number] => self.limit(number).1 += 1,
            ["asks", "advance", factor, counter] => {
                let (asked, _) = self.counter(factor);
                *asked = counter.parse::<u64>().unwrap().max(*asked);
            }
            ["advanced", factor, counter] => {
                let counter = counter.parse().unwrap();
                let (_, accepted) = self.counter(factor);
                *accepted = Some(counter).max(*accepted);
                let new = self.accepted.insert((factor.parse().unwrap(), counter));
                assert!(new, "factor {factor} accepts {counter} twice");
            }
            ["down", ..] => self.outages += 1,
            _ => panic!("a line of the life: {line}"),
        }
    }

    fn token(&mut self, id: &str) -> &mut Known {
        self.touched.insert(id.into());
        self.tokens.get_mut(id).unwrap()
    }

    fn limit(&mut self, number: &str) -> &mut (u32, u32) {
        self.limits.entry(number.parse().unwrap()).or_default()
    }

    fn counter(&mut self, factor: &str) -> &mut (u64, Option<u64>) {
        self.counters.entry(factor.parse().unwrap()).or_default()
    }

    /// Tokens for the next life to try, spent or not.
    pub(crate) fn some(&self, most: usize) -> Vec<Token> {
        let touched = self.tokens.values().rev().take(most);
        touched.map(|known| known.token.clone()).collect()
    }

    /// Holds the store against every answer, and changes nothing.
    pub(crate) async fn look(&self, world: &World) {
        backend::look(&world.store).await;
        for id in &self.touched {
            self.tokens[id].check(world).await;
        }
        self.check_limits(world).await;
        self.check_counters(world).await;
    }

    /// Looks, then redeems every second token that this life touched.
    pub(crate) async fn check(&mut self, world: &World) {
        self.look(world).await;
        for id in core::mem::take(&mut self.touched) {
            if id.as_bytes()[0] % 2 == 0 {
                let known = self.tokens.get_mut(&id).unwrap();
                known.redeem_at_last(world).await;
            }
        }
        self.use_up(world).await;
    }

    /// Redeems whatever is left, and looks at everything once more.
    pub(crate) async fn end(&mut self, world: &World) {
        self.check(world).await;
        for known in self.tokens.values_mut() {
            known.redeem_at_last(world).await;
            known.check(world).await;
        }
    }

    async fn check_limits(&self, world: &World) {
        for (number, (asked, allowed)) in &self.limits {
            let spent = backend::spent(&world.store, &charge(*number).key).await;
            let count = u32::try_from(spent.unwrap_or(0)).unwrap();
            let possible = *allowed..=BURST.min(*asked);
            assert!(
                possible.contains(&count),
                "limit {number}: {count}, not {possible:?}"
            );
        }
    }

    /// What the verbs say of the last limit and the last counters.
    async fn use_up(&mut self, world: &World) {
        if let Some(mut last) = self.limits.last_entry() {
            let (charge, (asked, allowed)) = (charge(*last.key()), last.get_mut());
            while world.store.spend(&[charge], now()).await.unwrap() == Spent::Allowed {
                (*asked, *allowed) = (*asked + 1, *allowed + 1);
            }
            assert!(*allowed <= BURST, "a limit allows {allowed}");
        }
        for (number, (_, accepted)) in &self.counters {
            if let Some(accepted) = *accepted {
                let id = factor_id(*number);
                let again = world.store.advance(&id, accepted, now()).await;
                assert_eq!(again.unwrap(), Advanced::Replayed);
            }
        }
    }

    async fn check_counters(&self, world: &World) {
        let found = world.store.factors(&world.alice).await.unwrap();
        for number in 0..FACTORS {
            let id = factor_id(number);
            let factor = found.iter().find(|factor| factor.id == id);
            let last = factor.expect("an acknowledged factor").last;
            let Some((asked, accepted)) = self.counters.get(&number) else {
                continue;
            };
            assert!(last >= *accepted, "{number}: {last:?} after {accepted:?}");
            assert!(last <= Some(*asked), "{number}: {last:?}, asked {asked}");
        }
    }
}

impl Known {
    async fn stored(&self, world: &World) -> Option<Stored> {
        world.store.find(&self.token.id).await.unwrap()
    }

    async fn check(&self, world: &World) {
        let token = &self.token;
        let Some(stored) = self.stored(world).await else {
            assert!(!self.inserted, "{token} is lost");
            return;
        };
        let counted = self.mismatches + self.redeemed;
        let (attempts, most) = (
            stored.attempts,
            stored.max_attempts.map_or(u32::MAX, u32::from),
        );
        assert!(
            (counted..=self.asked.min(most)).contains(&attempts),
            "{token}: {attempts} attempts; {counted} told, {} asked, {most} allowed",
            self.asked
        );
        let spent = stored.state == State::Spent;
        assert!(self.redeemed == 0 || spent, "{token} is unspent again");
        let exhausted = stored.state == State::Exhausted;
        assert!(!self.exhausted || exhausted, "{token} is alive again");
        assert!(
            !exhausted || attempts == most,
            "{token}: {attempts} of {most}"
        );
        assert!(!self.revoked || stored.state == State::Revoked, "{token}");
        let decided = stored
            .decision
            .as_ref()
            .map(|decision| decision.outcome == Outcome::Approved);
        assert!(
            self.approved.is_none() || decided == self.approved,
            "{token}"
        );
        let effects: i64 = sqlx::query_scalar("SELECT count(*) FROM effects WHERE id = $1")
            .bind(token.id.to_string())
            .fetch_one(world.store.pool())
            .await
            .unwrap();
        let expected = i64::from(spent && token.kind == Kind::Effect);
        assert_eq!(effects, expected, "effects of {token}");
    }

    /// The right token, twice: accepted once if it can be, and never if it was before.
    async fn redeem_at_last(&mut self, world: &World) {
        let Some(stored) = self.stored(world).await else {
            return;
        };
        let presented = world.right(&self.token);
        for time in 0..2 {
            let told = world.redeem(&self.token, &presented).await.unwrap();
            let expected = stored.state == State::Ready && time == 0;
            assert_eq!(told.is_ok(), expected, "{} at {time}: {told:?}", self.token);
            self.asked += 1;
            self.redeemed += u32::from(told.is_ok());
        }
        assert!(self.redeemed <= 1, "{} is redeemed twice", self.token);
    }
}
