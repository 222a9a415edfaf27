//! Keys, people and a time.

use token_store::ott_core::{
    KeyRing, Subject,
    chrono::{DateTime, Utc},
};

/// A master key, in hexadecimal.
pub const KEY_1: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Another one.
pub const KEY_2: &str = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

/// The key ring of these lines.
pub fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::from_text(&lines.join("\n")).expect("a key ring")
}

/// A ring of the first key alone.
pub fn key_1() -> KeyRing {
    ring(&[&format!("1 {KEY_1}")])
}

/// A ring of the second key alone.
pub fn key_2() -> KeyRing {
    ring(&[&format!("2 {KEY_2}")])
}

/// A subject of this tenant.
pub fn subject(tenant: &str, id: &str) -> Subject {
    Subject::new(tenant, id).expect("a subject")
}

/// Whom most tests are about.
pub fn alice() -> Subject {
    subject("acme", "4711")
}

/// 2026-01-02T03:04:05Z.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).expect("a time")
}
