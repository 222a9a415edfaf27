//! The tests of what waits to be sent, over any place that keeps a queue: [`queue!`](crate::queue!) makes them tests.

pub mod delivery;
pub mod store;

/// The tests of the queue, each over this place.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! queue {
    ($place:ident) => {
        $crate::tests! { $place queue
            store {
                newest_takes_the_slot
                line_is_bounded_under_parallel_requests
                entry_is_taken_by_one
                lease_ends
                tenants_share_a_pass
                tenant_with_many_waiting_holds_up_nobody
                dead_letter_is_listed_and_sent_back_or_dropped
                entry_sent_back_is_settled_by_its_taker
                dead_letter_gives_way_to_the_newer
                numbers_add_up_under_parallel_work
            }
            delivery {
                message_arrives_as_it_was_queued
                failing_gateway_gets_the_same_token_again
                newer_token_takes_the_place_of_the_older
                late_token_becomes_a_notice
                refused_message_is_a_dead_letter_with_its_reason
                refusal_is_told_with_its_message
                full_line_is_told
                moved_row_is_unreadable
                lost_key_waits
                row_tells_nothing
                unknown_purpose_is_refused
            }
        }
    };
}
