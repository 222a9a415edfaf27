//! Law 6: odds.

use std::sync::Arc;

use token_store::{Advanced, FactorStore, TokenStore};

use super::{
    bench::{Bench, Flow, subject},
    trial::Trial,
};
use crate::claim::Claim;

/// So many codes for each right one are more than anybody tries.
const TOO_MANY: u128 = 1 << 60;

/// Law 6: the odds are not understated. Of all the answers that there are, no more are right at one moment
/// than the descriptor says; and whoever gives no guesses to try has too many codes for that.
///
/// # Panics
/// If the law is broken.
pub async fn law_6_odds_are_not_understated<T: Trial>(trial: &Arc<T>) {
    let bench = Bench::new(trial);
    let odds = bench.provider().descriptor().odds;
    let guesses = trial.guesses();
    if guesses.is_empty() {
        let for_each = odds.code_space.checked_div(odds.valid.into());
        assert!(
            for_each.is_none_or(|for_each| for_each >= TOO_MANY),
            "law 6: a trial with {} codes gives no guesses to try",
            odds.code_space
        );
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
    let opened = bench.opened(&alice, factor).await;
    let context = bench.context(&attempt, flow, opened.as_ref());
    let (mut right, mut tried) = (0_u64, 0_u128);
    for guess in &guesses {
        tried += 1;
        let claim = bench.provider().verify(&context, &guess.response()).await;
        if let Ok(claim) = claim {
            right += u64::from(burns(&bench, flow, claim).await);
        }
    }
    assert!(right > 0, "law 6: none of the guesses is right");
    assert!(
        u128::from(right) * odds.code_space <= u128::from(odds.valid) * tried,
        "law 6: {right} of {tried} codes are right at one moment, and the odds say {} of {}",
        odds.valid,
        odds.code_space
    );
}

/// Whether the claim would burn something now, tried on copies.
async fn burns<T: Trial>(bench: &Bench<T>, flow: Flow<'_>, claim: Claim) -> bool {
    let now = bench.tokens.now();
    if let Some((_, presented)) = claim.token {
        let found = bench.store.find(presented.id()).await.expect("memory");
        let Some(mut stored) = found else {
            return false;
        };
        if stored.redeem(&presented, now).is_err() {
            return false;
        }
    }
    let Some(counter) = claim.counter else {
        return true;
    };
    let stored = bench.store.factors(flow.subject).await.expect("memory");
    let own = stored.into_iter().find(|own| Some(own.id) == flow.factor);
    own.is_some_and(|mut own| own.advance(counter, now) == Advanced::Accepted)
}
