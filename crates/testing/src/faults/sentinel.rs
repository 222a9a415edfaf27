//! Redis behind Sentinels.

use core::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Fault, TIMEOUT, patiently, redis::Stores};
use crate::{
    ledger::{Plan, Row, Run},
    redis::{Sentinels, Server},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("sentinel-kill", |plan| Box::pin(killed(plan))),
    Fault::new("sentinel-failover", |plan| Box::pin(failed_over(plan))),
    Fault::new("sentinel-hang", |plan| Box::pin(stopped(plan))),
];

async fn watched() -> (Server, Server, Sentinels, Stores) {
    let primary = Server::start(&[]).await;
    let replica = primary.replica(&[]).await;
    let sentinels = Sentinels::start(&primary).await;
    let mut stores = Stores::none();
    for _ in 0..Stores::MANY {
        let store = patiently(|| {
            let builder = stores.builder();
            builder.sentinels(Sentinels::SERVICE, sentinels.urls(), "redis://any/")
        });
        let store = store.await;
        stores.all.push(store);
    }
    stores.install().await;
    (primary, replica, sentinels, stores)
}

/// The primary dies, the Sentinels promote its replica; one of them hangs meanwhile.
async fn killed(plan: Plan) -> Row {
    let (mut primary, replica, sentinels, stores) = watched().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    primary.kill();
    sentinels.until(replica.port()).await;
    run.mended();
    let accepted = stores.accept(&run).await;
    sentinels.signal(0, "-STOP");
    run.load().await;
    sentinels.signal(0, "-CONT");
    stores
        .end(run, "Sentinel: the primary is killed", 1, accepted)
        .await
}

/// An operator has the Sentinels hand over. The old primary is told so seconds later, and what it answers until then
/// is lost.
async fn failed_over(plan: Plan) -> Row {
    let (primary, replica, sentinels, stores) = watched().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    let told = sentinels.ask(0, "SENTINEL FAILOVER tokens").await;
    told.expect("the Sentinels hand over");
    sentinels.until(replica.port()).await;
    let began = Instant::now();
    // As it is told, it ends the connections of its clients.
    let leads = async || {
        let told = primary.try_ask("INFO replication").await;
        told.map_or(true, |told| format!("{told:?}").contains("role:master"))
    };
    while leads().await {
        assert!(began.elapsed() < Duration::from_secs(60), "it leads on");
        sleep(Duration::from_millis(50)).await;
    }
    run.mended();
    let accepted = stores.accept(&run).await;
    run.load().await;
    stores
        .end(
            run,
            "Sentinel: an operator's SENTINEL FAILOVER",
            1,
            accepted,
        )
        .await
}

/// The primary hangs until another leads, and comes back.
async fn stopped(plan: Plan) -> Row {
    let (primary, replica, sentinels, stores) = watched().await;
    let mut run = Run::begin(stores.stations(), plan);
    run.load().await;
    primary.signal("-STOP");
    sentinels.until(replica.port()).await;
    // Whoever waits on the old one still waits no longer than its time.
    sleep(TIMEOUT + Duration::from_millis(500)).await;
    run.mended();
    let accepted = stores.accept(&run).await;
    primary.signal("-CONT");
    run.load().await;
    stores
        .end(
            run,
            "Sentinel: the primary hangs and comes back",
            1,
            accepted,
        )
        .await
}
