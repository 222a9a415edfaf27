//! Fixed keys, people and policies, and random sources that repeat themselves.

use ott_core::{
    Binding, Format, Handle, IssueOptions, Issuer, KeyRing, Lookup, Matching, Policy, Purpose,
    Record, SlotRule, Start, Subject, Token,
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

/// A record and what finds it; what is parked has no token.
pub struct Made {
    pub token: Option<Token>,
    pub handle: Handle,
    pub record: Record,
}

/// Issues or parks, as the policy says.
///
/// # Panics
/// Never: these policies and bindings fit.
#[must_use]
pub fn make(
    issuer: &Issuer,
    policy: &Policy,
    binding: &Binding<'_>,
    options: IssueOptions<'_>,
    rng: &mut StdRng,
) -> Made {
    if policy.token_lookup() == Lookup::Parked {
        let parked = issuer.park_from_rng(policy, binding, options, at(NOW), rng);
        let parked = parked.expect("a parked record");
        return Made {
            token: None,
            handle: parked.handle,
            record: parked.record,
        };
    }
    let issued = issuer.issue_from_rng(policy, binding, options, at(NOW), rng);
    let issued = issued.expect("a token").remove(0);
    Made {
        token: Some(issued.token),
        handle: issued.handle,
        record: issued.record,
    }
}

const fn waiting(number: Matching, binds_subject: bool) -> Start {
    Start::Waiting {
        number,
        binds_subject,
    }
}

/// One policy of each kind.
pub const POLICIES: [Policy; 10] = [
    Policy::code(Purpose::new("sign-in")),
    Policy::readable(Purpose::new("register")),
    Policy::recovery(Purpose::new("recovery")),
    Policy::link(Purpose::new("reset")),
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::days(1)),
    Policy::code(Purpose::new("approve"))
        .format(Format::LINK)
        .start(waiting(Matching::TwoDigits, false)),
    Policy::prompt(Purpose::new("pair"))
        .start(waiting(Matching::Nothing, true))
        .lookup(Lookup::ByHandle { attempts: 3 })
        .slot(SlotRule::Nothing),
    Policy::link(Purpose::new("keep"))
        .format(Format::alphanumeric(30).prefixed("ex_"))
        .until_revoked(),
    Policy::parked(Purpose::new("step")),
    Policy::prompt(Purpose::new("prompt")).start(waiting(Matching::SixDigits, false)),
];

/// Whether records of this policy wait for a decision.
#[must_use]
pub fn waits(policy: &Policy) -> bool {
    policy.starting() != Start::Ready
}
