//! Two verbs at once, of which one is in a caller's transaction, have an order, and whoever waited judges what is
//! there afterwards: over PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pairs.rs"]
mod pairs;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, PROMPT, now};
use pairs::{Answer, Ground, Verb, World};
use pg::PgFixture;
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use testing::postgres::{PATIENCE, options, pool_options};
use token_store::{
    Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke, TokenStore,
    ott_core::{IssueOptions, Issued, Policy, Reason, Record, State, rand::rngs::SysRng},
};
use token_store_sqlx::{PostgresStore, sqlx};

impl Ground for PgFixture {
    type Store = PostgresStore;
    type Open = Transaction<'static, Postgres>;

    fn store(&self) -> &PostgresStore {
        &self.store
    }

    async fn begin(&self) -> Self::Open {
        self.store.pool().begin().await.unwrap()
    }

    async fn inside(&self, open: &mut Self::Open, world: &World, verb: Verb) -> Answer {
        world.run(&self.store.on(open), verb).await
    }

    async fn end(open: Self::Open, is_kept: bool) {
        if is_kept {
            open.commit().await.unwrap();
        } else {
            open.rollback().await.unwrap();
        }
    }

    async fn until_one_waits(&self) {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE wait_event_type = 'Lock' AND query LIKE '%{}%'",
            self.place.name
        );
        while self.number(&waiting).await == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn clear(&self) {
        self.run("DELETE FROM {tokens}").await;
        self.run("DELETE FROM {slots}").await;
    }
}

/// Whatever two verbs answer and leave, one of the two orders does too.
#[tokio::test(flavor = "multi_thread")]
async fn pairs_around_a_transaction_have_an_order() {
    // No pair waits for the disk.
    let pool = pool_options().connect_lazy_with(options().options([("synchronous_commit", "off")]));
    let builder = PostgresStore::builder().accepting_weak_commits();
    let fixture = PgFixture::on_pool(builder.timeout(PATIENCE), pool).await;
    pairs::every_pair_has_an_order(&fixture).await;
}

/// A newer code or prompt of the same flow.
fn resent(fixture: &PgFixture, policy: &Policy, issued: &Issued) -> Record {
    let options = IssueOptions {
        resend: Some(&issued.handle),
        ..IssueOptions::default()
    };
    let binding = fixture.binding();
    let made = fixture
        .issuer
        .issue_from_rng(policy, &binding, options, now(), &mut SysRng);
    made.unwrap().remove(0).record
}

/// What the verb waits for: a transaction that redeemed another token of the same person, or one that has the
/// record itself.
async fn hold(
    fixture: &PgFixture,
    issued: &Issued,
    has_record: bool,
) -> Transaction<'static, Postgres> {
    if has_record {
        let mut transaction = fixture.store.pool().begin().await.unwrap();
        let id: String = issued.record.id().to_string();
        let lock = format!("SELECT 1 FROM {{tokens}} WHERE id = '{id}'::uuid FOR UPDATE");
        let lock = AssertSqlSafe(fixture.fill(&lock));
        let locked = sqlx::query(lock).fetch_all(&mut *transaction).await;
        assert_eq!(locked.unwrap().len(), 1);
        return transaction;
    }
    let link = fixture.insert(&LINK).await;
    let right = fixture.right(&LINK, &link);
    let told = fixture.store.redeem_in_transaction(&right, now()).await;
    let InTransaction::Redeemed(transaction, _) = told.unwrap() else {
        panic!("the right token is refused");
    };
    transaction
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    Redeem,
    RedeemOpen,
    Decide,
    DecideInside,
    Revoke,
    RevokeInside,
    TouchInside,
}

/// While a verb waits, a newer batch takes the place of its record. So the verb finds it superseded.
#[tokio::test(flavor = "multi_thread")]
async fn verb_that_waited_finds_its_record_superseded() {
    let fixture = PgFixture::new().await;
    for (waits, for_record) in [
        (Waits::Redeem, true),
        (Waits::RedeemOpen, true),
        (Waits::RedeemOpen, false),
        (Waits::Decide, true),
        (Waits::DecideInside, false),
        (Waits::Revoke, true),
        (Waits::RevokeInside, false),
        (Waits::TouchInside, false),
    ] {
        fixture.clear().await;
        let decides = matches!(waits, Waits::Decide | Waits::DecideInside);
        let policy = if decides { &PROMPT } else { &CODE };
        let issued = fixture.insert(policy).await;
        let id = *issued.record.id();
        let held = hold(&fixture, &issued, for_record).await;
        let (store, approval) = (&fixture.store, decides.then(|| fixture.approval(&issued)));
        let right = (!decides).then(|| fixture.right(&CODE, &issued));
        let verb = async {
            let superseded = || Some(Reason::Superseded);
            match waits {
                Waits::Redeem => {
                    match store.redeem(right.as_ref().unwrap(), now()).await.unwrap() {
                        Redeemed::Refused(reason) => Some(reason),
                        Redeemed::Redeemed(_) => None,
                    }
                }
                Waits::RedeemOpen => {
                    let right = right.as_ref().unwrap();
                    match store.redeem_in_transaction(right, now()).await.unwrap() {
                        InTransaction::Refused(reason) => Some(reason),
                        InTransaction::Redeemed(..) => None,
                    }
                }
                Waits::Decide | Waits::DecideInside => {
                    let approval = approval.as_ref().unwrap();
                    let mut open = store.pool().begin().await.unwrap();
                    let told = if waits == Waits::Decide {
                        store.decide(&id, approval, now()).await
                    } else {
                        store.on(&mut open).decide(&id, approval, now()).await
                    };
                    open.commit().await.unwrap();
                    match told.unwrap() {
                        Decided::Refused(reason) => Some(reason),
                        Decided::Decided(_) => None,
                    }
                }
                Waits::Revoke | Waits::RevokeInside => {
                    let mut open = store.pool().begin().await.unwrap();
                    let what = Revoke::Record(id);
                    let told = if waits == Waits::Revoke {
                        store.revoke(&what).await
                    } else {
                        store.on(&mut open).revoke(&what).await
                    };
                    open.commit().await.unwrap();
                    if told.unwrap() == 0 {
                        superseded()
                    } else {
                        None
                    }
                }
                Waits::TouchInside => {
                    let mut open = store.pool().begin().await.unwrap();
                    store.on(&mut open).touch(&id, now()).await.unwrap();
                    open.commit().await.unwrap();
                    let found = store.find(&id).await.unwrap().unwrap();
                    if found.used_at.is_none() {
                        superseded()
                    } else {
                        None
                    }
                }
            }
        };
        let mut verb = core::pin::pin!(verb);
        tokio::select! {
            told = &mut verb => panic!("{waits:?} waits for nobody: {told:?}"),
            () = fixture.until_one_waits() => {}
        }
        let newer = [resent(&fixture, policy, &issued)];
        let inserted = fixture.store.insert(&newer).await.unwrap();
        assert_eq!(inserted, Inserted::Done);
        // Whoever only had the record did nothing with it.
        held.rollback().await.unwrap();
        let told = verb.await;
        assert_eq!(told, Some(Reason::Superseded), "{waits:?}, {for_record}");
        let found = fixture.store.find(&id).await.unwrap().unwrap();
        assert_eq!(found.state, State::Superseded, "{waits:?}, {for_record}");
    }
}

/// While a revocation of all waits, somebody is signed in. So that is revoked too.
#[tokio::test(flavor = "multi_thread")]
async fn revocation_that_waited_meets_what_came_meanwhile() {
    let fixture = PgFixture::new().await;
    for is_inside in [false, true] {
        fixture.clear().await;
        let issued = fixture.insert(&CODE).await;
        let held = hold(&fixture, &issued, false).await;
        let (store, all) = (&fixture.store, Revoke::subject(&fixture.alice));
        let verb = async {
            let mut open = store.pool().begin().await.unwrap();
            let told = if is_inside {
                store.on(&mut open).revoke(&all).await
            } else {
                store.revoke(&all).await
            };
            open.commit().await.unwrap();
            told.unwrap()
        };
        let mut verb = core::pin::pin!(verb);
        tokio::select! {
            told = &mut verb => panic!("it waits for nobody: {told:?}"),
            () = fixture.until_one_waits() => {}
        }
        let newer = fixture.insert(&LINK).await;
        held.commit().await.unwrap();
        assert_eq!(verb.await, 2, "inside: {is_inside}");
        let found = fixture.store.find(newer.record.id()).await.unwrap();
        assert_eq!(found.unwrap().state, State::Revoked, "inside: {is_inside}");
    }
}
