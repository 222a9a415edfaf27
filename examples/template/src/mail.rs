//! What is mailed: the words, how much one mailbox gets, and where mail goes while you develop.

use async_trait::async_trait;
use token_delivery::{Delivery, DeliveryError, Message, Template, Templates};
use token_store_sqlx::token_store::{
    Charge, Spent,
    ott_core::{Binding, Destination, Limit, LimitKey, LimitScope, Purpose, chrono::TimeDelta},
};

use crate::app::{
    App, CODE, Fault, JOIN, NAME, NEWS, NEWS_WITHOUT_LINK, NOT_ME_PAGE, RESET, TAKEN,
};

const NEWS_TEXT: &str = "There is news about your {application} account:\n\nWhat: {what}\nWhen: {at}\nFrom: {from}\n\n\
    If this was you, there is nothing to do.\n\n";
const WITH_LINK: &str = "If it was not you, open this page within seven days and say so: {link}";
const WITHOUT_LINK: &str =
    "If it was not you, choose a new password, and tell whoever runs this service.";

/// The words of all mails. The token stands in the fragment of `{link}`.
pub(crate) fn words(origin: &str) -> Result<Templates, Fault> {
    let join = "Choose a password for {application}, within {lifetime}: {link}";
    let join = Template::new(&JOIN, "Welcome", join).link(format!("{origin}/welcome"));
    let taken = format!(
        "At {{at}} {{what}}. There is an account with it already: sign in at {origin}/sign-in, or choose a new \
         password at {origin}/forgot. If it was not you, there is nothing to do."
    );
    let taken = Template::notice(&TAKEN, "You have an account", taken);
    let reset = "Set a new one for {application}, within {lifetime}: {link}";
    let reset = Template::new(&RESET, "Your password", reset).link(format!("{origin}/reset"));
    let code =
        "{token} is your code for {application}, for {lifetime}. Nobody will ask you for it.";
    let code = Template::new(&CODE, "Your code", code);
    let subject = "News about your account";
    let news = Template::notice(&NEWS, subject, [NEWS_TEXT, WITH_LINK].concat());
    let news = news.link(format!("{origin}{NOT_ME_PAGE}"));
    let plain = [NEWS_TEXT, WITHOUT_LINK].concat();
    let plain = Template::notice(&NEWS_WITHOUT_LINK, subject, plain);
    Ok(Templates::new(
        NAME,
        [join, taken, reset, code, news, plain],
    )?)
}

/// What one mailbox gets of a purpose because somebody typed its address: 10, then one each 72 minutes.
const TO_MAILBOX: Limit = Limit::pace(10, TimeDelta::minutes(72));

/// Whether the mailbox has room for a mail that anybody can ask for. Each purpose has its own: who registers somebody's address
/// keeps no link of a reset from them.
pub(crate) async fn may_send(
    app: &App,
    purpose: &Purpose,
    email: &Destination,
) -> Result<bool, Fault> {
    // Under the server's key: whoever reads the database finds no address by trying many.
    let mailbox = app.tokens.issuer().keys().pseudonym(email).to_string();
    let operation = [("purpose", purpose.as_str()), ("mailbox", &mailbox)];
    let binding = Binding::tenant("").operation(&operation);
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "sent to", &binding),
        limit: TO_MAILBOX,
    };
    let (charges, now) = ([charge], app.tokens.now());
    let spent = app.tokens.limit_store().spend(&charges, now);
    Ok(matches!(spent.await?, Spent::Allowed))
}

/// Sends after the answer: neither its words nor its time tell who has an account.
pub(crate) fn later(sending: impl Future<Output = Result<(), Fault>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(fault) = sending.await {
            eprintln!("a mail was not sent: {fault}"); // into your log
        }
    });
}

/// Mail while you develop: printed, links and all. Do not run it where messages are real.
pub struct Console(pub Templates);

#[async_trait]
impl Delivery for Console {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let mail = self.0.render(message)?;
        let to = message.destination().address();
        eprintln!(
            "To: {to}\nSubject: {}\n{}\n",
            mail.subject(),
            mail.expose_text()
        );
        Ok(())
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.0.has(purpose)
    }
}
