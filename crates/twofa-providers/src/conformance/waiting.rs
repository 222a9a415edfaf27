//! Laws 4 and 8: what costs nothing.

use std::sync::Arc;

use token_store::ott_core::{Handle, chrono::TimeDelta};

use super::{
    bench::{Bench, Flow, subject},
    trial::Trial,
};
use crate::{asked::Asked, error::TwoFactorError};

/// Limits that three tries use up: allowance, pace, ceiling and network.
fn three<T: Trial>(trial: &Arc<T>) -> Bench<T> {
    Bench::with(trial, 3, TimeDelta::days(300))
}

/// Law 4: while nobody decided, asking costs nothing and refuses nothing. A thousand polls later the
/// approved answer proves.
///
/// # Panics
/// If the law is broken.
pub async fn law_4_waiting_is_free<T: Trial>(trial: &Arc<T>) {
    let bench = three(trial);
    let alice = subject("alice");
    let factor = bench.prepared(&alice).await;
    let attempt = bench.attempt(&alice, factor);
    let asked = bench.ask(&attempt).await;
    let flow = Flow {
        subject: &alice,
        factor,
        asked: asked.as_ref(),
    };
    let early = bench.trial.answer(&bench.moment(flow)).await;
    let mut polls = 0;
    while polls < 1_000 {
        match bench.verify(&attempt, flow, &early).await {
            Err(TwoFactorError::Pending) => polls += 1,
            // It proves at once: its requests do not wait.
            Ok(_) if polls == 0 => return,
            other => panic!("law 4: poll {polls} while nobody decided: {other:?}"),
        }
    }
    let reply = bench.answer(flow).await;
    let proved = bench.verify(&attempt, flow, &reply).await;
    assert!(
        proved.is_ok(),
        "law 4: approved after {polls} polls, it is refused: {proved:?}"
    );
}

/// Law 8: a flow that does not exist costs nothing: whoever makes up handles does not use up the tries of the
/// subject that they name.
///
/// # Panics
/// If the law is broken.
pub async fn law_8_no_flow_is_free<T: Trial>(trial: &Arc<T>) {
    let bench = three(trial);
    if !bench.asks() {
        return;
    }
    let alice = subject("alice");
    let factor = bench.prepared(&alice).await;
    let attempt = bench.attempt(&alice, factor);
    let asked = bench.ask(&attempt).await;
    let flow = Flow {
        subject: &alice,
        factor,
        asked: asked.as_ref(),
    };
    let reply = bench.answer(flow).await;
    for made_up in 0..100_u128 {
        let handle = Handle::parse(&format!("{made_up:064x}")).expect("a handle");
        let made_up = Asked::sent(handle, None);
        let elsewhere = Flow {
            asked: Some(&made_up),
            ..flow
        };
        let proved = bench.verify(&attempt, elsewhere, &reply).await;
        assert!(
            matches!(proved, Err(TwoFactorError::Rejected(_))),
            "law 8: a made-up flow cost the subject a try: {proved:?}"
        );
    }
    let proved = bench.verify(&attempt, flow, &reply).await;
    assert!(proved.is_ok(), "law 8: the right answer is refused");
}
