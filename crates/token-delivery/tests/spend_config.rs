//! A guard that cannot work is an error before the first message.

use std::sync::Arc;

use async_trait::async_trait;
use token_delivery::{
    Delivery, DeliveryError, Message, SpendConfigError, SpendGuard, SpendGuardBuilder, SpendLimit,
    ott_core::{
        Destination, Format, KeyRing, LimitKey, LimitKind, Purpose, Token,
        chrono::{DateTime, Utc},
        rand::rngs::SysRng,
    },
};
use token_store::{Charge, LimitStore, MemoryStore, Spent, StoreError};

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Delivery for Nothing {
    async fn deliver(&self, _: &Message<'_>) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn sends(&self, _: &Purpose) -> bool {
        false
    }
}

fn keys() -> KeyRing {
    KeyRing::generate().expect("random")
}

fn guard() -> SpendGuardBuilder<Nothing> {
    SpendGuard::builder(Nothing, Arc::new(MemoryStore::new()), keys(), "sign-up")
}

/// Prices, budget and limits fit together, or the guard is not built.
#[test]
fn guard_checks_prices_and_budget() {
    let error = |guard: SpendGuardBuilder<_>| guard.build().expect_err("refused");
    let priced = |prices: &[(&str, u32)]| {
        let add = |guard: SpendGuardBuilder<_>, (prefix, price): &(&str, u32)| {
            guard.price(*prefix, *price)
        };
        prices.iter().fold(guard().budget(1_000), add)
    };
    for prices in [
        &[][..],
        &[("+49", 0)],
        &[("49", 1)],
        &[("+", 1)],
        &[("+49 ", 1)],
        &[("+4915112345678901", 1)],
        &[("+49", 1), ("+48", 1), ("+49", 2)],
    ] {
        assert_eq!(error(priced(prices)), SpendConfigError::Price, "{prices:?}");
    }
    let uneven = priced(&[("+49", 7), ("+48", 401)]);
    assert_eq!(error(uneven), SpendConfigError::Unit);
    assert!(priced(&[("+49", 8), ("+48", 400)]).build().is_ok());
    for budget in [0, 7, 15] {
        let small = priced(&[("+49", 8)]).budget(budget);
        assert_eq!(error(small), SpendConfigError::Budget, "{budget}");
    }
    assert!(priced(&[("+49", 8)]).budget(16).build().is_ok());
    assert_eq!(
        error(priced(&[("+49", 1)]).per_block(0)),
        SpendConfigError::Limit
    );
    assert_eq!(
        error(priced(&[("+49", 1)]).per_destination(0)),
        SpendConfigError::Limit
    );
    let most = priced(&[("+49", 1)]).budget(u32::MAX).per_block(u32::MAX);
    assert!(most.build().is_ok());
}

/// A store that forgets paces.
struct Forgets;

#[async_trait]
impl LimitStore for Forgets {
    fn keeps(&self, kind: LimitKind) -> bool {
        kind != LimitKind::Pace
    }

    async fn spend(&self, _: &[Charge], _: DateTime<Utc>) -> Result<Spent, StoreError> {
        Ok(Spent::Allowed)
    }

    async fn refund(&self, _: &[Charge], _: u32) -> Result<(), StoreError> {
        Ok(())
    }

    async fn clear(&self, _: &LimitKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn purge_limits(&self, _: DateTime<Utc>, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A store that forgets what was spent keeps no budget: no guard is built over it.
#[test]
fn store_that_forgets_is_refused() {
    let guard = SpendGuard::builder(Nothing, Arc::new(Forgets), keys(), "sign-up");
    let refused = guard.budget(1_000).price("+49", 8).build();
    assert!(matches!(refused, Err(SpendConfigError::NotKept)));
}

/// A gateway that refuses, or leaves it open.
struct Fails(bool);

#[async_trait]
impl Delivery for Fails {
    async fn deliver(&self, _: &Message<'_>) -> Result<(), DeliveryError> {
        Err(match self.0 {
            true => DeliveryError::Refused("no".into()),
            false => DeliveryError::Unavailable("perhaps".into()),
        })
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

/// What was offered stays spent, whatever the gateway says: it charges for it.
#[tokio::test]
async fn refused_message_stays_spent() {
    for refuses in [true, false] {
        let store = Arc::new(MemoryStore::new());
        let guard = SpendGuard::builder(Fails(refuses), store, keys(), "sign-up");
        let guard = guard.budget(1_000).price("+49", 8).per_destination(1);
        let guard = guard.build().expect("a guard");
        let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut SysRng).expect("drawn");
        let (purpose, phone) = (
            Purpose::new("sign-up"),
            Destination::phone("+4915112345678"),
        );
        let phone = phone.expect("a number");
        let message = Message::new(&purpose, &phone, &token);
        let first = guard.deliver(&message).await;
        assert!(!matches!(
            first,
            Ok(()) | Err(DeliveryError::KeptBack { .. })
        ));
        let second = guard.deliver(&message).await;
        let limit = SpendLimit::Destination;
        assert!(
            matches!(second, Err(DeliveryError::KeptBack { limit: kept, .. }) if kept == limit),
            "{second:?}"
        );
    }
}

/// A delivery that offers nothing to anybody, for each reason that there is.
struct Keeps(fn() -> DeliveryError);

#[async_trait]
impl Delivery for Keeps {
    async fn deliver(&self, _: &Message<'_>) -> Result<(), DeliveryError> {
        Err((self.0)())
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

/// One message through a guard over this delivery and this store.
async fn one<D: Delivery>(inner: D, store: Arc<dyn LimitStore>) -> Result<(), DeliveryError> {
    let guard = SpendGuard::builder(inner, store, keys(), "sign-up");
    let guard = guard.budget(16).price("+49", 8).per_destination(1);
    let guard = guard.build().expect("a guard");
    let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut SysRng).expect("drawn");
    let phone = Destination::phone("+4915112345678").expect("a number");
    let purpose = Purpose::new("sign-up");
    guard.deliver(&Message::new(&purpose, &phone, &token)).await
}

/// What was offered to nobody costs nothing: the budget, which is one whatever the keys are, pays for the next.
#[tokio::test]
async fn message_offered_to_nobody_costs_nothing() {
    let reasons: [fn() -> DeliveryError; 4] = [
        || DeliveryError::KeptBack {
            limit: SpendLimit::Budget,
            retry_at: None,
        },
        || DeliveryError::NoTemplate { purpose: "x" },
        || DeliveryError::Unsendable { which: "x" },
        || DeliveryError::WrongChannel {
            channel: token_delivery::ott_core::Channel::Phone,
        },
    ];
    for reason in reasons {
        let store = Arc::new(MemoryStore::new());
        for _ in 0..3 {
            let told = one(Keeps(reason), store.clone()).await;
            let told = told.expect_err("kept").to_string();
            assert_eq!(told, reason().to_string());
        }
        one(Nothing, store).await.expect("the budget pays for one");
    }
}

/// A store that says this of every limit.
struct Says(fn(LimitKey) -> Spent);

#[async_trait]
impl LimitStore for Says {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], _: DateTime<Utc>) -> Result<Spent, StoreError> {
        Ok((self.0)(charges.first().expect("one").key))
    }

    async fn refund(&self, _: &[Charge], _: u32) -> Result<(), StoreError> {
        Ok(())
    }

    async fn clear(&self, _: &LimitKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn purge_limits(&self, _: DateTime<Utc>, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A limit whose time lies ahead is an outage and no refusal; one that is locked says no time. Neither sends.
#[tokio::test]
async fn odd_limits_send_nothing() {
    let ahead = one(Nothing, Arc::new(Says(Spent::Ahead))).await;
    assert!(
        matches!(ahead, Err(DeliveryError::Unavailable(_))),
        "{ahead:?}"
    );
    let locked = one(Nothing, Arc::new(Says(Spent::Locked))).await;
    let right = matches!(locked, Err(DeliveryError::KeptBack { retry_at: None, .. }));
    assert!(right, "{locked:?}");
}
