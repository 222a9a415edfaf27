//! What the showcase tells people by e-mail, and in which words.

use core::error::Error;

use async_trait::async_trait;
use twofa_providers::{
    Address, Addresses, UNDO_WITHIN,
    token_delivery::{Template, Templates, TemplatesError},
    token_store::ott_core::{Policy, Purpose, Subject},
};

use crate::{
    accounts::Accounts,
    address::ADDRESS_CODE,
    app::{EMAIL_CODE, NAME},
    register::{REGISTRATION, TAKEN},
    reset::RESET,
};

/// News about an account.
pub(crate) const NEWS: Purpose = Purpose::new("account-news");
/// The same without a link: to an address that is itself the news.
pub(crate) const NEWS_WITHOUT_LINK: Purpose = Purpose::new("account-news-without-link");
/// The link of such a message: "this was not me".
pub(crate) const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN);

const CODE: &str = "Your code is {token}. It is good for {minutes} minutes and for one use.\n\n\
    Nobody at {application} will ever ask you for it.";

const ADDRESS: &str = "The code {token} confirms this address for a {application} account. It is \
    good for {minutes} minutes.\n\nIf you asked for nothing, there is nothing to do: without the \
    code, nothing happens.";

const NEW_ACCOUNT: &str = "The code {token} makes your {application} account. It is good for {minutes} \
    minutes, in the browser in which you asked for it.\n\nIf you asked for nothing, there is nothing to \
    do: without the code, there is no account.";

const HAS_ACCOUNT: &str = "What: {what}\nWhen: {at}\nFrom: {from}\n\nNothing has changed. If this was you, \
    sign in with the account that you have; if its password is lost, the page that signs in leads to a new \
    one. If it was not you, there is nothing to do.\n";

const NEW_PASSWORD: &str = "Somebody asked for a new password of your {application} account. To choose \
    one, open this page within {minutes} minutes:\n\n{link}\n\nIf it was not you, there is nothing to do: \
    without the link, nothing happens.\n";

const WHAT: &str = "There is news about your {application} account:\n\n\
    What: {what}\nWhen: {at}\nFrom: {from}\n\nIf this was you, there is nothing to do.\n\n";

const WITH_LINK: &str = "If it was not you, open this page within seven days and say so. It ends \
    the sign-in in which it happened:\n\n{link}\n";

const WITHOUT_LINK: &str = "If it was not you, sign in, sign out everywhere else, and tell \
    whoever runs this service.\n";

/// The words of every message; `origin` is where its links lead.
pub(crate) fn templates(origin: Option<&String>) -> Result<Templates, TemplatesError> {
    let code = Template::new(&EMAIL_CODE, "Your code for {application}", CODE);
    let subject = "News about your {application} account";
    let end = origin.map_or(WITHOUT_LINK, |_| WITH_LINK);
    let mut news = Template::notice(&NEWS, subject, [WHAT, end].concat());
    let plain = Template::notice(&NEWS_WITHOUT_LINK, subject, [WHAT, WITHOUT_LINK].concat());
    if let Some(origin) = origin {
        news = news.link(format!("{origin}/not-me"));
    }
    let address = Template::new(
        &ADDRESS_CODE,
        "Confirm your address for {application}",
        ADDRESS,
    );
    // Without links there is no page that asks for one.
    let reset = origin.map(|origin| {
        let subject = "Choose a new password for {application}";
        Template::new(&RESET, subject, NEW_PASSWORD).link(format!("{origin}/reset"))
    });
    let registration = Template::new(
        &REGISTRATION,
        "Confirm your address for {application}",
        NEW_ACCOUNT,
    );
    let taken = Template::notice(&TAKEN, "Your {application} account", HAS_ACCOUNT);
    let all = [code, address, registration, taken, news, plain];
    let all = all.into_iter().chain(reset);
    Templates::new(NAME, all)
}

#[async_trait]
impl Addresses for Accounts {
    /// The account's address, at which its owner read a code, and those before it, while a change can be undone.
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Address>, Box<dyn Error + Send + Sync>> {
        let addresses = self.addresses(subject.id()).await;
        addresses.map_err(|_| "the table of people does not answer".into())
    }
}
