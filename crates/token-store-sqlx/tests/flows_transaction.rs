//! A flow's token is redeemed, its flow ended and its change applied in one transaction of SQLite.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use async_trait::async_trait;
use ott_flows::{
    Accounts, BoxError, Change, FlowError, Flows, Held, Operation, Rules, Settings, Standing, To,
    Who,
    token_delivery::Outbox,
    token_store::{
        Tokens,
        ott_core::{Destination, Handle, KeyRing, Policy, Purpose, Subject},
    },
};
use sqlx::{Sqlite, SqlitePool, Transaction};
use token_store_sqlx::{SqliteStore, sqlx};

struct Recover;

impl Operation for Recover {
    const PURPOSE: Purpose = Purpose::new("recover");
    type After = ();
}

/// The application's own table, in the same file.
struct Passwords(SqlitePool);

#[async_trait]
impl Accounts for Passwords {
    async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, BoxError> {
        let row = sqlx::query_as::<_, (i64,)>("SELECT epoch FROM passwords WHERE id = $1");
        let row = row.bind(subject.id()).fetch_optional(&self.0).await?;
        let standing = |(epoch,): (i64,)| Standing {
            epoch: epoch.cast_unsigned(),
            verified: vec![address()],
            ..Standing::default()
        };
        Ok(row.map(standing))
    }
}

impl Passwords {
    async fn now(&self) -> (String, i64) {
        let row = sqlx::query_as("SELECT password, epoch FROM passwords");
        row.fetch_one(&self.0).await.unwrap()
    }
}

fn address() -> Destination {
    Destination::email("alice@example.org").unwrap()
}

/// What the application does with a change: it takes one of this operation, by value.
async fn set(
    transaction: &mut Transaction<'static, Sqlite>,
    change: Change<Recover>,
    password: &str,
) -> bool {
    let query = sqlx::query(
        "UPDATE passwords SET password = $1, epoch = epoch + 1 WHERE id = $2 AND epoch = $3",
    );
    let query = query.bind(password).bind(change.subject().id());
    let done = query
        .bind(change.epoch().cast_signed())
        .execute(&mut **transaction)
        .await;
    done.unwrap().rows_affected() == 1
}

struct World {
    _folder: tempfile::TempDir,
    passwords: Arc<Passwords>,
    flows: Flows<SqliteStore>,
    outbox: Outbox,
    alice: Subject,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.db");
        let store = SqliteStore::open(&file).await.unwrap();
        let pool = SqlitePool::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        for text in [
            "CREATE TABLE passwords (id TEXT PRIMARY KEY, password TEXT NOT NULL, epoch INTEGER NOT NULL)",
            "INSERT INTO passwords VALUES ('alice', 'old', 0)",
        ] {
            sqlx::query(text).execute(&pool).await.unwrap();
        }
        let settings = Settings::DEFAULT;
        let policy = settings.policy(Policy::readable(Recover::PURPOSE));
        let mut tokens = Tokens::builder(KeyRing::generate().unwrap(), store).policy(&policy);
        for own in settings.policies() {
            tokens = tokens.policy(&own);
        }
        let (passwords, outbox) = (Arc::new(Passwords(pool)), Outbox::new(100));
        let (accounts, delivery) = (Arc::clone(&passwords) as _, Arc::new(outbox.clone()) as _);
        let tokens = Arc::new(tokens.build().unwrap());
        let flows = Flows::builder(tokens, accounts, delivery, settings);
        let flows = flows
            .operation::<Recover>(Rules::open(policy))
            .build()
            .unwrap();
        let alice = Subject::new("", "alice").unwrap();
        Self {
            _folder: folder,
            passwords,
            flows,
            outbox,
            alice,
        }
    }

    async fn begun(&self) -> (Handle, String) {
        let to = address();
        let handle =
            self.flows
                .begin::<Recover>(Who::Account(&self.alice), "", To::Verified(&to), &[]);
        let handle = handle.await.unwrap();
        self.flows.work().await.unwrap();
        let token = self.outbox.last().unwrap().expose_token().to_owned();
        (handle, token)
    }

    /// What a handler does. `commit` says whether it gets that far.
    async fn recover(&self, handle: &Handle, typed: &str, commit: bool) -> Result<(), FlowError> {
        let held = held(handle);
        let opened = self
            .flows
            .complete_in_transaction::<Recover>(&held, typed)
            .await;
        let (mut transaction, unclosed) = opened?;
        let proof = {
            let store = self.flows.tokens().store();
            unclosed.close(&store.on(&mut transaction)).await?
        };
        let change = self.flows.apply(proof).await?;
        if !set(&mut transaction, change, "new").await {
            return Err(FlowError::Ended);
        }
        if commit {
            transaction.commit().await.unwrap();
        }
        Ok(())
    }

    /// Whether any token of this operation is live.
    async fn live(&self) -> usize {
        let policy = Settings::DEFAULT.policy(Policy::readable(Recover::PURPOSE));
        self.flows
            .tokens()
            .list(&policy, &self.alice)
            .await
            .unwrap()
            .len()
    }
}

const fn held(handle: &Handle) -> Held<'_> {
    Held {
        handle,
        tenant: "",
        holder: "",
    }
}

/// Rolled back, neither the token is spent nor the flow ended nor the password changed. Committed, all three.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redeem_end_and_change_commit_together() {
    let world = World::new().await;
    let (handle, token) = world.begun().await;
    world.recover(&handle, &token, false).await.unwrap();
    assert_eq!(world.passwords.now().await, ("old".into(), 0));
    assert_eq!(world.live().await, 1);
    world.recover(&handle, &token, true).await.unwrap();
    assert_eq!(world.passwords.now().await, ("new".into(), 1));
    assert_eq!(world.live().await, 0);
    let again = world.recover(&handle, &token, true).await;
    assert!(
        matches!(again, Err(FlowError::Wrong | FlowError::Ended)),
        "{again:?}"
    );
}

/// A wrong token is counted though its transaction is never committed: rolling back gives no try back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rolled_back_tries_stay_counted() {
    let world = World::new().await;
    let (handle, token) = world.begun().await;
    for _ in 0..5 {
        world.recover(&handle, &token, false).await.unwrap();
    }
    let refused = world.recover(&handle, &token, true).await;
    assert!(matches!(refused, Err(FlowError::Ended)), "{refused:?}");
    assert_eq!(world.passwords.now().await, ("old".into(), 0));
}

/// Of sixteen handlers that hold the right token at once, one changes the password.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_have_one_winner() {
    let world = Arc::new(World::new().await);
    for round in 0_i64..4 {
        let (handle, token) = world.begun().await;
        let text = handle.expose_secret();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (world, token, text) = (Arc::clone(&world), token.clone(), text.clone());
            tasks.spawn(async move {
                let handle = Handle::parse(&text).unwrap();
                world.recover(&handle, &token, true).await.is_ok()
            });
        }
        let won = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|won| *won)
            .count();
        assert_eq!((won, world.passwords.now().await.1), (1, round + 1));
    }
}
