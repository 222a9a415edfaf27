//! Redis Cluster: members killed and promoted, the slot moved, whole or not.

use core::time::Duration;

use token_store_redis::redis::from_redis_value;
use tokio::time::sleep;

use super::{
    Fault, TIMEOUT, patiently,
    redis::{PREFIX, Stores},
};
use crate::{
    ledger::{Plan, Row, Run, Terms},
    redis::{Cluster, Server},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("cluster-kill", |plan| Box::pin(killed(plan))),
    Fault::new("cluster-failover", |plan| Box::pin(failed_over(plan))),
    Fault::new("cluster-slot-moved", |plan| Box::pin(moved(plan))),
    Fault::new("cluster-move-aborted", |plan| {
        Box::pin(aborted(plan, &[":limit:", ":factor:"]))
    }),
    Fault::new("cluster-move-aborted-with-indexes", |plan| {
        Box::pin(aborted(plan, &[":limit", ":factor", ":owners"]))
    }),
    Fault::new("cluster-move-aborted-tokens", |plan| {
        Box::pin(aborted_tokens(plan))
    }),
    Fault::new("cluster-members", |plan| Box::pin(members(plan))),
    Fault::new("cluster-resharded", |plan| Box::pin(resharded(plan))),
];

async fn stores(cluster: &Cluster) -> Stores {
    let mut stores = Stores::none();
    for _ in 0..Stores::MANY {
        let store = patiently(|| stores.builder().cluster(cluster.urls())).await;
        stores.all.push(store);
    }
    stores.install().await;
    stores
}

/// The member with the slot dies, and its replica takes over.
async fn killed(plan: Plan) -> Row {
    let mut cluster = Cluster::patient().await;
    let owner = cluster.owner(PREFIX).await;
    let replica = cluster.replica(owner).await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    cluster.members[owner].kill();
    sleep(Duration::from_millis(500)).await;
    // As an operator does it, since a busy machine may miss the time in which members vote.
    replica.ask("CLUSTER FAILOVER TAKEOVER").await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Cluster: the primary is killed, its replica takes over",
            1,
            accepted,
        )
        .await
}

/// The replica asks its primary to hand over.
async fn failed_over(plan: Plan) -> Row {
    let cluster = Cluster::patient().await;
    let owner = cluster.owner(PREFIX).await;
    let replica = cluster.replica(owner).await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    replica.ask("CLUSTER FAILOVER").await;
    until_primary(&replica).await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(run, "Cluster: a graceful failover", 1, accepted)
        .await
}

async fn until_primary(server: &Server) {
    let began = std::time::Instant::now();
    while !server.info("replication").await.contains("role:master") {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "no failover in time"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// A slot on its way from one member to another.
struct Move<'c> {
    cluster: &'c Cluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl<'c> Move<'c> {
    async fn begin(cluster: &'c Cluster) -> Self {
        let (slot, from) = (cluster.slot(PREFIX).await, cluster.owner(PREFIX).await);
        let to = (from + 1) % 3;
        let importing = format!(
            "CLUSTER SETSLOT {slot} IMPORTING {}",
            cluster.id(from).await
        );
        cluster.members[to].ask(&importing).await;
        let migrating = format!("CLUSTER SETSLOT {slot} MIGRATING {}", cluster.id(to).await);
        cluster.members[from].ask(&migrating).await;
        Self {
            cluster,
            slot,
            from,
            to,
        }
    }

    async fn keys(&self) -> Vec<String> {
        let keys = format!("CLUSTER GETKEYSINSLOT {} 1000000", self.slot);
        from_redis_value(self.cluster.members[self.from].ask(&keys).await).expect("names")
    }

    async fn carry(&self, keys: &[String]) {
        let (from, port) = (
            &self.cluster.members[self.from],
            self.cluster.members[self.to].port(),
        );
        for some in keys.chunks(200) {
            let all = some.join(" ");
            from.ask(&format!("MIGRATE 127.0.0.1 {port}  0 60000 KEYS {all}"))
                .await;
        }
    }

    async fn end(self) {
        let to = self.cluster.id(self.to).await;
        for at in [self.to, self.from, 3 - self.from - self.to] {
            let node = format!("CLUSTER SETSLOT {} NODE {to}", self.slot);
            self.cluster.members[at].ask(&node).await;
        }
    }
}

/// The slot moves to another member, with everything in it.
async fn moved(plan: Plan) -> Row {
    let cluster = Cluster::start().await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    let slot = Move::begin(&cluster).await;
    while let keys @ [_, ..] = &*slot.keys().await {
        slot.carry(keys).await;
    }
    slot.end().await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(run, "Cluster: the slot moves", 1, accepted)
        .await
}

/// The move is broken off after the target is lost, and with it whatever had moved, all in silence. The
/// epoch had not.
async fn lose(run: &Run, cluster: &mut Cluster, what: &[&str]) {
    let owner = cluster.owner(PREFIX).await;
    cluster.members[owner]
        .ask("CONFIG SET cluster-require-full-coverage no")
        .await;
    run.in_silence(async {
        let (slot, to) = {
            let slot = Move::begin(cluster).await;
            let mut keys = slot.keys().await;
            keys.retain(|key| what.iter().any(|what| key.contains(what)));
            slot.carry(&keys).await;
            (slot.slot, slot.to)
        };
        cluster.members[to].kill();
        cluster.members[owner]
            .ask(&format!("CLUSTER SETSLOT {slot} STABLE"))
            .await;
    })
    .await;
}

/// Limits and factors were among what is lost: the store notices it.
async fn aborted(plan: Plan, what: &'static [&'static str]) -> Row {
    let mut cluster = Cluster::start().await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    lose(&run, &mut cluster, what).await;
    run.mended();
    run.load().await;
    let accepted = stores.accept(&run).await;
    run.load().await;
    let name = if what.contains(&":owners") {
        "Cluster: the same, and the indexes had moved"
    } else {
        "Cluster: a move is broken off, and what had moved is lost"
    };
    stores.end(run, name, 1, accepted).await
}

/// Only tokens and the sets of them were. Nothing notices it: they are unknown, and a revoke of all misses some.
async fn aborted_tokens(plan: Plan) -> Row {
    let mut cluster = Cluster::start().await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    lose(&run, &mut cluster, &[":token:", ":tokens-of:", ":slot:"]).await;
    run.mended();
    run.load().await;
    let terms = Terms {
        undoes: true,
        ..Terms::keeps(TIMEOUT)
    };
    let name = "Cluster: the same, and only tokens and their sets had moved";
    stores.end_with(run, name, terms).await
}

/// A member comes and goes, and takes other slots meanwhile: nothing of this store's.
async fn members(plan: Plan) -> Row {
    let cluster = Cluster::start().await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    let owner = cluster.owner(PREFIX).await;
    let new = cluster.replica((owner + 1) % 3).await;
    run.load().await;
    // Another slot moves from the member with the store's to the next.
    let to = (owner + 1) % 3;
    let other = Cluster::FIRST_SLOTS[owner];
    let node = format!("CLUSTER SETSLOT {other} NODE {}", cluster.id(to).await);
    cluster.members[to].ask(&node).await;
    cluster.members[owner].ask(&node).await;
    let gone: String = from_redis_value(new.ask("CLUSTER MYID").await).expect("a name");
    drop(new);
    for member in &cluster.members {
        member.ask(&format!("CLUSTER FORGET {gone}")).await;
    }
    run.mended();
    run.load().await;
    stores
        .end(
            run,
            "Cluster: members come and go, other slots move",
            0,
            None,
        )
        .await
}

/// An operator adds a member with `redis-cli`, and reshards the store's slot and what stands before it to that one; then
/// rebalances everything away from it, and removes it.
async fn resharded(plan: Plan) -> Row {
    let cluster = Cluster::start().await;
    let stores = stores(&cluster).await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    let (slot, owner) = (cluster.slot(PREFIX).await, cluster.owner(PREFIX).await);
    let new = cluster.add_node().await;
    let id: String = from_redis_value(new.ask("CLUSTER MYID").await).expect("a name");
    let at = format!("127.0.0.1:{}", new.port());
    let (from, many) = (
        cluster.id(owner).await,
        slot - Cluster::FIRST_SLOTS[owner] + 1,
    );
    cluster
        .redis_cli(&[
            "reshard",
            &at,
            "--cluster-from",
            &from,
            "--cluster-to",
            &id,
            "--cluster-slots",
            &many.to_string(),
            "--cluster-yes",
        ])
        .await;
    stores.accept(&run).await;
    run.load().await;
    // It would become a replica as its last slot leaves, and redis-cli go on to take it for a primary.
    new.ask("CONFIG SET cluster-allow-replica-migration no")
        .await;
    let weight = format!("{id}=0");
    cluster
        .redis_cli(&["rebalance", &at, "--cluster-weight", &weight])
        .await;
    cluster.redis_cli(&["del-node", &at, &id]).await;
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Cluster: redis-cli adds a member, reshards to it, rebalances away from it, removes it",
            2,
            accepted,
        )
        .await
}
