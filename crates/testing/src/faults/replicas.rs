//! PostgreSQL with a replica: promoted, left behind, kept waiting for; the name that leads to the wrong one.

use core::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Fault, TIMEOUT,
    postgres::{blocking, stations_at},
};
use crate::{
    ledger::{Plan, Row, Run, Station, Terms},
    postgres::Server,
    proxy::Proxy,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("postgres-promoted-in-step", |plan| {
        Box::pin(promoted_in_step(plan))
    }),
    Fault::new("postgres-promoted-behind", |plan| {
        Box::pin(promoted_behind(plan))
    }),
    Fault::new("postgres-standby", |plan| Box::pin(led_astray(plan))),
    Fault::new("postgres-demoted", |plan| Box::pin(demoted(plan))),
    Fault::new("postgres-replica-away", |plan| Box::pin(replica_away(plan))),
    Fault::new("postgres-wait-cancelled", |plan| {
        Box::pin(broken_off(plan, CANCELLED))
    }),
    Fault::new("postgres-cancelled-and-promoted", |plan| {
        Box::pin(broken_off_and_promoted(plan, CANCELLED))
    }),
    Fault::new("postgres-wait-terminated", |plan| {
        Box::pin(broken_off(plan, TERMINATED))
    }),
    Fault::new("postgres-terminated-and-promoted", |plan| {
        Box::pin(broken_off_and_promoted(plan, TERMINATED))
    }),
];

/// Three stores with pools of their own, on whatever a port leads to.
async fn behind(proxy: &Proxy) -> Vec<Station> {
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    let options = url.parse().expect("an address");
    stations_at(&options).await
}

/// A primary whose name is a port, and its replica.
async fn pair(synchronous: bool) -> (Server, Server, Proxy) {
    let primary = blocking(Server::start);
    let replica = blocking(|| primary.replica());
    if synchronous {
        primary
            .ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await;
        primary.ask("SELECT pg_reload_conf()").await;
    }
    let proxy = Proxy::start(0, primary.socket()).await;
    (primary, replica, proxy)
}

/// The primary is killed, and its synchronous replica promoted.
async fn promoted_in_step(plan: Plan) -> Row {
    let (mut primary, replica, proxy) = pair(true).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    blocking(|| primary.kill());
    replica.promote().await;
    replica
        .ask("ALTER SYSTEM RESET synchronous_standby_names")
        .await;
    replica.ask("SELECT pg_reload_conf()").await;
    proxy.lead_to(replica.socket());
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: the primary is killed, a synchronous replica promoted",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// A replica that missed commits is promoted: the page says what becomes of them.
async fn promoted_behind(plan: Plan) -> Row {
    let (mut primary, replica, proxy) = pair(false).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    blocking(|| replica.stop());
    run.load().await;
    blocking(|| primary.kill());
    blocking(|| replica.go_on());
    replica.promote().await;
    proxy.lead_to(replica.socket());
    run.mended();
    run.load().await;
    let terms = Terms {
        undoes: true,
        ..Terms::keeps(TIMEOUT)
    };
    run.end(
        "PostgreSQL: an asynchronous replica that missed commits is promoted",
        terms,
    )
    .await
}

/// The name leads to a standby for a moment, and back.
async fn led_astray(plan: Plan) -> Row {
    let (primary, replica, proxy) = pair(false).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    proxy.lead_to(replica.socket());
    proxy.cut().await;
    run.load().await;
    proxy.lead_to(primary.socket());
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: the name leads to a standby, and back",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The primary is stopped in order, its replica promoted, and the primary starts again as its replica, at its old place.
async fn demoted(plan: Plan) -> Row {
    let (mut primary, replica, proxy) = pair(false).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    blocking(|| primary.shut_down());
    replica.promote().await;
    primary.follow(&replica);
    blocking(|| primary.restart());
    run.load().await;
    proxy.lead_to(replica.socket());
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: the primary is demoted where it stands",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The synchronous replica stays away: commits wait for it.
async fn replica_away(plan: Plan) -> Row {
    let (_primary, replica, proxy) = pair(true).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    blocking(|| replica.stop());
    sleep(TIMEOUT * 2).await;
    blocking(|| replica.go_on());
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: a synchronous replica stays away and comes back",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// How somebody ends a commit that waits for a replica.
#[derive(Clone, Copy)]
struct BreakOff {
    statement: &'static str,
    stays: &'static str,
    promoted: &'static str,
}

/// PostgreSQL answers the commit as done, though no replica has it.
const CANCELLED: BreakOff = BreakOff {
    statement: "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    stays: "PostgreSQL: commits that wait for a replica are cancelled (pg_cancel_backend)",
    promoted: "PostgreSQL: the same, and the replica is promoted, which has none of them",
};

/// The connection ends without an answer.
const TERMINATED: BreakOff = BreakOff {
    statement: "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    stays: "PostgreSQL: commits that wait for a replica are terminated (pg_terminate_backend)",
    promoted: "PostgreSQL: the same, and the replica is promoted, which has none of these",
};

impl BreakOff {
    /// While the replica is away, each commit that waits for it is broken off. Gives how many were.
    async fn all(self, primary: &Server, plan: Plan) -> i64 {
        let (began, mut ended) = (Instant::now(), 0);
        while began.elapsed() < plan.around || ended == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "no commit waits");
            ended += primary.number(self.statement).await;
            sleep(Duration::from_millis(20)).await;
        }
        ended
    }
}

/// The synchronous replica stays away for a while, and somebody breaks off what waits for it.
async fn broken_off(plan: Plan, how: BreakOff) -> Row {
    let (primary, replica, proxy) = pair(true).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    blocking(|| replica.stop());
    how.all(&primary, plan).await;
    blocking(|| replica.go_on());
    run.mended();
    run.load().await;
    run.end(how.stays, Terms::keeps(TIMEOUT)).await
}

/// The same, and then the primary dies and the replica is promoted: what was broken off is not there.
async fn broken_off_and_promoted(plan: Plan, how: BreakOff) -> Row {
    let (mut primary, mut replica, proxy) = pair(true).await;
    let mut run = Run::begin(behind(&proxy).await, plan);
    run.load().await;
    // One that is only stopped finds later what was on its way to it.
    blocking(|| replica.kill());
    how.all(&primary, plan).await;
    blocking(|| primary.kill());
    blocking(|| replica.restart());
    replica.promote().await;
    proxy.lead_to(replica.socket());
    run.mended();
    run.load().await;
    let terms = Terms {
        undoes: true,
        ..Terms::keeps(TIMEOUT)
    };
    run.end(how.promoted, terms).await
}
