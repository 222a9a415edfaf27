//! What the contracts say and a store may get wrong alone: decisions, owners, keys, limits ahead of every clock.

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, PROMPT, after, charge, now, ring};
use testing::redis::{Install, clean, everything, prefix, url};
use token_store::{
    BuildError, ChargedFactors, Decided, FactorState, FactorStore, Guess, LimitStore, Redeemed,
    Revoke, Spent, StoreError, TokenStore, Tokens,
    ott_core::{
        Decider, KeyRing, Limit, LimitKind, Outcome, Reason, State, Subject, Verdict,
        chrono::TimeDelta,
    },
};
use token_store_redis::RedisStore;

/// A store whose keys go away with the test.
struct Cleaned {
    prefix: String,
    fixture: Fixture,
}

impl Cleaned {
    async fn with_keys(keys: &str) -> Self {
        let prefix = prefix();
        let store = everything().prefix(&prefix).install(url()).await;
        let fixture = Fixture::with_keys(store, keys);
        Self { prefix, fixture }
    }
}

impl Drop for Cleaned {
    fn drop(&mut self) {
        clean(&url(), &self.prefix);
    }
}

/// Each outcome of a person and of a system is read as it was decided, and leads where it must.
#[tokio::test]
async fn decisions_of_each_kind_are_kept_whole() {
    let given = Cleaned::with_keys(&ring()).await;
    let (fixture, store) = (&given.fixture, &given.fixture.store);
    let deciders = [
        Decider::from(&fixture.alice),
        Decider::System("captcha".into()),
    ];
    for decider in deciders {
        for outcome in Outcome::ALL {
            let issued = fixture.insert(&PROMPT).await;
            let stored = issued.record.stored();
            assert!(stored.number.is_some_and(|number| number < 1_000_000));
            let verdict = match outcome {
                Outcome::Approved => Verdict::Approve {
                    number: stored.number,
                },
                Outcome::Denied => Verdict::Deny,
                Outcome::Reported => Verdict::Report,
            };
            let decision = fixture.decision(&issued, &decider, verdict);
            let told = store.decide(&stored.id, &decision, now()).await.unwrap();
            let Decided::Decided(decided) = told else {
                panic!("{decider:?} {outcome:?}: {told:?}");
            };
            let expected = match outcome {
                Outcome::Approved => State::Ready,
                Outcome::Denied | Outcome::Reported => State::Denied,
            };
            assert_eq!(decided.state, expected, "{decider:?} {outcome:?}");
            assert_eq!(decided.decision.as_ref(), Some(decision.stored()));
            assert_eq!(store.find(&stored.id).await.unwrap(), Some(decided.clone()));
            // It is whole: its tag still holds.
            fixture.issuer.open(&PROMPT, decided).unwrap();
        }
    }
}

/// A person decides about their own record alone; a system about anybody's.
#[tokio::test]
async fn deciders_who_are_strangers_are_refused() {
    let given = Cleaned::with_keys(&ring()).await;
    let (fixture, store) = (&given.fixture, &given.fixture.store);
    let strangers = [("t1", "bob"), ("t2", "alice"), ("", "alice")];
    for (tenant, id) in strangers {
        let issued = fixture.insert(&PROMPT).await;
        let stranger = Decider::Subject(Subject::new(tenant, id).unwrap());
        let decision = fixture.decision(&issued, &stranger, Verdict::Deny);
        let told = store.decide(issued.record.id(), &decision, now()).await;
        assert_eq!(told.unwrap(), Decided::Refused(Reason::Stranger), "{id}");
    }
}

/// Nobody revokes what is somebody else's.
#[tokio::test]
async fn revoke_own_spares_what_is_not_ones_own() {
    let given = Cleaned::with_keys(&ring()).await;
    let (fixture, store) = (&given.fixture, &given.fixture.store);
    let issued = fixture.insert(&CODE).await;
    let id = *issued.record.id();
    for (tenant, name) in [("t1", "bob"), ("t2", "alice"), ("", "alice")] {
        let other = Revoke::own(&Subject::new(tenant, name).unwrap(), id);
        assert_eq!(store.revoke(&other).await.unwrap(), 0, "{tenant} {name}");
    }
    let own = Revoke::own(&fixture.alice, id);
    assert_eq!(store.revoke(&own).await.unwrap(), 1);
    assert_eq!(store.revoke(&own).await.unwrap(), 0);
}

/// A record of a key that the ring lacks, and one of a key that was retired, are told apart; neither is counted.
#[tokio::test]
async fn keys_that_are_missing_or_retired_count_nothing() {
    let old = ring();
    let given = Cleaned::with_keys(&old).await;
    let (fixture, store) = (&given.fixture, &given.fixture.store);
    let issued = fixture.insert(&CODE).await;
    let new = ring().replacen("1 ", "2 ", 1);
    let retired = format!("{new}\n{old} retired 1970-01-01T00:00:00Z");
    for (keys, reason) in [
        (new.as_str(), Reason::KeyMissing),
        (&retired, Reason::KeyRetired),
    ] {
        let other = Fixture::with_keys(store.clone(), keys);
        let told = store.redeem(&other.right(&CODE, &issued), now()).await;
        assert_eq!(told.unwrap(), Redeemed::Refused(reason));
        let found = store.find(issued.record.id()).await.unwrap();
        assert_eq!(found.as_ref(), Some(issued.record.stored()));
    }
}

/// A time that no clock near this one has written is a fault of its key, and changes nothing.
#[tokio::test]
async fn limits_ahead_of_every_clock_are_a_fault() {
    let given = Cleaned::with_keys(&ring()).await;
    let store = &given.fixture.store;
    for (name, limit) in [
        ("pace", Limit::pace(5, TimeDelta::minutes(10))),
        ("allowance", Limit::ALLOWANCE),
    ] {
        let charges = [charge(name, limit)];
        let [one] = charges;
        // Full at once: as far ahead as this clock writes.
        for _ in 0..limit.burst() {
            let ahead = store.spend(&charges, after(TimeDelta::seconds(60))).await;
            assert_eq!(ahead.unwrap(), Spent::Allowed);
        }
        let within = store.spend(&charges, now()).await.unwrap();
        assert!(matches!(within, Spent::RetryAt(key, _) if key == one.key));
        let micro = TimeDelta::microseconds(-1);
        let beyond = store.spend(&charges, after(micro)).await.unwrap();
        assert_eq!(beyond, Spent::Ahead(one.key));
        store.clear(&one.key).await.unwrap();
        let cleared = store.spend(&charges, after(micro)).await.unwrap();
        assert_eq!(cleared, Spent::Allowed);
    }
}

/// Factors whose loss nobody accepted are misuse, and guesses at them too.
#[tokio::test]
async fn factors_whose_loss_nobody_accepted_are_misuse() {
    let fixture = Fixture::new(RedisStore::connect(url()).await.unwrap());
    let (store, alice) = (&fixture.store, &fixture.alice);
    let factor = fixture.factor(1, FactorState::Active);
    let guess = |right| Guess {
        right,
        charges: &[],
        cleared: &[],
    };
    let right = guess(Some((factor.id, 1)));
    let told = [
        store.insert_factor(&factor).await.map(drop),
        store.factors(alice).await.map(drop),
        store.advance(&factor.id, 1, now()).await.map(drop),
        store.look(alice, &[]).await.map(drop),
        store.advance_charged(right, now()).await.map(drop),
        store.advance_charged(guess(None), now()).await.map(drop),
    ];
    for (verb, told) in told.iter().enumerate() {
        assert!(
            matches!(told, Err(StoreError::Misuse(_))),
            "{verb}: {told:?}"
        );
    }
}

/// An application whose allowance could get lost does not start.
#[tokio::test]
async fn limits_whose_loss_nobody_accepted_are_not_kept() {
    let keys = || KeyRing::from_text(&ring()).unwrap();
    let plain = RedisStore::connect(url()).await.unwrap();
    let kinds = [LimitKind::Allowance, LimitKind::Ceiling, LimitKind::Pace];
    assert_eq!(kinds.map(|kind| plain.keeps(kind)), [false, false, true]);
    let told = Tokens::builder(keys(), plain).policy(&CODE).build();
    let refused = BuildError::LimitNotKept(*CODE.purpose(), LimitKind::Allowance);
    assert_eq!(told.err(), Some(refused));
    let accepting = RedisStore::builder().accepting_loss_of_ceilings();
    let accepting = accepting.connect(url()).await.unwrap();
    assert_eq!(kinds.map(|kind| accepting.keeps(kind)), [true; 3]);
    assert!(
        Tokens::builder(keys(), accepting)
            .policy(&CODE)
            .build()
            .is_ok()
    );
}
