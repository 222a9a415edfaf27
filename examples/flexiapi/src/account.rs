//! An account as it rests, sealed: a document by its number; and whose a name, number or address is.

use contract_server::{DocumentError, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twofa_providers::token_store::ott_core::{
    Destination, Subject,
    chrono::{DateTime, TimeDelta, Utc},
};
use zeroize::Zeroizing;

use crate::{answer::ApiError, app::App};

const ACCOUNT: &str = "account";
/// Whose a name, number or address is: the account's number.
const OWNER: &str = "owner";
/// The number of the next account.
const NEXT: (&str, &str) = ("server", "next-account");

/// A number or address that its owner has to prove.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Pending {
    pub(crate) handle: Zeroizing<String>,
    pub(crate) to: String,
}

/// One account.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) username: String,
    pub(crate) domain: String,
    /// Argon2, as a PHC string.
    pub(crate) password: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) activated: bool,
    pub(crate) admin: bool,
    pub(crate) blocked: bool,
    /// Whether a creation token was consumed.
    pub(crate) validated: bool,
    /// When codes were sent of late, in microseconds since 1970.
    pub(crate) sent: Vec<i64>,
    pub(crate) new_email: Option<Pending>,
    pub(crate) new_phone: Option<Pending>,
}

impl User {
    pub(crate) fn json(&self, id: u64) -> Value {
        json!({
            "id": id,
            "username": self.username,
            "domain": self.domain,
            "email": self.email,
            "phone": self.phone,
            "activated": self.activated,
            "admin": self.admin,
            "blocked": self.blocked,
        })
    }
}

/// An account that was found.
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) user: User,
}

impl Account {
    pub(crate) fn subject(&self) -> Result<Subject, ApiError> {
        subject(self.id).map_err(ApiError::from)
    }
}

pub(crate) fn subject(id: u64) -> Result<Subject, Fault> {
    Ok(Subject::new("", id.to_string())?)
}

impl App {
    pub(crate) async fn account(&self, id: u64) -> Result<Option<Account>, DocumentError> {
        let found = self.documents.get::<User>(ACCOUNT, &id.to_string()).await?;
        Ok(found.map(|found| Account {
            id,
            user: found.value,
        }))
    }

    /// Adds an account, whose name nobody has: the caller holds the turn of `accounts`.
    pub(crate) async fn add_account(&self, user: &User) -> Result<u64, ApiError> {
        let (kind, next) = NEXT;
        self.documents.add(kind, next, &1_u64).await?;
        let taken = self.documents.change(kind, next, |next: &mut u64| {
            let taken = *next;
            *next = taken.saturating_add(1);
            Ok(taken)
        });
        let id = taken.await?.ok_or(ApiError::of_status(503))?;
        let name = self.owner_name("username", &address(&user.username, &user.domain));
        self.documents.put(OWNER, &name, &id).await?;
        self.documents.add(ACCOUNT, &id.to_string(), user).await?;
        Ok(id)
    }

    /// Whose username it is in this domain.
    pub(crate) async fn by_username(
        &self,
        username: &str,
        domain: &str,
    ) -> Result<Option<Account>, ApiError> {
        let owner = self.owner("username", &address(username, domain)).await?;
        let same = |user: &User| user.username == username && user.domain == domain;
        Ok(owner.filter(|owner| same(&owner.user)))
    }

    /// Whose number or address it is. What a crash left, of somebody who has another one, is nobody's.
    pub(crate) async fn by_destination(
        &self,
        to: &Destination,
    ) -> Result<Option<Account>, ApiError> {
        let owner = self.owner(to.channel().as_str(), to.address()).await?;
        Ok(owner.filter(|owner| {
            let has = [owner.user.email.as_deref(), owner.user.phone.as_deref()];
            has.contains(&Some(to.address()))
        }))
    }

    async fn owner(&self, kind: &str, text: &str) -> Result<Option<Account>, ApiError> {
        let name = self.owner_name(kind, text);
        let Some(id) = self.documents.get::<u64>(OWNER, &name).await? else {
            return Ok(None);
        };
        Ok(self.account(id.value).await?)
    }

    /// Writes down whose it is.
    pub(crate) async fn own(&self, to: &Destination, id: u64) -> Result<(), ApiError> {
        let name = self.owner_name(to.channel().as_str(), to.address());
        Ok(self.documents.put(OWNER, &name, &id).await?)
    }

    pub(crate) async fn disown(&self, to: &Destination) -> Result<(), ApiError> {
        let name = self.owner_name(to.channel().as_str(), to.address());
        self.documents.remove(OWNER, &name).await?;
        Ok(())
    }

    fn owner_name(&self, kind: &str, text: &str) -> String {
        self.given.name(&format!("{kind} {text}")).to_string()
    }

    /// Changes an account where `change` finds it as it has to be; an account that is gone is not found.
    pub(crate) async fn change<T>(
        &self,
        id: u64,
        mut change: impl FnMut(&mut User) -> Result<T, T>,
    ) -> Result<T, ApiError> {
        let id = id.to_string();
        let changed = self
            .documents
            .change(ACCOUNT, &id, |user: &mut User| change(user));
        changed.await?.ok_or_else(ApiError::not_found)
    }

    /// Counts a code that is about to be sent to an account, and says whether it may be. The one above what is allowed
    /// blocks the account instead.
    pub(crate) async fn count_code(&self, id: u64) -> Result<bool, ApiError> {
        let settings = &self.settings;
        let most = settings.blocking_amount_events_authorized_during_period;
        let most = usize::try_from(most.get()).unwrap_or(usize::MAX);
        let period = TimeDelta::minutes(settings.blocking_time_period_check.into());
        let now = self.now();
        let since = now
            .checked_sub_signed(period)
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        let (since, soon) = (since.timestamp_micros(), self.soon().timestamp_micros());
        let counted = self.change(id, |user| {
            if user.blocked {
                return Err(false);
            }
            // What lies further ahead was sent under a clock that was set back since.
            user.sent.retain(|sent| (since..=soon).contains(sent));
            if user.sent.len() >= most {
                user.blocked = true;
                return Ok(false);
            }
            user.sent.push(now.timestamp_micros());
            Ok(true)
        });
        counted.await
    }

    /// A code that was counted was not sent.
    pub(crate) async fn uncount_code(&self, id: u64) -> Result<(), ApiError> {
        let uncounted = self.change(id, |user| {
            user.sent.pop();
            Ok(())
        });
        uncounted.await
    }
}

/// By what a SIP server knows an account: each domain has names of its own.
fn address(username: &str, domain: &str) -> String {
    format!("{username}@{domain}")
}

pub(crate) fn blocked() -> ApiError {
    ApiError::new(403, "Account blocked")
}
