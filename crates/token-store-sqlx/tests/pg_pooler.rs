//! Behind PgBouncer in transaction mode, whose servers change hands between statements.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;

use core::time::Duration;

use fixture::{CODE, Fixture, LINK, PROMPT, at_once, now};
use sqlx::{PgPool, postgres::PgPoolOptions};
use testing::{postgres::Pooler, proxy::Proxy};
use token_store::{
    Charge, FactorState, FactorStore, InTransaction, LimitStore, RedeemInTransaction, Redeemed,
    Revoke, Spent, StoreError, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope},
};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, StartError, sqlx};

/// Ten thousand clients wait for sixteen connections, each for its turn.
const PATIENCE: Duration = Duration::from_secs(300);

/// A pooler with a store behind it.
trait Opens {
    fn pool(&self) -> PgPool;
    async fn open(&self, builder: PostgresStoreBuilder) -> Result<PostgresStore, StartError>;
    async fn open_on(
        &self,
        builder: PostgresStoreBuilder,
        pool: PgPool,
    ) -> Result<PostgresStore, StartError>;
}

impl Opens for Pooler {
    fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(self.options())
    }

    async fn open(&self, builder: PostgresStoreBuilder) -> Result<PostgresStore, StartError> {
        self.open_on(builder, self.pool()).await
    }

    async fn open_on(
        &self,
        builder: PostgresStoreBuilder,
        pool: PgPool,
    ) -> Result<PostgresStore, StartError> {
        builder.timeout(PATIENCE).pool(pool).await
    }
}

/// Every kind of verb, by 16 clients at once: how many failed, and how many of those that were
/// answered were answered wrongly.
async fn load(store: PostgresStore, rounds: u8) -> (usize, usize) {
    let fixture = Fixture::<_, ()>::over(store, ());
    let clients = (0..16u8).map(|client| {
        let (store, alice) = (fixture.store.clone(), fixture.alice.clone());
        let mut rounds_of_one = Vec::new();
        for round in 0..rounds {
            let (code, link, prompt) = (
                fixture.issue(&CODE),
                fixture.issue(&LINK),
                fixture.issue(&PROMPT),
            );
            let approval = fixture.approval(&prompt);
            let right = fixture.right(&CODE, &code);
            let open = fixture.right(&LINK, &link);
            let mut factor = fixture.factor(0, FactorState::Active);
            let mut id = [0; 16];
            id[..2].copy_from_slice(&[client + 1, round]);
            factor.id = token_store::FactorId::from_bytes(id);
            rounds_of_one.push((code, link, prompt, approval, right, open, factor));
        }
        async move {
            let (mut failed, mut wrong) = (0, 0);
            let mut tell = |told: Result<bool, StoreError>| match told {
                Ok(true) => {}
                Ok(false) => wrong += 1,
                Err(_) => failed += 1,
            };
            for (code, link, prompt, approval, right, open, factor) in rounds_of_one {
                let batch = [
                    code.record.clone(),
                    link.record.clone(),
                    prompt.record.clone(),
                ];
                let inserted = store.insert(&batch).await;
                if inserted.is_err() {
                    tell(Err(StoreError::Timeout));
                    continue;
                }
                tell(Ok(true));
                for expected in [true, false] {
                    let told = store.redeem(&right, now()).await;
                    tell(told.map(|told| matches!(told, Redeemed::Redeemed(_)) == expected));
                }
                let told = store.find(code.record.id()).await;
                tell(told.map(|found| found.is_some_and(|found| found.id == *code.record.id())));
                let told = store.decide(prompt.record.id(), &approval, now()).await;
                tell(told.map(|told| matches!(told, token_store::Decided::Decided(_))));
                let told = store.revoke(&Revoke::Record(*prompt.record.id())).await;
                tell(told.map(|count| count == 1));
                match store.redeem_in_transaction(&open, now()).await {
                    Ok(InTransaction::Redeemed(transaction, _)) => {
                        let done = transaction.commit().await;
                        tell(done.map(|()| true).map_err(StoreError::unavailable));
                    }
                    Ok(InTransaction::Refused(_)) => tell(Ok(false)),
                    Err(error) => tell(Err(error)),
                }
                tell(store.insert_factor(&factor).await);
                let told = store.advance(&factor.id, 1, now()).await;
                tell(told.map(|told| told == token_store::Advanced::Accepted));
                let charge = Charge {
                    key: LimitKey::new(
                        LimitScope::Application,
                        &factor.id.to_string(),
                        &token_store::ott_core::Binding::tenant("t1"),
                    ),
                    limit: Limit::ceiling(1),
                };
                for expected in [Spent::Allowed, Spent::Locked(charge.key)] {
                    let told = store.spend(&[charge], now()).await;
                    tell(told.map(|told| told == expected));
                }
                let listed = store.list(&alice, None, now()).await;
                tell(listed.map(|_| true));
            }
            (failed, wrong)
        }
    });
    let told = at_once(clients).await;
    told.into_iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Sixteen clients behind a transaction pooler see no failure.
#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_a_transaction_pooler_never_fail() {
    let pooler = Pooler::start(5);
    let builder = PostgresStore::builder().behind_transaction_pooler();
    let store = pooler.open(builder).await.unwrap();
    assert_eq!(load(store, 25).await, (0, 0));
}

/// A transaction pooler that nobody named is refused at the start.
#[tokio::test(flavor = "multi_thread")]
async fn transaction_pooler_must_be_named() {
    let pooler = Pooler::start(5);
    // Nobody asked for a `statement_timeout` either; what is wrong first is told first.
    let builder = PostgresStore::builder();
    let told = pooler.open(builder.clone()).await;
    assert!(
        matches!(told, Err(StartError::LateStatements(0))),
        "{told:?}"
    );
    let told = pooler.open(builder.accepting_late_statements()).await;
    assert!(matches!(told, Err(StartError::Pooler)), "{told:?}");
    // And for a reason: this one does not follow named statements.
    let builder = PostgresStore::builder()
        .accepting_named_statements_through_a_pooler()
        .accepting_late_statements();
    let store = pooler.open(builder).await.unwrap();
    let (failed, _) = load(store, 10).await;
    assert!(failed > 0);
}

/// Named statements pass where the pooler keeps track of them, and there alone.
#[tokio::test(flavor = "multi_thread")]
async fn named_statements_pass_where_they_are_tracked() {
    let tracks = Pooler::tracks_statements();
    let further = if tracks {
        "max_prepared_statements = 100"
    } else {
        ""
    };
    let pooler = Pooler::with(5, "transaction", further);
    let builder = PostgresStore::builder()
        .accepting_named_statements_through_a_pooler()
        .accepting_late_statements();
    let store = pooler.open(builder).await.unwrap();
    let (failed, wrong) = load(store, 10).await;
    assert_eq!((failed, wrong) == (0, 0), tracks, "{failed} and {wrong}");
}

/// The look for a pooler ends half-way where all share one connection. The application's pool, which it
/// looked through, is as good as before.
#[tokio::test(flavor = "multi_thread")]
async fn refused_start_leaves_no_open_transaction() {
    let pooler = Pooler::start(1);
    let pool = pooler.pool();
    let builder = PostgresStore::builder().accepting_late_statements();
    let told = pooler.open_on(builder, pool.clone()).await;
    assert!(matches!(told, Err(StartError::Pooler)), "{told:?}");
    let statement = "CREATE TABLE made_afterwards ()";
    sqlx::raw_sql(statement).execute(&pool).await.unwrap();
    let direct = PgPoolOptions::new().connect_lazy_with(pooler.server.options());
    let committed = "SELECT to_regclass('made_afterwards') IS NOT NULL";
    let committed: bool = sqlx::query_scalar(committed)
        .fetch_one(&direct)
        .await
        .unwrap();
    assert!(committed, "answered, and not committed");
}

/// Such connections have no settings of the store's: each transaction brings its own.
#[tokio::test(flavor = "multi_thread")]
async fn time_out_behind_a_pooler_ends_at_the_server() {
    let pooler = Pooler::start(5);
    let builder = PostgresStore::builder()
        .behind_transaction_pooler()
        .timeout(Duration::from_secs(8));
    let store = builder.pool(pooler.pool()).await.unwrap();
    let fixture = Fixture::<_, ()>::over(store, ());
    let code = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &code);
    let direct = PgPoolOptions::new().connect_lazy_with(pooler.server.options());
    let mut held = direct.begin().await.unwrap();
    let lock = sqlx::query("SELECT id FROM ott_tokens FOR UPDATE");
    lock.execute(&mut *held).await.unwrap();
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    let told = fixture.store.redeem_in_transaction(&right, now()).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let waiting: i64 = sqlx::query_scalar(waiting)
        .fetch_one(&direct)
        .await
        .unwrap();
    assert_eq!(waiting, 0, "told as given up, and still waiting");
    held.rollback().await.unwrap();
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
}

/// The pooler and the server close what is idle, end connections, stop and start again; what stands between application
/// and pooler resets its connections, or carries nothing more on them. While nobody uses them, no caller notices, in either mode in
/// which a store works.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_at_a_pooler_fail_no_verb() {
    for mode in ["session", "transaction"] {
        // Twice as many as the application has: a pooler holds those of clients that are gone until it notices.
        let mut pooler = Pooler::with(16, mode, "client_idle_timeout = 2");
        let builder = PostgresStore::builder().timeout(Duration::from_secs(20));
        let builder = if mode == "session" {
            builder
        } else {
            builder.behind_transaction_pooler()
        };
        let pool = builder.pool_options().max_connections(8);
        let proxy = Proxy::start(0, pooler.port()).await;
        let pool = pool.connect_lazy_with(pooler.options().port(proxy.port()));
        let store = builder.pool(pool).await.unwrap();
        let fixture = Fixture::<_, ()>::over(store, ());
        let deaths = ["idle", "ended", "pooler", "server", "reset", "swallowed"];
        let ceiling = Charge {
            key: LimitKey::new(LimitScope::Application, "each", &fixture.binding()),
            limit: Limit::ceiling(8 * u32::try_from(deaths.len()).unwrap()),
        };
        for death in deaths {
            let links = [fixture.insert(&LINK).await, fixture.insert(&LINK).await];
            let rights = links.each_ref().map(|link| fixture.right(&LINK, link));
            // Eight at once, so that there are eight connections.
            let finds = (0..8).map(|_| {
                let (store, id) = (fixture.store.clone(), *links[0].record.id());
                async move { store.find(&id).await }
            });
            for told in at_once(finds).await {
                assert!(told.unwrap().is_some());
            }
            match death {
                "idle" => tokio::time::sleep(Duration::from_secs(4)).await,
                "ended" => {
                    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                    let direct = PgPoolOptions::new().connect_lazy_with(pooler.server.options());
                    sqlx::raw_sql(end).execute(&direct).await.unwrap();
                    direct.close().await;
                }
                "pooler" => pooler.restart(),
                "reset" => proxy.reset().await,
                "swallowed" => proxy.swallow(),
                _ => {
                    pooler.server.shut_down();
                    pooler.server.restart();
                }
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            let spends = (0..8).map(|_| {
                let store = fixture.store.clone();
                async move { store.spend(&[ceiling], now()).await }
            });
            for told in at_once(spends).await {
                assert!(
                    matches!(told, Ok(Spent::Allowed)),
                    "{mode}, {death}: {told:?}"
                );
            }
            let told = fixture.store.redeem(&rights[0], now()).await;
            assert!(
                matches!(told, Ok(Redeemed::Redeemed(_))),
                "{mode}, {death}: {told:?}"
            );
            let told = fixture.store.redeem_in_transaction(&rights[1], now()).await;
            let InTransaction::Redeemed(transaction, _) = told.unwrap() else {
                panic!("{mode}, {death}");
            };
            transaction.commit().await.unwrap();
        }
        let told = fixture.store.spend(&[ceiling], now()).await.unwrap();
        assert_eq!(told, Spent::Locked(ceiling.key), "{mode}: one was lost");
    }
}

/// A pooler that ends a transaction after its first statement can carry no store, and is refused whatever is said of it.
#[tokio::test(flavor = "multi_thread")]
async fn statement_pooler_is_refused() {
    let pooler = Pooler::with(5, "statement", "");
    let builder = PostgresStore::builder().accepting_late_statements();
    for builder in [
        builder.clone(),
        builder
            .clone()
            .accepting_named_statements_through_a_pooler(),
        builder.behind_transaction_pooler(),
    ] {
        let told = pooler.open(builder).await;
        assert!(matches!(told, Err(StartError::StatementPooler)), "{told:?}");
    }
}

/// The laws of tokens, each behind a pooler of its own. Fewer rounds than elsewhere: a verb is four round
/// trips here.
mod laws {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock};

    use sqlx::{Postgres, Transaction};
    use token_store::conformance::{Harness, OpenHarness};

    use super::{Duration, Opens, Pooler, PostgresStore, sqlx};

    struct Behind {
        pooler: OnceLock<Pooler>,
        stores: AtomicU32,
    }

    impl Behind {
        const fn new() -> Self {
            Self {
                pooler: OnceLock::new(),
                stores: AtomicU32::new(0),
            }
        }
    }

    impl Harness for Behind {
        type Store = PostgresStore;

        async fn store(&self) -> Arc<PostgresStore> {
            let pooler = self.pooler.get_or_init(|| Pooler::start(16));
            let number = self.stores.fetch_add(1, Ordering::Relaxed);
            let builder = PostgresStore::builder()
                .behind_transaction_pooler()
                .prefix(format!("s{number}_"));
            Arc::new(pooler.open(builder).await.expect("the pooler is there"))
        }

        /// The laws ask for one of the store that was made last.
        async fn another(&self, _: &Arc<PostgresStore>) -> Arc<PostgresStore> {
            let pooler = self.pooler.get_or_init(|| Pooler::start(16));
            let made = self.stores.load(Ordering::Relaxed);
            let builder = PostgresStore::builder()
                .behind_transaction_pooler()
                .prefix(format!("s{}_", made.saturating_sub(1)));
            Arc::new(pooler.open(builder).await.expect("the pooler is there"))
        }

        /// The pooler and its server have ended.
        async fn broken(&self) -> Arc<PostgresStore> {
            let pooler = Pooler::start(5);
            let builder = PostgresStore::builder().behind_transaction_pooler();
            let store = builder.timeout(self.patience()).pool(pooler.pool()).await;
            Arc::new(store.expect("the pooler is there"))
        }

        fn patience(&self) -> Duration {
            Duration::from_secs(5)
        }

        fn rounds(&self) -> usize {
            50
        }
    }

    impl OpenHarness for Behind {
        async fn commit(transaction: Transaction<'static, Postgres>) {
            transaction.commit().await.expect("the pooler is there");
        }
    }

    token_store::laws!(tokens: Behind::new());
    token_store::laws!(open: Behind::new());
}
