//! The tests of `Tokens` over memory, and what needs no store.

use std::sync::Arc;

use testing::alice;
use token_store::{
    Answer, BuildError, MemoryStore, Tokens, TokensError,
    ott_core::{Binding, Format, KeyRing, Limit, Policy, Purpose, Reason, Rejected},
};

/// Named for the report of `scripts/test`.
mod memory {
    testing::tokens!(Memory);
}

/// The same where nothing is charged in the step of a verb.
mod apart {
    testing::tokens!(Apart);
}

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const READABLE: Policy = Policy::readable(Purpose::new("sign-up")).requests(None);
const LINK: Policy = Policy::link(Purpose::new("reset")).requests(None);

/// What exceeds the account's guess budget, or shares a purpose, does not start.
#[test]
fn build_refuses_what_does_not_fit() {
    let builder = |policies: &[Policy]| {
        let builder = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
        policies
            .iter()
            .fold(builder, |builder, policy| builder.policy(policy))
    };
    let build = |policies: &[Policy]| builder(policies).build().map(drop);
    assert_eq!(build(&[CODE, READABLE, LINK]), Ok(()));
    assert_eq!(
        build(&[CODE, LINK, CODE.format(Format::DIGITS_8)]),
        Err(BuildError::PurposeTwice(*CODE.purpose()))
    );
    let unlimited = CODE.spending_allowance(false);
    let Err(BuildError::GuessBound(exceeded)) = build(&[unlimited]) else {
        panic!("87,610 guesses a year at 10^6 codes started");
    };
    // (10 + 365 * 240) / 10^6, in parts per billion.
    assert_eq!(exceeded.bound.parts_per_billion(), 87_610_000);
    assert!(exceeded.to_string().contains("87610 guesses a year"));
    let accepting = |figure| {
        let builder = builder(&[unlimited]).accepting_guess_bound(figure);
        builder.build().is_ok()
    };
    assert!(accepting(87_610_000));
    assert!(!accepting(87_609_999));
    let other = builder(&[CODE]).allowance(Limit::PACE).build().map(drop);
    assert_eq!(other, Err(BuildError::NoAllowance));
}

/// Holders that do not care over which store they are share one type.
#[tokio::test]
async fn tokens_are_shared_over_any_store() {
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens: Arc<Tokens> = tokens.policy(&CODE).build().unwrap().shared();
    let alice = alice();
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    assert!(
        tokens
            .redeem(&CODE, &issued.handle, &binding, typed)
            .await
            .is_ok()
    );
}

/// What waits for a decision is asked again, and no other refusal says why.
#[test]
fn waiting_is_a_conflict_and_other_refusals_the_same() {
    let answer = |reason| TokensError::Rejected(Rejected::new(reason)).answer();
    assert_eq!(answer(Reason::Pending), Answer::Conflict);
    for reason in [
        Reason::Denied,
        Reason::Expired,
        Reason::Mismatch,
        Reason::Spent,
        Reason::Unknown,
    ] {
        assert_eq!(answer(reason), Answer::Refused, "{reason:?}");
    }
}
