//! The tests of `twofa-providers` that use a store, as they are, over SQLite in a file.
#![allow(
    clippy::duplicate_mod,
    reason = "each file brings what it shares with the others"
)]

#[path = "../../twofa-providers/tests/channels.rs"]
mod channels;
#[path = "../../twofa-providers/tests/claims.rs"]
mod claims;
#[path = "../../twofa-providers/tests/credential_change.rs"]
mod credential_change;
#[path = "../../twofa-providers/tests/devices.rs"]
mod devices;
#[path = "../../twofa-providers/tests/email.rs"]
mod email;
#[path = "../../twofa-providers/tests/limits.rs"]
mod limits;
#[path = "../../twofa-providers/tests/not_me.rs"]
mod not_me;
#[path = "../../twofa-providers/tests/notices.rs"]
mod notices;
#[path = "../../twofa-providers/tests/outage.rs"]
mod outage;
#[path = "../../twofa-providers/tests/proofs.rs"]
mod proofs;
#[path = "../../twofa-providers/tests/recovery.rs"]
mod recovery;
#[path = "../../twofa-providers/tests/removal.rs"]
mod removal;
#[path = "../../twofa-providers/tests/rotation.rs"]
mod rotation;
#[path = "../../twofa-providers/tests/secrets.rs"]
mod secrets;
#[path = "../../twofa-providers/tests/totp.rs"]
mod totp;
