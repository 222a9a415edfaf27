//! Whoever reads the tables finds no token, no handle, no address and no key.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, PROMPT, RECOVERY, now};
use pg::PgFixture;
use sqlx::AssertSqlSafe;
use token_store::{
    TokenStore,
    ott_core::{Binding, Destination},
};
use token_store_sqlx::sqlx;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_rows() {
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
    // Every row as text, its bytes in hexadecimal digits and as they are.
    let select = fixture
        .fill("SELECT t::text || encode(convert_to(t::text, 'UTF8'), 'escape') FROM {tokens} AS t");
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select))
        .fetch_all(fixture.store.pool())
        .await
        .unwrap();
    let all = rows.join("\n");
    let plain = all.replace('-', "");
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    for secret in &secrets {
        assert!(!all.contains(secret.as_str()) && !plain.contains(secret.as_str()));
        assert!(!all.contains(&hex(secret)));
    }
    // The search finds what is there: each public id.
    assert!(ids.iter().all(|id| plain.contains(id.as_str())));
}
