//! The example `password_reset` does what it prints, and prints what the page of the store says.

#[allow(dead_code, unreachable_pub, reason = "its `main` is not called here")]
#[path = "../examples/password_reset.rs"]
mod example;

use testing::postgres::Schema;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_reset_leaves_the_code_and_its_attempts_as_they_were() {
    let schema = Schema::new();
    let url = std::env::var("POSTGRES_URL").expect("`pg` says how to set it");
    let lines = example::run(&url, &schema.name).await;
    let lines = lines.expect("the server is there");
    let expected = [
        "issued:      code Ready, 0 attempts; sign-in link Ready; password old",
        "wrong code:  Refused: code Ready, 1 attempts; sign-in link Ready; password old",
        "rolled back: Failed: code Ready, 1 attempts; sign-in link Ready; password old",
        "committed:   Changed: code Spent, 2 attempts; sign-in link Revoked; password new",
        "once more:   Refused: code Spent, 2 attempts; sign-in link Revoked; password new",
    ];
    assert_eq!(lines, expected);
}
