//! Five minutes: a code by mail that works once, over a file of SQLite.

use token_delivery::{Delivery, Message, Outbox, Template, Templates};
use token_store_sqlx::SqliteStore;
use token_store_sqlx::token_store::ott_core::{Binding, Destination, Policy, Purpose, Subject};
use token_store_sqlx::token_store::{Tokens, key_file};

const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));

#[tokio::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    // Once, when the application starts.
    let keys = key_file::read_or_create("keys")?; // back it up apart from the database
    let store = SqliteStore::open("tokens.db").await?;
    let tokens = Tokens::builder(keys, store).policy(&SECOND_STEP).build()?;
    let words = Template::new(
        &SECOND_STEP,
        "Your code",
        "{token} signs you in to {application}.",
    );
    let mail = Outbox::new(10).templates(Templates::new("Example", [words])?); // or SmtpDelivery

    // The password was right: send a code. The handle goes into the session.
    let alice = Subject::new("", "4711")?; // the tenant, if you have several, and the account's id
    let email = Destination::email("alice@example.org")?; // from the account, not from the form
    let binding = Binding::subject(&alice).destination(&email);
    let issued = tokens.issue(&SECOND_STEP, &binding).await?;
    mail.deliver(&Message::new(SECOND_STEP.purpose(), &email, &issued.token))
        .await?;

    // The person reads the mail and types the code.
    let sent = mail.last().ok_or("nothing was sent")?;
    let typed = sent.expose_token();
    let first = tokens
        .redeem(&SECOND_STEP, &issued.handle, &binding, typed)
        .await;
    let again = tokens
        .redeem(&SECOND_STEP, &issued.handle, &binding, typed)
        .await;
    assert!(first.is_ok() && again.is_err());
    Ok(())
}
