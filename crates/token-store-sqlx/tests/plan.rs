//! How SQLite finds rows: by an index in every verb; and no index is rewritten by a redeem.

#[path = "support/fixture.rs"]
mod fixture;

use core::fmt;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use fixture::{CODE, Fixture, LINK, PROMPT, RECOVERY, now};
use sqlx::{AssertSqlSafe, Row};
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, FactorChange,
    FactorState, FactorStore, Guess, Inserted, LimitStore, RemoveIf, Revoke, StoredFactor,
    TokenStore,
    ott_core::{Issued, Limit, LimitKey, LimitScope},
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

/// Every statement of every verb finds its rows by an index: none scans a table, and none with a limit sorts.
#[tokio::test(flavor = "multi_thread")]
async fn every_verb_finds_its_rows_by_an_index() {
    let fixture = Fixture::new().await;
    let statements = Statements::default();
    tracing::subscriber::set_global_default(statements.clone()).unwrap();
    every_verb(&fixture).await;
    let mut statements = statements.0.lock().unwrap().clone();
    // Not the migrations of the test beside this one.
    let verbs = [
        "SELECT",
        "INSERT INTO ott_",
        "UPDATE ott_",
        "DELETE FROM ott_",
    ];
    statements.retain(|statement| verbs.iter().any(|verb| statement.starts_with(verb)));
    statements.retain(|statement| statement.contains(" ott_"));
    // Twenty-three verbs; some share a statement, some have two.
    assert!(statements.len() >= 20, "{statements:#?}");
    let is_group = |statement: &String| statement.contains("WHERE id = p.i");
    assert!(statements.iter().any(is_group), "{statements:#?}");
    for statement in statements {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan = sqlx::query(explain)
            .fetch_all(fixture.store.pool())
            .await
            .unwrap();
        let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
        let scans = steps.iter().any(|step| step.starts_with("SCAN ott_"));
        assert!(!scans, "{statement}\n{steps:#?}");
        // What a look at the next so many rows would have to sort it would have to read first.
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(
            !(sorts && statement.contains("LIMIT")),
            "{statement}\n{steps:#?}"
        );
        let one = statement.contains("WHERE id = ?1");
        if one || statement.contains("WHERE id = p.i") {
            let by_id = steps.iter().any(|step| step.ends_with("(id=?)"));
            assert!(by_id, "{statement}\n{steps:#?}");
        }
    }
}

async fn every_verb(fixture: &Fixture) {
    let (store, alice) = (&fixture.store, &fixture.alice);
    for _ in 0..2 {
        fixture.insert(&RECOVERY).await;
    }
    let link = fixture.insert(&LINK).await;
    let prompt = fixture.insert(&PROMPT).await;
    let id = *link.record.id();
    let right = fixture.right(&LINK, &link);
    store.touch(&id, now()).await.expect("an answer");
    store.redeem(&right, now()).await.expect("an answer");
    store.redeem(&right, now()).await.expect("an answer");
    // Two at once: the one has its turn and no connection yet, so the other waits in a group.
    let mut held = Vec::new();
    for _ in 0..store.pool().options().get_max_connections() {
        held.push(store.pool().acquire().await.expect("a connection"));
    }
    let give_back = async { held.clear() };
    let redeem = || store.redeem(&right, now());
    let (one, other, ()) = tokio::join!(redeem(), redeem(), give_back);
    one.and(other).expect("an answer");
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
    let later = now().checked_add_days(token_store::ott_core::chrono::Days::new(1));
    let later = later.expect("a time within the calendar");
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
    guesses(fixture, &factor).await;
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
    let cost = Cost {
        charges: &[charge],
        unknown_is_free: true,
    };
    let charged = store.redeem_charged(&right, cost, &[], now()).await;
    charged.expect("an answer");
    let earning = fixture.insert(&CODE).await;
    let (earning, earned) = (
        fixture.right(&CODE, &earning),
        [fixture.issue(&CODE).record],
    );
    let free = Cost {
        charges: &[],
        ..cost
    };
    let charged = store.redeem_charged(&earning, free, &earned, now()).await;
    charged.expect("an answer");
    let new = [fixture.issue(&CODE).record];
    let charged = store.insert_charged(&new, &[charge], now()).await;
    charged.expect("an answer");
    for _ in 0..2 {
        store.spend(&[charge], now()).await.expect("an answer");
        store.refund(&[charge], 1).await.expect("an answer");
    }
    store.clear(&charge.key).await.expect("an answer");
    store.spend(&[charge], now()).await.expect("an answer");
    store.refund(&[charge], 1).await.expect("an answer");
    assert_eq!(store.purge_limits(later, 10).await.expect("an answer"), 1);
    store.clear(&charge.key).await.expect("an answer");
}

/// A look, a wrong guess, a right one, which clears what the wrong one was charged to, and its replay.
async fn guesses(fixture: &Fixture, factor: &StoredFactor) {
    let charges = ["guessed", "failures"].map(|name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::ceiling(9),
    });
    let keys = charges.map(|charge| charge.key);
    for (right, expected) in [
        (None, None),
        (Some((factor.id, 3)), Some(Advanced::Accepted)),
        (Some((factor.id, 3)), Some(Advanced::Replayed)),
    ] {
        let guess = Guess {
            right,
            charges: &charges,
            cleared: &keys,
        };
        let told = fixture.store.advance_charged(guess, now()).await;
        assert_eq!(told.expect("an answer"), Charged::Answered(expected));
    }
    let looked = fixture.store.look(&fixture.alice, &keys).await;
    assert_eq!(looked.expect("an answer").limits.len(), 2);
    for key in keys {
        fixture.store.clear(&key).await.expect("an answer");
    }
}

/// No index names a column that redeem, spend or advance changes; but what ends leaves its subject's list, and is listed for a purge.
#[tokio::test]
async fn indexes_name_no_column_that_redeem_writes() {
    let fixture = Fixture::new().await;
    let select = "SELECT m.name AS 'index', i.name AS 'column', m.sql, m.tbl_name \
        FROM sqlite_schema AS m, pragma_index_xinfo(m.name) AS i WHERE m.type = 'index'";
    let rows = sqlx::query(select).fetch_all(fixture.store.pool()).await;
    let rows = rows.unwrap();
    assert!(rows.len() > 10);
    for row in rows {
        let (index, column): (String, Option<String>) = (row.get("index"), row.get("column"));
        let (condition, table): (Option<String>, String) = (row.get("sql"), row.get("tbl_name"));
        let advance: &[&str] = &["last", "used_at"];
        let others: &[&str] = &["state", "attempts", "used_at", "full_at", "count"];
        let written = if table == "ott_factors" {
            advance
        } else {
            others
        };
        for written in written.iter().copied() {
            assert_ne!(column.as_deref(), Some(written), "{index}");
            let named = condition.as_ref().is_some_and(|sql| sql.contains(written));
            let ends = [
                ("ott_tokens_subject", "state"),
                ("ott_tokens_ends", "state"),
                ("ott_tokens_ends", "used_at"),
            ];
            assert_eq!(named, ends.contains(&(index.as_str(), written)), "{index}");
        }
    }
}

/// What ended is not in the index by which a subject's tokens are listed and revoked: it is as long as what lives.
#[tokio::test]
async fn list_does_not_grow_with_what_ended() {
    let fixture = Fixture::new().await;
    let (store, alice) = (&fixture.store, &fixture.alice);
    let many = |policy| -> Vec<_> { (0..300).map(|_| fixture.issue(policy)).collect() };
    let insert = async |issued: &[Issued]| {
        let batch: Vec<_> = issued.iter().map(|issued| issued.record.clone()).collect();
        assert_eq!(store.insert(&batch).await.unwrap(), Inserted::Done);
    };
    let (links, codes) = (many(&LINK), many(&CODE));
    insert(&links).await;
    insert(&codes).await;
    // Each entry is a cell of a leaf; with so few, there is one page or there are some inner cells too.
    let entries = async || -> i64 {
        let cells =
            "SELECT sum(ncell) FROM dbstat WHERE name = 'ott_tokens_subject' AND pagetype = 'leaf'";
        let cells = sqlx::query_scalar(cells).fetch_one(store.pool());
        cells.await.unwrap()
    };
    assert!(entries().await >= 590);
    for issued in links.iter().take(100) {
        store
            .redeem(&fixture.right(&LINK, issued), now())
            .await
            .unwrap();
    }
    for issued in links.iter().skip(100).take(195) {
        let revoke = Revoke::Record(*issued.record.id());
        store.revoke(&revoke).await.unwrap();
    }
    for issued in codes.iter().take(10) {
        for _ in 0..5 {
            store.redeem(&fixture.wrong(issued), now()).await.unwrap();
        }
    }
    assert_eq!(store.list(alice, None, now()).await.unwrap().len(), 295);
    let of_codes = Revoke::purpose(alice, CODE.purpose());
    assert_eq!(store.revoke(&of_codes).await.unwrap(), 290);
    // Each takes the place of the one before.
    for _ in 0..20 {
        fixture.insert(&RECOVERY).await;
    }
    assert_eq!(store.list(alice, None, now()).await.unwrap().len(), 6);
    assert_eq!(entries().await, 6);
}
