//! What the tests of this crate share: a fixed key, fixed people, random sources that obey.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{collections::VecDeque, fmt};

use ott_core::{
    Binding, Decider, Decision, Format, Handle, IssueError, IssueOptions, Issued, Issuer, KeyRing,
    Lookup, Matching, Parked, Policy, Presented, Purpose, Reason, Record, Rejected, Start, Subject,
    Verdict,
    chrono::{DateTime, TimeDelta, Utc},
    rand::{SeedableRng, TryCryptoRng, TryRng, rngs::StdRng},
};

pub(crate) const CODE: Policy = Policy::code(Purpose::new("sign-in"));
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
pub(crate) const LINK: Policy = Policy::link(Purpose::new("reset"));
pub(crate) const BEARER: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::days(30)).idle(TimeDelta::days(1));
pub(crate) const PARKED: Policy = Policy::parked(Purpose::new("step"));
pub(crate) const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
/// Waits for an approval, and has a token and attempts beside.
pub(crate) const APPROVAL: Policy = Policy::code(Purpose::new("approve"))
    .format(Format::LINK)
    .paced(None)
    .start(waiting(Matching::TwoDigits, false));
/// As [`APPROVAL`]; whoever decides becomes the subject of a record that has none.
pub(crate) const ATTACH: Policy = Policy::code(Purpose::new("attach"))
    .format(Format::LINK)
    .paced(None)
    .start(waiting(Matching::TwoDigits, true));

pub(crate) const fn waiting(number: Matching, binds_subject: bool) -> Start {
    Start::Waiting {
        number,
        binds_subject,
    }
}

pub(crate) const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const OTHER_KEY: &str =
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

/// 2026-01-02T03:04:05.678901Z.
pub(crate) const NOW: i64 = 1_767_323_045_678_901;
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).expect("a time within the calendar")
}

pub(crate) fn now() -> DateTime<Utc> {
    at(NOW)
}

pub(crate) fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::from_text(&lines.join("\n")).expect("a key ring")
}

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ring(&[&format!("7 {KEY}")]))
}

pub(crate) fn subject(tenant: &str, id: &str) -> Subject {
    Subject::new(tenant, id).expect("a subject")
}

pub(crate) fn alice() -> Subject {
    subject("acme", "4711")
}

pub(crate) fn seeded(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// One token, issued as the policy says.
pub(crate) fn issue_at(
    issuer: &Issuer,
    policy: &Policy,
    binding: &Binding<'_>,
    time: DateTime<Utc>,
    rng: &mut impl TryCryptoRng,
) -> Issued {
    let options = IssueOptions::default();
    issue_with(issuer, policy, binding, options, time, rng).expect("a token")
}

/// One token, issued with these options.
pub(crate) fn issue_with(
    issuer: &Issuer,
    policy: &Policy,
    binding: &Binding<'_>,
    options: IssueOptions<'_>,
    time: DateTime<Utc>,
    rng: &mut impl TryCryptoRng,
) -> Result<Issued, IssueError> {
    issuer
        .issue_from_rng(policy, binding, options, time, rng)
        .map(|issued| only(issued, "one token"))
}

pub(crate) fn only<T>(all: Vec<T>, what: &str) -> T {
    let all: Result<[T; 1], Vec<T>> = all.try_into();
    let Ok([one]) = all else { panic!("{what}") };
    one
}

/// Parked as the policy says.
pub(crate) fn park_at(
    issuer: &Issuer,
    policy: &Policy,
    binding: &Binding<'_>,
    time: DateTime<Utc>,
    rng: &mut impl TryCryptoRng,
) -> Parked {
    issuer
        .park_from_rng(policy, binding, IssueOptions::default(), time, rng)
        .expect("a parked record")
}

/// Decides as this person, now.
pub(crate) fn decide(
    policy: &Policy,
    record: &Record,
    person: &Subject,
    verdict: Verdict,
) -> Decision {
    issuer()
        .decide(policy, record, &Decider::from(person), verdict, b"", now())
        .expect("a decision")
}

/// Approves as this person, now, with the right number.
pub(crate) fn approve(policy: &Policy, record: &Record, person: &Subject) -> Decision {
    let number = record.stored().number;
    decide(policy, record, person, Verdict::Approve { number })
}

/// Presents by whatever look-up the policy has.
pub(crate) fn present(
    issuer: &Issuer,
    policy: &Policy,
    handle: &Handle,
    binding: &Binding<'_>,
    tenant: &str,
    typed: &str,
    time: DateTime<Utc>,
) -> Result<Presented, Rejected> {
    match policy.token_lookup() {
        Lookup::ByHandle { .. } => issuer.present_by_handle(policy, handle, binding, typed, time),
        Lookup::BySubject => issuer.present_by_subject(policy, binding, typed, time),
        Lookup::ByItself => issuer.present_by_itself(policy, tenant, typed, time),
        Lookup::Parked => issuer.present_parked(policy, handle, binding, time),
    }
}

pub(crate) fn refusal<T>(answer: Result<T, Rejected>) -> Option<Reason> {
    answer.err().map(|rejected| rejected.reason())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random source that gives these bytes, then fails.
pub(crate) struct Scripted(pub(crate) VecDeque<u8>);

impl Scripted {
    pub(crate) fn new(bytes: impl IntoIterator<Item = u8>) -> Self {
        Self(bytes.into_iter().collect())
    }
}

/// A random source that has nothing left.
#[derive(Debug)]
pub(crate) struct Dry;

impl fmt::Display for Dry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dry")
    }
}

impl core::error::Error for Dry {}

impl TryRng for Scripted {
    type Error = Dry;

    fn try_next_u32(&mut self) -> Result<u32, Dry> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Dry> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Dry> {
        if self.0.len() < to.len() {
            return Err(Dry);
        }
        let length = to.len();
        to.iter_mut()
            .zip(self.0.drain(..length))
            .for_each(|(to, from)| *to = from);
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

/// A random source that gives one byte for ever.
pub(crate) struct Endless(pub(crate) u8);

impl TryRng for Endless {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Endless {}
