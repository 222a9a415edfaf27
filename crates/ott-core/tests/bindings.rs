//! A token of one purpose, tenant, subject, destination, epoch, operation or flow is worth nothing
//! for another: every pair of them, for each look-up; only the diagonal passes.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use common::{issue_at, issuer, now, present, refusal, seeded, subject};
use ott_core::{
    Binding, Destination, Format, Issued, Issuer, Lookup, Policy, Purpose, Reason, Subject, Usage,
    chrono::TimeDelta,
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

/// Issues in every context, presents in every context, and holds each pair's answer, of the record
/// and of what is checked after it, against what `refused` expects of a pair that differs.
fn matrix(contexts: &[Context], refused: impl Fn(&Context, &Context) -> Reason) {
    let issuer = issuer();
    let mut rng = seeded(5);
    let issue = |context: &Context| {
        let binding = context.binding();
        issue_at(&issuer, &context.policy, &binding, now(), &mut rng)
    };
    let issued: Vec<Issued> = contexts.iter().map(issue).collect();
    for (row, (issued, one)) in issued.iter().zip(contexts).enumerate() {
        for (column, other) in contexts.iter().enumerate() {
            let expected = (row != column).then(|| refused(one, other));
            let answer = answer(&issuer, issued, other);
            assert_eq!(answer, expected, "{row} {column}");
        }
    }
}

fn answer(issuer: &Issuer, issued: &Issued, context: &Context) -> Option<Reason> {
    let (policy, binding) = (&context.policy, context.binding());
    let token = issued.token.expose_secret();
    let presented = present(
        issuer,
        policy,
        &issued.handle,
        &binding,
        context.tenant,
        token,
        now(),
    )
    .expect("a token of this format");
    let mut record = issued.record.clone();
    let redeemed = match policy.usage() {
        Usage::Once => record.redeem(&presented, now()),
        Usage::Bearer => record.authenticate(&presented, now()),
    };
    let opened = redeemed.and_then(|()| issuer.open(policy, record.stored().clone()));
    refusal(opened.and_then(|record| issuer.check(&record, &binding)))
}

const FORMAT: Format = Format::READABLE_8;

#[test]
fn by_id_only_the_diagonal_redeems() {
    let policies = [
        Policy::readable(Purpose::new("one")),
        Policy::readable(Purpose::new("two")),
    ];
    matrix(&contexts(policies, true), |_, _| Reason::Mismatch);
}

#[test]
fn by_subject_only_the_diagonal_redeems() {
    let policies = [
        Policy::recovery(Purpose::new("one")),
        Policy::recovery(Purpose::new("two")),
    ];
    matrix(&contexts(policies, false), |one, other| {
        // Another purpose or subject finds nothing; another rest of the binding compares unequal.
        if one.policy == other.policy && one.subject == other.subject {
            Reason::Mismatch
        } else {
            Reason::Unknown
        }
    });
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

#[test]
fn by_itself_only_the_diagonal_redeems() {
    let policies = [
        Policy::link(Purpose::new("one")),
        Policy::link(Purpose::new("two")),
    ];
    by_itself(policies, true);
}

#[test]
fn a_bearer_token_authenticates_on_the_diagonal_only() {
    let month = TimeDelta::days(30);
    let policies = [
        Policy::bearer(Purpose::new("one"), month),
        Policy::bearer(Purpose::new("two"), month),
    ];
    by_itself(policies, false);
}

#[test]
fn a_token_with_another_flows_handle_is_unknown() {
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
        .present_by_id(&policy, &two.handle, &binding, "111111", now())
        .unwrap();
    let answer = refusal(one.record.redeem(&presented, now()));
    assert_eq!(answer, Some(Reason::Unknown));
}

#[test]
fn a_look_up_of_another_kind_is_refused_before_any_work() {
    let (issuer, owner) = (issuer(), subject("", "1"));
    let binding = Binding::subject(&owner);
    let purpose = Purpose::new("one");
    let base = Policy::readable(purpose)
        .format(Format::LINK)
        .limits(None, None);
    let lookups = [
        Lookup::ById { attempts: 5 },
        Lookup::BySubject,
        Lookup::ByItself,
    ];
    for (row, lookup) in lookups.into_iter().enumerate() {
        let policy = base.lookup(lookup);
        let issued = issue_at(&issuer, &policy, &binding, now(), &mut seeded(6));
        let token = issued.token.expose_secret();
        let answers = [
            refusal(issuer.present_by_id(&policy, &issued.handle, &binding, token, now())),
            refusal(issuer.present_by_subject(&policy, &binding, token, now())),
            refusal(issuer.present_by_itself(&policy, "", token, now())),
        ];
        for (column, answer) in answers.into_iter().enumerate() {
            let expected = (row != column).then_some(Reason::Policy);
            assert_eq!(answer, expected, "{row} {column}");
        }
        // Nor does a policy of the same purpose with another look-up redeem or open it.
        for (column, other) in lookups.into_iter().enumerate() {
            let other = base.lookup(other);
            let presented =
                present(&issuer, &other, &issued.handle, &binding, "", token, now()).unwrap();
            let redeemed = issued.record.clone().redeem(&presented, now());
            assert_eq!(redeemed.is_ok(), row == column, "{row} {column}");
            let opened = issuer.open(&other, issued.record.stored().clone());
            assert_eq!(opened.is_ok(), row == column, "{row} {column}");
        }
    }
}

#[test]
fn a_resend_shares_the_slot_and_nothing_else() {
    let (issuer, owner) = (issuer(), subject("", "1"));
    let policy = Policy::code(Purpose::new("one")).format(FORMAT);
    let binding = Binding::subject(&owner);
    let mut rng = seeded(7);
    let first = issue_at(&issuer, &policy, &binding, now(), &mut rng);
    let stranger = issue_at(&issuer, &policy, &binding, now(), &mut rng);
    let extra = ott_core::Extra {
        resend: Some(&first.handle),
        ..Default::default()
    };
    let again = issuer
        .issue_from_rng(&policy, &binding, extra, now(), &mut rng)
        .unwrap();
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
        .present_by_id(&policy, &again.handle, &binding, old, now())
        .unwrap();
    let answer = refusal(again.record.clone().redeem(&presented, now()));
    assert_eq!(answer, Some(Reason::Mismatch));

    // Another purpose's flow is another slot even with the same handle.
    let other = Policy::code(Purpose::new("two")).format(FORMAT);
    let elsewhere = issuer
        .issue_from_rng(&other, &binding, extra, now(), &mut rng)
        .unwrap();
    assert_ne!(slot(&first), slot(&elsewhere));
}

#[test]
fn a_subjects_slot_is_that_purposes_tenants_and_subjects() {
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
