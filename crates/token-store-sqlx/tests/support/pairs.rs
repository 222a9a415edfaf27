//! Pairs of verbs, of which one runs in a transaction that stays open: whatever they answer and leave, some order of the
//! two answers and leaves, one after the other, in the memory store.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

use token_store::{
    Decided, InTransaction, Inserted, MemoryStore, RedeemInTransaction, Redeemed, Revoke,
    StoreError, TokenStore,
    ott_core::{
        Decider, Decision, IssueOptions, Issued, Issuer, KeyRing, Presented, Record, RecordId,
        Stored, Subject, Verdict,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};

use crate::fixture::{CODE, LINK, PROMPT, RECOVERY, now};

/// Where a verb runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Where {
    /// In a transaction of the caller.
    Inside,
    /// On its own.
    Outside,
    /// In a transaction that it returns.
    Opening,
}

/// A verb of tokens, about the records of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verb {
    Resend,
    RenewRecovery,
    InsertAgain,
    RedeemCode,
    MistypeCode,
    RedeemRecovery,
    RedeemLink,
    Approve,
    Deny,
    FindCode,
    FindRecovery,
    Touch,
    List,
    RevokeCode,
    RevokeOwnPrompt,
    RevokeAll,
    RevokeAllButLink,
    Purge,
}

const VERBS: [Verb; 18] = [
    Verb::Resend,
    Verb::RenewRecovery,
    Verb::InsertAgain,
    Verb::RedeemCode,
    Verb::MistypeCode,
    Verb::RedeemRecovery,
    Verb::RedeemLink,
    Verb::Approve,
    Verb::Deny,
    Verb::FindCode,
    Verb::FindRecovery,
    Verb::Touch,
    Verb::List,
    Verb::RevokeCode,
    Verb::RevokeOwnPrompt,
    Verb::RevokeAll,
    Verb::RevokeAllButLink,
    Verb::Purge,
];

impl Verb {
    fn redeems(self) -> bool {
        use Verb::{MistypeCode, RedeemCode, RedeemLink, RedeemRecovery};
        matches!(self, RedeemCode | MistypeCode | RedeemRecovery | RedeemLink)
    }

    fn reads(self) -> bool {
        matches!(self, Self::FindCode | Self::FindRecovery | Self::List)
    }

    fn runs(self, place: Where) -> bool {
        match place {
            // There, what counts attempts is misuse.
            Where::Inside => !self.redeems() || self == Self::RedeemLink,
            Where::Outside => true,
            Where::Opening => self.redeems(),
        }
    }
}

/// Every verb everywhere it can run.
pub(crate) fn all() -> impl Iterator<Item = (Verb, Where)> {
    let places = [Where::Inside, Where::Opening, Where::Outside];
    let each = VERBS
        .into_iter()
        .flat_map(move |verb| places.map(|place| (verb, place)));
    each.filter(|(verb, place)| verb.runs(*place))
}

/// What a verb answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Inserted(Inserted),
    Redeemed(Redeemed),
    Decided(Decided),
    Found(Option<Stored>),
    Touched,
    Listed(Vec<Stored>),
    Count(u64),
}

/// One person's records, of every kind, each with what the verbs need.
pub(crate) struct World {
    alice: Subject,
    first: Vec<Record>,
    dead: RecordId,
    resent: Record,
    renewed: Vec<Record>,
    code: Presented,
    mistyped: Presented,
    recovery: Presented,
    link: Presented,
    prompt: RecordId,
    approval: Decision,
    denial: Decision,
}

impl World {
    pub(crate) fn new() -> Self {
        let issuer = Issuer::new(KeyRing::generate().unwrap());
        let alice = Subject::new("t1", "alice").unwrap();
        let binding = token_store::ott_core::Binding::subject(&alice);
        let issue = |policy| -> Issued { issuer.issue(policy, &binding, now()).unwrap() };
        let set = || {
            let options = IssueOptions {
                count: 2,
                ..IssueOptions::default()
            };
            issuer
                .issue_from_rng(&RECOVERY, &binding, options, now(), &mut SysRng)
                .unwrap()
        };
        let (code, link, prompt, dead) = (issue(&CODE), issue(&LINK), issue(&PROMPT), issue(&CODE));
        let (recovery, renewed) = (set(), set());
        let options = IssueOptions {
            resend: Some(&code.handle),
            ..IssueOptions::default()
        };
        let resent = issuer
            .issue_from_rng(&CODE, &binding, options, now(), &mut SysRng)
            .unwrap()
            .remove(0);
        let typed = code.token.expose_secret();
        let wrong = ["000000", "000001"]
            .into_iter()
            .find(|other| *other != typed);
        let by_handle = |typed| {
            issuer
                .present_by_handle(&CODE, &code.handle, &binding, typed, now())
                .unwrap()
        };
        let decide = |verdict| {
            issuer
                .decide(
                    &PROMPT,
                    &prompt.record,
                    &Decider::from(&alice),
                    verdict,
                    b"seen",
                    now(),
                )
                .unwrap()
        };
        let number = prompt.record.stored().number;
        let written = recovery[0].token.expose_secret();
        let records = [&code, &link, &prompt, &dead].map(|issued| issued.record.clone());
        let of = |set: &[Issued]| {
            set.iter()
                .map(|issued| issued.record.clone())
                .collect::<Vec<_>>()
        };
        Self {
            first: records.into_iter().chain(of(&recovery)).collect(),
            dead: *dead.record.id(),
            resent: resent.record,
            renewed: of(&renewed),
            code: by_handle(typed),
            mistyped: by_handle(wrong.unwrap()),
            recovery: issuer
                .present_by_subject(&RECOVERY, &binding, written, now())
                .unwrap(),
            link: issuer
                .present_by_itself(&LINK, "t1", link.token.expose_secret(), now())
                .unwrap(),
            prompt: *prompt.record.id(),
            approval: decide(Verdict::Approve { number }),
            denial: decide(Verdict::Deny),
            alice,
        }
    }

    /// The records as they are before the pair.
    pub(crate) async fn settle(&self, store: &impl TokenStore) {
        assert_eq!(store.insert(&self.first).await.unwrap(), Inserted::Done);
        let dead = Revoke::Record(self.dead);
        assert_eq!(store.revoke(&dead).await.unwrap(), 1);
    }

    /// All records, also those that the pair may have made.
    pub(crate) async fn rows(&self, store: &impl TokenStore) -> Vec<Option<Stored>> {
        let mut rows = Vec::new();
        for record in self.first.iter().chain([&self.resent]).chain(&self.renewed) {
            rows.push(store.find(record.id()).await.unwrap());
        }
        rows
    }

    fn presented(&self, verb: Verb) -> &Presented {
        match verb {
            Verb::MistypeCode => &self.mistyped,
            Verb::RedeemLink => &self.link,
            Verb::RedeemRecovery => &self.recovery,
            _ => &self.code,
        }
    }

    pub(crate) async fn run(&self, store: &impl TokenStore, verb: Verb) -> Answer {
        self.try_to_run(store, verb).await.unwrap()
    }

    async fn try_to_run(&self, store: &impl TokenStore, verb: Verb) -> Result<Answer, StoreError> {
        // What is revoked is dead from the next moment on.
        let later: DateTime<Utc> = now() + TimeDelta::microseconds(1);
        let revoke = |what| async move { store.revoke(&what).await.map(Answer::Count) };
        match verb {
            Verb::Resend => {
                let batch = [self.resent.clone()];
                store.insert(&batch).await.map(Answer::Inserted)
            }
            Verb::RenewRecovery => store.insert(&self.renewed).await.map(Answer::Inserted),
            Verb::InsertAgain => store.insert(&self.first[..1]).await.map(Answer::Inserted),
            Verb::RedeemCode | Verb::MistypeCode | Verb::RedeemRecovery | Verb::RedeemLink => {
                let told = store.redeem(self.presented(verb), now()).await;
                told.map(Answer::Redeemed)
            }
            Verb::Approve | Verb::Deny => {
                let approves = verb == Verb::Approve;
                let made = if approves {
                    &self.approval
                } else {
                    &self.denial
                };
                let told = store.decide(&self.prompt, made, now()).await;
                told.map(Answer::Decided)
            }
            Verb::FindCode => store.find(self.code.id()).await.map(Answer::Found),
            Verb::FindRecovery => store.find(self.recovery.id()).await.map(Answer::Found),
            Verb::Touch => {
                let told = store.touch(self.link.id(), now()).await;
                told.map(|()| Answer::Touched)
            }
            Verb::List => {
                let told = store.list(&self.alice, None, now()).await;
                told.map(Answer::Listed)
            }
            Verb::RevokeCode => revoke(Revoke::Record(*self.code.id())).await,
            Verb::RevokeOwnPrompt => revoke(Revoke::own(&self.alice, self.prompt)).await,
            Verb::RevokeAll => revoke(Revoke::subject(&self.alice)).await,
            Verb::RevokeAllButLink => {
                let subject = self.alice.clone();
                let except = Some(*self.link.id());
                revoke(Revoke::Subject {
                    subject,
                    purpose: None,
                    except,
                })
                .await
            }
            Verb::Purge => store.purge(later, 10).await.map(Answer::Count),
        }
    }

    /// Redeems in a transaction that is returned where it is open.
    pub(crate) async fn open<S: RedeemInTransaction>(
        &self,
        store: &S,
        verb: Verb,
    ) -> (Answer, Option<S::Transaction>) {
        let told = store
            .redeem_in_transaction(self.presented(verb), now())
            .await;
        match told.unwrap() {
            InTransaction::Redeemed(transaction, stored) => (
                Answer::Redeemed(Redeemed::Redeemed(stored)),
                Some(transaction),
            ),
            InTransaction::Refused(reason) => (Answer::Redeemed(Redeemed::Refused(reason)), None),
        }
    }

    /// What these verbs answer and leave, one after the other.
    async fn model(&self, verbs: &[Verb]) -> (Vec<Answer>, Vec<Option<Stored>>) {
        let (store, mut answers) = (MemoryStore::new(), Vec::new());
        self.settle(&store).await;
        for verb in verbs {
            answers.push(self.run(&store, *verb).await);
        }
        (answers, self.rows(&store).await)
    }

    /// Fails if no order answers and leaves this. The first ended before the second one did, and was kept or not.
    pub(crate) async fn judge(&self, pair: &Pair, rows: Vec<Option<Stored>>) {
        let Pair {
            first,
            second,
            is_kept,
        } = pair;
        let answers = vec![first.2.clone(), second.2.clone()];
        let same = |model: &(Vec<Answer>, Vec<Option<Stored>>), answers: &[Answer]| {
            model.0 == answers && model.1 == rows
        };
        let has_an_order = if *is_kept {
            let (mut turned, forth) = (answers.clone(), self.model(&[first.0, second.0]).await);
            turned.reverse();
            same(&forth, &answers) || same(&self.model(&[second.0, first.0]).await, &turned)
        } else {
            let alone = self.model(&[second.0]).await;
            let undone = self.model(&[first.0]).await.0;
            // A purge waits for nobody: what somebody holds, the next one removes.
            let passes = second.0 == Verb::Purge && second.2 == Answer::Count(0);
            undone == answers[..1] && (same(&alone, &answers[1..]) || passes)
        };
        assert!(has_an_order, "{pair:#?}\n{rows:#?}");
    }
}

/// Two verbs: where each ran, and what it answered.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) first: (Verb, Where, Answer),
    pub(crate) second: (Verb, Where, Answer),
    /// Whether the first one was committed.
    pub(crate) is_kept: bool,
}

/// A database with a store on it.
pub(crate) trait Ground {
    type Store: RedeemInTransaction<Transaction = Self::Open>;
    type Open;

    fn store(&self) -> &Self::Store;
    async fn begin(&self) -> Self::Open;
    async fn inside(&self, open: &mut Self::Open, world: &World, verb: Verb) -> Answer;
    async fn end(open: Self::Open, is_kept: bool);
    /// Until a verb waits for somebody's transaction.
    async fn until_one_waits(&self);
    /// Removes every record.
    async fn clear(&self);
}

async fn side<G: Ground>(
    ground: &G,
    world: &World,
    verb: Verb,
    place: Where,
) -> (Answer, Option<G::Open>) {
    match place {
        Where::Outside => (world.run(ground.store(), verb).await, None),
        Where::Opening => world.open(ground.store(), verb).await,
        Where::Inside => {
            let mut open = ground.begin().await;
            (ground.inside(&mut open, world, verb).await, Some(open))
        }
    }
}

/// Every verb that leaves a transaction open, and every verb beside it: while it is open, the second one comes to its
/// end or waits; then the first one is committed or rolled back, and afterwards the second one is committed.
pub(crate) async fn every_pair_has_an_order<G: Ground>(ground: &G) {
    let mut pairs = 0_u32;
    for (first, place) in all().filter(|(_, place)| *place != Where::Outside) {
        for (second, other) in all() {
            // What only read leaves nothing to undo.
            let ends = if first.reads() {
                &[true][..]
            } else {
                &[true, false]
            };
            for is_kept in ends.iter().copied() {
                let world = World::new();
                world.settle(ground.store()).await;
                let (answer, open) = side(ground, &world, first, place).await;
                let first = (first, place, answer);
                let beside = async {
                    let (answer, open) = side(ground, &world, second, other).await;
                    (second, other, answer, open)
                };
                let mut beside = core::pin::pin!(beside);
                let early = tokio::select! {
                    told = &mut beside => Some(told),
                    () = ground.until_one_waits() => None,
                };
                // A refusal of a redeem is committed already.
                let is_kept = is_kept || open.is_none();
                if let Some(open) = open {
                    G::end(open, is_kept).await;
                }
                let (second, other, answer, open) = match early {
                    Some(told) => told,
                    None => beside.await,
                };
                if let Some(open) = open {
                    G::end(open, true).await;
                }
                let pair = Pair {
                    first,
                    second: (second, other, answer),
                    is_kept,
                };
                world.judge(&pair, world.rows(ground.store()).await).await;
                ground.clear().await;
                pairs = pairs.saturating_add(1);
            }
        }
    }
    assert!(pairs > 1_000, "{pairs}");
}
