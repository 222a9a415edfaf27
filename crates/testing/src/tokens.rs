//! The tests of `Tokens`, over any place: [`tokens!`](crate::tokens!) makes them tests.

pub mod bindings;
pub mod codes;
pub mod decisions;
pub mod earning;
pub mod guess_budget;
mod machines;
pub mod misuse;
pub mod outage;
pub mod presented;
pub mod purge;
pub mod races;
pub mod retired_keys;
pub mod rotation;

use token_store::{
    TokensError,
    ott_core::{Matching, Policy, Purpose, Reason, Start, chrono::TimeDelta},
};

/// The tests of `Tokens`, each over this place, in a module for each of their files.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! tokens {
    ($place:ident) => {
        $crate::tests! { $place tokens
            bindings {
                code_is_bound_in_every_part
                recovery_code_is_bound_in_every_part
                link_and_bearer_are_bound_in_every_part
            }
            codes {
                code_is_redeemed_once_and_told
                readable_code_is_typed_forgivingly
                recovery_codes_work_once_until_renewed
                adopted_texts_work_once
                adopted_texts_stay_used_after_a_purge
                resend_supersedes_its_own_flow_alone
                requests_are_paced_per_account
                allowance_is_the_accounts
                text_that_is_no_token_costs_nothing
                unknown_handle_costs_nothing
                handle_guesses_leave_the_record
            }
            decisions {
                parked_is_resumed_once_with_its_binding
                system_decides_and_binds_nobody
                prompt_waits_for_its_subject_and_number
                prompt_ends_by_denial_or_wrong_number
                pending_token_costs_no_guess
            }
            earning {
                code_earns_a_session_in_one_step
                every_redeem_earns
                earned_token_notes_no_first_use
                earned_token_notes_a_later_use
                issued_token_was_never_used
                counted_issue_follows_its_redeem
                earning_misuse_spends_nothing
                earning_outage_is_told
                edited_code_earns_nothing
                one_code_earns_one_session
            }
            guess_budget {
                challenges_stay_within_pace_and_allowance
                burst_is_ten_over_all_challenges
                resend_does_not_reset_the_budget
                year_beside_a_daily_owner_is_465_guesses
                year_beside_an_hourly_owner_is_465_guesses
                owner_who_signs_in_hourly_never_runs_out
                refusals_do_not_postpone_the_next_try
                allowance_refusals_do_not_use_up_the_pace
                refused_charges_leave_the_next_try
            }
            misuse {
                policy_not_added_is_misuse
                verb_of_another_policy_is_misuse
                token_under_another_policy_burns_nothing
                limits_without_account_are_misuse
                transaction_is_paid_first_and_given_once
            }
            outage {
                insert_that_fails_issues_nothing
                limits_that_fail_evaluate_nothing
                redeem_that_fails_redeems_nothing
                refund_that_fails_loses_no_token
                verbs_that_fail_are_outages
                key_missing_is_an_outage_without_counts
                rings_one_step_apart_refuse_nobody
            }
            presented {
                link_is_redeemed_once_with_its_binding
                bearer_first_use_is_noted
                door_takes_tokens_of_several_policies
                bearer_proves_until_idle_or_revoked
                expires_at_is_earlier_never_later
                public_id_is_no_token
                edited_row_is_refused_and_told
                data_travels_and_purge_takes_the_dead
            }
            purge {
                sweep_takes_the_dead_in_batches
            }
            races {
                redeems_at_once_have_one_winner
                guesses_at_once_are_the_burst
                code_and_link_of_one_mail_are_one_record
            }
            retired_keys {
                retired_key_mints_nothing_past_its_horizon
                tokens_without_horizon_end_with_the_key
                leaked_key_makes_nothing_of_any_date
                backup_tokens_end_at_not_before
                backup_older_than_the_drop_needs_the_key
                lost_ring_is_an_outage_or_looks_forged
            }
            rotation {
                machines_one_step_apart_refuse_nobody
                tokens_live_until_the_last_step
                key_moved_before_added_is_an_outage
                key_dropped_too_early_is_an_outage
                machine_left_behind_makes_refused_tokens
                limits_do_not_notice_a_rotation
                seal_is_renewed_before_the_key_is_dropped
            }
        }
    };
}

pub(crate) const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
pub(crate) const READABLE: Policy = Policy::readable(Purpose::new("sign-up")).requests(None);
pub(crate) const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
pub(crate) const BEARER: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::seconds(40));
pub(crate) const PROMPT: Policy = Policy::prompt(Purpose::new("approve"));
pub(crate) const TYPED_AFTER_APPROVAL: Policy = Policy::code(Purpose::new("approve-then-type"))
    .start(Start::Waiting {
        number: Matching::TwoDigits,
        binds_subject: false,
    });
pub(crate) const STEP: Policy = Policy::parked(Purpose::new("step"));
pub(crate) const ALL: [&Policy; 8] = [
    &CODE,
    &READABLE,
    &LINK,
    &RECOVERY,
    &BEARER,
    &PROMPT,
    &TYPED_AFTER_APPROVAL,
    &STEP,
];

pub(crate) fn reason<T: core::fmt::Debug>(result: Result<T, TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

pub(crate) fn is_misuse<T>(result: &Result<T, TokensError>) -> bool {
    matches!(result, Err(TokensError::Misuse(_)))
}
