//! An account as it rests, sealed: a document by its id; and whose a key is.

use contract_server::{DocumentError, Within, spread};
use ott_flows::{
    BoxError, Standing,
    token_delivery::Phrase,
    token_store::ott_core::{
        Channel, Destination, Subject,
        chrono::{DateTime, Utc},
    },
};
use serde::{Deserialize, Serialize};

use crate::app::App;

const USER: &str = "user";
const KEY: &str = "key";

/// The kind of a key: an e-mail address or a phone number.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum KeyKind {
    #[serde(rename = "EMAIL")]
    Email,
    #[serde(rename = "PHONE_NUMBER")]
    Phone,
}

impl KeyKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE_NUMBER",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::Email, Self::Phone]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(crate) fn of(key: &Destination) -> Self {
        Self::by(key.channel())
    }

    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::Email => Channel::Email,
            Self::Phone => Channel::Phone,
        }
    }

    pub(crate) const fn by(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            _ => Self::Phone,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Email => Self::Phone,
            Self::Phone => Self::Email,
        }
    }

    /// What an address of this kind is shown as where it is not told.
    pub(crate) const fn masked(self) -> &'static str {
        match self {
            Self::Email => "***@***",
            Self::Phone => "+*********",
        }
    }
}

/// One account.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    /// Argon2, as a PHC string.
    pub(crate) password: Option<String>,
    pub(crate) mfa_email: bool,
    pub(crate) mfa_phone: bool,
    pub(crate) phrase: Option<String>,
    pub(crate) epoch: u64,
    /// Microseconds since 1970.
    pub(crate) recovered_at: Option<i64>,
    pub(crate) changed_at: Option<i64>,
    /// How often whoever had a key before took its change back.
    #[serde(default)]
    pub(crate) taken_back: u64,
}

impl User {
    pub(crate) fn key(&self, kind: KeyKind) -> Option<Destination> {
        match kind {
            KeyKind::Email => Destination::email(self.email.as_ref()?.as_str()).ok(),
            KeyKind::Phone => Destination::phone(self.phone.as_ref()?.as_str()).ok(),
        }
    }

    pub(crate) fn set_key(&mut self, kind: KeyKind, key: Option<&str>) {
        let place = match kind {
            KeyKind::Email => &mut self.email,
            KeyKind::Phone => &mut self.phone,
        };
        *place = key.map(String::from);
    }

    pub(crate) const fn mfa(&self, kind: KeyKind) -> bool {
        match kind {
            KeyKind::Email => self.mfa_email,
            KeyKind::Phone => self.mfa_phone,
        }
    }

    pub(crate) const fn set_mfa(&mut self, kind: KeyKind, on: bool) {
        match kind {
            KeyKind::Email => self.mfa_email = on,
            KeyKind::Phone => self.mfa_phone = on,
        }
    }

    /// E-mail first, else the phone.
    pub(crate) fn first_key(&self) -> Option<Destination> {
        self.key(KeyKind::Email)
            .or_else(|| self.key(KeyKind::Phone))
    }

    /// What signs in changed: what was begun before is over.
    pub(crate) const fn changed(&mut self, now: DateTime<Utc>) {
        self.epoch = self.epoch.saturating_add(1);
        self.changed_at = Some(now.timestamp_micros());
    }

    /// What the flows ask.
    pub(crate) fn standing(&self) -> Standing {
        let kinds = [KeyKind::Email, KeyKind::Phone];
        Standing {
            epoch: self.epoch,
            verified: kinds
                .into_iter()
                .filter_map(|kind| self.key(kind))
                .collect(),
            phrase: self
                .phrase
                .as_ref()
                .and_then(|phrase| Phrase::new(phrase.as_str()).ok()),
            recovered_at: self.recovered_at.and_then(DateTime::from_timestamp_micros),
            changed_at: self.changed_at.and_then(DateTime::from_timestamp_micros),
        }
    }
}

/// An account that was found.
pub(crate) struct Account {
    pub(crate) subject: Subject,
    pub(crate) user: User,
}

/// Why an account was not changed.
pub(crate) enum Unchanged {
    /// Somebody else has that key.
    Taken,
    /// It is not as it has to be any more.
    Unmet,
    /// The documents did not answer.
    Outage(BoxError),
}

impl From<DocumentError> for Unchanged {
    fn from(error: DocumentError) -> Self {
        Self::Outage(error.into())
    }
}

/// An account by its id.
async fn account(on: &mut Within<'_>, id: &str) -> Result<Option<Account>, DocumentError> {
    let Ok(subject) = Subject::new("", id) else {
        return Ok(None);
    };
    let user = user(on, id).await?;
    Ok(user.map(|user| Account { subject, user }))
}

/// What an account is. For nobody the same is done: strangers time it.
pub(crate) async fn user(on: &mut Within<'_>, id: &str) -> Result<Option<User>, DocumentError> {
    let found = on.get_or_next::<User>(USER, &spread(id)).await?;
    Ok(found.map(|found| found.value))
}

/// Makes an account; says whether there was none of this id.
pub(crate) async fn add(on: &mut Within<'_>, id: &str, user: &User) -> Result<bool, DocumentError> {
    on.add(USER, &spread(id), user).await
}

impl App {
    pub(crate) async fn account(&self, id: &str) -> Result<Option<Account>, DocumentError> {
        account(&mut self.documents.anywhere(), id).await
    }

    /// Whose key it is. A claim that was left by somebody who has another key is nobody's.
    pub(crate) async fn owner(
        &self,
        on: &mut Within<'_>,
        key: &Destination,
    ) -> Result<Option<Account>, DocumentError> {
        let claim = on.get_or_next::<String>(KEY, &self.claim(key)).await?;
        let nobody = self.flows.nobody(key);
        let id = claim.map_or(nobody, |claim| claim.value);
        let found = account(on, &id).await?;
        Ok(found.filter(|found| found.user.key(KeyKind::of(key)).as_ref() == Some(key)))
    }

    fn claim(&self, key: &Destination) -> String {
        self.given
            .name(&format!("key {}", key.address()))
            .to_string()
    }

    /// Claims a key for this account: of two who claim it at once one has it.
    pub(crate) async fn take_key(
        &self,
        on: &mut Within<'_>,
        key: &Destination,
        id: &str,
    ) -> Result<(), Unchanged> {
        let claim = self.claim(key);
        if on.add(KEY, &claim, &id).await? {
            return Ok(());
        }
        match self.owner(on, key).await? {
            Some(owner) if owner.subject.id() == id => Ok(()),
            Some(_) => Err(Unchanged::Taken),
            None => Ok(on.put(KEY, &claim, &id).await?),
        }
    }

    pub(crate) async fn drop_key(
        &self,
        on: &mut Within<'_>,
        key: &Destination,
    ) -> Result<(), Unchanged> {
        on.remove(KEY, &self.claim(key)).await?;
        Ok(())
    }

    /// As [`App::change_key`]; whoever had the key that was there is sent a link.
    pub(crate) async fn replace_key(
        &self,
        on: &mut Within<'_>,
        subject: &Subject,
        key: &Destination,
        fits: impl FnMut(&User) -> bool,
        more: impl FnMut(&mut User),
    ) -> Result<(), Unchanged> {
        let old = user(on, subject.id()).await?;
        let old = old.and_then(|user| user.key(KeyKind::of(key)));
        self.change_key(on, subject, key, fits, more).await?;
        match old {
            Some(old) => Ok(self.offer(on, subject, &old).await?),
            None => Ok(()),
        }
    }

    /// Puts a key in place, and frees the one that was there.
    pub(crate) async fn change_key(
        &self,
        on: &mut Within<'_>,
        subject: &Subject,
        key: &Destination,
        mut fits: impl FnMut(&User) -> bool,
        mut more: impl FnMut(&mut User),
    ) -> Result<(), Unchanged> {
        self.take_key(on, key, subject.id()).await?;
        let (kind, now, mut old) = (KeyKind::of(key), self.now(), None);
        let changed = change(on, subject, |user| {
            if !fits(user) {
                return false;
            }
            old = user.key(kind);
            user.set_key(kind, Some(key.address()));
            user.changed(now);
            more(user);
            true
        });
        let changed = changed.await;
        let free = match &changed {
            Ok(()) => old.filter(|old| old != key),
            Err(_) => Some(key.clone()),
        };
        if let Some(free) = free {
            self.drop_key(on, &free).await?;
        }
        changed
    }
}

/// Changes an account where `change` finds it as it has to be.
pub(crate) async fn change(
    on: &mut Within<'_>,
    subject: &Subject,
    mut change: impl FnMut(&mut User) -> bool,
) -> Result<(), Unchanged> {
    let id = spread(subject.id());
    let changed = on.change(USER, &id, |user: &mut User| match change(user) {
        true => Ok(true),
        false => Err(false),
    });
    match changed.await? {
        Some(true) => Ok(()),
        Some(false) | None => Err(Unchanged::Unmet),
    }
}
