//! The tests of what paid messages cost, over any place: [`spend!`](crate::spend!) makes them tests.

pub mod guard;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use token_delivery::{
    Delivery, DeliveryError, KeptBack, Message, SpendEvents, SpendGuard, SpendGuardBuilder,
    SpendLimit,
    ott_core::{
        Channel, Destination, Format, KeyRing, LimitKey, LimitKind, Policy, Purpose, Token,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};
use token_store::{Charge, Clock, LimitStore, ManualClock, Spent, StoreError};

use crate::{Place, Store, key_1, start};

/// The tests of the guard, each over this place.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! spend {
    ($place:ident) => {
        $crate::tests! { $place spend
            guard {
                attack_of_ten_thousand_numbers_stays_in_budget
                budget_is_exact_under_parallel_requests
                budget_holds_over_any_day
                refusal_costs_no_other_limit
                number_without_a_price_gets_nothing
                outage_sends_nothing
                numbers_are_counted_under_the_key
                guards_and_tenants_count_their_own
            }
        }
    };
}

const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));

/// Counts what is sent, by number; answers what it is told to.
#[derive(Default)]
struct Paid {
    sent: Mutex<Vec<String>>,
    unsendable: bool,
}

#[async_trait]
impl Delivery for Paid {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        if self.unsendable {
            return Err(DeliveryError::Unsendable { which: "a test" });
        }
        let number = message.destination().address().to_owned();
        self.sent.lock().unwrap().push(number);
        Ok(())
    }

    fn sends(&self, _: &Purpose) -> bool {
        true
    }
}

/// What was kept back, by limit and block.
#[derive(Default)]
struct Told(Mutex<Vec<(SpendLimit, String)>>);

impl SpendEvents for Told {
    fn kept_back(&self, event: &KeptBack<'_>) {
        let told = (event.limit, event.block.to_owned());
        self.0.lock().unwrap().push(told);
    }
}

/// A store's limits as an `Arc` of them.
struct Limits(Store, AtomicUsize);

#[async_trait]
impl LimitStore for Limits {
    fn keeps(&self, kind: LimitKind) -> bool {
        self.0.keeps(kind)
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        // So many steps, then an outage.
        let left = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match left {
            Ok(_) => self.0.spend(charges, now).await,
            Err(_) => Err(StoreError::Misuse("an outage of a test")),
        }
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.0.refund(charges, times).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.0.clear(key).await
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.0.purge_limits(before, limit).await
    }
}

/// A guard, and everything around it.
struct Guarded {
    guard: Arc<SpendGuard<Arc<Paid>>>,
    paid: Arc<Paid>,
    told: Arc<Told>,
    clock: Arc<ManualClock>,
    token: Token,
}

impl Guarded {
    fn new(
        store: &Store,
        set: impl FnOnce(SpendGuardBuilder<Arc<Paid>>) -> SpendGuardBuilder<Arc<Paid>>,
    ) -> Self {
        Self::with(Arc::default(), store, usize::MAX, "sign-up", set)
    }

    /// Of another program's keys.
    fn under(
        keys: KeyRing,
        store: &Store,
        set: impl FnOnce(SpendGuardBuilder<Arc<Paid>>) -> SpendGuardBuilder<Arc<Paid>>,
    ) -> Self {
        Self::built(keys, Arc::default(), store, usize::MAX, "sign-up", set)
    }

    fn with(
        paid: Arc<Paid>,
        store: &Store,
        steps: usize,
        name: &str,
        set: impl FnOnce(SpendGuardBuilder<Arc<Paid>>) -> SpendGuardBuilder<Arc<Paid>>,
    ) -> Self {
        Self::built(key_1(), paid, store, steps, name, set)
    }

    fn built(
        keys: KeyRing,
        paid: Arc<Paid>,
        store: &Store,
        steps: usize,
        name: &str,
        set: impl FnOnce(SpendGuardBuilder<Arc<Paid>>) -> SpendGuardBuilder<Arc<Paid>>,
    ) -> Self {
        let limits = Arc::new(Limits(store.clone(), AtomicUsize::new(steps)));
        let (told, clock) = (
            Arc::new(Told::default()),
            Arc::new(ManualClock::new(start())),
        );
        let builder = SpendGuard::builder(Arc::clone(&paid), limits, keys, name)
            .tenant("acme")
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::clone(&told) as Arc<dyn SpendEvents>);
        Self {
            guard: Arc::new(set(builder).build().expect("a guard")),
            paid,
            told,
            clock,
            token: Token::try_generate_from_rng(&Format::DIGITS_6, &mut SysRng).unwrap(),
        }
    }

    async fn send(&self, to: &Destination) -> Result<(), DeliveryError> {
        let message = Message::new(SIGN_IN.purpose(), to, &self.token);
        self.guard.deliver(&message).await
    }

    /// Which limit kept a message to this number back.
    async fn kept_back(&self, number: &str) -> Option<SpendLimit> {
        match self.send(&phone(number)).await {
            Ok(()) => None,
            Err(DeliveryError::KeptBack { limit, .. }) => Some(limit),
            Err(error) => panic!("{error}"),
        }
    }

    fn sent(&self) -> usize {
        self.paid.sent.lock().unwrap().len()
    }
}

fn phone(number: &str) -> Destination {
    Destination::phone(number).unwrap()
}
