//! Each law can fail: stores with one mistake fail the law that names it, and say how.
#![cfg(feature = "conformance")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a toy and its tests: a panic fails the test"
)]

use core::{pin::Pin, time::Duration};
use std::{sync::Arc, thread};

use token_store::conformance::{self, Harness};

#[path = "laws_bite/toy.rs"]
mod toy;
#[path = "laws_bite/toy_charged.rs"]
mod toy_charged;
#[path = "laws_bite/toy_factors.rs"]
mod toy_factors;
#[path = "laws_bite/toy_limits.rs"]
mod toy_limits;
#[path = "laws_bite/toy_open.rs"]
mod toy_open;

use toy::Toy;

struct Mistaken(Mistake);

impl Harness for Mistaken {
    type Store = Toy;

    async fn store(&self) -> Arc<Toy> {
        Arc::new(Toy::new(self.0, false))
    }

    async fn another(&self, store: &Arc<Toy>) -> Arc<Toy> {
        Arc::new(store.another())
    }

    async fn broken(&self) -> Arc<Toy> {
        Arc::new(Toy::new(self.0, true))
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(10)
    }
}

/// Without a mistake the toy keeps every law: what fails below fails for its mistake.
mod none {
    use super::{Mistake, Mistaken};

    token_store::laws!(Mistaken(Mistake::None));
    token_store::laws!(charged: Mistaken(Mistake::None));
    token_store::laws!(charged_factors: Mistaken(Mistake::None));
    token_store::laws!(open: Mistaken(Mistake::None));
}

macro_rules! bites {
    ($($mistake:ident, $law:ident, $says:literal;)*) => {
        /// What a [`Toy`] does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Mistake {
            None,
            $($mistake,)*
        }

        /// One test per mistake, named for it.
        #[expect(non_snake_case, reason = "named for the mistake")]
        mod bites {
            use super::{Mistake, Mistaken, conformance, fails};
            $(
                #[test]
                fn $mistake() {
                    let mistaken = Mistaken(Mistake::$mistake);
                    let law = async move { conformance::$law(&mistaken).await };
                    fails(Box::pin(law), stringify!($law), $says);
                }
            )*
        }
    };
}

bites! {
    CutsToMilliseconds, law_01_inserted_is_redeemed_once, "`issued_at` is";
    CutsNumbersTo8Bits, law_01_inserted_is_redeemed_once, "`number` is";
    KeepsReportsAsDenials, law_01_inserted_is_redeemed_once, "finding what was reported";
    RedeemsAgain, law_01_inserted_is_redeemed_once, "redeeming, for the second time";
    IssuesIn32Bits, law_01_inserted_is_redeemed_once, "`issued_at` is";
    InsertsTheUsedAsNew, law_01_inserted_is_redeemed_once, "`used_at` is";
    ReadsThenWrites, law_02_one_winner, "of 64 redeems of one token succeeded";
    Wraps32Bits, law_02_one_winner, "0 of 64 redeems of one token succeeded";
    FailsToday, law_02_one_winner, "0 of 64 redeems of one token succeeded";
    LocksInItsProcess, law_02_one_winner, "of 64 redeems of one token succeeded";
    CountsInTwoSteps, law_03_guesses_are_counted_first, "and the record counts";
    CountsWithoutComparing, law_03_guesses_are_counted_first, "and the record counts";
    RollsRefusalsBack, law_03_open_guesses_are_counted_first, "were told `Mismatch` instead of 4";
    CommitsByItself, law_03_open_success_is_the_callers, "succeeded after a rollback";
    DiesLate, law_04_life_has_sharp_edges, "at its end";
    AllowsNoOtherClock, law_04_life_has_sharp_edges, "before it was issued";
    RoundsTimes, law_04_life_has_sharp_edges, "1 ns before its end";
    EndsWithin32Bits, law_04_life_has_sharp_edges, "at its end";
    AsksItsOwnClock, law_04_life_has_sharp_edges, "before it was issued";
    GivesApprovedNoMinute, law_04_approval_adds_a_minute, "approved, at its first end";
    RevivesTheIdle, law_04_idle_ends, "when it idles out";
    TouchesBackward, law_04_idle_ends, "1 µs before it idles out";
    InsertsHalf, law_05_batch_is_all_or_none, "left one of the batch behind";
    RetiresOnCollision, law_05_batch_is_all_or_none, "an older code";
    ForgetsTheSlot, law_05_superseding_retires_exactly_its_own, "a code that was sent again";
    RetiresOtherFlows, law_05_superseding_retires_exactly_its_own, "another flow's code";
    RetiresTheSpent, law_05_superseding_retires_exactly_its_own, "a spent code that was sent again";
    InsertsInTwoSteps, law_05_superseding_retires_exactly_its_own, "batches of one slot are live";
    ApprovesDenials, law_06_histories_follow_the_record, "the shortest history:\n  0. ";
    TellsExpiredFirst, law_06_histories_follow_the_record, "instead of Refused";
    TouchesWaiting, law_06_histories_follow_the_record, "touch";
    DecidesInTwoSteps, law_06_concurrent_verbs_have_an_order, "no order of these verbs";
    ForgetsTheTenant, law_07_revoke_and_list_keep_to_their_own, "the list of Subject(\"t1\"/\"alice\")";
    FoldsCase, law_07_revoke_and_list_keep_to_their_own, "\"Alice\"";
    ComparesTheFirst100Bytes, law_07_revoke_and_list_keep_to_their_own, "the list of";
    ForgetsExcept, law_07_revoke_and_list_keep_to_their_own, "counts";
    RevokesAnybodys, law_07_revoke_and_list_keep_to_their_own, "counts";
    RevokesTwice, law_07_revoke_and_list_keep_to_their_own, "counts";
    ListsNewestFirst, law_07_revoke_and_list_keep_to_their_own, "oldest first";
    PurgesTheLiving, law_07_purge_takes_the_dead_alone, "an approval might still make it live";
    PurgesWithoutLimit, law_07_purge_takes_the_dead_alone, "none allowed";
    AcceptsEqualCounters, law_08_one_code_counts_once, "Accepted instead of Replayed";
    TakesNoneForZero, law_08_one_code_counts_once, "`advance` to 0";
    TakesAnyCounter, law_08_one_code_counts_once, "Misuse";
    LeavesTheConfirmingCode, law_08_one_code_counts_once, "Accepted instead of Replayed";
    AdvancesInTwoSteps, law_08_one_code_counts_once, "of 64 equal `advance`";
    AdvancesTheDisabled, law_08_histories_follow_the_rules, "the shortest history:";
    OverwritesFactors, law_08_factors_keep_what_they_are, "inserted: a factor is";
    WritesAnySeal, law_08_factors_keep_what_they_are, "Seal";
    EnrolsIn32Bits, law_08_factors_keep_what_they_are, "inserted: a factor is";
    ListsByTheFirst100Bytes, law_08_factors_keep_what_they_are, "factors of";
    CutsLabelsAt64, law_08_factors_keep_what_they_are, "inserted: a factor is";
    CutsNewLabelsAt64Bytes, law_08_factors_keep_what_they_are, "updated: a factor is";
    AdvancesWholeRows, law_08_concurrent_verbs_have_an_order, "no order of these verbs";
    ConfirmsWholeRows, law_08_concurrent_verbs_have_an_order, "no order of these verbs";
    LabelsWholeRows, law_08_concurrent_verbs_have_an_order, "no order of these verbs";
    SealsWholeRows, law_08_concurrent_verbs_have_an_order, "no order of these verbs";
    RemovesTheLast, law_08_one_factor_stays, "true instead of false";
    RemovesBesideItself, law_08_one_factor_stays, "true instead of false";
    LooksBesideFirst, law_08_one_factor_stays, "and 0 stayed";
    WipesAtOnce, law_08_factors_keep_what_they_are, "removed: a factor is";
    CutsRemovers, law_08_factors_keep_what_they_are, "removed: a factor is";
    KeepsThePending, law_08_factors_keep_what_they_are, "again: true: got true";
    ConfirmsUnvouched, law_08_one_first_factor, "Accepted instead of Unvouched";
    LooksForFirstsFirst, law_08_one_first_factor, "of four first factors";
    LooksForPendingFirst, law_08_pending_removal_spares_the_confirmed, "confirmed 1, removed 1";
    RestoresEnabled, law_08_removal_is_undone_until_purged, "is restored as";
    RestoresInTwoSteps, law_08_removal_is_undone_until_purged, "purged 0, and left";
    FindsThenPurgesFactors, law_08_removal_is_undone_until_purged, "restored 1, purged 1";
    PurgesTheRemoved, law_08_purge_takes_dead_factors_alone, "instead of";
    ListsEverything, law_08_list_is_bounded, "how many are listed";
    SpendsByReading, law_09_burst_is_exact, "of 64 spends passed a burst of 10";
    ChargesTheRefused, law_09_order_and_refusal, "refusal 2 of a pace in second place";
    ChargesBehindARefusal, law_09_order_and_refusal, "a key behind refusals";
    TakesAheadForALimit, law_09_order_and_refusal, "lies ahead";
    ChargesTwice, law_09_order_and_refusal, "one key twice";
    LetsTimeGoBack, law_09_what_gives_back, "ten minutes before";
    ClearsEverybody, law_09_what_gives_back, "another cleared";
    RefundsNoCeiling, law_09_what_gives_back, "two given back";
    SpendsIn32Bits, law_09_what_gives_back, "more than 4 passed";
    RefundsAtLeastOne, law_09_histories_follow_the_limit, "the shortest history:";
    RefundsByReading, law_09_concurrent_verbs_have_an_order, "no order of these verbs";
    FindsThenPurges, law_09_concurrent_verbs_have_an_order, "no order of these verbs";
    PurgesCeilings, law_09_what_gives_back, "after a purge";
    SpendsInTwoSteps, law_10_dropped_token_verbs, "state and attempts after a dropped redeem";
    ConfirmsInTwoSteps, law_10_dropped_factor_verbs, "`confirm` got None";
    RefundsInTwoSteps, law_10_dropped_limit_verbs, "after giving two back";
    SpendsBeforeHandingOver, law_10_dropped_redeem_in_transaction, "nothing was committed";
    ChargesApart, law_10_dropped_charged_verbs, "left of 3";
    ChargesSuccesses, law_13_charged_histories_follow_the_verbs, "LAWS_SEED=";
    ChargesMadeUpHandles, law_13_charged_histories_follow_the_verbs, "LAWS_SEED=";
    InsertsForNothing, law_13_charged_histories_follow_the_verbs, "LAWS_SEED=";
    LooksThenCharges, law_13_charged_guesses_are_exact, "guesses compared under a ceiling of 10";
    ComparesTheRefused, law_13_charged_guesses_are_exact, "attempts of what the ceiling refused";
    ChargesOneKeyTwice, law_13_charged_twice_is_misuse, "charges one key twice";
    EarnsApart, law_10_dropped_earning, "of both sessions there are";
    EarnsOnRefusal, law_13_earned_comes_with_its_redeem, "what a redeem earned that got";
    EarnsAsNew, law_13_earned_comes_with_its_redeem, "`used_at` is";
    ForgetsWhatIsEarned, law_13_earned_comes_with_its_redeem, "is gone";
    EarnsBesideTheOld, law_13_earned_supersedes_exactly_its_own, "what stood in the slot";
    RedeemsAndEarnsNothing, law_13_earned_twice_redeems_nothing, "what is there: got";
    EarnsInTwoSteps, law_13_one_code_earns_once, "how many of 10 renewed one set";
    ChargesWhatEarnsTwice, law_13_earned_twice_redeems_nothing, "a wrong guess that would earn what is there";
    AdvancesApart, law_10_dropped_charged_advances, "left of 3 after a right guess";
    ChargesAccepted, law_13_charged_advances_follow_the_verbs, "LAWS_SEED=";
    ReplaysForNothing, law_13_charged_advances_follow_the_verbs, "LAWS_SEED=";
    GuessesForNothing, law_13_charged_advances_follow_the_verbs, "LAWS_SEED=";
    ClearsNothing, law_13_charged_advances_follow_the_verbs, "LAWS_SEED=";
    LooksAtNoFailures, law_13_charged_advances_follow_the_verbs, "LAWS_SEED=";
    LooksThenJudges, law_13_charged_advances_are_exact, "answered under a ceiling of 10";
    BurnsTheRefused, law_13_charged_advances_are_exact, "what it burnt";
    JudgesOneKeyTwice, law_13_charged_advance_misuse, "one key twice";
    JudgesInAnOutage, law_11_outage_of_charged_factors, "`advance_charged` without a back end answered";
    RedeemsInAnOutage, law_11_outage_of_charged, "`redeem_charged` without a back end answered";
    NeverAnswers, law_11_outage_of_tokens, "did not give up within";
    FindsNothingInAnOutage, law_11_outage_of_tokens, "`find` without a back end answered None";
    TellsAnOutageAsMisuse, law_11_outage_of_factors, "told an outage as Misuse";
    AllowsInAnOutage, law_11_outage_of_limits, "`spend` without a back end answered Allowed";
    TakesTheIdForProof, law_12_public_id_grants_nothing, "with its id and a wrong digest";
    LetsAnyoneDecide, law_12_public_id_grants_nothing, "a decision of Subject";
    CountsFinding, law_12_public_id_grants_nothing, "finding a";
}

macro_rules! bites_at_each_time {
    ($($law:ident)*) => {
        /// Laws that run at each time: a store whose 32 bits wrap in 2038 fails them, and so does one that fails
        /// today alone.
        mod bites_at_each_time {
            use super::{Mistake, Mistaken, conformance, fails};
            $(
                #[test]
                fn $law() {
                    for mistake in [Mistake::Wraps32Bits, Mistake::FailsToday] {
                        let mistaken = Mistaken(mistake);
                        let law = async move { conformance::$law(&mistaken).await };
                        fails(Box::pin(law), stringify!($law), "is broken");
                    }
                }
            )*
        }
    };
}

bites_at_each_time! {
    law_01_inserted_is_redeemed_once
    law_02_one_winner
    law_02_ten_thousand_clients
    law_03_guesses_are_counted_first
    law_03_open_guesses_are_counted_first
    law_03_open_success_is_the_callers
    law_04_life_has_sharp_edges
    law_04_approval_adds_a_minute
    law_04_idle_ends
    law_05_batch_is_all_or_none
    law_05_superseding_retires_exactly_its_own
    law_06_histories_follow_the_record
    law_07_purge_takes_the_dead_alone
    law_08_histories_follow_the_rules
    law_10_dropped_earning
    law_10_dropped_factor_verbs
    law_10_dropped_redeem_in_transaction
    law_10_dropped_token_verbs
    law_12_public_id_grants_nothing
    law_13_charged_guesses_are_exact
    law_13_earned_comes_with_its_redeem
    law_13_earned_supersedes_exactly_its_own
    law_13_earned_twice_redeems_nothing
    law_13_one_code_earns_once
}

/// A store with one race fails the history of several tasks, which tells its seed and little else.
#[test]
fn race_is_told_with_its_seed_and_few_verbs() {
    let mistaken = Mistaken(Mistake::DecidesInTwoSteps);
    let law = async move { conformance::law_06_concurrent_verbs_have_an_order(&mistaken).await };
    let told = fails(Box::pin(law), "law_06", "LAWS_SEED=");
    let (_, shortest) = told.split_once("the shortest history:\n").unwrap();
    let steps = shortest.lines().count();
    assert!((1..=20).contains(&steps), "of 40 verbs {steps}: {told}");
    assert!(shortest.contains("decide on"), "{told}");
}

/// What races on one token is seen by many clients of many tokens too.
#[test]
fn second_winner_is_seen_among_ten_thousand_clients() {
    let mistaken = Mistaken(Mistake::ReadsThenWrites);
    let law = async move { conformance::law_02_ten_thousand_clients(&mistaken).await };
    fails(
        Box::pin(law),
        "law_02",
        "10000 clients redeemed 1000 tokens",
    );
}

/// Boxed: compiled once, and not for each of a hundred.
type Law = Pin<Box<dyn Future<Output = ()> + Send>>;

/// In a thread of its own, whose panic is the law's answer.
fn fails(law: Law, name: &str, says: &str) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let ended = thread::spawn(move || runtime.block_on(law)).join();
    let told = ended.expect_err("the law holds for a store that breaks it");
    let told = told
        .downcast::<String>()
        .expect("a law says what is broken");
    let number: u8 = name[4..6].parse().unwrap();
    assert!(
        told.starts_with(&format!("law {number} is broken")),
        "{told}"
    );
    assert!(told.contains(says), "not for the right reason: {told}");
    *told
}
