//! The example `password_reset` does what it prints, and prints what the pages of the stores say.

#[allow(dead_code, unreachable_pub, reason = "its `main` is not called here")]
#[path = "../examples/password_reset/main.rs"]
mod example;

use testing::postgres::Schema;

const STORY: [&str; 5] = [
    "issued:      link Ready; code Ready; password old, epoch 0",
    "wrong link:  Refused: link Ready; code Ready; password old, epoch 0",
    "rolled back: Failed: link Ready; code Ready; password old, epoch 0",
    "committed:   Changed: link Spent; code Revoked; password new, epoch 1",
    "once more:   Refused: link Spent; code Revoked; password new, epoch 1",
];

/// A reset link is redeemed and the password changed in one PostgreSQL transaction: both, or neither.
#[tokio::test(flavor = "multi_thread")]
async fn reset_link_changes_the_password_in_postgres() {
    let schema = Schema::new();
    let url = std::env::var("POSTGRES_URL").expect("`pg` says how to set it");
    let lines = example::in_postgres(&url, &schema.name).await;
    assert_eq!(lines.expect("the server is there"), STORY);
}

/// A reset link is redeemed and the password changed in one SQLite transaction: both, or neither.
#[tokio::test(flavor = "multi_thread")]
async fn reset_link_changes_the_password_in_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines = example::in_sqlite(&folder.path().join("app.db")).await;
    assert_eq!(lines.expect("a new file opens"), STORY);
}
