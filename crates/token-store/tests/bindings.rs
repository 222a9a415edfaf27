//! A token of one purpose, tenant, subject, destination, epoch, operation or flow is refused for
//! every other: full matrices over `Tokens`, and the diagonal works.

#[path = "support/watched.rs"]
mod watched;

use token_store::{
    TokensError,
    ott_core::{Binding, Destination, Issued, Policy, Purpose, Reason, chrono::TimeDelta},
};
use watched::{Bench, stated, subject};

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

fn bench() -> Bench {
    let all = CODES.iter().chain(&RECOVERY).chain(&LINKS).chain(&BEARERS);
    Bench::new(&all.collect::<Vec<_>>())
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

#[tokio::test]
async fn a_code_is_worth_nothing_under_another_binding_purpose_or_flow() {
    let parts = Parts::new();
    let bindings = parts.bindings();
    for (mine, issued_for) in bindings.iter().enumerate() {
        for (theirs, presented_for) in bindings.iter().enumerate() {
            let bench = bench();
            let tokens = &bench.tokens;
            let policy = &CODES[0];
            let issued: Issued = tokens.issue(policy, issued_for).await.unwrap();
            let typed = issued.token.expose_secret();
            let tried = tokens
                .redeem(policy, &issued.handle, presented_for, typed)
                .await;
            assert_eq!(refused(tried), mine != theirs, "{mine} as {theirs}");
        }
    }
    let bench = bench();
    let (tokens, alice) = (&bench.tokens, &bindings[5]);
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

#[tokio::test]
async fn a_recovery_code_is_worth_nothing_under_another_binding_or_purpose() {
    let parts = Parts::new();
    let bindings = parts.bindings();
    for (mine, issued_for) in bindings.iter().enumerate() {
        for (theirs, presented_for) in bindings.iter().enumerate() {
            let bench = bench();
            let tokens = &bench.tokens;
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

#[tokio::test]
async fn a_link_and_a_bearer_token_open_only_with_the_binding_they_were_issued_for() {
    let parts = Parts::new();
    let bindings = parts.bindings();
    let bench = bench();
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
