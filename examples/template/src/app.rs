//! What the pages share, and how their tokens behave.

use std::{path::PathBuf, sync::Arc};

use ott_bearer::{Bearers, Door, Kind, scopes};
use token_delivery::{Delivery, SmtpDelivery};
use token_store_sqlx::token_store::{
    FactorStore, Tokens, key_file,
    ott_core::{Policy, Purpose, SlotRule, chrono::TimeDelta},
};
use tokio::sync::Semaphore;
use twofa_providers::{
    CodeProvider, KnownDevices, Notices, Owner, Proofs, RecoveryCodes, TRUST, TotpProvider,
    TrustedDevices, TwoFactor, UNDO_WITHIN,
};

use crate::{
    accounts::People,
    database::{self, Store},
    mail::{Console, words},
};

/// Whatever fails and is no refusal.
pub type Fault = Box<dyn core::error::Error + Send + Sync>;

/// The application's name, in mails and authenticator apps.
pub(crate) const NAME: &str = "Example";

/// Makes an account for the address that it went to.
pub(crate) const JOIN: Policy = Policy::link(Purpose::new("join")).lifetime(TimeDelta::days(1));
/// The mail to an address that has an account already.
pub(crate) const TAKEN: Purpose = Purpose::new("address-taken");
pub(crate) const RESET: Policy = Policy::link(Purpose::new("password-reset"));
/// A code by mail, as a second step.
pub(crate) const CODE: Policy = Policy::code(Purpose::new("mail-code"));
pub(crate) const RECOVERY: Policy =
    Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(90));
/// A browser in which the password alone signs in.
pub(crate) const TRUSTED: Policy = Policy::bearer(Purpose::new("trusted-device"), TRUST);
/// What was proved, until the next page of its session.
pub(crate) const PROOF: Policy = Policy::parked(Purpose::new("second-step-proof"));
/// News of an account, with a link of "this was not me".
pub(crate) const NEWS: Purpose = Purpose::new("account-news");
/// The same without the link.
pub(crate) const NEWS_WITHOUT_LINK: Purpose = Purpose::new("account-news-without-link");
pub(crate) const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN);
/// The page behind that link.
pub(crate) const NOT_ME_PAGE: &str = "/not-me";
pub(crate) const SESSION: Kind = Kind::session(Purpose::new("session"));
/// The password was right: ten minutes for the second step.
pub(crate) const HALF: Kind = Kind::of(Policy::bearer(
    Purpose::new("password-right"),
    TimeDelta::minutes(10),
));
pub(crate) const ACCESS: Kind = Kind::access_token(Purpose::new("access-token"), "exa_pat_");

scopes! {
    /// What an access token may do.
    pub enum Scope {
        /// Reads what its owner sees.
        Read = "read",
    }
}

/// How the application runs.
#[derive(Clone)]
pub struct Settings {
    /// The file of SQLite, or the URL of PostgreSQL.
    pub database: String,
    /// The key file. With several machines, copy it to each before the first start.
    pub keys: PathBuf,
    /// `https://example.org`, as browsers show it.
    pub origin: String,
    /// The mail server, with STARTTLS on port 587. Without one, mails are printed.
    pub smtp: Option<String>,
    /// Who sends.
    pub sender: String,
    /// Another way to send, for tests.
    pub mail: Option<Arc<dyn Delivery>>,
}

/// What the pages share.
pub struct App {
    /// Codes, links, sessions.
    pub tokens: Tokens<Store>,
    /// Second factors.
    pub engine: TwoFactor,
    /// Where people open the pages.
    pub origin: String,
    pub(crate) recovery: RecoveryCodes,
    pub(crate) devices: KnownDevices,
    pub(crate) trusted: TrustedDevices,
    pub(crate) owner: Owner,
    pub(crate) proofs: Proofs,
    pub(crate) sessions: Door,
    pub(crate) half: Door,
    pub(crate) access: Door<Scope>,
    pub(crate) delivery: Arc<dyn Delivery>,
    /// Each hash takes 19 MiB: a few at a time.
    pub(crate) hashing: Arc<Semaphore>,
}

impl App {
    /// Opens the database, and builds everything over it.
    ///
    /// # Errors
    /// The database, the key file or the settings.
    pub async fn start(settings: Settings) -> Result<Self, Fault> {
        let store = database::open(&settings.database).await?;
        let tokens = Tokens::builder(key_file::read_or_create(&settings.keys)?, store.clone());
        let policies = [JOIN, RESET, CODE, RECOVERY, DEVICE, TRUSTED, PROOF, NOT_ME];
        let kinds = [SESSION, HALF, ACCESS];
        let tokens = policies
            .iter()
            .fold(tokens, |tokens, policy| tokens.policy(policy));
        let of_kinds = kinds.iter().flat_map(Kind::policies);
        let tokens = of_kinds.fold(tokens, |tokens, policy| tokens.policy(policy));
        let tokens = tokens.build()?;
        let shared = tokens.shared();
        let words = words(&settings.origin)?;
        let delivery: Arc<dyn Delivery> = match (settings.mail, settings.smtp) {
            (Some(mail), _) => mail,
            (None, Some(host)) => {
                Arc::new(SmtpDelivery::builder(host, settings.sender, words).build()?)
            }
            (None, None) => Arc::new(Console(words)),
        };
        let people = Arc::new(People(store.clone()));
        let factors: Arc<dyn FactorStore> = Arc::new(store);
        let recovery = RecoveryCodes::new(&shared, Arc::clone(&factors), &RECOVERY)?;
        let devices = KnownDevices::new(&shared, &DEVICE)?;
        let trusted = TrustedDevices::new(&shared, &TRUSTED)?;
        let notices = Notices::new(
            NEWS,
            NEWS_WITHOUT_LINK,
            &NOT_ME,
            Arc::clone(&delivery),
            Arc::clone(&people) as Arc<_>,
        );
        let owner = Owner::new(&shared, Arc::clone(&factors), notices)?
            .recovery_codes(&recovery)
            .known_devices(&devices)
            .trusted_devices(&trusted);
        let engine = TwoFactor::builder(Arc::clone(&shared), factors)
            .provider(TotpProvider::new(NAME)?)
            .provider(CodeProvider::email(&CODE, Arc::clone(&delivery))?)
            .recovery_codes(&recovery)
            .known_devices(&devices)
            .trusted_devices(&trusted)
            .owner(&owner)
            .build()?;
        Ok(Self {
            sessions: Door::new(
                Bearers::new(&shared, SESSION)?.standing(Arc::clone(&people) as Arc<_>),
                NAME,
            ),
            half: Door::new(
                Bearers::new(&shared, HALF)?.standing(Arc::clone(&people) as Arc<_>),
                NAME,
            ),
            access: Door::new(Bearers::new(&shared, ACCESS)?.standing(people), NAME),
            origin: settings.origin,
            hashing: Arc::new(Semaphore::new(2)),
            tokens,
            proofs: Proofs::new(&shared, &PROOF)?,
            engine,
            recovery,
            devices,
            trusted,
            owner,
            delivery,
        })
    }
}
