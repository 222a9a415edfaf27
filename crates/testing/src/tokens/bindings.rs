//! A token of one purpose, tenant, subject, destination, epoch, operation or flow is refused for
//! every other: full matrices over `Tokens`, and the diagonal works.

use token_store::{
    TokensError,
    ott_core::{Binding, Destination, Issued, Policy, Purpose, Reason, chrono::TimeDelta},
};

use crate::{Bench, Place, stated, subject};

const CODES: [Policy; 3] = [
    Policy::code(Purpose::new("sign-in")).requests(None),
    Policy::code(Purpose::new("payment")).requests(None),
    Policy::readable(Purpose::new("sign-up")).requests(None),
];
const RECOVERY: [Policy; 2] = [
    Policy::recovery(Purpose::new("recovery")),
    Policy::recovery(Purpose::new("break-glass")),
];
const LINKS: [Policy; 2] = [
    Policy::link(Purpose::new("reset")).requests(None),
    Policy::link(Purpose::new("change-address")).requests(None),
];
const BEARERS: [Policy; 2] = [
    Policy::bearer(Purpose::new("session"), TimeDelta::days(1)),
    Policy::bearer(Purpose::new("known-device"), TimeDelta::days(1)),
];

async fn bench(place: Place) -> Bench {
    let all = CODES.iter().chain(&RECOVERY).chain(&LINKS).chain(&BEARERS);
    Bench::new(place, &all.collect::<Vec<_>>()).await
}

/// Owned parts of bindings that differ pairwise, most in one part alone.
struct Parts {
    subjects: Vec<token_store::ott_core::Subject>,
    addresses: Vec<Destination>,
}

impl Parts {
    fn new() -> Self {
        let email = |address: &str| Destination::email(address).expect("it works");
        Self {
            subjects: vec![
                subject("acme", "alice"),
                subject("acme", "Alice"),
                subject("acme", "bob"),
                subject("", "alice"),
                subject("acme/alice", "alice"),
            ],
            addresses: vec![
                email("alice@example.org"),
                email("Alice@example.org"),
                Destination::device("alice@example.org").expect("it works"),
            ],
        }
    }

    fn bindings(&self) -> Vec<Binding<'_>> {
        let alice = Binding::subject(self.subjects.first().expect("some"));
        let mut all: Vec<_> = self.subjects.iter().map(Binding::subject).collect();
        all.extend(
            self.addresses
                .iter()
                .map(|address| alice.destination(address)),
        );
        all.extend([alice.epoch(0), alice.epoch(1)]);
        all.extend([
            alice.operation(&[("to", "A"), ("sum", "1")]),
            alice.operation(&[("to", "A"), ("sum", "10")]),
            alice.operation(&[("sum", "1"), ("to", "A")]),
            alice.operation(&[("to", "Asum1")]),
        ]);
        all
    }
}

/// Whether it was refused, and by nothing but a refusal.
fn refused<T>(result: Result<T, TokensError>) -> bool {
    match result {
        Ok(_) => false,
        Err(TokensError::Rejected(_)) => true,
        Err(other) => panic!("{other}"),
    }
}

/// A code is worth nothing under another binding, purpose or flow.
pub async fn code_is_bound_in_every_part(place: Place) {
    let parts = Parts::new();
    let bindings = parts.bindings();
    let bench = bench(place).await;
    let tokens = &bench.tokens;
    for (mine, issued_for) in bindings.iter().enumerate() {
        for (theirs, presented_for) in bindings.iter().enumerate() {
            bench.pass(TimeDelta::days(10));
            let policy = &CODES[0];
            let issued: Issued = tokens.issue(policy, issued_for).await.unwrap();
            let typed = issued.token.expose_secret();
            let tried = tokens
                .redeem(policy, &issued.handle, presented_for, typed)
                .await;
            assert_eq!(refused(tried), mine != theirs, "{mine} as {theirs}");
        }
    }
    bench.pass(TimeDelta::days(10));
    let alice = &bindings[5];
    for mine in &CODES[..2] {
        for theirs in &CODES[..2] {
            let issued = tokens.issue(mine, alice).await.unwrap();
            let other_flow = tokens.issue(theirs, alice).await.unwrap();
            let typed = issued.token.expose_secret();
            let tried = tokens.redeem(theirs, &issued.handle, alice, typed).await;
            if let Err(TokensError::Rejected(rejected)) = &tried {
                // By the id: a purpose that is looked at afterwards has counted a guess.
                assert_eq!(rejected.reason(), Reason::Unknown);
            }
            assert_eq!(refused(tried), mine != theirs);
            if other_flow.token.expose_secret() != typed {
                let tried = tokens
                    .redeem(theirs, &other_flow.handle, alice, typed)
                    .await;
                assert!(refused(tried));
            }
        }
    }
}

/// A recovery code is worth nothing under another binding or purpose.
pub async fn recovery_code_is_bound_in_every_part(place: Place) {
    let parts = Parts::new();
    let bindings = parts.bindings();
    let bench = bench(place).await;
    let tokens = &bench.tokens;
    for (mine, issued_for) in bindings.iter().enumerate() {
        for (theirs, presented_for) in bindings.iter().enumerate() {
            bench.pass(TimeDelta::days(10));
            let issued = tokens.issue(&RECOVERY[0], issued_for).await.unwrap();
            let typed = issued.token.expose_secret();
            let tried = tokens
                .redeem_by_subject(&RECOVERY[1], presented_for, typed)
                .await;
            assert!(refused(tried));
            let tried = tokens
                .redeem_by_subject(&RECOVERY[0], presented_for, typed)
                .await;
            assert_eq!(refused(tried), mine != theirs, "{mine} as {theirs}");
        }
    }
}

/// A link and a bearer token open with the binding that they were issued for, and no other.
pub async fn link_and_bearer_are_bound_in_every_part(place: Place) {
    let parts = Parts::new();
    let bindings = parts.bindings();
    let bench = bench(place).await;
    let tokens = &bench.tokens;
    let tenant_of = |at: usize| match at {
        3 => "",
        4 => "acme/alice",
        _ => "acme",
    };
    for (mine, issued_for) in bindings.iter().enumerate() {
        for (theirs, presented_for) in bindings.iter().enumerate() {
            let link = tokens.issue(&LINKS[0], issued_for).await.unwrap();
            let link = link.token.expose_secret();
            assert!(refused(
                tokens
                    .redeem_by_itself(&LINKS[1], tenant_of(mine), link, stated(presented_for))
                    .await
            ));
            let bearer = tokens.issue(&BEARERS[0], issued_for).await.unwrap();
            let bearer = bearer.token.expose_secret();
            assert!(refused(
                tokens
                    .authenticate(&BEARERS[1], tenant_of(mine), bearer, stated(presented_for))
                    .await
            ));

            let opened = tokens
                .redeem_by_itself(&LINKS[0], tenant_of(theirs), link, stated(presented_for))
                .await
                .is_ok();
            assert_eq!(opened, mine == theirs, "link of {mine} as {theirs}");
            let opened = tokens
                .authenticate(
                    &BEARERS[0],
                    tenant_of(theirs),
                    bearer,
                    stated(presented_for),
                )
                .await
                .is_ok();
            assert_eq!(opened, mine == theirs, "bearer token of {mine} as {theirs}");
        }
    }
}
