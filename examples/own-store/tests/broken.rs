//! The mistake of frameworks, read and then write: the laws find it, name it, and say what it let through.

#[path = "support/closed.rs"]
mod closed;
#[path = "support/instead.rs"]
mod instead;

use core::{future::Future, panic::AssertUnwindSafe};
use std::{
    panic::catch_unwind,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use closed::closed;
use instead::{Answer, Instead, Otherwise, Time};
use own_store::{OwnStore, factor_key, token_key};
use token_store::{
    Advanced, FactorId, Redeemed, StoredFactor, check_counter,
    conformance::{self, Harness},
    ott_core::{Presented, Reason, Stored},
};
use tokio::{runtime::Runtime, task::yield_now};

/// The store of this crate, but redeeming and advancing in two steps.
struct TwoSteps(OwnStore);

#[async_trait]
impl Otherwise for TwoSteps {
    type Store = OwnStore;

    fn store(&self) -> &OwnStore {
        &self.0
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Answer<Redeemed> {
        let key = token_key(presented.id());
        let Some(read) = self.0.cells().get(&key)? else {
            return Ok(Redeemed::Refused(Reason::Unknown));
        };
        let mut record: Stored = read.row()?;
        let told = record.redeem(presented, now);
        yield_now().await;
        self.0.cells().put(&key, &record)?;
        Ok(match told {
            Ok(()) => Redeemed::Redeemed(record),
            Err(rejected) => Redeemed::Refused(rejected.reason()),
        })
    }

    async fn advance(&self, id: &FactorId, counter: u64, now: Time) -> Answer<Advanced> {
        check_counter(Some(counter))?;
        let key = factor_key(id);
        let Some(read) = self.0.cells().get(&key)? else {
            return Ok(Advanced::Absent);
        };
        let mut factor: StoredFactor = read.row()?;
        let told = factor.advance(counter, now);
        yield_now().await;
        self.0.cells().put(&key, &factor)?;
        Ok(told)
    }
}

struct InTwoSteps;

impl Harness for InTwoSteps {
    type Store = Instead<TwoSteps>;

    async fn store(&self) -> Arc<Self::Store> {
        Arc::new(Instead(TwoSteps(OwnStore::default())))
    }

    async fn another(&self, store: &Arc<Self::Store>) -> Arc<Self::Store> {
        Arc::new(Instead(TwoSteps(store.0.0.clone())))
    }

    async fn broken(&self) -> Arc<Self::Store> {
        Arc::new(Instead(TwoSteps(closed())))
    }
}

struct InOneStep;

impl Harness for InOneStep {
    type Store = OwnStore;

    async fn store(&self) -> Arc<OwnStore> {
        Arc::new(OwnStore::default())
    }

    async fn another(&self, store: &Arc<OwnStore>) -> Arc<OwnStore> {
        Arc::new(OwnStore::clone(store))
    }

    async fn broken(&self) -> Arc<OwnStore> {
        Arc::new(closed())
    }
}

/// What a law says of a store that breaks it; nothing if it holds.
fn told(law: impl Future<Output = ()>) -> Option<String> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads"));
    let ended = catch_unwind(AssertUnwindSafe(|| RUNTIME.block_on(law)));
    let told = ended.err()?;
    Some(*told.downcast().expect("a law says what is broken"))
}

/// The law names itself, says how many more than so many passed, and holds without the mistake.
macro_rules! finds {
    ($($name:ident: $law:ident, $number:literal, more_than $most:literal, $says:literal;)*) => {$(
        #[test]
        fn $name() {
            let told = told(conformance::$law(&InTwoSteps)).expect("the law finds the mistake");
            assert!(told.starts_with(&format!("law {} is broken", $number)), "{told}");
            let (before, _) = told.split_once($says).unwrap_or_else(|| panic!("{told}"));
            let passed = before.rsplit(' ').next().and_then(|word| word.parse().ok());
            assert!(passed > Some($most), "{told}");
            assert_eq!(self::told(conformance::$law(&InOneStep)), None);
        }
    )*};
}

finds! {
    one_token_redeems_twice: law_02_one_winner, 2,
        more_than 1, " of 64 redeems of one token succeeded";
    guesses_go_uncounted: law_03_guesses_are_counted_first, 3,
        more_than 4, " were told `Mismatch` instead of 4";
}

/// Which it is depends on who overtakes whom: one counter accepted twice, or a later one overwritten.
#[test]
fn store_in_two_steps_counts_a_code_twice() {
    let law = told(conformance::law_08_one_code_counts_once(&InTwoSteps));
    let law = law.expect("the law finds the mistake");
    assert!(law.starts_with("law 8 is broken"), "{law}");
    let right = [" were accepted", "the last counter after"];
    assert!(right.iter().any(|says| law.contains(says)), "{law}");
    assert_eq!(
        told(conformance::law_08_one_code_counts_once(&InOneStep)),
        None
    );
}

/// Alone, one call after the other, the mistake shows nowhere: these laws race nobody.
#[test]
fn store_in_two_steps_keeps_laws_without_a_race() {
    let held = [
        told(conformance::law_01_inserted_is_redeemed_once(&InTwoSteps)),
        told(conformance::law_04_life_has_sharp_edges(&InTwoSteps)),
        told(conformance::law_06_histories_follow_the_record(&InTwoSteps)),
        told(conformance::law_08_histories_follow_the_rules(&InTwoSteps)),
    ];
    assert_eq!(held, [None, None, None, None]);
}
