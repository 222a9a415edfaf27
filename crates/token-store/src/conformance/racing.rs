//! Steps that several tasks share, and when each was asked and answered.

use core::{
    fmt,
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};
use std::sync::Arc;

use super::{fixture::race, order::Call};
use crate::StoreError;

/// How many tasks share a history.
pub(super) const TASKS: usize = 4;

/// A step of one task.
#[derive(Clone)]
pub(super) struct RacingStep<S> {
    pub(super) task: usize,
    pub(super) step: S,
}

impl<S: fmt::Debug> fmt::Debug for RacingStep<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}, {:?}", self.task, self.step)
    }
}

/// What each task asked, and was answered, in its order.
pub(super) type Calls<S, A> = Vec<Vec<Call<(S, A)>>>;

/// Runs the steps, those of a task one after the other, the tasks at once.
///
/// # Errors
/// An outage.
pub(super) async fn run<S, A, F>(
    steps: &[RacingStep<S>],
    ask: impl Fn(usize, S) -> F + Clone + Send + 'static,
) -> Result<Calls<S, A>, String>
where
    S: Clone + fmt::Debug + Send + 'static,
    A: Send + 'static,
    F: Future<Output = Result<A, StoreError>> + Send + 'static,
{
    let clock = Arc::new(AtomicU64::new(0));
    let tasks = race(TASKS, |task| {
        let own = steps.iter().filter(|step| step.task == task);
        let own: Vec<_> = own.map(|step| step.step.clone()).collect();
        let (ask, clock) = (ask.clone(), Arc::clone(&clock));
        async move {
            let tick = || clock.fetch_add(1, Ordering::SeqCst);
            let mut calls = Vec::with_capacity(own.len());
            for step in own {
                let began = tick();
                let told = ask(task, step.clone()).await;
                let told = told.map_err(|error| format!("{step:?}: an outage: {error:?}"))?;
                calls.push(Call {
                    call: (step, told),
                    began,
                    ended: tick(),
                });
            }
            Ok::<_, String>(calls)
        }
    })
    .await;
    tasks.into_iter().collect()
}

/// Says that no order explains the calls.
pub(super) fn no_order<S: fmt::Debug, A>(
    tasks: &Calls<S, A>,
    answer: impl Fn(&A) -> String,
) -> String {
    let mut told = String::from("no order of these verbs explains what they answered and left:");
    for (task, calls) in tasks.iter().enumerate() {
        for Call { call, began, ended } in calls {
            let (step, answer) = (&call.0, answer(&call.1));
            told += &format!("\n  task {task}, {began} to {ended}: {step:?}: {answer}");
        }
    }
    told
}
