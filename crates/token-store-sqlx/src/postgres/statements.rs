//! The statements, with the names of one schema and prefix in them.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments};

use super::{
    names::Names,
    sql::{charged, factors, insert, limits, open, purge, queue, tokens},
};

/// Where a statement is run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// On a connection of the pool: it is a transaction of its own.
    Pool,
    /// In an open transaction, which may keep what it locks for long.
    Open,
}

/// A query with its arguments.
pub(super) type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// One statement of a store. Every value in it is an argument; the names are the store's own.
pub(super) struct Statement {
    text: Arc<str>,
    is_named: bool,
}

impl Statement {
    pub(super) fn query<'q>(&self) -> Query<'q> {
        sqlx::query(AssertSqlSafe(Arc::clone(&self.text))).persistent(self.is_named)
    }
}

macro_rules! statements {
    ($($name:ident: $text:expr,)*) => {
        pub(super) struct Statements {
            $(pub(super) $name: Statement,)*
        }

        impl Statements {
            /// Named statements are prepared once a connection.
            pub(super) fn new(names: &Names, place: Place, are_named: bool) -> Self {
                let there = |text: &'static str| if place == Place::Open { text } else { "" };
                let fill = |text: &str| {
                    let text = text
                        .replace("{fresh}", there(open::FRESH))
                        .replace("{alone}", there(open::ALONE))
                        .replace("{all_alone}", there(open::ALL_ALONE));
                    Statement {
                        text: names.fill(&text).into(),
                        is_named: are_named,
                    }
                };
                Self { $($name: fill($text),)* }
            }
        }
    };
}

statements! {
    advance_charged: charged::ADVANCE_CHARGED,
    burn: factors::BURN,
    burn_beside: factors::BURN_BESIDE,
    burn_first: factors::BURN_FIRST,
    clear: limits::CLEAR,
    dead_letter: queue::DEAD_LETTER,
    dead_letters: queue::DEAD_LETTERS,
    dead_factors: purge::DEAD_FACTORS,
    dead_limits: purge::DEAD_LIMITS,
    decide: tokens::DECIDE,
    delete_dead: queue::DELETE_DEAD,
    delete_factors: purge::DELETE_FACTORS,
    delete_limits: purge::DELETE_LIMITS,
    delete_pending: factors::DELETE_PENDING,
    delete_tokens: purge::DELETE_TOKENS,
    disable_factor: factors::DISABLE,
    expired_tokens: purge::EXPIRED_TOKENS,
    ended_tokens: purge::ENDED_TOKENS,
    enqueue: queue::ENQUEUE,
    factors: factors::FACTORS,
    find: tokens::FIND,
    in_slot: queue::IN_SLOT,
    insert: insert::INSERT,
    insert_charged: charged::INSERT_CHARGED,
    insert_factor: factors::INSERT,
    insert_line: queue::INSERT_LINE,
    isolation: open::ISOLATION,
    label_factor: factors::LABEL,
    lines: queue::LINES,
    list: tokens::LIST,
    lock_lines: queue::LOCK_LINES,
    lock_subject: factors::LOCK_SUBJECT,
    look: charged::LOOK,
    mark_removed: factors::MARK_REMOVED,
    move_line: queue::MOVE_LINE,
    redeem: tokens::REDEEM,
    redeem_charged: charged::REDEEM_CHARGED,
    redeem_earning: charged::REDEEM_EARNING,
    redeem_uncounted: tokens::REDEEM_UNCOUNTED,
    refund: limits::REFUND,
    replace: queue::REPLACE,
    requeue: queue::REQUEUE,
    restore_factor: factors::RESTORE,
    revoke_own: tokens::REVOKE_OWN,
    revoke_record: tokens::REVOKE_RECORD,
    revoke_subject: tokens::REVOKE_SUBJECT,
    seal_factor: factors::SEAL,
    settle_dead: queue::SETTLE_DEAD,
    settle_ended: purge::SETTLE_ENDED,
    settle_later: queue::SETTLE_LATER,
    settle_sent: queue::SETTLE_SENT,
    spend: limits::SPEND,
    state_of_factor: factors::STATE,
    take: queue::TAKE,
    tenants_of: queue::TENANTS_OF,
    touch: tokens::TOUCH,
    wait_for_subject: tokens::WAIT_FOR_SUBJECT,
}
