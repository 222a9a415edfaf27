//! News about an account.

use core::net::IpAddr;

use ott_core::chrono::{DateTime, Utc};

/// What happened to an account: what, when, from where.
///
/// Every part is a type that no request can fill with words of its choosing: a notice with an
/// attacker's sentence in it would be a phishing mail under the application's name.
///
/// Send it to every verified address of the account, the old one included when an address changes.
///
/// Specification: NIST SP 800-63B-4 section 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in the application's own words: `a second step was added to your account`.
    pub what: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// From which network address, where that is known.
    pub from: Option<IpAddr>,
}
