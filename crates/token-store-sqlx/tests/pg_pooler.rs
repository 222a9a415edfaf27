//! Behind PgBouncer in transaction mode, whose servers change hands between statements.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg_server.rs"]
mod server;

use core::{str::FromStr, time::Duration};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
    time::Instant,
};

use fixture::{CODE, Fixture, LINK, PROMPT, at_once, now};
use server::{Server, as_user, is_root, user};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tempfile::TempDir;
use token_store::{
    Charge, FactorState, FactorStore, InTransaction, LimitStore, RedeemInTransaction, Redeemed,
    Revoke, Spent, StoreError, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope},
};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, StartError, sqlx};

/// A pooler with a few connections to a server, for many clients.
struct Pooler {
    folder: TempDir,
    child: Child,
    port: u16,
    server: Server,
}

impl Pooler {
    /// With so many connections to the server.
    fn start(connections: u32) -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // A port that is free now; should it be taken meanwhile, the pooler does not start.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = format!(
            "[databases]\n* = host={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 500\nlogfile =\n",
            server.home().display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        if is_root() {
            let owned = std::process::Command::new("chown")
                .arg(user())
                .arg(&file)
                .status();
            assert!(owned.unwrap().success());
        }
        let child = as_user("pgbouncer")
            .arg("-q")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("there is no pgbouncer: install Debian's package pgbouncer");
        let pooler = Self {
            folder,
            child,
            port,
            server,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", pooler.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "no pgbouncer");
            std::thread::sleep(Duration::from_millis(20));
        }
        pooler
    }

    fn pool(&self) -> PgPool {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        let options = PgConnectOptions::from_str(&url).unwrap();
        PgPoolOptions::new()
            .max_connections(16)
            .connect_lazy_with(options.extra_float_digits(None))
    }

    async fn open(&self, builder: PostgresStoreBuilder) -> Result<PostgresStore, StartError> {
        self.open_on(builder, self.pool()).await
    }

    async fn open_on(
        &self,
        builder: PostgresStoreBuilder,
        pool: PgPool,
    ) -> Result<PostgresStore, StartError> {
        builder.timeout(Duration::from_secs(30)).pool(pool).await
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = (&self.folder, &self.server);
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
async fn a_transaction_pooler_must_be_named() {
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

/// The look for a pooler ends half-way where all share one connection. The application's pool, which it
/// looked through, is as good as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_leaves_no_open_transaction() {
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
async fn a_time_out_behind_a_pooler_ends_at_the_server() {
    let pooler = Pooler::start(5);
    let builder = PostgresStore::builder()
        .behind_transaction_pooler()
        .timeout(Duration::from_secs(2));
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

/// The laws of tokens, each behind a pooler of its own. Fewer rounds than elsewhere: a verb is four round
/// trips here.
mod laws {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock};

    use sqlx::{Postgres, Transaction};
    use token_store::conformance::{Harness, OpenHarness};

    use super::{Duration, Pooler, PostgresStore, sqlx};

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
