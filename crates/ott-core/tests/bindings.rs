//! A token of one purpose, tenant, subject, destination, epoch, operation or flow is worth nothing
//! for another: every pair of them, for each look-up; only the diagonal passes.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use common::{issue_at, issue_with, issuer, now, park_at, present, refusal, seeded, subject};
use ott_core::{
    Binding, Destination, Format, Handle, IssueOptions, Issued, Issuer, Lookup, Policy, Purpose,
    Reason, Record, Subject, Usage, chrono::TimeDelta, rand::TryCryptoRng,
};

/// One way in which everything that a token is tied to can stand.
struct Context {
    policy: Policy,
    tenant: &'static str,
    subject: Option<Subject>,
    destination: Option<Destination>,
    epoch: Option<u64>,
    operation: &'static [(&'static str, &'static str)],
}

impl Context {
    fn binding(&self) -> Binding<'_> {
        let mut binding = match &self.subject {
            Some(subject) => Binding::subject(subject),
            None => Binding::tenant(self.tenant),
        };
        if let Some(destination) = &self.destination {
            binding = binding.destination(destination);
        }
        if let Some(epoch) = self.epoch {
            binding = binding.epoch(epoch);
        }
        binding.operation(self.operation)
    }
}

const OPERATIONS: [&[(&str, &str)]; 10] = [
    &[],
    &[("", "")],
    &[("to", "ab")],
    &[("from", "ab")],
    &[("toa", "b")],
    &[("to", "ab"), ("amount", "1")],
    &[("amount", "1"), ("to", "ab")],
    &[("to", "ab"), ("amount", "1"), ("to", "ab")],
    &[("to", "ac")],
    // A value that looks like what follows it, to an encoding without lengths.
    &[("to", "ab\namount\u{b}1")],
];

fn destinations() -> [Option<Destination>; 6] {
    [
        None,
        Destination::email("a@example.org").ok(),
        Destination::email("A@example.org").ok(),
        Destination::device("a@example.org").ok(),
        Destination::phone("+4912345678").ok(),
        Destination::device("+4912345678").ok(),
    ]
}

/// Every combination of two or three values of each part, and every value of each part alone.
fn contexts(policies: [Policy; 2], nobody: bool) -> Vec<Context> {
    let mut all = Vec::new();
    let [first, second] = policies;
    let mut add = |policy, tenant, id: Option<&str>, destination, epoch, operation| {
        all.push(Context {
            policy,
            tenant,
            subject: id.map(|id| subject(tenant, id)),
            destination,
            epoch,
            operation,
        });
    };
    let ids: &[Option<&str>] = if nobody {
        &[None, Some("1")]
    } else {
        &[Some("1"), Some("2")]
    };
    for policy in [first, second] {
        for tenant in ["", "a"] {
            for id in ids {
                for destination in destinations().into_iter().take(2) {
                    for epoch in [None, Some(0)] {
                        for operation in [OPERATIONS[0], OPERATIONS[5]] {
                            add(policy, tenant, *id, destination.clone(), epoch, operation);
                        }
                    }
                }
            }
        }
    }
    let base = ("", Some("1"));
    for tenant in ["b", "A", "a "] {
        add(first, tenant, base.1, None, None, OPERATIONS[0]);
    }
    for id in ["11", "3", "1 ", "a"] {
        add(first, base.0, Some(id), None, None, OPERATIONS[0]);
    }
    for destination in destinations().into_iter().skip(2) {
        add(first, base.0, base.1, destination, None, OPERATIONS[0]);
    }
    for epoch in [1, 256, u64::MAX] {
        add(first, base.0, base.1, None, Some(epoch), OPERATIONS[0]);
    }
    for operation in OPERATIONS {
        if operation != OPERATIONS[0] && operation != OPERATIONS[5] {
            add(first, base.0, base.1, None, None, operation);
        }
    }
    all
}

/// A record and what finds it. What is parked has an empty token.
struct Made {
    token: String,
    handle: Handle,
    record: Record,
}

fn make(
    issuer: &Issuer,
    policy: &Policy,
    binding: &Binding<'_>,
    rng: &mut impl TryCryptoRng,
) -> Made {
    if policy.token_lookup() == Lookup::Parked {
        let parked = park_at(issuer, policy, binding, now(), rng);
        return Made {
            token: String::new(),
            handle: parked.handle,
            record: parked.record,
        };
    }
    let issued = issue_at(issuer, policy, binding, now(), rng);
    Made {
        token: issued.token.expose_secret().into(),
        handle: issued.handle,
        record: issued.record,
    }
}

/// Issues in every context, presents in every context, and holds each pair's answer, of the record
/// and of what is checked after it, against what `refused` expects of a pair that differs.
fn matrix(contexts: &[Context], refused: impl Fn(&Context, &Context) -> Reason) {
    let issuer = issuer();
    let mut rng = seeded(5);
    let make = |context: &Context| make(&issuer, &context.policy, &context.binding(), &mut rng);
    let made: Vec<Made> = contexts.iter().map(make).collect();
    for (row, (made, one)) in made.iter().zip(contexts).enumerate() {
        for (column, other) in contexts.iter().enumerate() {
            let expected = (row != column).then(|| refused(one, other));
            let answer = answer(&issuer, made, other);
            assert_eq!(answer, expected, "{row} {column}");
        }
    }
}

fn answer(issuer: &Issuer, made: &Made, context: &Context) -> Option<Reason> {
    let (policy, binding) = (&context.policy, context.binding());
    let presented = present(
        issuer,
        policy,
        &made.handle,
        &binding,
        context.tenant,
        &made.token,
        now(),
    )
    .expect("a token of this format");
    let mut record = made.record.clone();
    let redeemed = match policy.usage() {
        Usage::Once => record.redeem(&presented, now()),
        Usage::Bearer => record.authenticate(&presented, now()),
    };
    if refusal(redeemed) == Some(Reason::Unknown) {
        assert!(record == made.record, "nothing of it is counted");
    }
    let opened = redeemed.and_then(|()| issuer.open(policy, record.stored().clone()));
    refusal(opened.and_then(|record| issuer.check(&record, &binding)))
}

const FORMAT: Format = Format::READABLE_8;

/// Another purpose, tenant or subject finds nothing; another rest of the binding compares unequal.
fn within_the_account(one: &Context, other: &Context) -> Reason {
    let account = |context: &Context| (context.tenant, context.subject.clone());
    if one.policy == other.policy && account(one) == account(other) {
        Reason::Mismatch
    } else {
        Reason::Unknown
    }
}

/// Found by its handle, a token is redeemed in its own context and in no other.
#[test]
fn diagonal_alone_redeems_by_handle() {
    let policies = [
        Policy::readable(Purpose::new("one")),
        Policy::readable(Purpose::new("two")),
    ];
    matrix(&contexts(policies, true), within_the_account);
}

/// What is parked is taken up in its own context and in no other.
#[test]
fn parked_only_the_diagonal_resumes() {
    let policies = [
        Policy::parked(Purpose::new("one")),
        Policy::parked(Purpose::new("two")),
    ];
    matrix(&contexts(policies, true), within_the_account);
}

/// Found by its subject, a token is redeemed in its own context and in no other.
#[test]
fn diagonal_alone_redeems_by_subject() {
    let policies = [
        Policy::recovery(Purpose::new("one")),
        Policy::recovery(Purpose::new("two")),
    ];
    matrix(&contexts(policies, false), within_the_account);
}

fn by_itself(policies: [Policy; 2], nobody: bool) {
    matrix(&contexts(policies, nobody), |one, other| {
        // Another purpose or tenant finds nothing; the rest is checked once it is found.
        if one.policy == other.policy && one.tenant == other.tenant {
            Reason::Binding
        } else {
            Reason::Unknown
        }
    });
}

/// Found by itself, a token is redeemed in its own context and in no other.
#[test]
fn diagonal_alone_redeems_by_itself() {
    let policies = [
        Policy::link(Purpose::new("one")),
        Policy::link(Purpose::new("two")),
    ];
    by_itself(policies, true);
}

/// A bearer token authenticates in its own context and in no other.
#[test]
fn bearer_only_the_diagonal_authenticates() {
    let month = TimeDelta::days(30);
    let policies = [
        Policy::bearer(Purpose::new("one"), month),
        Policy::bearer(Purpose::new("two"), month),
    ];
    by_itself(policies, false);
}

/// The same token with the handle of another flow is unknown.
#[test]
fn token_with_another_flows_handle_is_unknown() {
    let (issuer, owner) = (issuer(), subject("", "1"));
    let policy = Policy::code(Purpose::new("one"));
    let binding = Binding::subject(&owner);
    // The same random bytes for the token, others for the handle.
    let draw = |handle: u8| {
        let bytes = [[1u8; 64].as_slice(), &[handle; 32]].concat();
        let mut source = common::Scripted::new(bytes);
        issue_at(&issuer, &policy, &binding, now(), &mut source)
    };
    let (mut one, two) = (draw(1), draw(2));
    assert_eq!(one.token.expose_secret(), two.token.expose_secret());
    assert_ne!(one.record.stored().digest, two.record.stored().digest);
    let presented = issuer
        .present_by_handle(&policy, &two.handle, &binding, "111111", now())
        .unwrap();
    let answer = refusal(one.record.redeem(&presented, now()));
    assert_eq!(answer, Some(Reason::Unknown));
}

/// A verb of another look-up is refused before any work, and a policy that differs in its look-up
/// alone neither finds nor opens the record.
#[test]
fn lookup_of_another_kind_is_refused() {
    let (issuer, owner) = (issuer(), subject("", "1"));
    let binding = Binding::subject(&owner);
    let purpose = Purpose::new("one");
    let base = Policy::readable(purpose).format(Format::LINK).paced(None);
    let lookups = [
        Lookup::ByHandle { attempts: 5 },
        Lookup::BySubject,
        Lookup::ByItself,
        Lookup::Parked,
    ];
    let text = "A".repeat(43);
    for (row, lookup) in lookups.into_iter().enumerate() {
        let policy = base.lookup(lookup);
        let made = make(&issuer, &policy, &binding, &mut seeded(6));
        let token = if made.token.is_empty() {
            &text
        } else {
            &made.token
        };
        let handle = &made.handle;
        let answers = [
            refusal(issuer.present_by_handle(&policy, handle, &binding, token, now())),
            refusal(issuer.present_by_subject(&policy, &binding, token, now())),
            refusal(issuer.present_by_itself(&policy, "", token, now())),
            refusal(issuer.present_parked(&policy, handle, &binding, now())),
        ];
        for (column, answer) in answers.into_iter().enumerate() {
            let expected = (row != column).then_some(Reason::Policy);
            assert_eq!(answer, expected, "{row} {column}");
        }
        // Nor does a policy of the same purpose with another look-up redeem or open it.
        for (column, other) in lookups.into_iter().enumerate() {
            let other = base.lookup(other);
            let presented = present(&issuer, &other, handle, &binding, "", token, now()).unwrap();
            let redeemed = made.record.clone().redeem(&presented, now());
            assert_eq!(redeemed.is_ok(), row == column, "{row} {column}");
            let opened = issuer.open(&other, made.record.stored().clone());
            assert_eq!(opened.is_ok(), row == column, "{row} {column}");
        }
    }
}

/// A resend has its predecessor's slot, and nothing else of it.
#[test]
fn resend_shares_the_slot_and_nothing_else() {
    let (issuer, owner) = (issuer(), subject("", "1"));
    let policy = Policy::code(Purpose::new("one")).format(FORMAT);
    let binding = Binding::subject(&owner);
    let mut rng = seeded(7);
    let first = issue_at(&issuer, &policy, &binding, now(), &mut rng);
    let stranger = issue_at(&issuer, &policy, &binding, now(), &mut rng);
    let options = IssueOptions {
        resend: Some(&first.handle),
        ..IssueOptions::default()
    };
    let again = issue_with(&issuer, &policy, &binding, options, now(), &mut rng).unwrap();
    let slot = |issued: &Issued| issued.record.stored().slot;
    assert!(slot(&first).is_some());
    assert_eq!(slot(&first), slot(&again));
    assert_ne!(
        slot(&first),
        slot(&stranger),
        "another flow's is left alone"
    );
    assert_ne!(first.record.id(), again.record.id());
    assert_ne!(*first.handle.expose_secret(), *again.handle.expose_secret());
    let old = first.token.expose_secret();
    let presented = issuer
        .present_by_handle(&policy, &again.handle, &binding, old, now())
        .unwrap();
    let answer = refusal(again.record.clone().redeem(&presented, now()));
    assert_eq!(answer, Some(Reason::Mismatch));

    // Another purpose's flow is another slot even with the same handle.
    let other = Policy::code(Purpose::new("two")).format(FORMAT);
    let elsewhere = issue_with(&issuer, &other, &binding, options, now(), &mut rng).unwrap();
    assert_ne!(slot(&first), slot(&elsewhere));
}

/// A slot of a subject is one for each purpose, tenant and subject, whatever else is bound.
#[test]
fn slot_of_a_subject_is_one_per_purpose() {
    let issuer = issuer();
    let mut rng = seeded(8);
    let mut slots = Vec::new();
    for policy in [
        Policy::recovery(Purpose::new("one")),
        Policy::recovery(Purpose::new("two")),
    ] {
        for owner in [subject("", "1"), subject("", "2"), subject("a", "1")] {
            let binding = Binding::subject(&owner);
            let one = issue_at(&issuer, &policy, &binding, now(), &mut rng);
            let two = issue_at(&issuer, &policy, &binding.epoch(1), now(), &mut rng);
            assert_eq!(one.record.stored().slot, two.record.stored().slot);
            slots.push(one.record.stored().slot.unwrap());
        }
    }
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), 6);
}
