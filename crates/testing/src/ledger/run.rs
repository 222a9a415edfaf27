//! A run: the tasks at work, a fault, and everything tried again at the end.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{sync::Arc, time::Instant};

use tokio::{sync::RwLock, task::JoinSet, time::sleep};

use super::{
    call::{Journal, Station},
    check::{check, is_bounded},
    dice::Dice,
    entry::{Asked, Told, Try},
    pulse::Pulse,
    report::Row,
    stock::{BURST, FAILURES, Stock},
    tasks::Task,
    terms::Terms,
};

/// How long, how hard, and with which choices.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long the load runs before a fault, and again after it.
    pub around: Duration,
    /// The choices.
    pub seed: u64,
    /// How many tasks, spread over the stores.
    pub tasks: usize,
    /// How long a task rests between two verbs.
    pub rest: Duration,
}

impl Plan {
    /// What shows a fault in seconds.
    #[must_use]
    pub const fn quick(seed: u64) -> Self {
        Self {
            around: Duration::from_millis(500),
            seed,
            tasks: 9,
            rest: Duration::from_millis(8),
        }
    }
}

struct Shared {
    journal: Journal,
    stock: Stock,
    stations: Vec<Station>,
    ended: AtomicBool,
    /// Held by each verb; whoever must know that none is on its way writes.
    gate: RwLock<()>,
}

/// The tasks at work.
#[derive(Debug)]
pub struct Run {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    plan: Plan,
    mended: Option<Duration>,
    pulse: Pulse,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Run {
    /// Begins: every task uses one of the stores.
    pub fn begin(stations: Vec<Station>, plan: Plan) -> Self {
        let applies = stations.iter().all(Station::applies);
        let shared = Arc::new(Shared {
            journal: Journal::new(),
            stock: Stock::new(applies),
            stations,
            ended: AtomicBool::new(false),
            gate: RwLock::new(()),
        });
        let began = shared.journal.began;
        let mut tasks = JoinSet::new();
        for number in 0..plan.tasks {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move { shared.work(number, plan).await });
        }
        Self {
            shared,
            tasks,
            plan,
            mended: None,
            pulse: Pulse::start(began),
        }
    }

    /// Lets the tasks work for a while.
    pub async fn load(&self) {
        sleep(self.plan.around).await;
    }

    /// Lets the tasks work until one of them meets an outage.
    ///
    /// # Panics
    /// If none does for a minute.
    pub async fn load_until_an_outage(&self) {
        let began = Instant::now();
        let entries = || self.shared.journal.entries();
        while !entries().iter().any(|entry| entry.told.is_outage()) {
            assert!(began.elapsed() < Duration::from_secs(60), "all is well");
            self.load().await;
        }
    }

    /// Since it was begun.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.journal.began.elapsed()
    }

    /// From here on, service is due.
    pub fn mended(&mut self) {
        self.mended = Some(self.now());
    }

    /// Nobody asks anything during this.
    pub async fn in_silence<T>(&self, step: impl Future<Output = T>) -> T {
        let _gate = self.shared.gate.write().await;
        step.await
    }

    /// An operator accepts what was lost, once the codes of before have expired: nobody presents one any more.
    /// Gives the moment.
    pub async fn accept<T>(&self, step: impl Future<Output = T>) -> (T, Duration) {
        self.in_silence(async {
            let done = step.await;
            self.shared.stock.let_codes_expire();
            (done, self.now())
        })
        .await
    }

    /// Ends the tasks, tries everything again, and holds the answers against the terms.
    pub async fn end(mut self, name: &'static str, terms: Terms) -> Row {
        self.shared.ended.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        let lasted = self.now();
        let shared = &*self.shared;
        shared.try_everything().await;
        let entries = shared.journal.entries();
        let mended = self.mended.unwrap_or(lasted);
        let found = check(&entries, &shared.stock, &terms, &self.pulse, mended);
        let bounded = entries.iter().filter(|entry| is_bounded(entry.asked));
        Row::new(name, found, &terms)
            .lasted(lasted)
            .counted(
                entries.len(),
                entries.iter().filter_map(|entry| match &entry.told {
                    Told::Outage(kind, words) => Some((*kind, words.as_str())),
                    _ => None,
                }),
            )
            .slowest(bounded.map(|entry| entry.took).max().unwrap_or_default())
    }
}

impl Shared {
    async fn work(&self, number: usize, plan: Plan) {
        let mut dice = Dice::new(plan.seed ^ (u64::try_from(number).unwrap_or(0) << 32));
        let station = number % self.stations.len();
        let task = self.task(station);
        while !self.ended.load(Ordering::Relaxed) {
            let is_outage = {
                let _gate = self.gate.read().await;
                task.step(&mut dice).await
            };
            // Whoever is refused at once asks again in a moment, and leaves the machine to the others.
            let rest = if is_outage { plan.rest * 4 } else { plan.rest };
            if !rest.is_zero() {
                sleep(rest).await;
            } else if dice.below(16) == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn task(&self, station: usize) -> Task<'_> {
        Task {
            journal: &self.journal,
            stock: &self.stock,
            number: station,
            station: &self.stations[station],
        }
    }

    /// Each token is found, redeemed and redeemed again; each counter is used again; each limit is used up. Each
    /// time another store is asked.
    async fn try_everything(&self) {
        let mut turn = 0;
        let mut next = || {
            turn += 1;
            self.task(turn % self.stations.len())
        };
        let entries = self.journal.entries();
        let (tokens, factors) = (self.stock.tokens(), self.stock.factors());
        // Not the new ones of the guesses.
        let limits = self.stock.limits();
        let work: Vec<Vec<Asked>> = (0..tokens.len())
            .map(|token| {
                let how = Try::Right;
                vec![
                    Asked::Find { token },
                    Asked::Redeem { token, how },
                    Asked::Redeem { token, how },
                ]
            })
            .chain(
                (0..factors.len())
                    .map(|factor| self.again(factor, factors[factor].owner, &entries)),
            )
            .chain((0..limits).map(|limit| vec![Asked::Spend { limit }; BURST as usize + 1]))
            .collect();
        // A few at a time.
        let began = Instant::now();
        let mut at_once = Vec::new();
        for asked in work {
            at_once.push((next(), asked));
            if at_once.len() == 16 {
                Self::all(core::mem::take(&mut at_once), began).await;
            }
        }
        Self::all(at_once, began).await;
        // The application's own statement, which no store runs again.
        for _ in 0..20 {
            if !next().ask(Asked::Effects).await.is_outage() {
                break;
            }
        }
    }

    async fn all(work: Vec<(Task<'_>, Vec<Asked>)>, began: Instant) {
        // A store that does not come back is told once, and not for each of thousands.
        let patience = Duration::from_secs(60);
        let each = work.into_iter().map(|(task, all)| async move {
            for asked in all {
                if began.elapsed() < patience {
                    task.ask(asked).await;
                }
            }
        });
        join_all(each).await;
    }

    /// The factor is looked at, the last counter that was accepted is presented again, unless it has expired, and wrong guesses use up
    /// its failures.
    fn again(&self, factor: usize, owner: usize, entries: &[super::Entry]) -> Vec<Asked> {
        let accepted = entries
            .iter()
            .filter_map(|entry| match (entry.asked, &entry.told) {
                (
                    Asked::Advance {
                        factor: of,
                        counter,
                    }
                    | Asked::Guess {
                        factor: of,
                        counter: Some(counter),
                        ..
                    }
                    | Asked::Confirm {
                        factor: of,
                        counter,
                    },
                    Told::Done,
                ) if of == factor && self.stock.is_valid(counter) => Some(counter),
                _ => None,
            });
        let mut all = vec![Asked::Factors { owner }];
        all.extend(
            accepted
                .max()
                .map(|counter| Asked::Advance { factor, counter }),
        );
        let limit = self.stock.new_limit();
        let wrong = Asked::Guess {
            factor,
            counter: None,
            limit,
        };
        all.extend([wrong; FAILURES as usize + 1]);
        all
    }
}

async fn join_all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    core::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            core::task::Poll::Ready(())
        } else {
            core::task::Poll::Pending
        }
    })
    .await;
}
