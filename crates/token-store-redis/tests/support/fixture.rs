//! A store, an issuer, a subject, and a time that stands still.

#![allow(dead_code, reason = "each test file uses a part")]

use core::time::Duration;
use std::sync::Arc;

use token_store::{
    Charge, FactorId, FactorState, Inserted, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Binding, Decider, Decision, Format, Issued, Issuer, KeyId, KeyRing, Limit, LimitKey,
        LimitScope, Lookup, Matching, Policy, Presented, Purpose, Start, Subject, Verdict,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};
use token_store_redis::{Outage, RedisStore};
use tokio::{sync::Barrier, task::JoinSet};

pub(crate) const CODE: Policy = Policy::code(Purpose::new("sign-in"));
pub(crate) const LINK: Policy = Policy::link(Purpose::new("link"));
/// A token that its subject approves.
pub(crate) const PROMPT: Policy = Policy::code(Purpose::new("prompt"))
    .format(Format::LINK)
    .start(Start::Waiting {
        number: Matching::SixDigits,
        binds_subject: false,
    });
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));

/// The time-out of a store whose writes a replica gets. It has an eighth for each, which no busy machine uses up.
pub(crate) const REPLICATES: Duration = Duration::from_secs(120);

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).expect("a time within the calendar")
}

pub(crate) fn after(span: TimeDelta) -> DateTime<Utc> {
    now().checked_add_signed(span).expect("within the calendar")
}

/// A key ring as a file holds it, for two processes.
pub(crate) fn ring() -> String {
    let line = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).expect("randomness");
    line.trim_end().to_owned()
}

pub(crate) struct Fixture {
    pub(crate) store: RedisStore,
    pub(crate) issuer: Issuer,
    pub(crate) alice: Subject,
}

impl Fixture {
    pub(crate) fn new(store: RedisStore) -> Self {
        Self::with_keys(store, &ring())
    }

    pub(crate) fn with_keys(store: RedisStore, keys: &str) -> Self {
        Self {
            store,
            issuer: Issuer::new(KeyRing::from_text(keys).expect("a key ring")),
            alice: Subject::new("t1", "alice").expect("a valid name"),
        }
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
        let handle = &issued.handle;
        let presented = match policy.token_lookup() {
            Lookup::ByHandle { .. } => {
                issuer.present_by_handle(policy, handle, &binding, typed, now())
            }
            Lookup::ByItself => issuer.present_by_itself(policy, "t1", typed, now()),
            Lookup::BySubject => issuer.present_by_subject(policy, &binding, typed, now()),
            Lookup::Parked => issuer.present_parked(policy, handle, &binding, now()),
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
    pub(crate) fn approval(&self, issued: &Issued) -> Decision {
        let number = issued.record.stored().number;
        let verdict = Verdict::Approve { number };
        self.decision(issued, &Decider::from(&self.alice), verdict)
    }

    pub(crate) fn decision(&self, issued: &Issued, by: &Decider, verdict: Verdict) -> Decision {
        let issuer = &self.issuer;
        let made = issuer.decide(&PROMPT, &issued.record, by, verdict, b"seen", now());
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
}

/// The charge of this limit under this name.
pub(crate) fn charge(name: &str, limit: Limit) -> Charge {
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &Binding::tenant("t1")),
        limit,
    }
}

/// Why a server that answers is of no use.
pub(crate) fn outage<T>(told: &Result<T, StoreError>) -> Option<&Outage> {
    match told {
        Err(StoreError::Unavailable(source)) => source.downcast_ref(),
        _ => None,
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
