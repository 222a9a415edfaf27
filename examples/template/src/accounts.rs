//! The table of accounts. An address in it is its owner's: an account begins with a link that was read there.

use core::error::Error;

use async_trait::async_trait;
use ott_bearer::{BoxError, Standing};
use token_store_sqlx::{
    sqlx::{self, Transaction},
    token_store::ott_core::{Binding, Destination, OwnedBinding, Subject},
};
use twofa_providers::{Address, Addresses};

use crate::{
    app::{App, Fault},
    database::{Database, Store},
};

/// A row.
pub(crate) struct Account {
    id: String,
    email: String,
    password: String,
    epoch: i64,
    needs_factor: i64,
    mail_spent: i64,
}

type Row = (String, String, String, i64, i64, i64);

impl From<Row> for Account {
    fn from((id, email, password, epoch, needs_factor, mail_spent): Row) -> Self {
        Self {
            id,
            email,
            password,
            epoch,
            needs_factor,
            mail_spent,
        }
    }
}

impl Account {
    pub(crate) fn subject(&self) -> Result<Subject, Fault> {
        Ok(Subject::new("", self.id.as_str())?)
    }

    pub(crate) fn email(&self) -> Result<Destination, Fault> {
        Ok(Destination::email(self.email.as_str())?)
    }

    /// None where support took it off: its owner chooses another one by mail.
    pub(crate) fn password(&self) -> Option<String> {
        Some(self.password.clone()).filter(|hash| !hash.is_empty())
    }

    /// Raised with each change of the password: what was bound to the older number is refused.
    pub(crate) fn epoch(&self) -> Result<u64, Fault> {
        Ok(self.epoch.try_into()?)
    }

    /// A column, and not the number of factors: who deletes rows would switch it off.
    pub(crate) const fn needs_factor(&self) -> bool {
        self.needs_factor != 0
    }

    /// A mail set the password: until another step was proved, a code by mail would be the same mailbox twice.
    pub(crate) const fn is_mail_spent(&self) -> bool {
        self.mail_spent != 0
    }

    /// What a link of this account is bound to: address and epoch.
    pub(crate) fn binding(&self) -> Result<OwnedBinding, Fault> {
        let (subject, email) = (self.subject()?, self.email()?);
        let binding = Binding::subject(&subject).destination(&email);
        Ok(binding.epoch(self.epoch()?).into_owned())
    }
}

/// One spelling of an address.
pub(crate) fn address(typed: &str) -> Option<Destination> {
    Destination::email(typed.trim().to_lowercase()).ok()
}

/// A new account. Says whether there was none with this address.
pub(crate) async fn create(
    transaction: &mut Transaction<'_, Database>,
    email: &Destination,
    password_hash: &str,
) -> Result<bool, Fault> {
    let insert =
        "INSERT INTO users (email, password) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING";
    let insert = sqlx::query(insert)
        .bind(email.address())
        .bind(password_hash);
    Ok(insert.execute(&mut **transaction).await?.rows_affected() == 1)
}

pub(crate) async fn by_email(app: &App, email: &Destination) -> Result<Option<Account>, Fault> {
    find(app.tokens.store(), "email", email.address()).await
}

pub(crate) async fn of(app: &App, subject: &Subject) -> Result<Option<Account>, Fault> {
    find(app.tokens.store(), "id", subject.id()).await
}

async fn find(store: &Store, column: &'static str, value: &str) -> Result<Option<Account>, Fault> {
    let select = match column {
        "id" => {
            "SELECT id, email, password, epoch, needs_factor, mail_spent FROM users WHERE id = $1"
        }
        _ => {
            "SELECT id, email, password, epoch, needs_factor, mail_spent FROM users WHERE email = $1"
        }
    };
    let select = sqlx::query_as::<_, Row>(select).bind(value);
    Ok(select
        .fetch_optional(store.pool())
        .await?
        .map(Account::from))
}

/// Sets a password that a mail let somebody choose. Says whether it did: not if another one was set since the account was read.
pub(crate) async fn set_password(
    transaction: &mut Transaction<'_, Database>,
    account: &Account,
    password_hash: &str,
) -> Result<bool, Fault> {
    let update = "UPDATE users SET password = $1, epoch = epoch + 1, mail_spent = needs_factor \
                  WHERE id = $2 AND epoch = $3";
    let update = sqlx::query(update).bind(password_hash).bind(&account.id);
    let updated = update
        .bind(account.epoch)
        .execute(&mut **transaction)
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Another step than a code by mail was proved.
pub(crate) async fn mail_counts_again(app: &App, subject: &Subject) -> Result<(), Fault> {
    let update = sqlx::query("UPDATE users SET mail_spent = 0 WHERE id = $1").bind(subject.id());
    update.execute(app.tokens.store().pool()).await?;
    Ok(())
}

pub(crate) async fn set_needs_factor(
    app: &App,
    subject: &Subject,
    needs: bool,
) -> Result<(), Fault> {
    let update = sqlx::query("UPDATE users SET needs_factor = $1 WHERE id = $2");
    let update = update.bind(i64::from(needs)).bind(subject.id());
    update.execute(app.tokens.store().pool()).await?;
    Ok(())
}

/// No password signs in any more, and no second step is asked for: a link by mail sets a new password.
pub(crate) async fn begin_anew(app: &App, subject: &Subject) -> Result<(), Fault> {
    let update =
        "UPDATE users SET password = '', epoch = epoch + 1, needs_factor = 0 WHERE id = $1";
    let update = sqlx::query(update).bind(subject.id());
    update.execute(app.tokens.store().pool()).await?;
    Ok(())
}

/// What sessions and tokens are bound to: a new password ends them all, whoever writes one meanwhile.
#[async_trait]
impl Standing for People {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        let account = find(&self.0, "id", owner.id()).await?;
        let epoch = account.map(|account| account.epoch()).transpose()?;
        Ok(epoch.map(|epoch| Binding::subject(owner).epoch(epoch).into_owned()))
    }
}

/// Where owners are told what happened to their accounts.
pub(crate) struct People(pub(crate) Store);

#[async_trait]
impl Addresses for People {
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Address>, Box<dyn Error + Send + Sync>> {
        let account = find(&self.0, "id", subject.id()).await?;
        let email = account.map(|account| account.email()).transpose()?;
        Ok(email.map(Address::new).into_iter().collect())
    }
}
