//! The database file, as a person with it reads and changes it.

use contract_server::sqlx::{
    self, AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::support::Site;

fn with_file<T>(site: &Site, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
    let path = site.server.folder().join("data/data.db");
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(core::time::Duration::from_secs(30));
        let mut file = SqliteConnection::connect_with(&options).await.unwrap();
        let done = work(&mut file).await;
        file.close().await.unwrap();
        done
    })
}

/// Changes something in it.
pub(crate) fn execute(site: &Site, sql: &str) {
    with_file(site, async |file| {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(file).await;
        done.unwrap();
    });
}

/// A number that a query finds.
pub(crate) fn number(site: &Site, sql: &str) -> i64 {
    with_file(site, async |file| {
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(file).await;
        row.unwrap().get(0)
    })
}

/// How many documents of a kind there are.
pub(crate) fn rows(site: &Site, kind: &str) -> i64 {
    number(
        site,
        &format!("SELECT count(*) FROM contract_documents WHERE kind LIKE '{kind}'"),
    )
}

/// Adds so many documents of a kind, of 1970, which nothing opens any more.
pub(crate) fn add_old(site: &Site, kind: &str, count: u32) {
    execute(
        site,
        &format!(
            "WITH RECURSIVE line(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM line WHERE at < {count})
             INSERT INTO contract_documents SELECT '{kind}', printf('%020d-00000000', at), 0, at, '' FROM line"
        ),
    );
}
