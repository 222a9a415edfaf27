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
const KEPT: &str = include_str!("lua/kept.lua");
const RECORD: &str = include_str!("lua/record.lua");
const SAME: &str = include_str!("lua/same.lua");

macro_rules! scripts {
    ($($name:ident = $($part:expr),+;)*) => {$(
        pub(crate) static $name: LazyLock<Source> = LazyLock::new(|| Source::new(&[$($part),+]));
    )*};
}

scripts! {
    ACCEPT = EPOCH, include_str!("lua/accept.lua");
    ADOPT = include_str!("lua/adopt.lua");
    CLEAR = EPOCH, include_str!("lua/clear.lua");
    DEAD = EPOCH, include_str!("lua/dead.lua");
    DECIDE = EPOCH, RECORD, include_str!("lua/decide.lua");
    FACTORS = EPOCH, KEPT, SAME, include_str!("lua/factors.lua");
    FACTOR_BURN = EPOCH, KEPT, include_str!("lua/factor_burn.lua");
    FACTOR_CHANGE = EPOCH, KEPT, include_str!("lua/factor_change.lua");
    FACTOR_INSERT = EPOCH, KEPT, include_str!("lua/factor_insert.lua");
    FIND = EPOCH, RECORD, include_str!("lua/find.lua");
    INITIALIZE = include_str!("lua/initialize.lua");
    INSERT = EPOCH, RECORD, include_str!("lua/insert.lua");
    LIST = EPOCH, RECORD, SAME, include_str!("lua/list.lua");
    OWNERS = EPOCH, include_str!("lua/owners.lua");
    PURGE = EPOCH, include_str!("lua/purge.lua");
    PURGE_LIMITS = EPOCH, include_str!("lua/purge_limits.lua");
    REDEEM = EPOCH, RECORD, include_str!("lua/redeem.lua");
    REFUND = EPOCH, include_str!("lua/refund.lua");
    REVOKE = EPOCH, RECORD, include_str!("lua/revoke.lua");
    REVOKE_ALL = EPOCH, RECORD, SAME, include_str!("lua/revoke_all.lua");
    SERVER = include_str!("lua/server.lua");
    SPEND = EPOCH, include_str!("lua/spend.lua");
    TOUCH = EPOCH, RECORD, include_str!("lua/touch.lua");
    WEAK = include_str!("lua/weak.lua");
}
