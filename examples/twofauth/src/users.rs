//! Who there is.

use std::collections::BTreeMap;

use contract_server::{Engine, Fault, Transaction, Within};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{answer::ApiError, app::App};

/// Everybody, in one document: names and addresses are unique, and one administrator stays.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Users {
    last: i64,
    pub(crate) members: BTreeMap<i64, Member>,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) admin: bool,
    pub(crate) created_at: String,
}

/// What only their owner needs: a document by the user's id.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct User {
    /// Argon2, as a PHC string.
    pub(crate) password: Option<String>,
    pub(crate) preferences: BTreeMap<String, Value>,
    pub(crate) last_seen_at: Option<String>,
    /// Names of their tokens, by record.
    pub(crate) tokens: BTreeMap<String, String>,
}

const USERS: (&str, &str) = ("users", "all");
const USER: &str = "user";
/// The number of nobody, of whom there is a document nevertheless: what is read and written for an address that is not
/// known is the same as for one that is.
pub(crate) const NOBODY: i64 = 0;

impl Users {
    pub(crate) async fn read(app: &App) -> Result<Self, ApiError> {
        let users = app.engine.documents.get(USERS.0, USERS.1).await?;
        Ok(users.map(|users| users.value).unwrap_or_default())
    }

    pub(crate) async fn change<R>(
        app: &App,
        change: impl FnMut(&mut Self) -> Result<R, R>,
    ) -> Result<R, ApiError> {
        let documents = &app.engine.documents;
        documents.add(USERS.0, USERS.1, &Self::default()).await?;
        let changed = documents.change(USERS.0, USERS.1, change).await?;
        changed.ok_or_else(|| ApiError::outage(&"the list of users is gone"))
    }

    /// The next number; never given twice.
    pub(crate) async fn next(app: &App) -> Result<i64, ApiError> {
        let next = |users: &mut Self| {
            users.last = users.last.saturating_add(1);
            Ok(users.last)
        };
        Self::change(app, next).await
    }

    /// Whose address this is. All are looked at: where it stands tells nothing.
    pub(crate) fn by_email(&self, email: &str) -> Option<i64> {
        let members = self.members.iter();
        let theirs = members.filter(|(_, member)| member.email.eq_ignore_ascii_case(email));
        theirs.fold(None, |_, (id, _)| Some(*id))
    }

    /// Whether somebody has this name, or this address.
    pub(crate) fn taken(&self, name: &str, email: &str) -> (bool, bool) {
        let name = self.members.values().any(|member| member.name == name);
        (name, self.by_email(email).is_some())
    }

    pub(crate) fn is_only_admin(&self, id: i64) -> bool {
        let mut admins = self.members.iter().filter(|(_, member)| member.admin);
        admins.next().is_some_and(|(admin, _)| *admin == id) && admins.next().is_none()
    }
}

impl User {
    pub(crate) async fn read(app: &App, id: i64) -> Result<Self, ApiError> {
        let user = app.engine.documents.get(USER, &id.to_string()).await?;
        Ok(user.map(|user| user.value).unwrap_or_default())
    }

    /// What is kept of a user, or nothing: either takes the same reading.
    pub(crate) async fn read_or_nobody(
        app: &App,
        id: Option<i64>,
    ) -> Result<Option<Self>, ApiError> {
        let user = Self::read(app, id.unwrap_or(NOBODY)).await?;
        Ok(id.map(|_| user))
    }

    /// Makes the document of nobody, as long as one of somebody.
    pub(crate) async fn make_nobody(engine: &Engine) -> Result<(), Fault> {
        let nobody = NOBODY.to_string();
        if engine.documents.get::<Self>(USER, &nobody).await?.is_none() {
            let password = engine
                .passwords
                .hash(String::from("nobody has this password"));
            let user = Self {
                password: Some(password.await?),
                ..Self::default()
            };
            engine.documents.add(USER, &nobody, &user).await?;
        }
        Ok(())
    }

    pub(crate) async fn put(&self, app: &App, id: i64) -> Result<(), ApiError> {
        Ok(app
            .engine
            .documents
            .put(USER, &id.to_string(), self)
            .await?)
    }

    pub(crate) async fn change(
        app: &App,
        id: i64,
        change: impl FnMut(&mut Self),
    ) -> Result<(), ApiError> {
        Self::change_in(app.engine.documents.anywhere(), id, change).await
    }

    /// The same in a transaction that is open.
    pub(crate) async fn change_within(
        app: &App,
        open: &mut Transaction,
        id: i64,
        change: impl FnMut(&mut Self),
    ) -> Result<(), ApiError> {
        Self::change_in(app.engine.documents.within(open), id, change).await
    }

    async fn change_in(
        mut documents: Within<'_>,
        id: i64,
        mut change: impl FnMut(&mut Self),
    ) -> Result<(), ApiError> {
        let change = |user: &mut Self| {
            change(user);
            Ok(())
        };
        documents
            .change::<Self, ()>(USER, &id.to_string(), change)
            .await?;
        Ok(())
    }

    pub(crate) async fn remove(app: &App, id: i64) -> Result<(), ApiError> {
        app.engine.documents.remove(USER, &id.to_string()).await?;
        Ok(())
    }
}
