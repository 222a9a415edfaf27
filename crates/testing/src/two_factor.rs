//! The tests of `TwoFactor`, over any place: [`two_factor!`](crate::two_factor!) makes them tests.

mod approvers;
pub mod channels;
pub mod claims;
pub mod credential_change;
pub mod device_keys;
pub mod device_limits;
pub mod devices;
pub mod email;
pub mod enrolment_limits;
pub mod hotp;
pub mod imports;
pub mod limits;
pub mod not_me;
pub mod notice_failures;
pub mod notice_links;
pub mod notices;
pub mod operator;
pub mod outage;
pub mod parked_proofs;
pub mod persistence;
pub mod prompt_approvals;
pub mod prompt_deciders;
pub mod prompt_decisions;
pub mod prompt_denials;
pub mod prompt_limits;
pub mod prompt_outcomes;
pub mod prompt_polls;
pub mod prompt_pushes;
pub mod prompts;
pub mod proofs;
pub mod recovery;
pub mod recovery_limits;
pub mod removal;
pub mod requests;
pub mod revocation;
pub mod rotation;
pub mod round_trips;
pub mod secrets;
pub mod sends;
pub mod sheets;
pub mod totp;
pub mod totp_enrolment;
pub mod trust_revocation;
pub mod trusted;
pub mod yubico;

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
            device_keys {
                signed_decision_is_taken
                unsigned_decision_changes_nothing
                signature_is_good_for_one_decision
                server_without_the_device_forges_nothing
                signed_denial_is_told_from_a_forged_one
                device_proves_its_key_to_be_confirmed
                weak_and_malformed_keys_are_no_device
                device_without_a_key_signs_nothing
                keys_only_takes_no_other_device
                shared_device_approves_once
            }
            devices {
                device_is_known_for_its_own_subject
                devices_are_listed_and_forgotten
                device_takes_a_fresh_proof_and_a_label
                sixth_device_forgets_the_oldest
                devices_at_once_are_five
                known_device_is_still_sent_a_code
                device_is_unknown_by_key_and_not_by_outage
                device_tokens_are_printed_nowhere
            }
            device_limits {
                known_device_outlives_an_exhausted_account
                burst_leaves_the_known_device_its_lane
                year_of_a_device_thief_is_497_guesses
                stolen_device_gives_its_lane_and_no_more
                ceiling_holds_beside_known_devices
                ceiling_without_devices_is_everybodys
                device_skips_no_factor_and_no_address_limit
            }
            email {
                mailed_code_is_accepted_once
                factor_says_where_its_codes_go
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
                policy_of_the_engines_name_touches_no_key_of_it
            }
            sends {
                codes_are_sent_five_then_one_each_ten_minutes
                hundred_at_once_send_the_paced_number
                accounts_share_the_day_of_their_mailbox
                refused_send_says_when_to_come_back
                mailbox_is_one_in_either_case
                mailbox_is_counted_under_a_keyed_name
                message_that_was_not_sent_is_given_back
                known_device_has_the_mailbox_once_more
                mailbox_that_is_ahead_is_cleared
            }
            enrolment_limits {
                enrolments_are_paced_and_write_nothing
                renewals_are_paced_and_write_nothing
            }
            not_me {
                not_me_undoes_one_sign_in
                not_me_token_is_dead_everywhere_once_used
                not_me_tokens_at_once_have_one_winner
                codes_of_the_disowned_sign_in_are_void
                factor_disabled_before_is_wiped_too
                factor_of_that_sign_in_is_not_brought_back
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
                change_stands_though_nobody_can_be_told
                factor_addresses_are_told_in_an_outage
                address_that_fails_keeps_no_other_from_news
                notices_are_printed_nowhere
            }
            notice_failures {
                disabled_factor_is_told_once
                exhausted_provider_is_told_once
                password_alone_fills_no_mailbox
                slow_guesses_beside_a_device_are_told
                tenth_failure_in_a_row_is_told
                notice_that_nobody_got_is_told_next_time
                count_of_notices_down_floods_nobody
            }
            notice_links {
                address_that_is_the_news_gets_no_link
                young_factor_address_gets_no_link
                old_address_hears_all_while_it_matters
                token_is_kept_only_for_a_link
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
            persistence {
                thief_keeps_what_is_named_and_no_more
            }
            prompts {
                approval_proves_once
                prompt_says_what_is_asked
                number_reaches_no_device
                wrong_number_denies
                approval_is_bound_in_every_part
                prompt_of_the_other_occasion_is_refused
                approval_in_time_lives_a_minute
                repeated_request_voids_the_one_before
                origin_is_checked_before_anything_is_paid
                approved_prompt_counts_once_in_a_sign_in
            }
            prompt_decisions {
                decision_meets_every_state
                decisions_at_once_have_one_winner
                approval_at_once_proves_one
                flipped_state_approves_nothing
            }
            prompt_polls {
                polls_cost_nothing
                made_up_handle_costs_the_owner_nothing
                open_request_ends_with_the_decision
                open_request_ends_with_a_report_of_another
            }
            prompt_pushes {
                unregistered_device_is_pushed_no_more
                queued_push_to_a_gone_device_ends_pushes
            }
            prompt_approvals {
                two_people_approve_once
                requester_is_no_approver
                asking_sign_in_approves_no_part
                approval_of_several_is_bound
                approver_who_left_is_not_counted
                whole_without_its_people_is_forged
                others_are_rung_within_a_pace
                part_is_said_again_after_an_outage
                whole_is_no_prompt
            }
            prompt_outcomes {
                denial_ends_what_several_decide
                denial_beside_approvals_has_one_outcome
                approvals_at_once_are_taken_up_once
            }
            prompt_deciders {
                stranger_decides_nothing
                prompt_belongs_to_its_device
                devices_are_all_asked_and_one_decides
                later_device_decides_nothing_earlier
                device_that_goes_meanwhile_proves_nothing
                decision_of_one_device_is_not_forged_for_another
                denial_without_its_decision_is_forged
                asking_sign_in_decides_nothing
                device_without_a_key_is_named
            }
            prompt_limits {
                fifty_prompts_reach_the_device_five_times
                day_of_prompts_is_ten
                year_of_prompts_beside_a_daily_owner_is_3660
                known_device_has_prompts_of_its_own
                success_lets_prompts_in_again
                stranger_silences_nobody
                prompt_that_reached_nobody_is_given_back
                push_that_perhaps_went_out_is_charged
                device_pays_for_its_own_address
                limit_store_down_asks_nobody
                operator_ends_prompts_and_their_limits
            }
            prompt_denials {
                denial_outlasts_a_success
                denial_keeps_prompts_away_for_15_minutes
                denials_at_once_are_one
                wrong_number_keeps_prompts_away_too
                report_lasts_until_another_factor_succeeds
                silence_outlasts_what_is_on_its_way
                report_beside_requests_lasts
                report_is_said_again_after_an_outage
                denial_ends_what_else_its_asker_asked
            }
            proofs {
                factor_changes_take_a_fresh_proof
                proof_of_a_clock_far_ahead_is_not_fresh
                proof_ends_with_the_password
                proof_of_somebody_else_proves_nothing
                enrolment_under_foreign_evidence_has_none
                disabled_factor_still_guards
                recovery_proof_is_evidence_of_its_own_subject
                recovery_proof_ends_with_a_reset
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
                recovery_line_is_read_as_it_is_printed
                sheet_is_renewed_by_a_fresh_proof
                lost_phone_is_replaced_by_a_code
                recovery_has_no_enrolment_and_no_request
                outage_loses_no_set_and_proves_nothing
                recovery_codes_are_printed_nowhere
            }
            recovery_limits {
                sheet_outlives_every_wrong_code
                thief_of_the_password_locks_no_sheet
                wrong_recovery_codes_cost_the_network
            }
            sheets {
                disowned_renewal_brings_the_sheet_back
                links_at_once_bring_one_sheet_back
                replaced_codes_are_not_used_up
                sheet_that_goes_meanwhile_proves_nothing
                newer_sheet_of_the_owner_stays
                sheet_of_a_thief_stays_away
                factor_of_a_thief_stays_away
                renewal_is_undone_for_a_week
                reset_ends_every_sheet
                sheet_is_no_factor
                renewal_that_fails_leaves_the_sheet
                edited_sheet_stops_no_link
                renewals_for_days_hide_no_sheet
                crowded_list_forgets_no_code
                overtaken_renewal_shows_no_codes
                sheet_of_before_the_last_stays_void
            }
            imports {
                imported_codes_come_back
                imported_codes_end_after_a_week
                import_verifies_and_a_rerun_changes_nothing
                import_of_what_was_not_confirmed_waits
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
            revocation {
                first_factors_at_once_are_one
                enrolment_ends_with_its_epoch
                enrolment_is_confirmed_in_its_sign_in
                pending_factor_goes_with_each_change
                stolen_code_adds_nothing_once_renewed
                not_me_brings_back_what_was_removed
                removal_is_undone_for_a_week
                enrolments_by_the_thousand_leave_five_rows
                surplus_spares_what_was_confirmed
            }
            round_trips {
                totp_is_two_round_trips
                success_leaves_nothing_charged
                guesses_at_once_tell_the_paced_number
                right_code_behind_a_used_up_pace_waits
                outage_tells_right_from_wrong_to_nobody
                refused_guesses_ask_alike
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
            parked_proofs {
                parked_proof_travels_once_and_to_its_holder
                parked_proof_is_resumed_by_one_of_16
                parked_proof_grows_no_younger
            }
            requests {
                prompt_that_waits_costs_nothing
                made_up_handle_is_given_back
                unknown_and_foreign_handles_cost_nothing
                request_without_a_name_refuses_to_choose
            }
            hotp {
                hotp_skips_and_comes_back_by_two_codes
                hotp_of_fewer_digits_proves_nothing_later
                hotp_codes_at_once_go_forward_alone
                hotp_counter_ends_without_a_wrap
            }
            totp_enrolment {
                enrolment_shows_the_issuer_of_the_tenant
                confirmations_at_once_have_one_winner
                unconfirmed_factor_counts_for_nothing
                stale_enrolment_makes_room
                confirmed_factor_gives_way_to_no_sixth
                confirmed_factor_is_offered_and_renamed
                early_enrolment_is_not_confirmed_later
            }
            operator {
                operator_resets_an_account_whole
                reset_clears_every_limit_of_the_account
                operator_clears_limits_that_are_ahead
            }
            totp {
                app_clock_that_is_ahead_is_told
                code_ahead_is_told_beside_another_app
                app_code_is_accepted_once
                spent_code_is_refused_in_every_spelling
                code_of_the_step_before_is_accepted_once
                codes_at_once_have_one_winner
                authenticators_burn_their_own_codes
                secret_rests_sealed_to_its_own_row
                factor_tells_every_step
                form_content_is_never_misuse
            }
            trusted {
                trusted_device_stands_in_for_the_step
                trust_takes_a_factor_of_this_sign_in
                trust_is_bound_to_its_account
                trust_is_told_and_disowned
                trusted_devices_are_listed_and_revoked
                sixth_trust_ends_the_oldest
                trusts_at_once_are_five
                engine_without_trust_takes_none
                outage_recognises_nobody
                trust_tokens_are_printed_nowhere
            }
            trust_revocation {
                trust_ends_with_each_change
                trust_outlives_what_changes_no_guard
                removal_beside_a_trust_ends_it
                trust_that_ended_does_not_come_back
            }
            yubico {
                yubikey_otps_at_once_have_one_winner
                yubikey_counters_go_forward_alone
                yubikeys_interleaved_count_for_themselves
                yubikey_otp_is_good_for_its_own_alone
                yubikey_rests_sealed
                backup_of_counters_ends_at_not_before
            }
        }
    };
}
