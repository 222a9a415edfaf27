//! The server over every store.

use std::sync::Arc;

use testing::{Place, Watched, key_1};
use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    token_store::{FactorStore as _, ott_core::Subject},
    yubico::Status,
};
use yubico_validation::Validation;

use crate::support::{NONCE, Soft, over, over_at, prepared, query, status};

/// Answers of fifty requests at once, half of them at each of two servers.
async fn at_once(servers: &[Arc<Validation>; 2], query: impl Fn(usize) -> String) -> Vec<String> {
    let barrier = Arc::new(Barrier::new(50));
    let mut tasks = JoinSet::new();
    for nth in 0..50 {
        let (server, query) = (Arc::clone(&servers[nth % 2]), query(nth));
        let barrier = Arc::clone(&barrier);
        tasks.spawn(async move {
            barrier.wait().await;
            let answer = server.answer(&query).await;
            status(&answer).to_owned()
        });
    }
    let mut told = tasks.join_all().await;
    told.sort_unstable();
    told
}

/// Of fifty requests at once with one OTP, one is OK; the others hear that it was spent, and by whom.
async fn otps_at_once_have_one_ok(place: Place) {
    let (store, key) = (Arc::new(Watched::new(place).await), Soft::new());
    let first = prepared(over(Arc::clone(&store), key_1())).await;
    let second = over(store, key_1());
    let servers = [Arc::new(first), Arc::new(second)];
    for round in 0..place.often(20, 3) {
        let uses = u8::try_from(2 * round).expect("few");
        let otp = key.typed(1, uses);
        let nonces = |nth| query(&otp, &format!("{nth:016}"));
        let told = at_once(&servers, nonces).await;
        assert_eq!(
            (&*told[0], &*told[1], &*told[49]),
            ("OK", "REPLAYED_OTP", "REPLAYED_OTP")
        );
        let otp = key.typed(1, uses + 1);
        let told = at_once(&servers, |_| query(&otp, NONCE)).await;
        assert_eq!(
            (&*told[0], &*told[1], &*told[49]),
            ("OK", "REPLAYED_REQUEST", "REPLAYED_REQUEST")
        );
    }
}

/// Keys and clients are there at the next start, and rest sealed.
async fn keys_rest_sealed(place: Place) {
    let (store, key) = (Arc::new(Watched::new(place).await), Soft::new());
    let _ = prepared(over(Arc::clone(&store), key_1())).await;
    for (kind, name, secret) in [
        ("yubico validation key", "vvccccccccbb", [9; 16].as_slice()),
        ("yubico validation client", "1", b"sixteen bytes!!!"),
    ] {
        let owner = Subject::new(kind, name).expect("a name");
        let rows = store.factors(&owner).await.expect("it answers");
        let sealed = &rows[0].sealed;
        assert!(!sealed.windows(secret.len()).any(|window| window == secret));
    }
    let again = over(store, key_1());
    assert!(!again.add_key(&key.as_in_a_file()).await.expect("there"));
    let answer = again.answer(&query(&key.typed(1, 1), NONCE)).await;
    assert_eq!(status(&answer), "OK");
}

/// From `not_before` on, a restored backup gives no OTP back, until an operator takes the key up again.
async fn backup_ends_at_not_before(place: Place) {
    let (store, key) = (Arc::new(Watched::new(place).await), Soft::new());
    let server = prepared(over(Arc::clone(&store), key_1())).await;
    let mut rows = Vec::new();
    for (kind, name) in [
        ("yubico validation key", "vvccccccccbb"),
        ("yubico validation client", "1"),
    ] {
        let owner = Subject::new(kind, name).expect("a name");
        rows.extend(store.factors(&owner).await.expect("it answers"));
    }
    let (spent, next) = (
        query(&key.typed(1, 1), NONCE),
        query(&key.typed(1, 2), NONCE),
    );
    assert_eq!(status(&server.answer(&spent).await), "OK");
    let restore = crate::support::now() + core::time::Duration::from_secs(60);
    for guarded in [false, true] {
        let store = Arc::new(Watched::new(place).await);
        for row in &rows {
            assert!(store.insert_factor(row).await.expect("it answers"));
        }
        let server = over_at(store, key_1(), restore);
        if !guarded {
            // What is to be prevented.
            assert_eq!(status(&server.answer(&spent).await), "OK");
            continue;
        }
        let server = server.not_before(restore);
        for query in [&spent, &next] {
            assert_eq!(status(&server.answer(query).await), "BAD_OTP");
        }
        for wrong in ["no OTP", &key.typed(1, 2)[12..]] {
            assert_eq!(server.resume(wrong).await, Status::BadOtp);
        }
        assert_eq!(server.resume(&key.typed(1, 2)).await, Status::Ok);
        assert_eq!(server.resume(&key.typed(1, 2)).await, Status::ReplayedOtp);
        for query in [&spent, &next] {
            let answer = server.answer(query).await;
            assert!(status(&answer).starts_with("REPLAYED_"), "{answer}");
        }
        let later = query(&key.typed(1, 3), NONCE);
        assert_eq!(status(&server.answer(&later).await), "OK");
    }
}

macro_rules! over_every_store {
    ($($module:ident $place:ident)+) => {
        $(mod $module {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn otps_at_once_have_one_ok() {
                super::otps_at_once_have_one_ok(testing::Place::$place).await;
            }

            #[tokio::test]
            async fn keys_rest_sealed() {
                super::keys_rest_sealed(testing::Place::$place).await;
            }

            #[tokio::test]
            async fn backup_ends_at_not_before() {
                super::backup_ends_at_not_before(testing::Place::$place).await;
            }
        })+
    };
}

over_every_store! {
    memory Memory
    sqlite Sqlite
    postgres Postgres
    redis Redis
    redis_cluster Cluster
}
