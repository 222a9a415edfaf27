//! Law 2: once.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    bench::{Bench, Flow, subject},
    trial::Trial,
};

const TASKS: usize = 16;
const ROUNDS: usize = 20;

/// Law 2: one answer proves once, in sequence and of 16 at once.
///
/// # Panics
/// If the law is broken.
pub async fn law_2_an_answer_proves_once<T: Trial>(trial: &Arc<T>) {
    for round in 0..ROUNDS {
        let bench = Arc::new(Bench::new(trial));
        let alice = subject("alice");
        let factor = bench.prepared(&alice).await;
        let asked = bench
            .ask(&bench.attempt(&alice, factor))
            .await
            .map(Arc::new);
        let flow = Flow {
            subject: &alice,
            factor,
            asked: asked.as_deref(),
        };
        let reply = bench.answer(flow).await;
        let barrier = Arc::new(Barrier::new(TASKS));
        let mut tasks = JoinSet::new();
        // Every other round is in sequence.
        for _ in 0..if round % 2 == 0 { TASKS } else { 0 } {
            let (bench, asked, reply) = (Arc::clone(&bench), asked.clone(), reply.clone());
            let (barrier, alice) = (Arc::clone(&barrier), alice.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                let flow = Flow {
                    subject: &alice,
                    factor,
                    asked: asked.as_deref(),
                };
                let attempt = bench.attempt(&alice, factor);
                bench.verify(&attempt, flow, &reply).await.is_ok()
            });
        }
        let at_once = tasks.join_all().await;
        let mut won = at_once.iter().filter(|won| **won).count();
        let attempt = bench.attempt(&alice, factor);
        for _ in 0..2 {
            won += usize::from(bench.verify(&attempt, flow, &reply).await.is_ok());
        }
        assert_eq!(
            won, 1,
            "law 2: round {round}: one answer proved {won} times"
        );
    }
}
