//! Law 3: for its own alone.

use std::sync::Arc;

use token_store::{FactorId, ott_core::Subject};

use super::{
    bench::{Bench, Flow, subject},
    trial::Trial,
};
use crate::{
    attempt::Attempt,
    context::{Context, Occasion},
    sign_in::SignInId,
};

/// Law 3: an answer is worth nothing for another subject or factor; and what was asked is worth nothing in
/// another sign-in, for another operation, under another epoch, or on the other occasion.
///
/// # Panics
/// If the law is broken.
pub async fn law_3_an_answer_is_good_for_its_own_alone<T: Trial>(trial: &Arc<T>) {
    let bench = Bench::new(trial);
    let (alice, bob) = (subject("alice"), subject("bob"));
    let first = bench.prepared(&alice).await;
    let of_bob = bench.prepared(&bob).await;
    let refused = async |why: &str, attempt: Attempt<'_>| {
        let own = bench.attempt(&alice, first);
        let asked = bench.ask(&own).await;
        let flow = Flow {
            subject: &alice,
            factor: first,
            asked: asked.as_ref(),
        };
        let reply = bench.answer(flow).await;
        let proved = bench.verify(&attempt, flow, &reply).await;
        assert!(proved.is_err(), "law 3: an answer was good for {why}");
    };
    refused("another subject", bench.attempt(&bob, of_bob)).await;
    if let Some(second) = second(&bench, &alice, first).await {
        refused("another factor", bench.attempt(&alice, Some(second))).await;
    }
    if !bench.asks() {
        return;
    }
    let sign_in = SignInId::new("another").expect("a name");
    let own = bench.attempt(&alice, first);
    refused("another sign-in", own.sign_in(&sign_in)).await;
    let pay = [("pay", "100")];
    refused("another operation", own.operation(&pay)).await;
    refused("another epoch", own.epoch(7)).await;
    other_occasion(&bench, &alice, first).await;
}

/// One more factor of the same subject, where there are factors.
async fn second<T: Trial>(
    bench: &Bench<T>,
    alice: &Subject,
    first: Option<FactorId>,
) -> Option<FactorId> {
    first?;
    let attempt = bench.attempt(alice, first);
    let asked = bench.ask(&attempt).await;
    let flow = Flow {
        subject: alice,
        factor: first,
        asked: asked.as_ref(),
    };
    let reply = bench.answer(flow).await;
    let proof = bench.verify(&attempt, flow, &reply).await;
    let proof = proof.expect("law 3: the right answer is refused");
    let fresh = bench.engine.fresh(alice, proof.epoch(), &proof).await;
    let fresh = fresh.expect("fresh");
    let second = bench
        .trial
        .prepare(&bench.engine, alice, Some(&fresh))
        .await;
    bench
        .clock
        .advance(token_store::ott_core::chrono::TimeDelta::minutes(1));
    second
}

/// What is asked to confirm the very same factor signs nobody in.
async fn other_occasion<T: Trial>(bench: &Bench<T>, alice: &Subject, factor: Option<FactorId>) {
    let attempt = bench.attempt(alice, factor);
    let opened = bench.opened(alice, factor).await;
    let flow = Flow {
        subject: alice,
        factor,
        asked: None,
    };
    let context = Context {
        occasion: Occasion::Confirm,
        ..bench.context(&attempt, flow, opened.as_ref())
    };
    let asked = bench.provider().request(&context).await.expect("it asks");
    let flow = Flow {
        asked: Some(&asked),
        ..flow
    };
    let reply = bench.answer(flow).await;
    let proved = bench.verify(&attempt, flow, &reply).await;
    assert!(
        proved.is_err(),
        "law 3: an answer was good for the other occasion"
    );
}
