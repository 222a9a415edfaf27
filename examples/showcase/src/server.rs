//! How the showcase starts, and why it does not.

use core::{future::Future, net::SocketAddr};
use std::{io, path::Path, sync::Arc};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use token_store_sqlx::SqliteStore;
use tokio::net::TcpListener;
use twofa_providers::{
    BuildError, CodeProvider, KnownDevices, Notices, Owner, Prompts, Proofs, ProviderError,
    RecoveryCodes, TotpProvider, TrustedDevices, TwoFactor,
    token_delivery::{Delivery, Templates, TemplatesError},
    token_store::{
        self, FactorStore, QueueStore, Tokens,
        key_file::{self, KeyFileError},
    },
};

#[cfg(feature = "outbox")]
use twofa_providers::token_delivery::Outbox;

use crate::{
    accounts::Accounts,
    address::ADDRESS_CODE,
    app::{
        APPROVER, App, DEVICE, EMAIL_CODE, NAME, PAIR, PASSED, PROMPT, PROOF, RECOVERY, SESSION,
        TRUSTED,
    },
    config::Config,
    error::AppError,
    log,
    mail::MailError,
    network::Peers,
    news::{self, NEWS, NEWS_WITHOUT_LINK, NOT_ME},
    once::Answers,
    private,
    push::{self, PushError, Waking},
    register::REGISTRATION,
    reset::RESET,
    router::router,
    serving, tidy,
    trail::Trail,
};

/// The showcase, listening.
pub struct Showcase {
    listener: TcpListener,
    app: Arc<App>,
    address: SocketAddr,
    origin: String,
    pool: SqlitePool,
    #[cfg(feature = "outbox")]
    outbox: Option<Outbox>,
}

impl Showcase {
    /// Opens the database and the keys (and makes them on the first start), and listens.
    ///
    /// # Errors
    /// [`StartError`], which says what to do.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if config.listen.ip().is_unspecified() && config.origin.is_none() {
            return Err(StartError::NoOrigin);
        }
        let file = config.data.join("showcase.db");
        private::make(&config.data, &file).map_err(StartError::Data)?;
        if is_inside(&config.keys, &config.data).map_err(StartError::Data)? {
            return Err(StartError::KeysInData);
        }
        let keys = key_file::read_or_create(&config.keys)?;
        let database = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .connect_with(database.clone())
            .await?;
        let store = SqliteStore::new(pool.clone()).await?;
        let accounts = Accounts::open(pool.clone())
            .await
            .map_err(StartError::accounts)?;
        let answers = Answers::open(database).await;
        let answers = answers.map_err(StartError::accounts)?;

        let cannot_listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let origins = origins(&config, address);
        // Behind a proxy, loopback is no longer this machine alone.
        let local = address.ip().is_loopback() && config.origin.is_none();
        let origin = origins.first().cloned().unwrap_or_default();
        // Over plain HTTP to another machine, a link's token would be read on its way.
        let links = local || origin.starts_with("https://");
        let templates = news::templates(links.then_some(&origin))?;
        let mail = mail(&config, templates)?;
        let trail = Trail::open(pool.clone()).await;
        let trail = Arc::new(trail.map_err(StartError::accounts)?);

        let with_transactions = Tokens::builder(keys.clone(), store.clone())
            .policy(&PASSED)
            .policy(&SESSION)
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&TRUSTED)
            .policy(&NOT_ME)
            .policy(&ADDRESS_CODE)
            .policy(&REGISTRATION)
            .policy(&RESET)
            .policy(&PROMPT)
            .policy(&PAIR)
            .policy(&APPROVER)
            .clock(Arc::clone(&config.clock))
            .events(Arc::clone(&trail) as Arc<_>)
            .policy(&PROOF)
            .build()?;
        let tokens = with_transactions.shared();
        let queue: Arc<dyn QueueStore> = Arc::new(store.clone());
        let factors: Arc<dyn FactorStore> = Arc::new(store);
        let delivery = Arc::clone(&mail.delivery);
        let with_link = if links { NEWS } else { NEWS_WITHOUT_LINK };
        let notices = Notices::new(
            with_link,
            NEWS_WITHOUT_LINK,
            &NOT_ME,
            Arc::clone(&delivery),
            Arc::new(accounts.clone()),
        );
        let codes = RecoveryCodes::new(&tokens, Arc::clone(&factors), &RECOVERY)?;
        let devices = KnownDevices::new(&tokens, &DEVICE)?;
        let trusted = TrustedDevices::new(&tokens, &TRUSTED)?;
        let trusted = config.trust_devices.then_some(trusted);
        let mut owner = Owner::new(&tokens, Arc::clone(&factors), notices)?
            .recovery_codes(&codes)
            .known_devices(&devices);
        if let Some(trusted) = &trusted {
            owner = owner.trusted_devices(trusted);
        }
        let proofs = Proofs::new(&tokens, &PROOF)?;
        let prompts = Prompts::new(&tokens, Arc::clone(&factors), &PROMPT)?
            .keys_only()
            .words("Another device", "Approve on your phone or tablet");
        let waking = config.push.as_ref().map(|push| {
            let clock = Arc::clone(&config.clock);
            Waking::new(push, queue, keys, clock, &prompts)
        });
        let waking = waking.transpose()?;
        let prompts = match &waking {
            Some(waking) => prompts.push(waking.delivery())?,
            None => prompts,
        };
        let mut two_factor = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(TotpProvider::new(NAME)?)
            .provider(CodeProvider::email(&EMAIL_CODE, delivery)?)
            .prompts(&prompts)
            .recovery_codes(&codes)
            .known_devices(&devices)
            .owner(&owner);
        if let Some(trusted) = &trusted {
            two_factor = two_factor.trusted_devices(trusted);
        }
        let two_factor = two_factor.build()?;

        let app = Arc::new(App {
            tokens,
            with_transactions,
            answers,
            two_factor,
            prompts,
            waking,
            accounts,
            delivery: mail.delivery,
            trail,
            proofs,
            codes,
            devices,
            trusted,
            owner,
            secure: origin.starts_with("https://"),
            peers: peers(&config),
            links,
            #[cfg(feature = "outbox")]
            outbox: mail.outbox.clone().filter(|_| local || config.show_outbox),
            origins,
        });
        Ok(Self {
            listener,
            app,
            address,
            origin,
            pool,
            #[cfg(feature = "outbox")]
            outbox: mail.outbox,
        })
    }

    /// What to type into a browser.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The development outbox, where mail is kept in it.
    #[cfg(feature = "outbox")]
    #[must_use]
    pub fn outbox(&self) -> Option<Outbox> {
        self.outbox.clone()
    }

    /// What the pages share.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// The database, for tests.
    #[must_use]
    pub fn pool(&self) -> SqlitePool {
        self.pool.clone()
    }

    /// Serves until `stop` is done, and tidies up every few minutes meanwhile.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { listener, app, .. } = self;
        let serving = serving::serve(listener, router(Arc::clone(&app)), stop);
        let tidying = async {
            let mut every = tokio::time::interval(tidy::EVERY);
            loop {
                every.tick().await;
                tidy::tidy(&app).await;
            }
        };
        tokio::select! {
            () = serving => {}
            () = tidying => {}
            () = app.trail.keep_writing() => {}
            () = push::keep_waking(&app) => {}
        }
        let last = app.trail.write().await;
        if let Err(AppError::Unavailable(error)) = last {
            log::outage(&*error);
        }
    }
}

impl core::fmt::Debug for Showcase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Showcase")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The first is what the showcase prints; on loopback, every name of this machine will do.
fn origins(config: &Config, address: SocketAddr) -> Vec<String> {
    if let Some(origin) = &config.origin {
        return vec![origin.clone()];
    }
    let mut origins = vec![format!("http://{address}")];
    if address.ip().is_loopback() {
        let port = address.port();
        origins.extend(
            ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("http://{host}:{port}")),
        );
    }
    origins
}

/// Where messages go.
struct Mail {
    delivery: Arc<dyn Delivery>,
    #[cfg(feature = "outbox")]
    outbox: Option<Outbox>,
}

fn mail(config: &Config, words: Templates) -> Result<Mail, MailError> {
    match &config.smtp {
        Some(smtp) => Ok(Mail {
            delivery: smtp.delivery(words)?,
            #[cfg(feature = "outbox")]
            outbox: None,
        }),
        #[cfg(feature = "outbox")]
        None => {
            let outbox = Outbox::new(50).templates(words);
            Ok(Mail {
                delivery: Arc::new(outbox.clone()),
                outbox: Some(outbox),
            })
        }
        #[cfg(not(feature = "outbox"))]
        None => Err(MailError::Nowhere),
    }
}

/// Over TLS, which the showcase does not speak, only a proxy connects to it.
fn peers(config: &Config) -> Peers {
    match &config.origin {
        _ if config.trusted_proxies > 0 => Peers::TrustedProxies(config.trusted_proxies),
        Some(origin) if origin.starts_with("https://") => Peers::Proxy,
        Some(_) => Peers::VisitorsAndLocalProxy,
        None => Peers::Visitors,
    }
}

/// Whether a file that may not be there yet lies in a folder or below it.
fn is_inside(file: &Path, folder: &Path) -> io::Result<bool> {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Ok(parent.canonicalize()?.starts_with(folder.canonicalize()?))
}

/// Why the showcase did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The table of people cannot be opened.
    #[error("the table of people cannot be opened")]
    Accounts(#[source] Box<dyn core::error::Error + Send + Sync>),
    /// The data folder cannot be made, or others may read it.
    #[error("the data folder cannot be used")]
    Data(#[source] io::Error),
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Database(#[from] sqlx::Error),
    /// A provider or its limits do not fit.
    #[error(transparent)]
    Factors(#[from] BuildError),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The key file would lie with the data that it protects.
    #[error(
        "the key file is in the data folder: --keys takes a place outside of it, so that a copy of the data is worth nothing"
    )]
    KeysInData,
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}; --listen takes another address (127.0.0.1:0 finds a free port)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// No mail can leave.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Listening on every address, and no name to answer to.
    #[error(
        "listening on every address takes --origin: the name under which people open the pages"
    )]
    NoOrigin,
    /// A policy does not fit.
    #[error(transparent)]
    Policies(#[from] token_store::BuildError),
    /// A provider cannot be made.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// No browser can be woken.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] token_store_sqlx::StartError),
    /// The words of a message are wrong.
    #[error(transparent)]
    Words(#[from] TemplatesError),
}

impl StartError {
    fn accounts(error: AppError) -> Self {
        match error {
            AppError::Unavailable(error) => Self::Accounts(error),
            _ => Self::Accounts("unexpected refusal".into()),
        }
    }
}
