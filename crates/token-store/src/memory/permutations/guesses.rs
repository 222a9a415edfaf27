//! Factors and limits, and guesses, which are steps on both.

use ott_core::{Binding, Limit, LimitKey, LimitScope, Presented, chrono::TimeDelta};

use super::{
    super::{MemoryStore, lock, pick, shard_of},
    Code, alice, ask, code, every_order, insert, now,
};
use crate::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorId, FactorState,
    FactorStore, Guess, LimitStore, RemoveIf, Spent, StoredFactor,
};

const FACTOR: FactorId = FactorId::from_bytes([7; 16]);

fn factor() -> StoredFactor {
    StoredFactor {
        id: FACTOR,
        subject: alice(),
        provider: String::from("totp"),
        label: String::from("phone"),
        state: FactorState::Active,
        sealed: vec![1, 2, 3],
        last: None,
        created_at: now(),
        used_at: None,
        removal: None,
    }
}

/// A factor that is removed while its code is burnt stays removed.
#[test]
fn advance_beside_remove_brings_nothing_back() {
    let id = FACTOR;
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        move |store| ask(store.advance(&id, 1, now())),
        move |store| ask(store.remove(&id, RemoveIf::Always, &[], now())),
        |store, advanced, removed| {
            let left = ask(store.factors(&alice())).pop().expect("the row stays");
            assert!(removed);
            assert_eq!(left.state, FactorState::Removed);
            let (told, last) = match left.last {
                None => (Advanced::Absent, None),
                last => (Advanced::Accepted, last),
            };
            assert_eq!((advanced, last.unwrap_or(1)), (told, 1));
        },
    );
    assert!(orders > 1, "{orders}");
}

/// Of two, one is spent, given back and spent again: one is left, in every order.
#[test]
fn spend_beside_refund_loses_nothing() {
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "permuted", &Binding::tenant("t1")),
        limit: Limit::pace(2, TimeDelta::minutes(1)),
    };
    let spends = move |store: &MemoryStore| ask(store.spend(&[charge], now())) == Spent::Allowed;
    let orders = every_order(
        move |store| assert!(spends(store)),
        move |store| ask(store.refund(&[charge], 1)),
        spends,
        move |store, (), spent| {
            assert_eq!((spent, spends(store), spends(store)), (true, true, false));
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A ceiling of so many in the first or the second shard.
fn ceiling(shard: usize, most: u32) -> Charge {
    let mut keys = (0_u8..).map(|number| {
        let name = format!("permuted {number}");
        LimitKey::new(LimitScope::Application, &name, &Binding::tenant("t1"))
    });
    Charge {
        key: keys
            .find(|key| shard_of(key.as_bytes()) == shard)
            .expect("one of two shards"),
        limit: Limit::ceiling(most),
    }
}

/// A guess that is wrong, or right with this counter. A success clears the last charge.
fn guess(store: &MemoryStore, right: Option<u64>, charges: &[Charge]) -> Charged<Option<Advanced>> {
    let cleared: Vec<_> = charges.last().iter().map(|charge| charge.key).collect();
    let guess = Guess {
        right: right.map(|counter| (FACTOR, counter)),
        charges,
        cleared: &cleared,
    };
    ask(store.advance_charged(guess, now()))
}

/// The last counter of the factor.
fn last(store: &MemoryStore) -> Option<u64> {
    ask(store.factors(&alice()))
        .pop()
        .expect("the row stays")
        .last
}

/// How many were counted.
fn count(store: &MemoryStore, charge: &Charge) -> u32 {
    let shard = lock(pick(&store.limits, charge.key.as_bytes()));
    shard.get(&charge.key).map_or(0, |state| state.count)
}

const WRONG_GUESS: Charged<Option<Advanced>> = Charged::Answered(None);
const ACCEPTED: Charged<Option<Advanced>> = Charged::Answered(Some(Advanced::Accepted));

/// A wrong guess beside a right one under ceilings that allow one more, whose keys they name in opposite orders: the right one comes
/// first and is accepted, or burns nothing. They wait in no circle.
fn wrong_beside_right(
    judge: impl Fn(&MemoryStore, &[Charge]) -> Charged<Option<Advanced>> + Send + Sync + 'static,
) {
    let [one, other] = [0, 1].map(|shard| ceiling(shard, 1));
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        move |store| judge(store, &[other, one]),
        move |store| guess(store, Some(1), &[one, other]),
        move |store, wrong, right| {
            let counted = [one, other].map(|charge| count(store, &charge));
            let first = right == ACCEPTED;
            let refused = right == Charged::Refused(Spent::Locked(one.key));
            let ordered = wrong == WRONG_GUESS
                && (first || refused)
                && counted == [1, 1]
                && last(store) == first.then_some(1);
            assert!(ordered, "no order: {wrong:?}, {right:?}, {counted:?}");
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A right guess overtakes no wrong one that used the limit up.
#[test]
fn guess_beside_guess_has_an_order() {
    wrong_beside_right(|store, charges| guess(store, None, charges));
}

/// A guess that asks the limits and then charges them is found out.
#[test]
#[should_panic(expected = "no order")]
fn planted_look_then_charge_is_found() {
    wrong_beside_right(|store, charges| {
        let refused = charges.iter().find(|charge| count(store, charge) > 0);
        if let Some(charge) = refused {
            return Charged::Refused(Spent::Locked(charge.key));
        }
        for charge in charges {
            let shard = pick(&store.limits, charge.key.as_bytes());
            lock(shard).entry(charge.key).or_default().count = 1;
        }
        WRONG_GUESS
    });
}

/// Of a spend and a guess under a ceiling of one, the second is refused; but a right guess that comes first charges nothing.
#[test]
fn guess_beside_spend_is_counted_once() {
    for right in [None, Some(1)] {
        let (charge, pace) = (ceiling(1, 1), ceiling(0, 9));
        let orders = every_order(
            |store| assert!(ask(store.insert_factor(&factor()))),
            move |store| ask(store.spend(&[charge], now())),
            move |store| guess(store, right, &[pace, charge]),
            move |store, spent, guessed| {
                let first = guessed != Charged::Refused(Spent::Locked(charge.key));
                let burnt = first && right.is_some();
                assert_eq!(guessed == ACCEPTED, burnt);
                assert_eq!(last(store), burnt.then_some(1));
                let allowed = !first || burnt;
                assert_eq!(
                    spent == Spent::Allowed,
                    allowed,
                    "{spent:?} beside {guessed:?}"
                );
                assert_eq!(count(store, &charge), 1);
                assert_eq!(count(store, &pace), u32::from(first && !burnt));
            },
        );
        assert!(orders > 1, "{orders}");
    }
}

/// What is cleared beside a wrong guess counts that guess or nothing, and allows it either way or refuses it whole.
#[test]
fn guess_beside_clear_counts_one_or_none() {
    let (charge, pace) = (ceiling(1, 1), ceiling(0, 9));
    let orders = every_order(
        move |store| assert_eq!(ask(store.spend(&[charge], now())), Spent::Allowed),
        move |store| ask(store.clear(&charge.key)),
        move |store| guess(store, None, &[pace, charge]),
        move |store, (), guessed| {
            let answered = guessed == WRONG_GUESS;
            assert!(answered || guessed == Charged::Refused(Spent::Locked(charge.key)));
            let counted = [pace, charge].map(|charge| count(store, &charge));
            assert_eq!(counted, [u32::from(answered); 2]);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A factor that is removed beside a right guess was burnt before and nothing is charged, or it is absent and that is charged.
#[test]
fn guess_beside_remove_burns_or_is_charged() {
    let (charge, pace) = (ceiling(1, 9), ceiling(0, 9));
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        |store| ask(store.remove(&FACTOR, RemoveIf::Always, &[], now())),
        move |store| guess(store, Some(1), &[pace, charge]),
        move |store, removed, guessed| {
            assert!(removed);
            let left = ask(store.factors(&alice())).pop().expect("the row stays");
            assert_eq!(left.state, FactorState::Removed);
            let burnt = left.last.is_some();
            let told = if burnt {
                Advanced::Accepted
            } else {
                Advanced::Absent
            };
            assert_eq!(guessed, Charged::Answered(Some(told)));
            let counted = [pace, charge].map(|charge| count(store, &charge));
            assert_eq!(counted, [u32::from(!burnt); 2]);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// Of a wrong token and a wrong guess under ceilings that allow one more, whose keys they name in opposite orders, one is counted and
/// the other is refused whole. They wait in no circle.
#[test]
fn redeem_beside_guess_has_an_order() {
    let [one, other] = [0, 1].map(|shard| ceiling(shard, 1));
    let Code { record, wrong, .. } = code(None);
    let redeem = move |store: &MemoryStore, wrong: &Presented| {
        let cost = Cost {
            charges: &[other, one],
            unknown_is_free: true,
        };
        ask(store.redeem_charged(wrong, cost, &[], now()))
    };
    let orders = every_order(
        move |store| {
            insert(store, &record);
            assert!(ask(store.insert_factor(&factor())));
        },
        move |store| redeem(store, &wrong),
        move |store| guess(store, None, &[one, other]),
        move |store, redeemed, guessed| {
            let answered = [
                matches!(redeemed, Charged::Answered(_)),
                guessed == WRONG_GUESS,
            ];
            assert!(answered[0] ^ answered[1], "{redeemed:?}, {guessed:?}");
            if answered[1] {
                assert_eq!(redeemed, Charged::Refused(Spent::Locked(other.key)));
            } else {
                assert_eq!(guessed, Charged::Refused(Spent::Locked(one.key)));
            }
            assert_eq!([one, other].map(|charge| count(store, &charge)), [1, 1]);
        },
    );
    assert!(orders > 1, "{orders}");
}
