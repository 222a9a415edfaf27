//! Laws 1, 5 and 7: what verifying does beside its answer.

use core::time::Duration;
use std::sync::Arc;

use token_store::ott_core::Reason;
use tokio::time::timeout;

use super::{
    bench::{Bench, Flow, hostile, subject},
    trial::Trial,
};
use crate::{claim::Claim, provider_error::VerifyError};

/// Law 1: verifying changes nothing. Twice, and at once, it gives the same claim, and nothing that is kept of
/// the subject is another.
///
/// # Panics
/// If the law is broken.
pub async fn law_1_verifying_changes_nothing<T: Trial>(trial: &Arc<T>) {
    let bench = Bench::new(trial);
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
    let opened = bench.opened(&alice, factor).await;
    let context = bench.context(&attempt, flow, opened.as_ref());
    let before = bench.kept(&alice).await;
    let provider = bench.provider();
    let response = reply.response();
    assert!(
        provider.form(&context, &response).is_ok(),
        "law 1: `form` refuses the right answer"
    );
    let verify = || provider.verify(&context, &response);
    let first = verify().await;
    let second = verify().await;
    let (third, fourth) = tokio::join!(verify(), verify());
    let mut claims = [first, second, third, fourth].into_iter().map(|claim| {
        let claim = claim.unwrap_or_else(|error| {
            panic!("law 1: the right answer, verified before and not burnt, is refused: {error:?}")
        });
        what(&claim)
    });
    let first = claims.next();
    assert!(
        claims.all(|claim| Some(claim) == first),
        "law 1: one answer gives several claims"
    );
    assert!(
        bench.kept(&alice).await == before,
        "law 1: verifying changed what is kept of the subject"
    );
}

/// What a claim burns, as far as it can be compared.
fn what(claim: &Claim) -> (Option<u64>, Option<[u8; 16]>, bool) {
    let token = claim.token.as_ref();
    let id = token.map(|(_, presented)| *presented.id().as_bytes());
    (claim.counter, id, claim.elsewhere.is_some())
}

/// Law 5: whatever is sent, the answer comes within a second.
///
/// # Panics
/// If the law is broken.
pub async fn law_5_every_answer_comes_in_time<T: Trial>(trial: &Arc<T>) {
    each_hostile(trial, |_, in_time| {
        assert!(in_time, "law 5: no answer within a second");
    })
    .await;
}

/// Law 7: what `verify` calls malformed, `form` refuses before it is paid for.
///
/// # Panics
/// If the law is broken.
pub async fn law_7_form_refuses_what_is_malformed<T: Trial>(trial: &Arc<T>) {
    each_hostile(trial, |verified, _| {
        let malformed = matches!(
            verified,
            Some(Err(VerifyError::Rejected(why))) if why.reason() == Reason::Malformed
        );
        assert!(
            !malformed,
            "law 7: `verify` calls malformed what `form` let pass, and it was paid for"
        );
    })
    .await;
}

/// What each answer that nobody types becomes, where `form` lets it pass, and whether it did so in time.
async fn each_hostile<T: Trial>(
    trial: &Arc<T>,
    look: impl Fn(Option<&Result<Claim, VerifyError>>, bool),
) {
    let bench = Bench::new(trial);
    let alice = subject("alice");
    let factor = bench.prepared(&alice).await;
    let attempt = bench.attempt(&alice, factor);
    let asked = bench.ask(&attempt).await;
    let flow = Flow {
        subject: &alice,
        factor,
        asked: asked.as_ref(),
    };
    let opened = bench.opened(&alice, factor).await;
    let context = bench.context(&attempt, flow, opened.as_ref());
    for reply in hostile() {
        let response = reply.response();
        let answered = timeout(Duration::from_secs(1), async {
            match bench.provider().form(&context, &response) {
                Ok(()) => Some(bench.provider().verify(&context, &response).await),
                Err(_) => None,
            }
        });
        let started = std::time::Instant::now();
        let answered = answered.await;
        let in_time = answered.is_ok() && started.elapsed() < Duration::from_secs(1);
        look(answered.ok().flatten().as_ref(), in_time);
    }
}
