//! The tests of bearer tokens, over any place: [`bearers!`](crate::bearers!) makes them tests.

pub mod cache;
pub mod earning;
pub mod life;
pub mod lists;
pub mod meanwhile;
pub mod revoking;
pub mod rotating;
pub mod strangers;

use std::sync::Arc;

use ott_bearer::{Bearers, Issued, Kind, New, Scope};
use token_store::{
    TokensError,
    ott_core::{Purpose, Reason, Subject, chrono::TimeDelta},
};

use crate::{Bench, Place};

/// The tests of bearer tokens, each over this place, in a module for each of their files.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! bearers {
    ($place:ident) => {
        $crate::tests! { $place bearers
            cache {
                cached_token_asks_the_store_once
                revocation_elsewhere_counts_after_the_staleness
                staleness_counts_from_the_question
                another_standing_shares_no_entry
                revocation_here_counts_at_once
                unanswered_revocation_counts_at_once
                account_is_forgotten_on_demand
                cached_older_ends_with_the_newer
                cached_token_ends_at_its_own_end
                cache_never_outlasts_the_idle_time
            }
            earning {
                code_earns_a_session_as_it_was_asked
                earned_token_says_when_it_was_used
                earned_token_was_used_from_where_it_was_made
                epoch_between_load_and_redeem_ends_it
                account_without_tokens_spends_its_code
            }
            life {
                token_says_what_it_was_issued_with
                token_ends_at_its_end_or_without_use
                impossible_names_and_ends_are_told
                scope_that_is_gone_grants_nothing
                typing_error_is_found_offline
                introspection_tells_of_live_tokens_alone
                outage_is_no_refusal
            }
            lists {
                pages_stand_still_while_tokens_end
                notice_of_an_end_is_given_once
                owner_has_so_many_and_no_more
                last_network_is_kept_with_the_use
                network_that_cannot_be_is_not_kept
                note_of_a_network_ends_with_its_token
                note_that_comes_late_ends_too
            }
            meanwhile {
                revoked_token_is_not_rotated
                interrupted_rotation_leaves_no_overlap
                revoke_all_ends_what_rotates_under_it
                revoked_newer_token_leaves_no_overlap
                revoked_text_has_no_overlap
                newer_token_outlives_a_lost_overlap
                rotation_keeps_the_binding_that_proved
                second_rotation_ends_the_first_overlap
                overlap_outlives_a_purge
            }
            revoking {
                owner_ends_one_others_or_all
                text_is_revoked_whatever_it_is
                epoch_and_tenant_end_what_was_issued
            }
            rotating {
                rotated_token_lives_for_the_overlap
                rotated_token_ends_at_its_own_end
                rotations_at_once_have_one_winner
                overtaken_rotation_gives_nothing
                interrupted_rotation_comes_to_its_end
                newer_token_ends_with_the_older
                step_up_ends_the_older_at_once
            }
            strangers {
                token_is_good_for_its_kind_and_tenant
                strangers_revoke_nothing_by_an_id
                other_spellings_are_other_tokens
                public_id_is_no_bearer_token
            }
        }
    };
}

ott_bearer::scopes! {
    /// What tokens may do in these tests.
    pub enum Mail {
        /// See what came.
        Read = "mail:read",
        /// Write to others.
        Send = "mail:send",
    }
}

pub(crate) const SESSION: Kind = Kind::session(Purpose::new("session"))
    .rotating(Purpose::new("session-old"), TimeDelta::minutes(10));
pub(crate) const ACCESS: Kind = Kind::access_token(Purpose::new("access"), "exa_pat_")
    .rotating(Purpose::new("access-old"), TimeDelta::hours(1))
    .noticing(Purpose::new("access-told"), TimeDelta::days(7))
    .noting_networks(Purpose::new("access-network"));
pub(crate) const APP: Kind = Kind::app_password(Purpose::new("app-password"));
pub(crate) const KEY: Kind = Kind::api_key(Purpose::new("api-key"), "exa_key_");
pub(crate) const KINDS: [Kind; 4] = [SESSION, ACCESS, APP, KEY];

/// Over a new store, with all kinds.
pub(crate) async fn bench(place: Place) -> Bench {
    let policies: Vec<_> = KINDS.iter().flat_map(Kind::policies).collect();
    Bench::new(place, &policies).await
}

pub(crate) fn bearers<S: Scope>(bench: &Bench, kind: Kind) -> Bearers<S> {
    Bearers::new(&bench.tokens.shared(), kind).expect("policies that fit")
}

/// A token without anything.
pub(crate) async fn issued<S: Scope>(bearers: &Bearers<S>, owner: &Subject) -> Issued<S> {
    bearers.issue(&New::of(owner)).await.expect("a token")
}

/// Why it was refused.
#[track_caller]
pub(crate) fn reason<T: core::fmt::Debug>(result: Result<T, TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// As another process has it.
pub(crate) fn beside<S: Scope>(bench: &Bench, kind: Kind) -> Bearers<S> {
    let policies: Vec<_> = KINDS.iter().flat_map(Kind::policies).collect();
    let other = bench.beside(crate::key_1(), &policies);
    Bearers::new(&Arc::clone(&other.tokens).shared(), kind).expect("policies that fit")
}
