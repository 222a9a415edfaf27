//! What a page may show of a destination.

use token_store::ott_core::{Channel, Destination};

/// Enough of a destination to know it again, without saying too much: `a…@example.org`, `…56`. `None` for a
/// device, which has no name that a person knows.
#[must_use]
pub fn masked(destination: &Destination) -> Option<String> {
    let address = destination.address();
    match destination.channel() {
        Channel::Email => {
            let (local, domain) = address.split_once('@')?;
            Some(format!("{}…@{domain}", local.chars().next()?))
        }
        Channel::Phone => {
            let start = address.len().checked_sub(2)?;
            Some(format!("…{}", address.get(start..)?))
        }
        _ => None,
    }
}
