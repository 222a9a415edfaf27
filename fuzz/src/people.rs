//! Fixed keys, people and policies, and random sources that repeat themselves.

use ott_core::{
    Format, Issuer, KeyRing, Lookup, Policy, Purpose, SlotRule, Start, Subject,
    chrono::{DateTime, SecondsFormat, TimeDelta, Utc},
};
use rand::{SeedableRng, rngs::StdRng};

/// 2026-01-02T03:04:05.678901Z.
pub const NOW: i64 = 1_767_323_045_678_901;

const FIRST: &str = "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
const SECOND: &str = "2 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n";

/// Key 1 makes, key 2 verifies.
#[must_use]
pub fn ring() -> KeyRing {
    read(&[FIRST, SECOND])
}

/// Key 2 alone: it lacks what [`ring`] makes with.
#[must_use]
pub fn other_ring() -> KeyRing {
    read(&[SECOND])
}

/// Key 2 makes, and key 1 retired so many microseconds after the Unix epoch.
#[must_use]
pub fn retired_ring(micros: i64) -> KeyRing {
    let time = at(micros).to_rfc3339_opts(SecondsFormat::Micros, true);
    read(&[SECOND, FIRST.trim_end(), " retired ", &time])
}

fn read(lines: &[&str]) -> KeyRing {
    KeyRing::from_text(&lines.concat()).expect("a key ring")
}

#[must_use]
pub fn issuer() -> Issuer {
    Issuer::new(ring())
}

#[must_use]
pub fn subject(tenant: &str, id: &str) -> Subject {
    Subject::new(tenant, id).expect("a subject")
}

#[must_use]
pub fn seeded(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// A moment so many microseconds after the Unix epoch, if the calendar has it.
#[must_use]
pub fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// One policy of each kind.
pub const POLICIES: [Policy; 8] = [
    Policy::code(Purpose::new("sign-in")),
    Policy::readable(Purpose::new("register")),
    Policy::recovery(Purpose::new("recovery")),
    Policy::link(Purpose::new("reset")),
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::days(1)),
    Policy::prompt(Purpose::new("approve")),
    Policy::prompt(Purpose::new("pair"))
        .start(Start::Waiting {
            number: false,
            binds_subject: true,
        })
        .lookup(Lookup::ById { attempts: 3 })
        .slot(SlotRule::Nothing),
    Policy::link(Purpose::new("keep"))
        .format(Format::alphanumeric(30).prefixed("ex_"))
        .until_revoked(),
];
