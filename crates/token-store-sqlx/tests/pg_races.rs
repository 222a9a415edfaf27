//! Several processes on one database, ten thousand clients, and clocks that differ. The other
//! processes are this very binary, run again with a variable set.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;
#[path = "support/process.rs"]
mod process;

use fixture::{CODE, at_once, now};
use pg::PgFixture;
use process::{Process, heard, own_place, this_binary};
use testing::postgres::{PATIENCE, pool};
use token_store::{
    Advanced, Charge, ConfirmIf, FactorState, FactorStore, LimitStore, Redeemed, Spent, TokenStore,
    ott_core::{
        Binding, Handle, Issuer, KeyId, KeyRing, Limit, LimitKey, LimitScope, LimitState,
        Overspent, Presented, Reason, Subject,
        chrono::{DateTime, TimeDelta, Utc},
        rand::rngs::SysRng,
    },
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{self, AssertSqlSafe},
};

const TASKS: usize = 8;
const BURST: u32 = 5;

/// Who won how often of one round's tasks: token, counter, limit.
type Won = [usize; 3];

/// Two processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_have_one_winner() {
    one_winner(2, 1_000).await;
}

/// Four processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn four_processes_together_have_one_winner() {
    one_winner(4, 250).await;
}

async fn one_winner(processes: usize, rounds: u64) {
    let keys = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).unwrap();
    let mut fixture = PgFixture::new().await;
    fixture.issuer = Issuer::new(KeyRing::from_text(&keys).unwrap());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let mut others: Vec<_> = (1..processes)
        .map(|_| {
            let schema = &fixture.place.name;
            let mut other = Process::start(this_binary(), "other_process", schema);
            other.tell(keys.trim_end());
            assert_eq!(other.hear().as_deref(), Some("nothing yet"));
            other
        })
        .collect();

    let mut total = vec![[0; 3]; processes];
    for round in 1..=rounds {
        let issued = fixture.insert(&CODE).await;
        let typed = issued.token.expose_secret();
        let handle = issued.handle.expose_secret();
        for other in &mut others {
            other.tell(&format!("{round} {} {typed}", *handle));
        }
        let presented = fixture.right(&CODE, &issued);
        let mut won = vec![race(&fixture.store, &presented, round).await];
        won.extend(others.iter_mut().map(|other| parse(&other.hear().unwrap())));
        let all = |what: usize| won.iter().map(|won| won[what]).sum::<usize>();
        assert_eq!(all(0), 1, "tokens, round {round}");
        assert_eq!(all(1), 1, "counters, round {round}");
        assert_eq!(
            all(2),
            usize::try_from(BURST).unwrap(),
            "limits, round {round}"
        );
        for (sum, won) in total.iter_mut().zip(won) {
            sum.iter_mut().zip(won).for_each(|(sum, won)| *sum += won);
        }
    }
    // Otherwise one of them was always late, and nothing was proved.
    assert!(total.as_flattened().iter().all(|won| *won > 0), "{total:?}");
}

/// Each of the other processes: it joins the race that a line names, and says what it won.
#[tokio::test(flavor = "multi_thread")]
async fn other_process() {
    let Some(schema) = own_place() else {
        return;
    };
    let mut asked = heard();
    let issuer = Issuer::new(KeyRing::from_text(&asked.next().unwrap()).unwrap());
    let builder = PostgresStore::builder().timeout(PATIENCE).schema(schema);
    let store = builder.pool(pool()).await.unwrap();
    let alice = Subject::new("t1", "alice").unwrap();
    println!("\n@ nothing yet");
    for line in asked {
        let [round, handle, typed] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("three words: {line}");
        };
        let handle = Handle::parse(handle).unwrap();
        let presented = issuer
            .present_by_handle(&CODE, &handle, &Binding::subject(&alice), typed, now())
            .unwrap();
        let [token, counter, limit] = race(&store, &presented, round.parse().unwrap()).await;
        println!("@ {token} {counter} {limit}");
    }
}

fn parse(words: &str) -> Won {
    let numbers: Vec<_> = words
        .split(' ')
        .map(|word| word.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

/// One token, one counter, one limit, by several tasks of this process.
async fn race(store: &PostgresStore, presented: &Presented, round: u64) -> Won {
    let id = token_store::FactorId::from_bytes([1; 16]);
    let charge = Charge {
        key: LimitKey::new(
            LimitScope::Application,
            &round.to_string(),
            &Binding::tenant("t1"),
        ),
        limit: Limit::ceiling(BURST),
    };
    let tasks = (0..TASKS).map(|_| {
        let (store, presented) = (store.clone(), presented.clone());
        async move {
            let token = store.redeem(&presented, now()).await.expect("an answer");
            let counter = store.advance(&id, round, now()).await.expect("an answer");
            let limit = store.spend(&[charge], now()).await.expect("an answer");
            [
                matches!(token, Redeemed::Redeemed(_)),
                counter == Advanced::Accepted,
                limit == Spent::Allowed,
            ]
        }
    });
    let mut won = [0; 3];
    for task in at_once(tasks).await {
        won.iter_mut()
            .zip(task)
            .for_each(|(sum, won)| *sum += usize::from(won));
    }
    won
}

/// Ten thousand clients redeem a thousand tokens a thousand times.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_clients_redeem_each_token_once() {
    const TOKENS: usize = 1_000;
    const CLIENTS: usize = 10_000;
    let fixture = PgFixture::new().await;
    let issued: Vec<_> = (0..TOKENS).map(|_| fixture.issue(&CODE)).collect();
    let batch: Vec<_> = issued.iter().map(|issued| issued.record.clone()).collect();
    fixture.store.insert(&batch).await.unwrap();
    let rights: Vec<_> = issued
        .iter()
        .map(|issued| fixture.right(&CODE, issued))
        .collect();
    let clients = (0..CLIENTS).map(|client| {
        let (store, right) = (fixture.store.clone(), rights[client % TOKENS].clone());
        async move { store.redeem(&right, now()).await.expect("an answer") }
    });
    let told = at_once(clients).await;
    let won = told
        .iter()
        .filter(|told| matches!(told, Redeemed::Redeemed(_)))
        .count();
    let late = told
        .iter()
        .filter(|told| **told == Redeemed::Refused(Reason::Spent))
        .count();
    assert_eq!((won, late), (TOKENS, CLIENTS - TOKENS));
    let spent = fixture
        .number("SELECT count(*) FROM {tokens} WHERE state = 5 AND attempts = 1")
        .await;
    assert_eq!(spent, 1_000);
}

/// Machines whose clocks are an hour apart share a limit: nobody is allowed more than on one machine,
/// and whoever is behind waits for the one before.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_an_hour_apart_lose_nothing_of_a_limit() {
    let fixture = PgFixture::new().await;
    let hour = TimeDelta::hours(1);
    let pace = Limit::pace(10, TimeDelta::minutes(6));
    let at = |minutes: i64, machine: usize| -> DateTime<Utc> {
        let skew = if machine == 0 {
            TimeDelta::zero()
        } else {
            hour
        };
        now() + TimeDelta::minutes(minutes) + skew
    };
    for (name, first) in [("ahead", 1), ("behind", 0)] {
        let charge = Charge {
            key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
            limit: pace,
        };
        let (mut allowed, mut model) = (0, LimitState::default());
        for minutes in 0..60 {
            for turn in 0..8 {
                let now = at(minutes, (first + turn) % 2);
                let told = fixture.store.spend(&[charge], now).await.unwrap();
                let expected = match pace.spend(&mut model, now) {
                    Ok(()) => Spent::Allowed,
                    Err(Overspent::RetryAt(at)) => Spent::RetryAt(charge.key, at),
                    Err(Overspent::Locked) => Spent::Locked(charge.key),
                    Err(Overspent::Ahead) => Spent::Ahead(charge.key),
                };
                assert_eq!(told, expected, "{name}, minute {minutes}, turn {turn}");
                allowed += u32::from(told == Spent::Allowed);
            }
        }
        // Ten at once and one more each 6 minutes; the hour between the clocks gives ten more, once.
        assert!((19..=29).contains(&allowed), "{name}: {allowed}");
        let ceiling = Charge {
            key: LimitKey::new(
                LimitScope::Application,
                &format!("{name} ceiling"),
                &fixture.binding(),
            ),
            limit: Limit::ceiling(10),
        };
        let mut allowed = 0;
        for turn in 0..40 {
            let told = fixture.store.spend(&[ceiling], at(0, turn % 2)).await;
            allowed += u32::from(told.unwrap() == Spent::Allowed);
        }
        assert_eq!(allowed, 10, "{name}");
    }
}

/// A factor is confirmed or restored after a code of it was refused, and before the store looks for the reason: the code is
/// refused as nobody's, and never as used.
#[tokio::test(flavor = "multi_thread")]
async fn refusal_whose_row_changed_is_no_replay() {
    let fixture = PgFixture::new().await;
    // Between the two statements: as the first one ends, in its own transaction.
    let change = "CREATE FUNCTION {factors}_meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF pg_trigger_depth() = 1 THEN \
                UPDATE {factors} SET state = 1, last = 3, removed_at = NULL, removed_from = NULL, removed_by = NULL \
                WHERE state <> 1; \
            END IF; \
            RETURN NULL; \
        END $$";
    fixture.run(change).await;
    let trigger = "CREATE TRIGGER meanwhile AFTER UPDATE ON {factors} FOR EACH STATEMENT \
        EXECUTE FUNCTION {factors}_meanwhile()";
    fixture.run(trigger).await;
    let (pending, first) = (
        fixture.factor(1, FactorState::Pending),
        fixture.factor(2, FactorState::Pending),
    );
    assert!(fixture.store.insert_factor(&pending).await.unwrap());
    let told = fixture.store.advance(&pending.id, 5, now()).await.unwrap();
    assert_eq!(told, Advanced::Absent);
    // It was confirmed meanwhile, with 3.
    let told = fixture.store.advance(&pending.id, 3, now()).await.unwrap();
    assert_eq!(told, Advanced::Replayed);
    let told = fixture.store.advance(&pending.id, 5, now()).await.unwrap();
    assert_eq!(told, Advanced::Accepted);
    // One is active already, so that this one needs another one's word; by then it has it.
    assert!(fixture.store.insert_factor(&first).await.unwrap());
    let only = ConfirmIf::First;
    let told = fixture.store.confirm(&first.id, Some(2), only, now()).await;
    assert_eq!(told.unwrap(), Advanced::Absent);
}

/// A factor that is inserted after a confirmation of it began is none for that confirmation: it holds no row by which another
/// first factor would wait for it, and both would be active.
#[tokio::test(flavor = "multi_thread")]
async fn confirmation_before_its_factor_is_absent() {
    let fixture = PgFixture::new().await;
    let factor = fixture.factor(1, FactorState::Pending);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let table = |text: &str| AssertSqlSafe(fixture.fill(text));
    let mut other = fixture.store.pool().acquire().await.unwrap();
    for text in [
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM {factors}",
        "DELETE FROM {factors}",
        "BEGIN",
        // Rows can be locked beside this, and none written.
        "LOCK TABLE {factors} IN SHARE MODE",
    ] {
        sqlx::query(table(text)).execute(&mut *other).await.unwrap();
    }
    let (store, id) = (fixture.store.clone(), factor.id);
    let confirmed =
        tokio::spawn(async move { store.confirm(&id, Some(1), ConfirmIf::First, now()).await });
    let waits =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{factors}'::regclass";
    while !confirmed.is_finished() && fixture.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    for text in ["INSERT INTO {factors} SELECT * FROM kept", "COMMIT"] {
        sqlx::query(table(text)).execute(&mut *other).await.unwrap();
    }
    assert_eq!(confirmed.await.unwrap().unwrap(), Advanced::Absent);
    assert_eq!(
        fixture.number("SELECT state::bigint FROM {factors}").await,
        0
    );
}
