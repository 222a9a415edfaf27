//! The tests of `TwoFactor`, over any place: [`two_factor!`](crate::two_factor!) makes them tests.

pub mod channels;
pub mod claims;
pub mod credential_change;
pub mod devices;
pub mod email;
pub mod limits;
pub mod not_me;
pub mod notices;
pub mod outage;
pub mod proofs;
pub mod recovery;
pub mod removal;
pub mod rotation;
pub mod secrets;
pub mod services;
pub mod totp;

/// The tests of `TwoFactor`, each over this place, in a module for each of their files.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! two_factor {
    ($place:ident) => {
        $crate::tests! { $place two_factor
            channels {
                mailbox_counts_once_in_a_sign_in
                step_comes_after_proofs_of_its_own_subject
            }
            claims {
                advance_is_performed_and_only_forward
                elsewhere_is_burnt_once_and_after_the_limits
                token_and_counter_are_both_burnt
                kept_secret_takes_the_place_of_the_old_one
                counter_without_a_factor_is_misuse
            }
            credential_change {
                mailed_code_counts_without_a_change
                new_password_voids_the_mailed_code
                new_address_voids_the_code_to_the_old_one
                removed_and_disabled_prove_nothing
                sheet_voids_the_one_before
            }
            devices {
                known_device_outlives_an_exhausted_account
                burst_leaves_the_known_device_its_lane
                year_of_a_device_thief_is_497_guesses
                stolen_device_gives_its_lane_and_no_more
                ceiling_holds_beside_known_devices
                ceiling_without_devices_is_everybodys
                device_skips_no_factor_and_no_address_limit
                device_is_known_for_its_own_subject
                devices_are_listed_and_forgotten
                device_takes_a_fresh_proof_and_a_label
                sixth_device_forgets_the_oldest
                devices_at_once_are_five
                known_device_is_still_sent_a_code
                device_is_unknown_by_key_and_not_by_outage
                device_tokens_are_printed_nowhere
            }
            email {
                mailed_code_is_accepted_once
                confirming_code_does_nothing_else
                code_of_the_other_occasion_is_refused
                second_confirming_code_signs_nobody_in
                mailed_code_is_bound_in_every_part
                resend_voids_its_own_flow_alone
                code_without_its_flow_costs_nothing
                flow_ends_after_five_wrong_codes
                factor_that_goes_meanwhile_proves_nothing
                delivery_down_is_an_outage_and_loses_nothing
            }
            limits {
                challenges_stay_within_the_limits
                factor_ends_after_a_hundred_failures
                success_clears_the_ceiling
                year_of_codes_beside_a_daily_owner_is_465
                year_of_codes_beside_an_hourly_owner_is_465
                second_authenticator_never_runs_out
                guess_is_paid_at_each_factor
                text_that_is_no_code_is_free
                refused_address_costs_the_subject_nothing
                address_key_is_the_network
                allowance_refusals_leave_the_pace
                refusals_do_not_postpone_the_next_code
                codes_are_sent_five_then_one_each_ten_minutes
            }
            not_me {
                not_me_undoes_one_sign_in
                not_me_token_is_dead_everywhere_once_used
                not_me_tokens_at_once_have_one_winner
                codes_of_the_disowned_sign_in_are_void
                factor_disabled_before_is_wiped_too
                removed_factor_is_not_brought_back
                disowned_address_is_told_nothing_more
                disowned_only_factor_guards_the_account
                text_that_is_no_link_spends_none
                not_me_token_is_good_for_a_week
                news_void_no_earlier_link
                link_is_good_after_an_outage
                disowning_that_fails_is_an_outage
                link_is_good_until_sessions_are_ended
            }
            notices {
                reset_is_told_at_every_address
                notice_says_what_when_and_from_where
                news_reach_every_verified_address
                stranger_at_a_typed_address_is_told_nothing
                address_known_twice_is_told_once
                disabled_and_exhausted_are_told_once
                password_alone_fills_no_mailbox
                slow_guesses_beside_a_device_are_told
                notice_that_nobody_got_is_told_next_time
                count_of_notices_down_floods_nobody
                change_stands_though_nobody_can_be_told
                address_that_is_the_news_gets_no_link
                token_is_kept_only_for_a_link
                factor_addresses_are_told_in_an_outage
                address_that_fails_keeps_no_other_from_news
                notices_are_printed_nowhere
            }
            outage {
                factor_or_limit_store_down_burns_nothing
                outages_are_no_consecutive_failures
                refund_that_fails_loses_no_proof
                enrolment_that_fails_leaves_nothing
                change_that_fails_changes_nothing
                token_store_down_sends_and_verifies_nothing
                ceiling_that_cannot_disable_lets_nobody_in
                missing_key_is_an_outage_without_counts
                code_of_a_missing_key_counts_nothing
            }
            proofs {
                factor_changes_take_a_fresh_proof
                proof_of_a_clock_far_ahead_is_not_fresh
                proof_of_somebody_else_proves_nothing
                enrolment_under_foreign_evidence_has_none
                disabled_factor_still_guards
            }
            recovery {
                sheet_has_ten_codes_each_good_once
                codes_at_once_have_one_winner
                new_set_voids_the_old_one_whole
                sets_at_once_leave_one_whole
                recovery_code_is_bound_to_its_subject
                password_change_leaves_the_sheet
                sheet_counts_once_in_a_sign_in
                recovery_code_is_typed_forgivingly
                sheet_is_renewed_by_a_fresh_proof
                sheet_locks_after_a_hundred_failures
                sheet_guesses_are_paid_by_the_subject
                lost_phone_is_replaced_by_a_code
                recovery_has_no_enrolment_and_no_request
                outage_loses_no_set_and_proves_nothing
                recovery_codes_are_printed_nowhere
            }
            removal {
                enrolments_at_once_are_five
                last_factor_goes_where_none_is_required
                pending_is_removed_beside_the_last
                removals_at_once_leave_one_factor
                disabled_factor_alone_guards_the_account
                removal_that_fails_leaves_the_account
                proof_ends_with_its_factor
                waiting_factor_ends_with_what_vouched_for_it
                waiting_factors_go_with_not_me
                old_proof_vouches_for_nothing_after_a_reset
                removed_factor_leaves_no_count_behind
            }
            rotation {
                engines_one_step_apart_refuse_nobody
                used_factor_outlives_the_old_key
                seal_of_the_first_key_stays
                failed_try_leaves_the_seal
                seal_that_cannot_be_stored_loses_no_proof
                engines_that_seal_at_once_lose_nothing
                moved_or_edited_seal_is_never_rewritten
                enrolment_without_proof_stays_so
                unused_seals_follow_before_the_key_goes
            }
            secrets {
                app_is_printed_nowhere
                mailed_code_is_printed_nowhere
            }
            services {
                parked_proof_travels_once_and_to_its_holder
                parked_proof_is_resumed_by_one_of_16
                parked_proof_grows_no_younger
                prompt_that_waits_costs_nothing
                unknown_and_foreign_handles_cost_nothing
                request_without_a_name_refuses_to_choose
                import_verifies_and_a_rerun_changes_nothing
                import_of_what_was_not_confirmed_waits
                hotp_skips_and_comes_back_by_two_codes
                hotp_of_fewer_digits_proves_nothing_later
                enrolment_shows_the_issuer_of_the_tenant
                operator_resets_an_account_whole
                operator_clears_limits_that_are_ahead
                recovery_proof_is_evidence_of_its_own_subject
                policy_of_the_engines_name_touches_no_key_of_it
            }
            totp {
                app_code_is_accepted_once
                spent_code_is_refused_in_every_spelling
                code_of_the_step_before_is_accepted_once
                codes_at_once_have_one_winner
                confirmations_at_once_have_one_winner
                unconfirmed_factor_counts_for_nothing
                stale_enrolment_makes_room
                confirmed_factor_gives_way_to_no_sixth
                authenticators_burn_their_own_codes
                confirmed_factor_is_offered_and_renamed
                secret_rests_sealed_to_its_own_row
                early_enrolment_is_not_confirmed_later
                factor_tells_every_step
                form_content_is_never_misuse
            }
        }
    };
}
