//! Very many clients, clocks that differ, memory that comes back.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/clients.rs"]
mod clients;
#[path = "support/fixture.rs"]
mod fixture;

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{sync::Arc, time::Instant};

use clients::ten_thousand;
use fixture::{CODE, Fixture, LINK, RECOVERY, after, charge, now};
use testing::redis::{Install, clean, everything, prefix, url};
use token_store::{
    ConfirmIf, LimitStore, Redeemed, RemoveIf, Revoke, Spent, StoreError, TokenStore,
    ott_core::{
        Limit, Reason,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_redis::{
    RedisStore, StartError,
    redis::{self, Value},
};

/// Its keys go away with the test.
struct World {
    prefix: String,
    fixture: Fixture,
}

impl World {
    async fn new() -> Self {
        let prefix = prefix();
        let builder = everything()
            .prefix(&prefix)
            .timeout(core::time::Duration::from_secs(60));
        Self {
            fixture: Fixture::new(builder.install(url()).await),
            prefix,
        }
    }

    fn ask(&self, command: &str, key: &str) -> Value {
        let mut connection = self.connection();
        redis::cmd(command)
            .arg(format!("{{{}}}:{key}", self.prefix))
            .query(&mut connection)
            .unwrap()
    }

    fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(url()).unwrap();
        client.get_connection().unwrap()
    }

    /// Every key of the store.
    fn all_keys(&self) -> Vec<String> {
        let mut connection = self.connection();
        redis::cmd("KEYS")
            .arg(format!("*{}*", self.prefix))
            .query(&mut connection)
            .unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        clean(&url(), &self.prefix);
    }
}

/// Ten thousand clients redeem a thousand tokens, a thousand times in all.
#[tokio::test(flavor = "multi_thread")]
async fn clients_redeem_each_token_once() {
    let world = World::new().await;
    ten_thousand(&world.fixture).await;
}

/// A subject's tokens are listed and revoked while new ones come all the time.
#[tokio::test(flavor = "multi_thread")]
async fn busy_subject_is_listed_and_revoked_all_the_same() {
    let world = World::new().await;
    let fixture = Arc::new(Fixture::new(world.fixture.store.clone()));
    let mut before = Vec::new();
    for _ in 0..50 {
        before.push(fixture.right(&CODE, &fixture.insert(&CODE).await));
    }
    // They have a connection of their own, and more to say than the one that revokes.
    let builder = everything().prefix(&world.prefix);
    let busy = Fixture::new(builder.connect(url()).await.unwrap());
    let (busy, over) = (Arc::new(busy), Arc::<AtomicBool>::default());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (busy, over) = (Arc::clone(&busy), Arc::clone(&over));
        tasks.spawn(async move {
            let mut count = 0_u32;
            while !over.load(Ordering::Relaxed) && count < 4_000 {
                busy.insert(&CODE).await;
                count = count.saturating_add(1);
            }
            count
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    let listed = fixture.store.list(&fixture.alice, None, now()).await;
    assert!(listed.unwrap().len() >= before.len());
    let revoked = fixture.store.revoke(&Revoke::subject(&fixture.alice)).await;
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    let inserted: u32 = tasks.join_all().await.into_iter().sum();
    assert!(revoked.unwrap() >= 50);
    for right in &before {
        let told = fixture.store.redeem(right, now()).await.unwrap();
        assert_eq!(told, Redeemed::Refused(Reason::Revoked));
    }
    assert!(took < Duration::from_secs(30), "{took:?} beside {inserted}");
}

/// Clocks an hour apart lose nothing of a limit.
#[tokio::test]
async fn clocks_an_hour_apart_lose_nothing_of_a_limit() {
    let world = World::new().await;
    let store = &world.fixture.store;
    let (here, there) = (now(), after(TimeDelta::hours(1)));
    let pace = [charge("pace", Limit::pace(5, TimeDelta::hours(1)))];
    // The one that is ahead spends all, and what an hour may have brought back; the other gains nothing.
    let mut allowed = 0;
    for clock in [
        here, there, here, there, here, there, here, there, here, there, here,
    ] {
        let told = store.spend(&pace, clock).await.unwrap();
        allowed += u32::from(told == Spent::Allowed);
    }
    assert!((5..=6).contains(&allowed), "{allowed}");
    for clock in [here, there] {
        let told = store.spend(&pace, clock).await.unwrap();
        assert_ne!(told, Spent::Allowed);
    }
    // Nor does anybody's purge give it back, nor Redis itself.
    assert_eq!(store.purge_limits(there, 10).await.unwrap(), 0);
    let Value::Int(left) = world.ask("PTTL", &limit_key(&pace[0])) else {
        panic!("a number");
    };
    assert!(left > 24 * 3_600 * 1_000, "{left}");
}

fn limit_key(charge: &token_store::Charge) -> String {
    format!("limit:{:032x}", u128::from_be_bytes(*charge.key.as_bytes()))
}

/// Redis expires a token a day after its end and no sooner.
#[tokio::test]
async fn expired_token_stays_in_redis_for_a_day() {
    let world = World::new().await;
    let fixture = &world.fixture;
    let issued = fixture.insert(&CODE).await;
    let id = *issued.record.id();
    let Value::Int(left) = world.ask("PTTL", &format!("token:{id}")) else {
        panic!("a number");
    };
    let day = 24 * 3_600 * 1_000;
    let life = 10 * 60 * 1_000;
    assert!((day + life - 5_000..=day + life).contains(&left), "{left}");
    // One without an end stays until it is purged, and so does what names it.
    let endless = fixture.insert(&RECOVERY).await;
    assert_eq!(endless.record.stored().expires_at, None);
    let kept = world.ask("PTTL", &format!("token:{}", endless.record.id()));
    assert_eq!(kept, Value::Int(-1));
    assert_eq!(world.ask("PTTL", "tokens-of:2:t1:alice"), Value::Int(-1));
    // As if the day had passed.
    world.ask("DEL", &format!("token:{id}"));
    let found = fixture
        .store
        .list(&fixture.alice, None, now())
        .await
        .unwrap();
    assert_eq!(found, [endless.record.stored().clone()]);
    let told = fixture
        .store
        .redeem(&fixture.right(&CODE, &issued), now())
        .await;
    assert!(
        matches!(told, Ok(Redeemed::Refused(Reason::Unknown))),
        "{told:?}"
    );
    let later = after(TimeDelta::days(36_500));
    assert_eq!(fixture.store.purge(later, 10).await.unwrap(), 0);
    assert_eq!(world.ask("ZCARD", "ends"), Value::Int(1));
}

/// A final token stands in two sorted sets, and leaves both.
#[tokio::test]
async fn purge_takes_a_final_token_out_of_both_sets() {
    let world = World::new().await;
    let fixture = &world.fixture;
    let [spent, _live] = [fixture.insert(&CODE).await, fixture.insert(&LINK).await];
    let right = fixture.right(&CODE, &spent);
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
    let sizes = || ["ends", "final"].map(|set| world.ask("ZCARD", set));
    assert_eq!(sizes(), [Value::Int(2), Value::Int(1)]);
    let soon = after(TimeDelta::seconds(1));
    assert_eq!(fixture.store.purge(soon, 10).await.unwrap(), 1);
    assert_eq!(sizes(), [Value::Int(1), Value::Int(0)]);
}

/// A purge leaves nothing behind.
#[tokio::test]
async fn purge_leaves_nothing_behind() {
    let world = World::new().await;
    let fixture = &world.fixture;
    for _ in 0..300 {
        fixture.insert(&CODE).await;
    }
    let pace = [charge("pace", Limit::PACE)];
    fixture.store.spend(&pace, now()).await.unwrap();
    let later = after(TimeDelta::days(30));
    assert_eq!(fixture.store.purge(later, 1_000).await.unwrap(), 300);
    assert_eq!(fixture.store.purge_limits(later, 1_000).await.unwrap(), 1);
    assert_eq!(world.all_keys(), [format!("{{{}}}:epoch", world.prefix)]);
}

/// Neither the keys' names nor the values of tokens and sets hold a handle or a long token.
#[tokio::test]
async fn names_and_values_hold_no_secret() {
    let world = World::new().await;
    let fixture = &world.fixture;
    let mut secrets = Vec::new();
    for policy in [&CODE, &LINK, &RECOVERY] {
        let issued = fixture.insert(policy).await;
        secrets.push(issued.handle.expose_secret().to_string());
        // Six digits stand in every time; the others stand nowhere by chance.
        if policy != &CODE {
            secrets.push(issued.token.expose_secret().to_owned());
        }
    }
    let (mut connection, mut everything) = (world.connection(), Vec::new());
    for key in world.all_keys() {
        everything.extend_from_slice(key.as_bytes());
        let read = if key.contains(":token:") {
            "HGETALL"
        } else if key.ends_with("ends") || key.ends_with("final") {
            continue;
        } else if key.ends_with("epoch") {
            "HGETALL"
        } else {
            "SMEMBERS"
        };
        let values: Vec<Vec<u8>> = redis::cmd(read).arg(&key).query(&mut connection).unwrap();
        everything.extend(values.concat());
    }
    let holds = |what: &[u8]| everything.windows(what.len()).any(|window| window == what);
    assert!(holds(b"sign-in") && holds(b"alice"), "nothing was read");
    for secret in secrets {
        assert!(!holds(secret.as_bytes()));
    }
}

/// Factors, ceilings and allowances whose loss nobody accepted are misuse.
#[tokio::test]
async fn factors_and_ceilings_unaccepted_are_misuse() {
    let prefix = prefix();
    let store = RedisStore::builder()
        .prefix(&prefix)
        .connect(url())
        .await
        .unwrap();
    let fixture = Fixture::new(store.clone());
    let factor = fixture.factor(1, token_store::FactorState::Active);
    let misuse = |told: Result<(), StoreError>| {
        assert!(matches!(told, Err(StoreError::Misuse(_))), "{told:?}");
    };
    {
        use token_store::FactorStore;
        misuse(store.insert_factor(&factor).await.map(drop));
        misuse(store.factors(&fixture.alice).await.map(drop));
        misuse(
            store
                .confirm(&factor.id, None, ConfirmIf::Always, now())
                .await
                .map(drop),
        );
        misuse(store.advance(&factor.id, 1, now()).await.map(drop));
        misuse(
            store
                .remove(&factor.id, RemoveIf::Always, &[], now())
                .await
                .map(drop),
        );
        misuse(store.restore(&factor.id).await.map(drop));
        misuse(store.purge_factors(now(), 1).await.map(drop));
    }
    let pace = charge("pace", Limit::PACE);
    for limit in [Limit::CEILING, Limit::ALLOWANCE] {
        let charges = [pace, charge("lasting", limit)];
        misuse(store.spend(&charges, now()).await.map(drop));
        misuse(store.refund(&charges, 1).await);
    }
    assert_eq!(store.spend(&[pace], now()).await.unwrap(), Spent::Allowed);
    clean(&url(), &prefix);
}

/// A time beyond the integers of Lua is misuse.
#[tokio::test]
async fn times_beyond_lua_integers_are_misuse() {
    let world = World::new().await;
    let fixture = &world.fixture;
    let issued = fixture.insert(&CODE).await;
    let (id, right) = (*issued.record.id(), fixture.right(&CODE, &issued));
    let pace = [charge("pace", Limit::PACE)];
    for far in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        let told = [
            fixture.store.redeem(&right, far).await.map(drop),
            fixture.store.touch(&id, far).await,
            fixture.store.purge(far, 1).await.map(drop),
            fixture.store.spend(&pace, far).await.map(drop),
            fixture.store.purge_limits(far, 1).await.map(drop),
        ];
        for told in told {
            assert!(matches!(told, Err(StoreError::Misuse(_))), "{told:?}");
        }
    }
}

/// Times of today and of the furthest year are exact to the microsecond.
#[tokio::test]
async fn times_are_exact_to_the_microsecond() {
    let world = World::new().await;
    let (store, minute) = (&world.fixture.store, TimeDelta::minutes(1));
    // Sixteen digits, of which the last must not go.
    for micros in [1_795_312_345_678_901, 4_999_999_999_999_999_i64] {
        let now = DateTime::from_timestamp_micros(micros).unwrap();
        let (issuer, binding) = (&world.fixture.issuer, world.fixture.binding());
        let issued = issuer.issue(&CODE, &binding, now).unwrap();
        store
            .insert(core::slice::from_ref(&issued.record))
            .await
            .unwrap();
        let presented = |time| {
            let typed = issued.token.expose_secret();
            issuer
                .present_by_handle(&CODE, &issued.handle, &binding, typed, time)
                .unwrap()
        };
        let ends = issued.record.stored().expires_at.unwrap();
        let one = TimeDelta::microseconds(1);
        if micros < 4_000_000_000_000_000 {
            let told = store.redeem(&presented(ends), ends).await.unwrap();
            assert_eq!(told, Redeemed::Refused(Reason::Expired));
        }
        let last = (ends - one).min(now);
        let told = store.redeem(&presented(last), last).await.unwrap();
        let Redeemed::Redeemed(stored) = told else {
            panic!("{told:?}");
        };
        assert_eq!(stored.used_at, Some(last));
        assert_eq!(stored.issued_at, now);
        let pace = [charge(&micros.to_string(), Limit::pace(2, minute))];
        for _ in 0..2 {
            assert_eq!(store.spend(&pace, now).await.unwrap(), Spent::Allowed);
        }
        let told = store.spend(&pace, now).await.unwrap();
        assert_eq!(told, Spent::RetryAt(pace[0].key, now + minute));
        // The last one comes back then, and not a microsecond before.
        if micros < 4_000_000_000_000_000 {
            let told = store.spend(&pace, now + minute - one).await.unwrap();
            assert_ne!(told, Spent::Allowed);
            let told = store.spend(&pace, now + minute).await.unwrap();
            assert_eq!(told, Spent::Allowed);
        }
    }
}

/// A prefix that would make another hash tag is refused.
#[tokio::test]
async fn prefix_with_a_brace_is_refused() {
    let long = "p".repeat(65);
    for prefix in ["", "a}b", "{a", "a b", "ü", long.as_str()] {
        let told = RedisStore::builder().prefix(prefix).connect(url()).await;
        assert!(
            matches!(told, Err(StartError::Prefix)),
            "{prefix}: {told:?}"
        );
    }
}
