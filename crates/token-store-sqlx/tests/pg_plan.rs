//! How PostgreSQL finds rows: by an index in every verb; and no index is rewritten by a redeem.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::fmt;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use fixture::{CODE, LINK, PROMPT, RECOVERY, now};
use pg::PgFixture;
use sqlx::{AssertSqlSafe, Row};
use token_store::{
    Charge, ChargedFactors, ChargedStore, ConfirmIf, Cost, FactorChange, FactorState, FactorStore,
    Guess, LimitStore, Redeemed, RemoveIf, Revoke, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::sqlx;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Collects the statements that the driver logs, so that what is planned is what is run.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Visit for Statements {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.statement" {
            let mut statements = self.0.lock().expect("no test panicked");
            statements.insert(value.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// As many rows as make a scan dear; each of a slot and a subject of its own.
async fn many_rows(fixture: &PgFixture) {
    fixture
        .run(
            "INSERT INTO {tokens} (id, slot, policy, key, issued_at, expires_at, idle_micros, \
               generation, attempts, state, digest, binding, tag, data, purpose, tenant, subject) \
             SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, n * 1000000::bigint, \
               n * 1000000::bigint + 600000000, NULL, 1, 0, 1, '\\x00', '\\x00', '\\x00', '', 'sign-in', \
               't1', 'subject ' || n \
             FROM generate_series(2000, 22000) AS n",
        )
        .await;
    fixture
        .run("INSERT INTO {slots} SELECT slot, 1 FROM {tokens}")
        .await;
    fixture
        .run(
            "INSERT INTO {factors} (id, created_at, state, sealed, tenant, subject, provider, label) \
             SELECT gen_random_uuid(), 0, 1, '', 't1', 'subject ' || n, 'totp', '' FROM generate_series(1, 20000) AS n",
        )
        .await;
    fixture
        .run("INSERT INTO {limits} SELECT gen_random_uuid(), 0, 1 FROM generate_series(1, 20000)")
        .await;
    fixture
        .run("INSERT INTO {ends} SELECT issued_at, id FROM {tokens}")
        .await;
    for table in ["tokens", "slots", "ends", "factors", "limits"] {
        fixture.run(&format!("ANALYZE {{{table}}}")).await;
    }
}

/// Every statement of every verb finds its rows by an index, whatever its arguments are: none scans a table.
#[tokio::test(flavor = "multi_thread")]
async fn every_verb_finds_its_rows_by_an_index() {
    let fixture = PgFixture::new().await;
    let statements = Statements::default();
    tracing::subscriber::set_global_default(statements.clone()).unwrap();
    every_verb(&fixture).await;
    many_rows(&fixture).await;
    let mut statements = statements.0.lock().unwrap().clone();
    // With arguments: neither the tests' own statements nor those of the start. Not those of the test
    // beside this one.
    let here = format!("\"{}\".ott_", fixture.place.name);
    statements.retain(|statement| statement.contains("$1") && statement.contains(&here));
    assert!(statements.len() >= 24, "{statements:#?}");
    let mut connection = fixture.store.pool().acquire().await.unwrap();
    // The plan that a prepared statement comes to, whatever its arguments are.
    sqlx::query("SET plan_cache_mode = force_generic_plan")
        .execute(&mut *connection)
        .await
        .unwrap();
    for (number, statement) in statements.iter().enumerate() {
        let most = (1..40).rev().find(|n| statement.contains(&format!("${n}")));
        let nulls = vec!["NULL"; most.unwrap_or(0)].join(", ");
        let prepare = AssertSqlSafe(format!("PREPARE plan_{number} AS {statement}"));
        sqlx::raw_sql(prepare)
            .execute(&mut *connection)
            .await
            .unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE plan_{number} ({nulls})"));
        let plan = sqlx::raw_sql(explain).fetch_all(&mut *connection).await;
        let steps: Vec<String> = plan.unwrap().iter().map(|step| step.get(0)).collect();
        let scans = steps.iter().any(|step| step.contains("Seq Scan on ott_"));
        assert!(!scans, "{statement}\n{steps:#?}");
    }
}

async fn every_verb(fixture: &PgFixture) {
    let (store, alice) = (&fixture.store, &fixture.alice);
    for _ in 0..2 {
        fixture.insert(&RECOVERY).await;
    }
    let link = fixture.insert(&LINK).await;
    let prompt = fixture.insert(&PROMPT).await;
    let id = *link.record.id();
    let right = fixture.right(&LINK, &link);
    store.touch(&id, now()).await.expect("an answer");
    let mut transaction = store.pool().begin().await.expect("a transaction");
    let on = store.on(&mut transaction);
    on.redeem(&right, now()).await.expect("an answer");
    transaction.rollback().await.expect("an answer");
    store.redeem(&right, now()).await.expect("an answer");
    store.redeem(&right, now()).await.expect("an answer");
    let approval = fixture.approval(&prompt);
    let decided = store.decide(prompt.record.id(), &approval, now()).await;
    decided.expect("an answer");
    for purpose in [None, Some(CODE.purpose())] {
        let listed = store.list(alice, purpose, now()).await;
        listed.expect("an answer");
        let what = Revoke::Subject {
            subject: alice.clone(),
            purpose: purpose.copied(),
            except: Some(id),
        };
        store.revoke(&what).await.expect("an answer");
    }
    let own = Revoke::own(alice, id);
    store.revoke(&own).await.expect("an answer");
    store.revoke(&Revoke::Record(id)).await.expect("an answer");
    let later = now() + TimeDelta::days(1);
    assert!(store.purge(later, 100).await.expect("an answer") > 0);

    let factor = fixture.factor(1, FactorState::Pending);
    store.insert_factor(&factor).await.expect("an answer");
    store.factors(alice).await.expect("an answer");
    let other = fixture.factor(2, FactorState::Pending);
    for only in [
        ConfirmIf::Beside(other.id),
        ConfirmIf::First,
        ConfirmIf::Always,
    ] {
        let confirmed = store.confirm(&factor.id, Some(1), only, now()).await;
        confirmed.expect("an answer");
    }
    for _ in 0..2 {
        let advanced = store.advance(&factor.id, 2, now()).await;
        advanced.expect("an answer");
    }
    for change in [
        FactorChange::Label("b".into()),
        FactorChange::Seal {
            old: factor.sealed.clone(),
            new: vec![2],
        },
        FactorChange::Disable,
    ] {
        let changed = store.update(&factor.id, &change).await;
        assert!(changed.expect("an answer"));
    }
    for only in [
        RemoveIf::Beside(other.id),
        RemoveIf::Pending,
        RemoveIf::Always,
    ] {
        let removed = store.remove(&factor.id, only, &[], now()).await;
        removed.expect("an answer");
    }
    assert!(store.restore(&factor.id).await.expect("an answer"));
    let removed = store.remove(&factor.id, RemoveIf::Always, &[], now());
    assert!(removed.await.expect("an answer"));
    assert_eq!(store.purge_factors(later, 10).await.expect("an answer"), 1);

    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
        limit: Limit::ceiling(1),
    };
    let roomy = Charge {
        key: LimitKey::new(LimitScope::Application, "b", &fixture.binding()),
        limit: Limit::ceiling(9),
    };
    let cost = Cost {
        charges: &[charge],
        unknown_is_free: true,
    };
    let told = store.redeem_charged(&right, cost, &[], now()).await;
    told.expect("an answer");
    let code = fixture.insert(&CODE).await;
    let earned = [fixture.issue(&LINK).record, fixture.issue(&CODE).record];
    for presented in [fixture.wrong(&code), fixture.right(&CODE, &code)] {
        let cost = Cost {
            charges: &[roomy],
            ..cost
        };
        let told = store.redeem_charged(&presented, cost, &earned, now()).await;
        told.expect("an answer");
    }
    let new = [fixture.issue(&LINK).record];
    let told = store.insert_charged(&new, &[charge], now()).await;
    told.expect("an answer");
    let looked = store.look(alice, &[charge.key]).await;
    looked.expect("an answer");
    let guess = Guess {
        right: Some((other.id, 1)),
        charges: &[charge],
        cleared: &[charge.key],
    };
    let told = store.advance_charged(guess, now()).await;
    told.expect("an answer");
    store.clear(&charge.key).await.expect("an answer");
    store.clear(&roomy.key).await.expect("an answer");
    assert_eq!(store.purge(later, 10).await.expect("an answer"), 4);
    for _ in 0..2 {
        store.spend(&[charge], now()).await.expect("an answer");
        store.refund(&[charge], 1).await.expect("an answer");
    }
    assert_eq!(store.purge_limits(later, 10).await.expect("an answer"), 1);
    store.clear(&charge.key).await.expect("an answer");
}

/// No index names a column that redeem, spend or advance changes.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_name_no_column_that_redeem_writes() {
    let fixture = PgFixture::new().await;
    let select = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = $1";
    let rows = sqlx::query(select)
        .bind(&fixture.place.name)
        .fetch_all(fixture.store.pool())
        .await
        .unwrap();
    // Six keys, that of the migrations, ten more.
    assert_eq!(rows.len(), 17);
    for row in rows {
        let (name, text): (String, String) = (row.get(0), row.get(1));
        let columns = text.split_once('(').unwrap().1;
        let advance: &[&str] = &["last", "used_at"];
        let others: &[&str] = &["state", "attempts", "used_at", "full_at", "count"];
        let of_factors = name.contains("factors");
        for written in if of_factors { advance } else { others } {
            assert!(!columns.contains(written), "{name}: {text}");
        }
    }
}

/// So an update stays on its page and touches no index, as long as the page has room. A snapshot held
/// elsewhere in the server keeps old versions, and some updates then move: one index over a written
/// column would move them all.
#[tokio::test(flavor = "multi_thread")]
async fn redeems_rewrite_no_index() {
    const TOKENS: usize = 500;
    let fixture = PgFixture::new().await;
    let issued: Vec<_> = (0..TOKENS).map(|_| fixture.issue(&CODE)).collect();
    let batch: Vec<_> = issued.iter().map(|issued| issued.record.clone()).collect();
    fixture.store.insert(&batch).await.unwrap();
    for issued in &issued {
        let wrong = fixture.wrong(issued);
        fixture.store.redeem(&wrong, now()).await.unwrap();
        let told = fixture
            .store
            .redeem(&fixture.right(&CODE, issued), now())
            .await;
        assert!(matches!(told.unwrap(), Redeemed::Redeemed(_)));
    }
    // What the server counts arrives a little later.
    let counted = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = '{tokens}'::regclass";
    let began = std::time::Instant::now();
    while fixture.number(counted).await < i64::try_from(2 * TOKENS).unwrap() {
        assert!(began.elapsed() < core::time::Duration::from_secs(60));
        fixture.number("SELECT 1::bigint FROM pg_sleep(0.1)").await;
    }
    let hot = counted.replace("n_tup_upd", "n_tup_hot_upd * 100 / n_tup_upd");
    let hot = fixture.number(&hot).await;
    assert!(hot >= 50, "{hot} of 100 updates stayed on their page");
}

/// What was revoked is not in the index by which a subject's tokens are listed and revoked. What was redeemed is, until a
/// purge: a redeem writes into no index.
#[tokio::test(flavor = "multi_thread")]
async fn list_does_not_grow_with_what_was_revoked() {
    let fixture = PgFixture::new().await;
    let (store, alice) = (&fixture.store, &fixture.alice);
    let issued: Vec<_> = (0..400).map(|_| fixture.issue(&LINK)).collect();
    let batch: Vec<_> = issued.iter().map(|issued| issued.record.clone()).collect();
    store.insert(&batch).await.unwrap();
    let id = |at: usize| *issued[at].record.id();
    for at in 0..100 {
        store.revoke(&Revoke::Record(id(at))).await.unwrap();
        store
            .revoke(&Revoke::own(alice, id(100 + at)))
            .await
            .unwrap();
    }
    let mut transaction = store.pool().begin().await.unwrap();
    let on = store.on(&mut transaction);
    on.revoke(&Revoke::Record(id(200))).await.unwrap();
    transaction.commit().await.unwrap();
    let redeemed = store
        .redeem(&fixture.right(&LINK, &issued[201]), now())
        .await;
    assert!(matches!(redeemed.unwrap(), Redeemed::Redeemed(_)));
    let index = "SELECT count(*) FROM pg_index WHERE indrelid = '{tokens}'::regclass AND pg_get_indexdef(indexrelid) \
        LIKE '%(tenant, subject, purpose) WHERE ((subject IS NOT NULL) AND listed)'";
    assert_eq!(fixture.number(index).await, 1);
    let entries = "SELECT count(*) FROM {tokens} WHERE subject IS NOT NULL AND listed";
    assert_eq!(fixture.number(entries).await, 199);
    assert_eq!(store.list(alice, None, now()).await.unwrap().len(), 198);
    let all = Revoke::subject(alice);
    assert_eq!(store.revoke(&all).await.unwrap(), 198);
    assert_eq!(fixture.number(entries).await, 1);
}
