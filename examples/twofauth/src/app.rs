//! What every request shares.

use core::{
    hash::{Hash as _, Hasher as _},
    sync::atomic::{AtomicU64, Ordering},
};
use std::{hash::DefaultHasher, sync::Arc};

use contract_server::{Engine, Fault, Ground, Store};
use otp_vault::{
    key_file,
    store::{Subject, Vaults},
};
use otp_vault_sqlx::SqlVaultStore;
use ott_bearer::{
    Bearers, Kind,
    token_store::ott_core::{
        Limit, Policy, Purpose,
        chrono::{DateTime, SecondsFormat, TimeDelta, Utc},
    },
};
use token_delivery::HttpClient;
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use twofa_providers::token_delivery::{Template, Templates};

use crate::{
    answer::ApiError,
    icons, images,
    settings::Settings,
    throttle::{Throttle, Tries},
    users::User,
};

/// Personal access tokens: the contract has them live until they are revoked.
const PAT: Kind = Kind::api_key(Purpose::new("personal-access-token"), "tfa_");
/// Sessions of a browser.
const SESSION: Kind = Kind::session(Purpose::new("web-session"));
/// Tokens of the accounts file. Nothing here knows how they were drawn; they rest under a keyed digest.
pub(crate) const GIVEN: Policy =
    Policy::bearer(Purpose::new("given-token"), TimeDelta::days(1)).until_revoked();
/// Links by which a password is set anew.
pub(crate) const RESET: Policy = Policy::link(Purpose::new("password-reset"));

/// Icons are tidied up so many seconds apart: everybody's accounts are read for it.
const ICONS_TIDIED: u64 = 3_600;

/// So many sessions are judged at a time.
const JUDGING: usize = 16;

/// What every request shares.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    pub(crate) vaults: Vaults,
    pub(crate) pats: Bearers,
    pub(crate) sessions: Bearers,
    /// Requests of addresses.
    pub(crate) requests: Throttle,
    /// Kibibytes of pictures that users keep.
    pub(crate) pictures: Throttle,
    /// Wrong passwords of accounts.
    pub(crate) wrong: Tries,
    /// Where people find this server, if that was told: `https://…`.
    pub(crate) origin: Option<String>,
    /// What gets pictures that a URI names; none where they are not fetched.
    pub(crate) images: Option<HttpClient>,
    /// Files that are read at once: each takes memory.
    pub(crate) importing: Semaphore,
    /// Held by who changes an account.
    pub(crate) changing: Mutex<()>,
    /// Held while it is judged whether a session was left alone.
    judging: [Mutex<()>; JUDGING],
    /// When icons were tidied up, in Unix seconds.
    icons_tidied: AtomicU64,
    /// Folders of icon packs.
    pub(crate) packs: std::path::PathBuf,
}

/// The words of every message.
pub(crate) fn words() -> Result<Templates, Fault> {
    let text = "An administrator asks you to set a new password for {application}. Send it to /user/password/reset \
                with this token within an hour: {token}";
    let reset = Template::new(&RESET, "A new password for {application}", text);
    Ok(Templates::new("2FAuth", [reset])?)
}

impl App {
    pub(crate) async fn new(
        settings: Settings,
        origin: Option<String>,
        ground: Ground,
    ) -> Result<Self, Fault> {
        let (keys, packs) = (ground.data.join("keys"), ground.data.join("icon-packs"));
        let policies = [*PAT.policy(), *SESSION.policy(), GIVEN, RESET];
        let engine = ground.engine(&policies, Limit::ALLOWANCE, None).await?;
        let store = match &**engine.opening.store() {
            Store::Postgres(store) => SqlVaultStore::postgres(store.pool().clone()).await?,
            Store::Sqlite(store) => SqlVaultStore::sqlite(store.pool().clone()).await?,
        };
        User::make_nobody(&engine).await?;
        Ok(Self {
            origin,
            images: images::client(&settings)?,
            importing: Semaphore::new(2),
            vaults: Vaults::new(Arc::new(store), key_file::read(keys)?),
            pats: Bearers::new(&engine.tokens, PAT)?,
            sessions: Bearers::new(&engine.tokens, SESSION)?,
            requests: Throttle::default(),
            pictures: Throttle::within(icons::COUNTED),
            wrong: Tries::default(),
            icons_tidied: AtomicU64::new(0),
            changing: Mutex::default(),
            judging: [const { Mutex::const_new(()) }; JUDGING],
            packs,
            settings,
            engine,
        })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.engine.now()
    }

    /// One request of a session at a time, until it is known whether that was left alone; others may share the place.
    pub(crate) async fn judging(&self, cookie: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        cookie.hash(&mut hasher);
        let places = u64::try_from(JUDGING).ok()?;
        let place = usize::try_from(hasher.finish().checked_rem(places)?).ok()?;
        Some(self.judging.get(place)?.lock().await)
    }

    /// The present time in Unix seconds.
    pub(crate) fn unix(&self) -> u64 {
        u64::try_from(self.now().timestamp()).unwrap_or(0)
    }

    /// The present time as the contract writes it.
    pub(crate) fn stamp(&self) -> String {
        stamp(self.now())
    }

    /// Removes what is dead.
    pub(crate) async fn tidy(&self) -> Result<(), Fault> {
        self.requests.tidy(self.unix());
        self.wrong.tidy(self.unix());
        self.pictures.tidy(self.unix());
        self.engine.purge(TimeDelta::hours(1)).await?;
        let (now, last) = (self.unix(), self.icons_tidied.load(Ordering::Relaxed));
        // At the start, and where the clock was set back.
        if last == 0 || now < last || now.saturating_sub(last) >= ICONS_TIDIED {
            icons::tidy(self).await.map_err(|error| error.text())?;
            self.icons_tidied.store(now, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A time as the contract writes it.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Whose things those of a user are.
pub(crate) fn subject(user: i64) -> Result<Subject, ApiError> {
    Subject::new("", user.to_string()).map_err(|_| ApiError::not_found())
}
