//! What the showcase tells people by e-mail, and in which words.

use core::error::Error;

use async_trait::async_trait;
use twofa_providers::{
    Addresses,
    token_delivery::{Template, Templates, TemplatesError},
    token_store::ott_core::{Destination, Policy, Purpose, Subject, chrono::TimeDelta},
};

use crate::{
    accounts::Accounts,
    address::ADDRESS_CODE,
    app::{EMAIL_CODE, NAME},
};

/// News about an account.
pub(crate) const NEWS: Purpose = Purpose::new("account-news");
/// The same without a link: to an address that is itself the news.
pub(crate) const NEWS_WITHOUT_LINK: Purpose = Purpose::new("account-news-without-link");
/// The link of such a message: "this was not me".
pub(crate) const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(TimeDelta::days(7));

const CODE: &str = "Your code is {token}. It is good for {minutes} minutes and for one use.\n\n\
    Nobody at {application} will ever ask you for it.";

const ADDRESS: &str = "The code {token} confirms this address for a {application} account. It is \
    good for {minutes} minutes.\n\nIf you asked for nothing, there is nothing to do: without the \
    code, nothing happens.";

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
    Templates::new(NAME, [code, address, news, plain])
}

#[async_trait]
impl Addresses for Accounts {
    /// The account's address, once its owner read a code there: the one that was typed to register
    /// may be a stranger's.
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Destination>, Box<dyn Error + Send + Sync>> {
        match self.verified_address(subject.id()).await {
            Ok(address) => Ok(address.into_iter().collect()),
            Err(_) => Err("the table of people does not answer".into()),
        }
    }
}
