//! A store that does not answer, or not in time; and every status over HTTP.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use testing::{Place, Watched, key_1};
use twofa_providers::{
    token_store::{
        Advanced, ConfirmIf, FactorChange, FactorId, FactorStore, MemoryStore, RemoveIf,
        StoreError, StoredFactor, Tokens,
        ott_core::{
            Subject,
            chrono::{DateTime, Utc},
        },
    },
    yubico::Status,
};
use yubico_validation::{Client, Validation};

use crate::support::{API_KEY, NONCE, Running, Soft, is_signed, over, prepared, query, status};

/// A store whose changes never come to an end.
struct Hangs(MemoryStore);

#[async_trait]
impl FactorStore for Hangs {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.0.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.0.factors(subject).await
    }

    async fn confirm(
        &self,
        _: &FactorId,
        _: Option<u64>,
        _: ConfirmIf,
        _: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        core::future::pending().await
    }

    async fn advance(
        &self,
        _: &FactorId,
        _: u64,
        _: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        core::future::pending().await
    }

    async fn update(&self, _: &FactorId, _: &FactorChange) -> Result<bool, StoreError> {
        core::future::pending().await
    }

    async fn remove(
        &self,
        _: &FactorId,
        _: RemoveIf,
        _: &[u8],
        _: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        core::future::pending().await
    }

    async fn restore(&self, _: &FactorId) -> Result<bool, StoreError> {
        core::future::pending().await
    }

    async fn purge_factors(&self, _: DateTime<Utc>, _: u32) -> Result<u64, StoreError> {
        core::future::pending().await
    }
}

async fn hanging() -> Validation {
    let tokens = Tokens::builder(key_1(), MemoryStore::new()).build();
    let tokens = tokens.expect("it fits").shared();
    let store = Arc::new(Hangs(MemoryStore::new()));
    prepared(Validation::new(&tokens, store)).await
}

/// A store that does not answer in the client's time is not enough; nothing is OK.
#[tokio::test(start_paused = true)]
async fn late_store_is_not_enough() {
    let server = hanging().await;
    let otp = Soft::new().typed(1, 1);
    let answer = server
        .answer(&format!("{}&timeout=7", query(&otp, NONCE)))
        .await;
    assert_eq!(
        (status(&answer), is_signed(&answer)),
        ("NOT_ENOUGH_ANSWERS", true)
    );
}

/// A store that fails is a broken server; what was not spent is OK afterwards.
#[tokio::test]
async fn broken_store_is_a_backend_error() {
    let store = Arc::new(Watched::new(Place::Memory).await);
    let server = prepared(over(Arc::clone(&store), key_1())).await;
    let asked = query(&Soft::new().typed(1, 1), NONCE);
    store.fail("update");
    let answer = server.answer(&asked).await;
    assert_eq!(
        (status(&answer), is_signed(&answer)),
        ("BACKEND_ERROR", true)
    );
    store.fail("factors");
    let answer = server.answer(&asked).await;
    assert_eq!(
        (status(&answer), is_signed(&answer)),
        ("BACKEND_ERROR", false)
    );
    // What is wrong by its form is so without a store.
    assert_eq!(status(&server.answer("id=1").await), "MISSING_PARAMETER");
    store.recover();
    assert_eq!(status(&server.answer(&asked).await), "OK");
}

/// A seal that was edited, moved or made by another ring is a broken server too.
#[tokio::test]
async fn foreign_seal_is_a_backend_error() {
    let store = Arc::new(Watched::new(Place::Memory).await);
    let _ = prepared(over(Arc::clone(&store), key_1())).await;
    let other = over(store, testing::key_2());
    let answer = other.answer(&query(&Soft::new().typed(1, 1), NONCE)).await;
    assert_eq!(status(&answer), "BACKEND_ERROR");
}

/// Each of the ten statuses of the protocol is answered over HTTP, and signed wherever the client is known.
#[tokio::test]
async fn ten_statuses_are_answered_over_http() {
    let store = Arc::new(Watched::new(Place::Memory).await);
    let validation = prepared(over(Arc::clone(&store), key_1())).await;
    let mut disabled = Client::new(2, API_KEY);
    disabled.enabled = false;
    assert!(validation.add_client(&disabled).await.expect("added"));
    let (server, late) = (Running::new(validation), Running::new(hanging().await));
    let (otp, other) = (Soft::new().typed(1, 1), "fedcba9876543210");
    let asked = query(&otp, NONCE);
    let as_client = |id: u64| asked.replace("id=1&", &format!("id={id}&"));
    let mut seen = BTreeSet::new();
    let mut expect = |expected: Status, answer: String, signed: bool| {
        assert_eq!(status(&answer), expected.as_str());
        assert_eq!(is_signed(&answer), signed, "{answer}");
        seen.insert(expected.as_str());
    };
    let unknown = query(&Soft::new().typed(1, 2).replace("vvcc", "vvdd"), NONCE);
    expect(Status::BadOtp, server.get(&unknown), true);
    let wrong = format!("{asked}&h=AAAA");
    expect(Status::BadSignature, server.get(&wrong), true);
    expect(Status::MissingParameter, server.get("id=1"), true);
    expect(Status::NoSuchClient, server.get(&as_client(3)), false);
    expect(Status::OperationNotAllowed, server.get(&as_client(2)), true);
    store.fail("update");
    expect(Status::BackendError, server.get(&asked), true);
    store.recover();
    let in_time = format!("{asked}&timeout=1");
    expect(Status::NotEnoughAnswers, late.get(&in_time), true);
    // None of these spent it.
    expect(Status::Ok, server.get(&asked), true);
    expect(Status::ReplayedRequest, server.get(&asked), true);
    let replayed = server.get(&query(&otp, other));
    expect(Status::ReplayedOtp, replayed, true);
    let all: BTreeSet<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(seen, all);
}
