//! The scripts, one for each verb. Each names all its keys, and all of them share a hash tag.

use std::sync::LazyLock;

use redis::Script;

/// A script and the hash by which the server knows it.
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) hash: String,
}

impl Source {
    fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        let hash = Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }
}

/// Begins every script but those about the server itself.
const EPOCH: &str = include_str!("lua/epoch.lua");
const ADVANCED: &str = include_str!("lua/factor_advanced.lua");
const BESIDE: &str = include_str!("lua/factor_beside.lua");
const CLEARED: &str = include_str!("lua/cleared.lua");
const CODE: &str = include_str!("lua/factor_code.lua");
const CHARGED: &str = include_str!("lua/charged.lua");
const INSERTED: &str = include_str!("lua/inserted.lua");
const KEPT: &str = include_str!("lua/kept.lua");
const ONE_MORE: &str = include_str!("lua/one_more.lua");
const RECORD: &str = include_str!("lua/record.lua");
const REDEEMED: &str = include_str!("lua/redeemed.lua");
const OWNERS_OF: &str = include_str!("lua/owners_of.lua");
const SAME: &str = include_str!("lua/same.lua");

const WHOLE: &str = include_str!("lua/whole.lua");

macro_rules! scripts {
    ($($name:ident = $($part:expr),+;)*) => {$(
        pub(crate) static $name: LazyLock<Source> = LazyLock::new(|| Source::new(&[$($part),+]));
    )*};
}

scripts! {
    ACCEPT = EPOCH, include_str!("lua/accept.lua");
    ADOPT = include_str!("lua/adopt.lua");
    ADVANCE_CHARGED = EPOCH, WHOLE, ONE_MORE, CHARGED, KEPT, CODE, ADVANCED, CLEARED, include_str!("lua/advance_charged.lua");
    CLEAR = EPOCH, WHOLE, CLEARED, include_str!("lua/clear.lua");
    DEAD = EPOCH, include_str!("lua/dead.lua");
    DECIDE = EPOCH, RECORD, include_str!("lua/decide.lua");
    FACTORS = EPOCH, KEPT, SAME, WHOLE, OWNERS_OF, include_str!("lua/factors.lua");
    FACTOR_ADVANCE = EPOCH, KEPT, CODE, ADVANCED, include_str!("lua/factor_advance.lua");
    FACTOR_CHANGE = EPOCH, KEPT, include_str!("lua/factor_change.lua");
    FACTOR_CONFIRM = EPOCH, KEPT, CODE, BESIDE, SAME, WHOLE, OWNERS_OF, include_str!("lua/factor_confirm.lua");
    FACTOR_INSERT = EPOCH, KEPT, WHOLE, OWNERS_OF, include_str!("lua/factor_insert.lua");
    FACTOR_OWNER = EPOCH, KEPT, include_str!("lua/factor_owner.lua");
    FACTOR_REMOVE = EPOCH, KEPT, BESIDE, WHOLE, OWNERS_OF, include_str!("lua/factor_remove.lua");
    FACTOR_RESTORE = EPOCH, KEPT, include_str!("lua/factor_restore.lua");
    FIND = EPOCH, RECORD, include_str!("lua/find.lua");
    INITIALIZE = include_str!("lua/initialize.lua");
    INSERT = EPOCH, RECORD, INSERTED, include_str!("lua/insert.lua");
    INSERT_CHARGED = EPOCH, WHOLE, ONE_MORE, CHARGED, RECORD, INSERTED, include_str!("lua/insert_charged.lua");
    LIST = EPOCH, RECORD, SAME, include_str!("lua/list.lua");
    OWNERS = EPOCH, include_str!("lua/owners.lua");
    PURGE = EPOCH, include_str!("lua/purge.lua");
    PURGE_FACTORS = EPOCH, KEPT, WHOLE, OWNERS_OF, include_str!("lua/purge_factors.lua");
    PURGE_LIMITS = EPOCH, WHOLE, include_str!("lua/purge_limits.lua");
    REDEEM = EPOCH, RECORD, REDEEMED, include_str!("lua/redeem.lua");
    REDEEM_CHARGED = EPOCH, WHOLE, ONE_MORE, CHARGED, RECORD, INSERTED, REDEEMED, include_str!("lua/redeem_charged.lua");
    REFUND = EPOCH, WHOLE, include_str!("lua/refund.lua");
    REVOKE = EPOCH, RECORD, include_str!("lua/revoke.lua");
    REVOKE_ALL = EPOCH, RECORD, SAME, include_str!("lua/revoke_all.lua");
    SERVER = include_str!("lua/server.lua");
    SPEND = EPOCH, WHOLE, ONE_MORE, include_str!("lua/spend.lua");
    TOUCH = EPOCH, RECORD, include_str!("lua/touch.lua");
}
