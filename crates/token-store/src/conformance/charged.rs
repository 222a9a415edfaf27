//! Law 13, and laws 10 and 11 of its verbs.

use core::fmt::{self, Display, Formatter};

use ott_core::{
    Binding, Limit, LimitKey, LimitScope, Presented, Reason, Record, State, chrono::TimeDelta,
};

use super::{
    Harness,
    dice::{Dice, any_seed},
    dropped::{LAW as DROPPED, cut},
    fixture::{CODE, LINK, Mint, Minted, NOWS, PROMPT, Pair, Time, alice, race, records, rounds},
    history::{era, seeds},
    outage::fails,
    report::Law,
};
use crate::{
    Charge, Charged, ChargedStore, Cost, Inserted, LimitStore, MemoryStore, Redeemed, Spent,
    StoreError, TokenStore,
};

pub(super) const LAW: Law = Law(
    13,
    "a verb with its charges is one step, and what its verbs are one after another",
);

/// A store that keeps both, and charges in the step of a verb.
pub trait Together: TokenStore + LimitStore + ChargedStore {}

impl<S: TokenStore + LimitStore + ChargedStore> Together for S {}

pub(super) fn charge(name: &str, limit: Limit) -> Charge {
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &Binding::subject(&alice())),
        limit,
    }
}

pub(super) const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

/// Law 13: random histories of verbs with charges, beside plain verbs, follow the plain verbs of [`MemoryStore`] one after another.
pub async fn law_13_charged_histories_follow_the_verbs<H: Harness<Store: Together>>(harness: &H) {
    for seed in seeds((harness.rounds() / 5).max(1)) {
        let store = harness.store().await;
        history(&*store, seed).await;
    }
}

async fn history<S: Together>(store: &S, seed: u64) {
    let (model, mut dice, mut mint) = (MemoryStore::new(), Dice::new(seed), Mint::seeded(seed));
    let mut now = era(seed);
    let minute = TimeDelta::minutes(1);
    let keys = [
        charge("pace", Limit::pace(3, minute)),
        charge("allowance", Limit::allowance(4, TimeDelta::hours(1))),
        charge("ceiling", Limit::ceiling(3)),
        charge("another", Limit::pace(2, TimeDelta::seconds(5))),
    ];
    let mut minted: Vec<Minted> = Vec::new();
    for step in 0..60 {
        now += TimeDelta::seconds(i64::try_from(dice.below(30)).unwrap_or(0));
        let mut left = keys.to_vec();
        let charges: Vec<_> = (0..dice.below(4))
            .map(|_| left.swap_remove(dice.below(left.len())))
            .collect();
        let verb = if minted.is_empty() { 0 } else { dice.below(8) };
        let what = Step {
            seed,
            step,
            verb,
            charges: &charges,
        };
        match verb {
            0 => {
                let new = match minted.last() {
                    Some(earlier) if dice.below(2) == 0 => mint.resend(earlier, now),
                    _ => mint.mint(&[CODE, LINK, PROMPT][dice.below(3)], &alice(), now),
                };
                let batch = records([&new]);
                let told = store.insert_charged(&batch, &charges, now).await;
                let expected = insert_apart(&model, &batch, &charges, now).await;
                LAW.same_at(what, &LAW.answer("insert_charged", told), &expected);
                minted.push(new);
            }
            1..=4 => {
                let one = &minted[dice.below(minted.len())];
                let presented = match dice.below(3) {
                    0 => mint.right(one),
                    1 => mint.keyless(one),
                    _ => mint.wrong(one, step),
                };
                let cost = Cost {
                    charges: &charges,
                    unknown_is_free: dice.below(2) == 0,
                };
                let another = &minted[dice.below(minted.len())];
                let new = match dice.below(4) {
                    0 => vec![mint.mint(&LINK, &alice(), now)],
                    1 => vec![mint.resend(another, now)],
                    2 => vec![mint.mint(&CODE, &alice(), now), mint.resend(one, now)],
                    _ => Vec::new(),
                };
                let mut earned = records(&new);
                if dice.below(8) == 0 {
                    earned.push(another.record.clone());
                }
                let told = store.redeem_charged(&presented, cost, &earned, now).await;
                match redeem_apart(&model, &presented, cost, &earned, now).await {
                    Some(expected) => {
                        LAW.same_at(what, &LAW.answer("redeem_charged", told), &expected);
                    }
                    None => is_twice(&what.to_string(), &told),
                }
                minted.extend(new);
            }
            5 => {
                let told = store.spend(&charges, now).await;
                let expected = LAW.answer("spend", model.spend(&charges, now).await);
                LAW.same_at(what, &LAW.answer("spend", told), &expected);
            }
            6 => {
                let times = u32::from(dice.below(2) == 0);
                LAW.answer("refund", store.refund(&charges, times).await);
                LAW.answer("refund", model.refund(&charges, times).await);
            }
            _ => {
                let one = minted[dice.below(minted.len())].id();
                let found = LAW.answer("find", store.find(one).await);
                let expected = LAW.answer("find", model.find(one).await);
                LAW.same_at(what, &found, &expected);
            }
        }
    }
    for one in &minted {
        let found = LAW.answer("find", store.find(one.id()).await);
        let expected = LAW.answer("find", model.find(one.id()).await);
        LAW.same_at(
            format_args!("{LAWS_SEED}{seed}, at the end"),
            &found,
            &expected,
        );
    }
}

pub(super) const LAWS_SEED: &str = "LAWS_SEED=";

/// A step of a history, written where it went wrong alone.
#[derive(Clone, Copy)]
pub(super) struct Step<'c> {
    pub(super) seed: u64,
    pub(super) step: usize,
    pub(super) verb: usize,
    pub(super) charges: &'c [Charge],
}

impl Display for Step<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            step,
            verb,
            charges,
        } = self;
        write!(
            f,
            "{LAWS_SEED}{seed}, step {step}, verb {verb}, {charges:?}"
        )
    }
}

/// Spends each, or none.
pub(super) async fn spend_all(
    model: &MemoryStore,
    charges: &[Charge],
    now: Time,
) -> Result<(), Spent> {
    let spent = LAW.answer("spend", model.spend(charges, now).await);
    let (Spent::Ahead(refused) | Spent::Locked(refused) | Spent::RetryAt(refused, _)) = spent
    else {
        return Ok(());
    };
    let before = charges.iter().take_while(|charge| charge.key != refused);
    let before: Vec<_> = before.copied().collect();
    LAW.answer("refund", model.refund(&before, 1).await);
    Err(spent)
}

/// `None`: it would have redeemed, and what it would have earned is there already.
async fn redeem_apart(
    model: &MemoryStore,
    presented: &Presented,
    cost: Cost<'_>,
    earned: &[Record],
    now: Time,
) -> Option<Charged<Redeemed>> {
    if let Err(refused) = spend_all(model, cost.charges, now).await {
        return Some(Charged::Refused(refused));
    }
    let found = LAW.answer("find", model.find(presented.id()).await);
    if found.is_some_and(|mut found| found.redeem(presented, now).is_ok()) {
        for record in earned {
            if LAW.answer("find", model.find(record.id()).await).is_some() {
                LAW.answer("refund", model.refund(cost.charges, 1).await);
                return None;
            }
        }
    }
    let redeemed = LAW.answer("redeem", model.redeem(presented, now).await);
    let times = cost.given_back(&redeemed);
    LAW.answer("refund", model.refund(cost.charges, times).await);
    if matches!(redeemed, Redeemed::Redeemed(_)) {
        LAW.answer("insert", model.insert(earned).await);
    }
    Some(Charged::Answered(redeemed))
}

/// What a redeem answers that would earn what is there already.
#[track_caller]
pub(super) fn is_twice(what: &str, told: &Result<Charged<Redeemed>, StoreError>) {
    let is_twice = matches!(told, Err(StoreError::Corrupt("an id came up twice")));
    LAW.holds(is_twice, || {
        format!(
            "{what}: earning an id that is there got {told:?} instead of `StoreError::ID_TWICE`"
        )
    });
}

async fn insert_apart(
    model: &MemoryStore,
    batch: &[Record],
    charges: &[Charge],
    now: Time,
) -> Charged<Inserted> {
    if let Err(refused) = spend_all(model, charges, now).await {
        return Charged::Refused(refused);
    }
    let inserted = LAW.answer("insert", model.insert(batch).await);
    let times = u32::from(inserted == Inserted::Collision);
    LAW.answer("refund", model.refund(charges, times).await);
    Charged::Answered(inserted)
}

/// Law 13: 64 tasks guess at 64 records under a ceiling of 10, at two instances: 10 are compared, and the other 54 touched nothing.
/// A right code that the ceiling allows leaves it as it was.
pub async fn law_13_charged_guesses_are_exact<H: Harness<Store: Together>>(harness: &H) {
    const TASKS: usize = 64;
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds() / 50) {
        let ceiling = charge(&format!("guesses {round}"), Limit::ceiling(10));
        let pace = charge(
            &format!("pace {round}"),
            Limit::pace(1_000, TimeDelta::minutes(1)),
        );
        let minted = mint.batch(&CODE, &alice(), TASKS, now);
        LAW.answer("insert", store.insert(&records(&minted)).await);
        let right = mint.mint(&CODE, &alice(), now);
        LAW.answer("insert", store.insert(&records([&right])).await);
        let (presented, charges) = (mint.right(&right), [pace, ceiling]);
        let told = store.redeem_charged(&presented, cost(&charges), &[], now);
        let told = LAW.answer("redeem_charged", told.await);
        LAW.holds(
            matches!(told, Charged::Answered(Redeemed::Redeemed(_))),
            || format!("a right code got {told:?}"),
        );
        let answers = race(TASKS, |task| {
            let (store, wrong) = (stores.of(task), mint.wrong(&minted[task], round));
            async move {
                store
                    .redeem_charged(&wrong, cost(&[pace, ceiling]), &[], now)
                    .await
            }
        })
        .await;
        let mut compared = 0;
        for (one, answer) in minted.iter().zip(answers) {
            let found = LAW.answer("find", store.find(one.id()).await);
            let attempts = found.map(|found| found.attempts);
            match LAW.answer("redeem_charged", answer) {
                Charged::Answered(Redeemed::Refused(Reason::Mismatch)) => {
                    compared += 1;
                    LAW.same("attempts of what was compared", &attempts, &Some(1));
                }
                Charged::Refused(Spent::Locked(key)) if key == ceiling.key => {
                    LAW.same("attempts of what the ceiling refused", &attempts, &Some(0));
                }
                told => LAW.broken(&format!("a guess got {told:?}")),
            }
        }
        LAW.same("guesses compared under a ceiling of 10", &compared, &10);
        let passes = passes(
            store,
            Charge {
                limit: Limit::ceiling(11),
                ..ceiling
            },
        )
        .await;
        LAW.same(
            "what is left of a ceiling of 11 after 10 guesses",
            &passes,
            &1,
        );
    }
}

/// How many more this ceiling allows: it has no time.
pub(super) async fn passes<S: LimitStore>(store: &S, charge: Charge) -> u32 {
    let mut passes = 0;
    while passes < 64
        && LAW.answer("spend", store.spend(&[charge], NOWS[1]).await) == Spent::Allowed
    {
        passes += 1;
    }
    passes
}

/// Law 13: one key twice is misuse, and changes nothing.
pub async fn law_13_charged_twice_is_misuse<H: Harness<Store: Together>>(harness: &H) {
    let (store, mut mint, now) = (harness.store().await, Mint::new(), NOWS[1]);
    let twice = [charge("twice", Limit::ceiling(3)); 2];
    let minted = mint.mint(&CODE, &alice(), now);
    let batch = records([&minted]);
    LAW.misuse(
        "an insert that charges one key twice",
        store.insert_charged(&batch, &twice, now).await,
    );
    LAW.same(
        "what it inserted",
        &LAW.answer("find", store.find(minted.id()).await),
        &None,
    );
    LAW.answer("insert", store.insert(&batch).await);
    let told = store
        .redeem_charged(&mint.right(&minted), cost(&twice), &[], now)
        .await;
    LAW.misuse("a redeem that charges one key twice", told);
    let found = LAW.answer("find", store.find(minted.id()).await);
    LAW.same(
        "its record",
        &found.map(|found| found.state),
        &Some(State::Ready),
    );
    LAW.same("what is left", &passes(&*store, twice[0]).await, &3);
}

/// Law 10: a dropped future leaves each verb of a [`ChargedStore`] done with its charges, or neither.
pub async fn law_10_dropped_charged_verbs<H: Harness<Store: Together>>(harness: &H) {
    let store = harness.store().await;
    let (mut mint, mut dice) = (Mint::new(), Dice::new(any_seed()));
    for (round, now) in rounds(harness.rounds() / 5) {
        let limit = Limit::ceiling(3);
        let (guessed, asked) = (format!("guessed {round}"), format!("asked {round}"));
        let (guessed, asked) = (charge(&guessed, limit), charge(&asked, limit));
        let minted = mint.mint(&CODE, &alice(), now);
        let batch = records([&minted]);
        let told = cut(&mut dice, store.insert_charged(&batch, &[asked], now)).await;
        // If it was dropped it may be done now, or while this waits; what comes after it waits for it.
        let again = DROPPED.answer("insert", store.insert(&batch).await);
        let was_there = again == Inserted::Collision;
        DROPPED.holds(told.is_none() || was_there, || {
            "an insert is not there".into()
        });
        let left = passes(&*store, asked).await;
        DROPPED.holds(left == 3 - u32::from(was_there), || {
            format!("an insert (there: {was_there}) left {left} of its limit")
        });
        let wrong = mint.wrong(&minted, round);
        let told = cut(
            &mut dice,
            store.redeem_charged(&wrong, cost(&[guessed]), &[], now),
        )
        .await;
        // Whatever is still under way is done before the ceiling is reached, or refused by it.
        let again = store
            .redeem_charged(&wrong, cost(&[guessed]), &[], now)
            .await;
        DROPPED.answer("redeem_charged", again);
        let left = passes(&*store, guessed).await;
        let found = DROPPED.answer("find", store.find(minted.id()).await);
        let attempts = found.map_or(0, |found| found.attempts);
        DROPPED.holds(attempts + left == 3 && (attempts == 2 || told.is_none()), || {
            format!("after a guess that got {told:?} and another: {attempts} counted, {left} left of 3")
        });
    }
}

/// Law 11: each verb of a broken [`ChargedStore`] is a `StoreError` in time.
pub async fn law_11_outage_of_charged<H: Harness<Store: Together>>(harness: &H) {
    let (store, patience, mut mint) = (harness.broken().await, harness.patience(), Mint::new());
    let now = NOWS[1];
    let minted = mint.mint(&LINK, &alice(), now);
    let (batch, right) = (records([&minted]), mint.right(&minted));
    let earned = records([&mint.mint(&LINK, &alice(), now)]);
    let charges = [charge("outage", Limit::ceiling(3))];
    tokio::join!(
        fails(
            patience,
            "insert_charged",
            store.insert_charged(&batch, &charges, now)
        ),
        fails(
            patience,
            "redeem_charged",
            store.redeem_charged(&right, cost(&charges), &[], now)
        ),
        fails(
            patience,
            "redeem_charged, which earns,",
            store.redeem_charged(&right, cost(&charges), &earned, now)
        ),
    );
}
