//! A store in a file that goes away, an issuer, a subject, and a time that stands still.

#![allow(dead_code, reason = "each test file uses a part")]

use core::time::Duration;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tempfile::TempDir;
use testing::patiently;
use token_store::{
    FactorId, FactorState, Inserted, StoredFactor, TokenStore,
    ott_core::{
        Binding, Decider, Format, Issued, Issuer, KeyId, KeyRing, Matching, Policy, Presented,
        Purpose, Start, Subject, Verdict,
        chrono::{DateTime, Utc},
        rand::rngs::SysRng,
    },
    seal::{SealedFor, seal},
};
use token_store_sqlx::{SqliteStore, SqliteStoreBuilder, sqlx};
use tokio::{sync::Barrier, task::JoinSet};

pub(crate) const CODE: Policy = Policy::code(Purpose::new("sign-in"));
pub(crate) const LINK: Policy = Policy::link(Purpose::new("link"));
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
/// Waits for a decision, and has a token.
pub(crate) const PROMPT: Policy = Policy::code(Purpose::new("prompt"))
    .format(Format::LINK)
    .paced(None)
    .spending_allowance(false)
    .start(Start::Waiting {
        number: Matching::TwoDigits,
        binds_subject: false,
    });

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).expect("a time within the calendar")
}

/// Another store on the same file, for the verbs that have to time out. Set-up and checks are another store's: a busy
/// machine takes longer for them than these verbs have.
pub(crate) async fn hasty(file: &Path, timeout: Duration) -> SqliteStore {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(timeout.mul_f32(0.5));
    hasty_on(SqlitePoolOptions::new().connect_lazy_with(options), timeout).await
}

/// The same, on a pool of the application.
pub(crate) async fn hasty_on(pool: SqlitePool, timeout: Duration) -> SqliteStore {
    let builder = SqliteStore::builder().timeout(timeout);
    patiently(|| builder.pool(pool.clone())).await
}

pub(crate) struct Fixture<S = SqliteStore, P = TempDir> {
    /// Goes away with the fixture.
    pub(crate) place: P,
    pub(crate) store: S,
    pub(crate) issuer: Issuer,
    pub(crate) alice: Subject,
    /// The server key, as its ring's text spells it.
    key: String,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        // A busy machine takes its time, and none of what is tested is how much.
        Self::with(SqliteStore::builder().timeout(Duration::from_secs(30))).await
    }

    pub(crate) async fn with(builder: SqliteStoreBuilder) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let opened = builder.open(folder.path().join("tokens.db")).await;
        Self::over(opened.expect("a new file opens"), folder)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.path().join("tokens.db")
    }

    /// Another connection to the same file, as another program would have it.
    pub(crate) async fn outsider(&self) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(SqliteConnectOptions::new().filename(self.path()))
            .await
            .expect("the file opens")
    }
}

impl<S: TokenStore, P> Fixture<S, P> {
    pub(crate) fn over(store: S, place: P) -> Self {
        let line = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).expect("randomness");
        let (_, key) = line.trim_end().split_once(' ').expect("an id and a key");
        Self {
            place,
            store,
            issuer: Issuer::new(KeyRing::from_text(&line).expect("a key ring")),
            alice: Subject::new("t1", "alice").expect("a valid name"),
            key: key.to_owned(),
        }
    }

    /// The server key in hexadecimal digits, and the one of its sub-keys that can be asked for: the seals'.
    pub(crate) fn keys(&self) -> [String; 2] {
        let (_, seal) = self.issuer.keys().sealing().expect("a key");
        let seal = seal.iter().map(|byte| format!("{byte:02x}")).collect();
        [self.key.clone(), seal]
    }

    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding::subject(&self.alice)
    }

    pub(crate) fn issue(&self, policy: &Policy) -> Issued {
        let issued = self.issuer.issue(policy, &self.binding(), now());
        issued.expect("a policy that fits")
    }

    /// Issues, and inserts the record.
    pub(crate) async fn insert(&self, policy: &Policy) -> Issued {
        let issued = self.issue(policy);
        let batch = [issued.record.clone()];
        let inserted = self.store.insert(&batch).await.expect("the store answers");
        assert_eq!(inserted, Inserted::Done);
        issued
    }

    pub(crate) fn present(&self, policy: &Policy, issued: &Issued, typed: &str) -> Presented {
        let (issuer, binding) = (&self.issuer, self.binding());
        let presented = match policy.purpose().as_str() {
            "link" => issuer.present_by_itself(policy, "t1", typed, now()),
            "recovery" => issuer.present_by_subject(policy, &binding, typed, now()),
            _ => issuer.present_by_handle(policy, &issued.handle, &binding, typed, now()),
        };
        presented.expect("a token of the format")
    }

    pub(crate) fn right(&self, policy: &Policy, issued: &Issued) -> Presented {
        self.present(policy, issued, issued.token.expose_secret())
    }

    /// A wrong code.
    pub(crate) fn wrong(&self, issued: &Issued) -> Presented {
        let others = ["000000", "000001"];
        let right = issued.token.expose_secret();
        let wrong = others.into_iter().find(|other| *other != right);
        self.present(&CODE, issued, wrong.expect("one of two differs"))
    }

    /// Approves a prompt.
    pub(crate) fn approval(&self, issued: &Issued) -> token_store::ott_core::Decision {
        let number = issued.record.stored().number;
        self.decision(issued, Verdict::Approve { number })
    }

    /// Denies it.
    pub(crate) fn denial(&self, issued: &Issued) -> token_store::ott_core::Decision {
        self.decision(issued, Verdict::Deny)
    }

    fn decision(&self, issued: &Issued, verdict: Verdict) -> token_store::ott_core::Decision {
        let decider = Decider::from(&self.alice);
        let made = self
            .issuer
            .decide(&PROMPT, &issued.record, &decider, verdict, b"seen", now());
        made.expect("the ring has the key")
    }

    pub(crate) fn factor(&self, id: u8, state: FactorState) -> StoredFactor {
        StoredFactor {
            id: FactorId::from_bytes([id; 16]),
            subject: self.alice.clone(),
            provider: "totp".into(),
            label: "phone".into(),
            state,
            sealed: vec![1, 2, 3],
            last: None,
            created_at: now(),
            used_at: None,
            removal: None,
        }
    }

    /// A pending factor with this secret under the ring's seal.
    pub(crate) fn sealed(&self, secret: &[u8]) -> StoredFactor {
        let factor = self.factor(7, FactorState::Pending);
        let context = SealedFor {
            owner: &self.alice,
            item: *factor.id.as_bytes(),
            kind: &factor.provider,
        };
        let sealed = seal(self.issuer.keys(), &context, secret, &mut SysRng);
        let sealed = sealed.expect("the ring has a key");
        StoredFactor { sealed, ..factor }
    }
}

/// Runs all of them at once and gives their answers.
pub(crate) async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().collect();
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut set = JoinSet::new();
    for task in tasks {
        let barrier = Arc::clone(&barrier);
        set.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    set.join_all().await
}
