//! An engine in memory with the provider under test.

use std::sync::Arc;

use token_store::{
    Clock, FactorId, FactorStore, ManualClock, MemoryStore, StoredFactor, TokenStore, Tokens,
    ott_core::{
        Handle, KeyRing, Limit, Stored, Subject,
        chrono::{DateTime, TimeDelta},
    },
};

use super::trial::{Moment, Reply, Trial};
use crate::{
    asked::Asked,
    attempt::Attempt,
    context::{Context, Occasion},
    engine::TwoFactor,
    error::TwoFactorError,
    limits::Limits,
    open_factor::OpenFactor,
    proof::Proof,
    provider::Provider,
};

pub(super) struct Bench<T: Trial> {
    pub(super) trial: Arc<T>,
    pub(super) id: String,
    pub(super) tokens: Arc<Tokens>,
    pub(super) engine: TwoFactor,
    pub(super) store: Arc<MemoryStore>,
    pub(super) clock: Arc<ManualClock>,
}

/// A flow, where something was asked.
#[derive(Clone, Copy)]
pub(super) struct Flow<'a> {
    pub(super) subject: &'a Subject,
    pub(super) factor: Option<FactorId>,
    pub(super) asked: Option<&'a Asked>,
}

impl<'a> Flow<'a> {
    pub(super) fn handle(&self) -> Option<&'a Handle> {
        self.asked.and_then(|asked| asked.handle.as_ref())
    }
}

impl<T: Trial> Bench<T> {
    /// With limits that refuse nobody.
    pub(super) fn new(trial: &Arc<T>) -> Self {
        Self::with(trial, 1_000_000, TimeDelta::seconds(1))
    }

    /// With so many tries, of the account, its factor and its network, and one more after each of these times.
    pub(super) fn with(trial: &Arc<T>, tries: u32, every: TimeDelta) -> Self {
        let store = Arc::new(MemoryStore::new());
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let clock = Arc::new(ManualClock::new(start));
        let keys = KeyRing::generate().expect("randomness");
        let mut tokens = Tokens::builder_shared(keys, Arc::clone(&store))
            .allowance(Limit::allowance(tries, every))
            .accepting_guess_bound(u64::MAX)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>);
        for policy in trial.policies() {
            tokens = tokens.policy(&policy);
        }
        let tokens = tokens.build().expect("policies that fit").shared();
        let most = Limit::pace(1_000_000, TimeDelta::seconds(1));
        let limits = Limits {
            pace: Limit::pace(tries, every),
            // What nobody guesses spends this alone.
            network: Limit::pace(tries, every),
            ceiling: Limit::ceiling(tries),
            requests: most,
            destination: most,
            enrolments: most,
            ..Limits::default()
        };
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let engine = TwoFactor::builder(Arc::clone(&tokens), factors)
            .limits(limits)
            .accepting_guess_bound(u64::MAX);
        let engine = trial.build(&tokens, engine).build();
        Self {
            trial: Arc::clone(trial),
            id: trial.id(),
            tokens,
            engine: engine.expect("an engine that starts"),
            store,
            clock,
        }
    }

    pub(super) fn provider(&self) -> &dyn Provider {
        let provider = self.engine.provider(&self.id);
        &**provider.expect("the provider that the trial names")
    }

    pub(super) fn asks(&self) -> bool {
        self.provider().descriptor().request
    }

    pub(super) fn attempt<'a>(
        &'a self,
        subject: &'a Subject,
        factor: Option<FactorId>,
    ) -> Attempt<'a> {
        let attempt = Attempt::new(subject, &self.id);
        factor.map_or(attempt, |factor| attempt.factor(factor))
    }

    /// A factor that counts, and a minute later.
    pub(super) async fn prepared(&self, subject: &Subject) -> Option<FactorId> {
        let factor = self.trial.prepare(&self.engine, subject, None).await;
        self.clock.advance(TimeDelta::minutes(1));
        factor
    }

    /// Asks, where the provider is asked first.
    pub(super) async fn ask(&self, attempt: &Attempt<'_>) -> Option<Asked> {
        if !self.asks() {
            return None;
        }
        Some(self.engine.request(attempt).await.expect("it asks"))
    }

    pub(super) fn moment<'a>(&self, flow: Flow<'a>) -> Moment<'a> {
        Moment {
            subject: flow.subject,
            factor: flow.factor,
            asked: flow.asked,
            now: self.clock.now(),
        }
    }

    /// The right answer in this flow, approved where it waits.
    pub(super) async fn answer(&self, flow: Flow<'_>) -> Reply {
        let moment = self.moment(flow);
        let _ = self.trial.decide(&self.tokens, &moment).await;
        self.trial.answer(&moment).await
    }

    pub(super) async fn verify(
        &self,
        attempt: &Attempt<'_>,
        flow: Flow<'_>,
        reply: &Reply,
    ) -> Result<Proof, TwoFactorError> {
        let attempt = attempt.network([192, 0, 2, 1].into());
        let attempt = match flow.handle() {
            Some(handle) => attempt.handle(handle),
            None => attempt,
        };
        self.engine.verify(&attempt, &reply.response()).await
    }

    /// The factor as a provider sees it.
    pub(super) async fn opened(
        &self,
        subject: &Subject,
        factor: Option<FactorId>,
    ) -> Option<OpenFactor> {
        let id = factor?;
        let stored = self.store.factors(subject).await.expect("memory");
        let own = stored.into_iter().find(|stored| stored.id == id);
        let open = self.engine.rows.open(own.expect("a factor"));
        Some(open.expect("a seal that opens"))
    }

    pub(super) fn context<'a>(
        &'a self,
        attempt: &Attempt<'a>,
        flow: Flow<'a>,
        factor: Option<&'a OpenFactor>,
    ) -> Context<'a> {
        Context {
            handle: flow.handle(),
            ..self.engine.context(attempt, Occasion::Verify, factor)
        }
    }

    /// Everything that is kept of the subject.
    pub(super) async fn kept(&self, subject: &Subject) -> (Vec<Stored>, Vec<StoredFactor>) {
        let now = self.clock.now();
        let records = self.store.list(subject, None, now).await.expect("memory");
        (records, self.store.factors(subject).await.expect("memory"))
    }
}

pub(super) fn subject(id: &str) -> Subject {
    Subject::new("acme", id).expect("a subject")
}

/// Responses that nobody types.
pub(super) fn hostile() -> Vec<Reply> {
    let texts = [
        String::new(),
        "0".repeat(1_000_000),
        "A".repeat(1_000_000),
        "\u{ff10}".repeat(6),
        "12345\0".into(),
        "-".repeat(100_000),
        "1 2 3".into(),
    ];
    let mut all: Vec<_> = texts.into_iter().map(Reply::Code).collect();
    all.extend([
        Reply::Bytes(Vec::new()),
        Reply::Bytes(vec![b'{'; 1_000_000]),
        Reply::Nothing,
    ]);
    all
}
