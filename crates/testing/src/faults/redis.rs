//! Redis, standalone: killed, stopped, demoted, promoted, full, evicting.

use core::time::Duration;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use token_store::{Event, FactorStore};
use token_store_redis::{Outage, RedisStore, RedisStoreBuilder, events};
use tokio::time::{Instant, sleep};

use super::{Fault, TIMEOUT, patiently};
use crate::{
    alice,
    ledger::{Plan, Row, Run, Station, Terms},
    proxy::Proxy,
    redis::{Server, everything},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("redis-kill", |plan| Box::pin(killed(plan))),
    Fault::new("redis-hang", |plan| Box::pin(stopped(plan))),
    Fault::new("redis-failover", |plan| Box::pin(failed_over(plan))),
    Fault::new("redis-demoted", |plan| Box::pin(demoted(plan))),
    Fault::new("redis-promoted", |plan| {
        Box::pin(promoted(plan, Duration::ZERO))
    }),
    Fault::new("redis-promoted-in-silence", |plan| {
        Box::pin(promoted(plan, SILENCE))
    }),
    Fault::new("redis-promoted-twice", |plan| {
        Box::pin(promoted_twice(plan))
    }),
    Fault::new("redis-there-and-back", |plan| {
        Box::pin(there_and_back(plan))
    }),
    Fault::new("redis-two-primaries", |plan| Box::pin(two_primaries(plan))),
    Fault::new("redis-full", |plan| Box::pin(full(plan))),
    Fault::new("redis-idle", |plan| Box::pin(idle(plan))),
    Fault::new("redis-copied", |plan| Box::pin(copied(plan))),
    Fault::new("redis-replica-gone", |plan| Box::pin(replica_gone(plan))),
];

/// Of the stores. Its slot is one of the first of its member in a cluster: what moves the first ones moves it.
pub(super) const PREFIX: &str = "chaos36";
/// Longer than `repl-backlog-ttl` of the servers here.
const SILENCE: Duration = Duration::from_secs(3);
/// The time-out where a replica has an eighth of it for each write.
const REPLICATES: Duration = Duration::from_secs(8);
const FORGETS: &[&str] = &[
    "--repl-backlog-ttl",
    "1",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
];

/// Stores on one back end, and what they tell an operator.
pub(super) struct Stores {
    pub(super) all: Vec<RedisStore>,
    told: Arc<Mutex<BTreeSet<u64>>>,
}

impl Stores {
    pub(super) const MANY: usize = 3;

    /// Settings of a store that tells this operator.
    pub(super) fn builder(&self) -> RedisStoreBuilder {
        let told = Arc::clone(&self.told);
        everything()
            .timeout(TIMEOUT)
            .prefix(PREFIX)
            .events(move |event: Event| {
                if event.name == events::PRIMARY_CHANGED {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.extend(event.count);
                }
            })
    }

    pub(super) fn none() -> Self {
        Self {
            all: Vec::new(),
            told: Arc::default(),
        }
    }

    /// On a new server behind this address.
    pub(super) async fn at(url: String) -> Self {
        let mut stores = Self::none();
        for _ in 0..Self::MANY {
            let store = patiently(|| stores.builder().connect(url.clone())).await;
            stores.all.push(store);
        }
        stores.install().await;
        stores
    }

    /// Where too few replicas have it in time, it is done all the same.
    pub(super) async fn install(&self) {
        patiently(|| self.all[0].initialize()).await;
    }

    pub(super) fn stations(&self) -> Vec<Station> {
        let stores = self.all.iter().cloned();
        stores.map(|store| Station::new(Arc::new(store))).collect()
    }

    /// Lets the tasks work until so many changes of the primary were told: on a busy machine that may take a while.
    async fn load_until_told(&self, run: &Run, changes: usize) {
        let began = Instant::now();
        run.load().await;
        while self.told().len() < changes {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody is told");
            run.load().await;
        }
    }

    fn told(&self) -> BTreeSet<u64> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    /// An operator's part, once the primary changed: accepts the loss. Gives the moment.
    pub(super) async fn accept(&self, run: &Run) -> Option<Duration> {
        let began = Instant::now();
        let accepted = async {
            while began.elapsed() < Duration::from_secs(60) {
                match self.all[0].factors(&alice()).await {
                    Ok(_) => return true,
                    Err(error) => {
                        if let token_store::StoreError::Unavailable(source) = &error
                            && let Some(Outage::Lost { number }) = source.downcast_ref()
                        {
                            let _ = self.all[0].accept_lost_writes(*number).await;
                        } else {
                            sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
            }
            false
        };
        let (done, moment) = run.accept(accepted).await;
        done.then_some(moment)
    }

    /// Ends the run after so many changes of the primary, each of which has one number.
    pub(super) async fn end(
        &self,
        run: Run,
        name: &'static str,
        changes: u32,
        accepted: Option<Duration>,
    ) -> Row {
        let terms = Terms {
            lets_go_before: accepted,
            changes,
            ..Terms::keeps(TIMEOUT)
        };
        self.end_with(run, name, terms).await
    }

    pub(super) async fn end_with(&self, run: Run, name: &'static str, terms: Terms) -> Row {
        let changes = usize::try_from(terms.changes).unwrap_or(usize::MAX);
        let mut row = run.end(name, terms).await;
        let told = self.told();
        if told.len() != changes {
            row.blame(format!(
                "{changes} changes of the primary have the numbers {told:?}"
            ));
        }
        row
    }
}

/// The server is killed and comes back, with its file or not: what it may have lost is let go.
async fn killed(plan: Plan) -> Row {
    let mut server = Server::start(FORGETS).await;
    let stores = Stores::at(server.url()).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    server.kill();
    sleep(Duration::from_millis(300)).await;
    server.restart().await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(run, "Redis is killed and starts again", 1, accepted)
        .await
}

/// The server hangs for longer than the time-out.
async fn stopped(plan: Plan) -> Row {
    let server = Server::start(&[]).await;
    let stores = Stores::at(server.url()).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    server.signal("-STOP");
    sleep(TIMEOUT + TIMEOUT / 4).await;
    server.signal("-CONT");
    run.mended();
    run.load().await;
    stores.end(run, "Redis hangs", 0, None).await
}

/// A primary behind a name, and its replica.
async fn pair() -> (Server, Server, Proxy, Stores) {
    let primary = Server::start(FORGETS).await;
    let proxy = Proxy::start(0, primary.port()).await;
    let stores = Stores::at(proxy.url()).await;
    let replica = primary.replica(FORGETS).await;
    (primary, replica, proxy, stores)
}

/// `FAILOVER`: the primary hands over in order. The name follows, the old connections stay.
async fn failed_over(plan: Plan) -> Row {
    let (primary, replica, proxy, stores) = pair().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    primary
        .ask(&format!("FAILOVER TO 127.0.0.1 {}", replica.port()))
        .await;
    sleep(Duration::from_millis(300)).await;
    proxy.lead_to(replica.port());
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(run, "Redis hands over (FAILOVER)", 1, accepted)
        .await
}

/// The replica is promoted and the primary made its replica where it stands.
async fn demoted(plan: Plan) -> Row {
    let (primary, replica, proxy, stores) = pair().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.ask("REPLICAOF NO ONE").await;
    primary
        .ask(&format!("REPLICAOF 127.0.0.1 {}", replica.port()))
        .await;
    sleep(Duration::from_millis(300)).await;
    proxy.lead_to(replica.port());
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Redis: the primary is demoted where it stands",
            1,
            accepted,
        )
        .await
}

/// A replica is cut off, misses writes, and is promoted by hand; then nobody asks anything for a while.
async fn promoted(plan: Plan, silence: Duration) -> Row {
    let (mut primary, replica, proxy, stores) = pair().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.ask("REPLICAOF NO ONE").await;
    // What comes now is missed.
    run.load().await;
    run.in_silence(async {
        primary.kill();
        proxy.lead_to(replica.port());
        sleep(silence).await;
    })
    .await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    let name = if silence.is_zero() {
        "Redis: a replica that missed writes is promoted"
    } else {
        "Redis: the same, and silence for longer than repl-backlog-ttl"
    };
    stores.end(run, name, 1, accepted).await
}

/// A replica that missed writes is promoted, the primary follows it, and is promoted again in the same life: all of it
/// in silence, until nothing of it can be seen any more.
async fn there_and_back(plan: Plan) -> Row {
    let (primary, replica, _proxy, stores) = pair().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.ask("REPLICAOF NO ONE").await;
    run.load().await;
    run.in_silence(async {
        primary
            .ask(&format!("REPLICAOF 127.0.0.1 {}", replica.port()))
            .await;
        primary.caught_up(&replica).await;
        primary.ask("REPLICAOF NO ONE").await;
        sleep(SILENCE).await;
    })
    .await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    let name = "Redis: the primary follows a replica that missed writes, and leads again";
    stores.end(run, name, 1, accepted).await
}

/// Two promotions, one soon after the other: the second misses that the first was noticed.
async fn promoted_twice(plan: Plan) -> Row {
    let (mut primary, mut second, proxy, stores) = pair().await;
    let third = primary.replica(FORGETS).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    second.ask("REPLICAOF NO ONE").await;
    third.ask("REPLICAOF NO ONE").await;
    primary.kill();
    proxy.lead_to(second.port());
    stores.load_until_told(&run, 1).await;
    second.kill();
    proxy.lead_to(third.port());
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Redis: two promotions, the second of a replica of before the first",
            2,
            accepted,
        )
        .await
}

/// The old primary comes back under the name while a new one leads.
async fn two_primaries(plan: Plan) -> Row {
    let (primary, replica, proxy, stores) = pair().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.ask("REPLICAOF NO ONE").await;
    proxy.lead_to(replica.port());
    proxy.cut().await;
    stores.load_until_told(&run, 1).await;
    proxy.lead_to(primary.port());
    proxy.cut().await;
    stores.load_until_told(&run, 2).await;
    proxy.lead_to(replica.port());
    proxy.cut().await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Redis: two primaries, in turn under one name",
            3,
            accepted,
        )
        .await
}

/// The memory is full, and then is not.
async fn full(plan: Plan) -> Row {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let stores = Stores::at(server.url()).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    server.ask("CONFIG SET maxmemory 1").await;
    run.load().await;
    server.ask("CONFIG SET maxmemory 0").await;
    run.mended();
    run.load().await;
    stores.end(run, "Redis: the memory is full", 0, None).await
}

/// The server ends connections that are idle, and those that are not.
async fn idle(plan: Plan) -> Row {
    let server = Server::start(&["--timeout", "1"]).await;
    let stores = Stores::at(server.url()).await;
    let mut run = Run::begin(stores.stations(), plan);
    for _ in 0..2 {
        run.load().await;
        run.in_silence(sleep(Duration::from_millis(2_500))).await;
        run.mended();
        run.load().await;
    }
    stores
        .end(run, "Redis ends connections that are idle", 0, None)
        .await
}

/// Every key is copied to a server that began alone, and the name leads there; the old one goes on to be used meanwhile.
async fn copied(plan: Plan) -> Row {
    let primary = Server::start(FORGETS).await;
    let other = Server::start(FORGETS).await;
    let proxy = Proxy::start(0, primary.port()).await;
    let stores = Stores::at(proxy.url()).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    let keys: Vec<String> =
        token_store_redis::redis::from_redis_value(primary.ask("KEYS *").await).expect("names");
    for key in keys {
        let copy = format!("MIGRATE 127.0.0.1 {} {key} 0 60000 COPY", other.port());
        primary.ask(&copy).await;
    }
    run.load().await;
    run.in_silence(async {
        proxy.lead_to(other.port());
        proxy.cut().await;
    })
    .await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Redis: its keys are copied to another server",
            1,
            accepted,
        )
        .await
}

/// `replicas(1)`, and the replica goes and comes back.
async fn replica_gone(plan: Plan) -> Row {
    let primary = Server::start(FORGETS).await;
    let replica = primary.replica(FORGETS).await;
    let mut stores = Stores::none();
    for _ in 0..Stores::MANY {
        let builder = stores.builder().replicas(1).timeout(REPLICATES);
        let store = patiently(|| builder.clone().connect(primary.url())).await;
        stores.all.push(store);
    }
    stores.install().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.signal("-STOP");
    sleep(Duration::from_secs(5)).await;
    replica.signal("-CONT");
    run.mended();
    run.load().await;
    let mut row = stores
        .end_with(
            run,
            "Redis: replicas(1), and the replica hangs",
            Terms::keeps(REPLICATES),
        )
        .await;
    let outages: usize = row.outages.values().map(|(count, _)| count).sum();
    let timeouts = row
        .outages
        .get(&crate::ledger::Outage::Timeout)
        .map_or(0, |(count, _)| *count);
    // A busy machine makes a few.
    if timeouts * 2 >= outages {
        row.blame(format!(
            "{timeouts} time-outs of {outages} outages where too few replicas are promised"
        ));
    }
    row
}
