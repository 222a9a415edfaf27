//! An account as it rests, sealed: a document by its number; and whose a name, number or address is.

use contract_server::{DocumentError, Fault, Within};
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
/// The number of the next account. Who takes one in a transaction makes accounts alone until that ends.
const NEXT: (&str, &str) = ("server", "next-account");
/// How often a number or address got another owner. Who counts in a transaction changes owners alone until that ends.
const OWNED: (&str, &str) = ("server", "owned");

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
        Self::account_on(&mut self.documents.anywhere(), id).await
    }

    async fn account_on(on: &mut Within<'_>, id: u64) -> Result<Option<Account>, DocumentError> {
        let found = on.get::<User>(ACCOUNT, &id.to_string()).await?;
        Ok(found.map(|found| Account {
            id,
            user: found.value,
        }))
    }

    /// Adds an account, unless somebody has its name: in a transaction, of any number at once one is made, by whichever
    /// process.
    pub(crate) async fn add_account(
        &self,
        on: &mut Within<'_>,
        user: &User,
    ) -> Result<Option<u64>, ApiError> {
        // First, since it makes the others wait: what they find is what this one leaves.
        let id = next(on, NEXT).await?;
        if self
            .by_username(on, &user.username, &user.domain)
            .await?
            .is_some()
        {
            return Ok(None);
        }
        let name = self.owner_name("username", &address(&user.username, &user.domain));
        on.put(OWNER, &name, &id).await?;
        on.add(ACCOUNT, &id.to_string(), user).await?;
        Ok(Some(id))
    }

    /// Whose username it is in this domain.
    pub(crate) async fn by_username(
        &self,
        on: &mut Within<'_>,
        username: &str,
        domain: &str,
    ) -> Result<Option<Account>, ApiError> {
        let name = address(username, domain);
        let owner = self.owner(on, "username", &name).await?;
        let same = |user: &User| user.username == username && user.domain == domain;
        Ok(owner.filter(|owner| same(&owner.user)))
    }

    /// Whose number or address it is. What a crash left, of somebody who has another one, is nobody's.
    pub(crate) async fn by_destination(
        &self,
        on: &mut Within<'_>,
        to: &Destination,
    ) -> Result<Option<Account>, ApiError> {
        let owner = self.owner(on, to.channel().as_str(), to.address());
        let owner = owner.await?;
        Ok(owner.filter(|owner| {
            let has = [owner.user.email.as_deref(), owner.user.phone.as_deref()];
            has.contains(&Some(to.address()))
        }))
    }

    async fn owner(
        &self,
        on: &mut Within<'_>,
        kind: &str,
        text: &str,
    ) -> Result<Option<Account>, ApiError> {
        let name = self.owner_name(kind, text);
        let Some(id) = on.get::<u64>(OWNER, &name).await? else {
            return Ok(None);
        };
        Ok(Self::account_on(on, id.value).await?)
    }

    /// Waits until nobody else changes whose a number or address is, and makes the others wait until the transaction ends.
    pub(crate) async fn hold_owners(on: &mut Within<'_>) -> Result<(), ApiError> {
        next(on, OWNED).await.map(drop)
    }

    /// Writes down whose it is.
    pub(crate) async fn own(
        &self,
        on: &mut Within<'_>,
        to: &Destination,
        id: u64,
    ) -> Result<(), ApiError> {
        let name = self.owner_name(to.channel().as_str(), to.address());
        Ok(on.put(OWNER, &name, &id).await?)
    }

    pub(crate) async fn disown(
        &self,
        on: &mut Within<'_>,
        to: &Destination,
    ) -> Result<(), ApiError> {
        let name = self.owner_name(to.channel().as_str(), to.address());
        on.remove(OWNER, &name).await?;
        Ok(())
    }

    fn owner_name(&self, kind: &str, text: &str) -> String {
        self.given.name(&format!("{kind} {text}")).to_string()
    }

    /// Changes an account where `change` finds it as it has to be; an account that is gone is not found.
    pub(crate) async fn change<T>(
        &self,
        id: u64,
        change: impl FnMut(&mut User) -> Result<T, T>,
    ) -> Result<T, ApiError> {
        Self::change_on(&mut self.documents.anywhere(), id, change).await
    }

    pub(crate) async fn change_on<T>(
        on: &mut Within<'_>,
        id: u64,
        mut change: impl FnMut(&mut User) -> Result<T, T>,
    ) -> Result<T, ApiError> {
        let id = id.to_string();
        let changed = on.change(ACCOUNT, &id, |user: &mut User| change(user));
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

/// Takes the next number of a counter.
async fn next(on: &mut Within<'_>, (kind, id): (&str, &str)) -> Result<u64, ApiError> {
    on.add(kind, id, &1_u64).await?;
    let taken = on.change(kind, id, |next: &mut u64| {
        let taken = *next;
        *next = taken.saturating_add(1);
        Ok(taken)
    });
    taken.await?.ok_or(ApiError::of_status(503))
}

/// By what a SIP server knows an account: each domain has names of its own.
fn address(username: &str, domain: &str) -> String {
    format!("{username}@{domain}")
}

pub(crate) fn blocked() -> ApiError {
    ApiError::new(403, "Account blocked")
}
