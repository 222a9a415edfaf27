//! The statements of docs/keys.md, typed by an operator beside engines that rotate.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use std::sync::Arc;

use token_store::{
    Clock, FactorId, FactorStore, LimitStore, ManualClock, Revoke, TokenStore, Tokens,
    ott_core::{
        Binding, KeyRing, Policy, Purpose, RecordId, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
    seal::{SealError, SealedFor, open},
};
use twofa_providers::{EnrolDetails, TotpProvider, TwoFactor, Upkeep};

const PAGE: &str = include_str!("../../../../docs/keys.md");
const KEY_1: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const KEY_2: &str = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));

/// Whoever has a shell at the database.
pub(crate) trait Operator {
    /// What they write for `x''`, with digits or without.
    const BYTES: fn(&str) -> String;
    async fn count(&mut self, sql: String) -> i64;
    async fn people(&mut self, sql: String) -> Vec<(String, String)>;
    async fn change(&mut self, sql: String) -> u64;
}

/// The page's statements: two that count, one that says whose, one that deletes, one that updates.
fn statements<O: Operator>() -> [String; 5] {
    let blocks = PAGE.split("```sql\n").skip(1);
    let text: String = blocks
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    for digits in ["00000001", ""] {
        let spelled = format!("`{}`", (O::BYTES)(digits));
        assert!(PAGE.contains(&spelled), "the page gives {spelled}");
    }
    let statements = text.split_terminator(";\n").map(|statement| {
        let mut parts = statement.split("x'");
        let mut said = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (digits, after) = part.split_once('\'').expect("a literal ends");
            said += &(O::BYTES)(digits);
            said += after;
        }
        said
    });
    let statements: Vec<String> = statements.collect();
    statements.try_into().expect("five statements on the page")
}

fn ring(name: &str) -> KeyRing {
    let (_, rest) = PAGE.split_once(&format!("```ring {name}\n")).unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    KeyRing::from_text(&text.replace("KEY-A", KEY_1).replace("KEY-B", KEY_2)).unwrap()
}

/// An hour before the page's old key retires.
fn start() -> DateTime<Utc> {
    let (_, rest) = PAGE.split_once(" retired ").unwrap();
    let time: DateTime<Utc> = rest.split_whitespace().next().unwrap().parse().unwrap();
    time.checked_sub_signed(TimeDelta::hours(1)).unwrap()
}

/// A database in which key 1 made something for alice and bob, and key 2 for carol.
struct World<S> {
    store: S,
    clock: Arc<ManualClock>,
    alice: Subject,
    bob: Subject,
    carol: Subject,
    /// Of key 1: a recovery code and a code.
    old: Vec<RecordId>,
    /// Of key 2.
    new: RecordId,
}

impl<S> World<S>
where
    S: Clone + TokenStore + FactorStore + LimitStore + 'static,
{
    async fn new(store: S) -> Self {
        let mut world = Self {
            store,
            clock: Arc::new(ManualClock::new(start())),
            alice: Subject::new("t1", "alice").unwrap(),
            bob: Subject::new("t2", "bob").unwrap(),
            carol: Subject::new("t1", "carol").unwrap(),
            old: Vec::new(),
            new: RecordId::from_bytes([0; 16]),
        };
        let before = world.engine("before");
        for owner in [&world.alice, &world.alice, &world.bob] {
            enrol(&before, owner).await;
        }
        let tokens = world.tokens("before");
        for policy in [&RECOVERY, &CODE] {
            let binding = Binding::subject(&world.alice);
            let issued = tokens.issue(policy, &binding).await.unwrap();
            world.old.push(*issued.record.id());
        }
        enrol(&world.engine("moved"), &world.carol).await;
        let binding = Binding::subject(&world.carol);
        let issued = world.tokens("moved").issue(&RECOVERY, &binding).await;
        world.new = *issued.unwrap().record.id();
        world
    }

    fn tokens(&self, ring_name: &str) -> Arc<Tokens> {
        Tokens::builder(ring(ring_name), self.store.clone())
            .policy(&CODE)
            .policy(&RECOVERY)
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .build()
            .unwrap()
            .shared()
    }

    fn engine(&self, ring_name: &str) -> TwoFactor {
        TwoFactor::builder(self.tokens(ring_name), Arc::new(self.store.clone()))
            .provider(TotpProvider::new("Example").unwrap())
            .build()
            .unwrap()
    }

    /// What this ring makes of somebody's seals.
    async fn opened(&self, ring_name: &str, owner: &Subject) -> Vec<Result<(), SealError>> {
        let rows = self.store.factors(owner).await.unwrap();
        let keys = ring(ring_name);
        let opened = rows.iter().map(|row| {
            let context = SealedFor {
                owner,
                item: *row.id.as_bytes(),
                kind: &row.provider,
            };
            open(&keys, &context, &row.sealed).map(drop)
        });
        opened.collect()
    }
}

async fn enrol(engine: &TwoFactor, owner: &Subject) -> FactorId {
    let details = EnrolDetails::new(owner, "somebody@example.org");
    let enrolled = engine.enrol("totp", &details, "phone", None).await;
    enrolled.unwrap().factor
}

/// Step 4 of the rotation.
pub(crate) async fn the_old_key_is_dropped_once_nothing_is_left<S, O: Operator>(
    store: S,
    operator: &mut O,
) where
    S: Clone + TokenStore + FactorStore + LimitStore + 'static,
{
    let [tokens, factors, whose, ..] = statements::<O>();
    let world = World::new(store).await;
    world.clock.advance(TimeDelta::hours(2));
    assert_eq!(operator.count(tokens.clone()).await, 2);
    assert_eq!(operator.count(factors.clone()).await, 3);
    let people = |found: &[(&str, &str)]| -> Vec<_> {
        let found = found
            .iter()
            .map(|(tenant, id)| ((*tenant).into(), (*id).into()));
        found.collect::<Vec<(String, String)>>()
    };
    let mut told = operator.people(whose.clone()).await;
    told.sort();
    assert_eq!(told, people(&[("t1", "alice"), ("t2", "bob")]));

    // The code expired; the recovery code never does, and its owner renews it.
    let purged = world.store.purge(world.clock.now(), 100).await.unwrap();
    assert_eq!((purged, operator.count(tokens.clone()).await), (1, 1));
    let renewed = Revoke::Subject {
        subject: world.alice.clone(),
        purpose: Some(*RECOVERY.purpose()),
        except: None,
    };
    assert_eq!(world.store.revoke(&renewed).await.unwrap(), 1);
    let purged = world.store.purge(world.clock.now(), 100).await.unwrap();
    assert_eq!((purged, operator.count(tokens).await), (1, 0));

    let engine = world.engine("retired");
    assert_eq!(
        Upkeep::new(&engine)
            .renew_seals(&world.alice)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        operator.people(whose.clone()).await,
        people(&[("t2", "bob")])
    );
    assert_eq!(
        Upkeep::new(&engine).renew_seals(&world.bob).await.unwrap(),
        1
    );
    assert_eq!(operator.count(factors).await, 0);
    assert_eq!(operator.people(whose).await, []);

    // So the ring without it loses nothing.
    for owner in [&world.alice, &world.bob, &world.carol] {
        let opened = world.opened("dropped", owner).await;
        assert!(!opened.is_empty() && opened.iter().all(Result::is_ok));
    }
    assert!(world.store.find(&world.new).await.unwrap().is_some());
}

/// A leak, where the thief may have seen the database.
pub(crate) async fn what_a_leaked_key_made_is_removed<S, O: Operator>(store: S, operator: &mut O)
where
    S: Clone + TokenStore + FactorStore + LimitStore + 'static,
{
    let [tokens, factors, _, delete, update] = statements::<O>();
    let world = World::new(store).await;
    let ring = "leaked-with-database";
    let engine = world.engine(ring);
    let missing = Err(SealError::KeyMissing(token_store::ott_core::KeyId(1)));
    assert_eq!(world.opened(ring, &world.alice).await, [missing, missing]);
    // Whoever owns one is answered 503 until it is removed.
    assert!(
        Upkeep::new(&engine)
            .renew_seals(&world.alice)
            .await
            .is_err()
    );

    assert_eq!(operator.change(delete).await, 2);
    assert_eq!(operator.change(update).await, 3);
    let left = (operator.count(tokens).await, operator.count(factors).await);
    assert_eq!(left, (0, 0));
    for id in &world.old {
        assert_eq!(world.store.find(id).await.unwrap(), None);
    }
    for owner in [&world.alice, &world.bob] {
        assert_eq!(world.store.factors(owner).await.unwrap(), []);
        assert_eq!(Upkeep::new(&engine).renew_seals(owner).await.unwrap(), 0);
    }

    // Whoever has nothing of that key notices nothing; the others enrol again.
    assert_eq!(world.opened(ring, &world.carol).await, [Ok(())]);
    assert!(world.store.find(&world.new).await.unwrap().is_some());
    enrol(&engine, &world.alice).await;
    assert_eq!(
        Upkeep::new(&engine)
            .renew_seals(&world.alice)
            .await
            .unwrap(),
        0
    );
}
