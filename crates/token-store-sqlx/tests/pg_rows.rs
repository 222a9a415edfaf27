//! Whoever reads the tables finds no token, no handle, no address and no server key.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, PROMPT, RECOVERY, now};
use pg::PgFixture;
use sqlx::AssertSqlSafe;
use token_store::{
    FactorStore, TokenStore,
    ott_core::{Binding, Destination},
};
use token_store_sqlx::sqlx;

const SECRET: &str = "a secret of 160 bits";

/// No row holds a long token, a handle, an address, an operation's parameter, a factor's secret or a server key, in whatever spelling.
#[tokio::test(flavor = "multi_thread")]
async fn rows_hold_nothing_secret() {
    let fixture = PgFixture::new().await;
    let address = Destination::email("alice.secret@example.org").unwrap();
    let binding = Binding::subject(&fixture.alice)
        .destination(&address)
        .operation(&[("amount", "operation-parameter-97531")]);
    let mut secrets = vec![
        String::from("alice.secret@example.org"),
        String::from("operation-parameter-97531"),
    ];
    let mut ids = Vec::new();
    for _ in 0..25 {
        let mut batch = Vec::new();
        for policy in [CODE, LINK, RECOVERY, PROMPT] {
            let issued = fixture.issuer.issue(&policy, &binding, now()).unwrap();
            // A code of six digits is by chance in every row: only long tokens can be looked for.
            if policy.purpose() != CODE.purpose() {
                secrets.push(issued.token.expose_secret().to_owned());
            }
            secrets.push(issued.handle.expose_secret().to_string());
            ids.push(issued.record.id().to_string());
            batch.push(issued.record);
        }
        fixture.store.insert(&batch).await.unwrap();
    }
    secrets.push(SECRET.to_owned());
    secrets.extend(fixture.keys());
    let factor = fixture.sealed(SECRET.as_bytes());
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    // Every row as text, its bytes in hexadecimal digits and as they are.
    let mut all = String::new();
    for table in ["tokens", "factors"] {
        let select = format!(
            "SELECT t::text || encode(convert_to(t::text, 'UTF8'), 'escape') FROM {{{table}}} AS t"
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(fixture.fill(&select)))
            .fetch_all(fixture.store.pool())
            .await
            .unwrap();
        all.extend(rows);
    }
    let plain = all.replace('-', "");
    let hex = |bytes: &[u8]| {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    for secret in &secrets {
        assert!(!all.contains(secret.as_str()) && !plain.contains(secret.as_str()));
        assert!(!all.contains(&hex(secret.as_bytes())));
    }
    // The search finds what is there: each public id, the seal.
    assert!(ids.iter().all(|id| plain.contains(id.as_str())));
    assert!(all.contains(&hex(&factor.sealed)));
}
