//! How the showcase starts, and why it does not.

use core::{
    future::{Future, IntoFuture as _},
    net::SocketAddr,
};
use std::{io, path::Path, sync::Arc};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use token_store_sqlx::SqliteStore;
use tokio::net::TcpListener;
use twofa_providers::{
    BuildError, CodeProvider, KnownDevices, Notices, Owner, Proofs, ProviderError, RecoveryCodes,
    TotpProvider, TwoFactor,
    token_delivery::{Delivery, Outbox, TemplatesError},
    token_store::{
        self, FactorStore, Tokens,
        key_file::{self, KeyFileError},
    },
};

use crate::{
    accounts::Accounts,
    activity::EventLog,
    address::ADDRESS_CODE,
    app::{App, DEVICE, EMAIL_CODE, NAME, PASSED, PROOF, RECOVERY, SESSION},
    config::Config,
    error::AppError,
    news::{self, NEWS, NEWS_WITHOUT_LINK, NOT_ME},
    router::router,
    tidy,
};

/// The showcase, listening.
pub struct Showcase {
    listener: TcpListener,
    app: Arc<App>,
    address: SocketAddr,
    origin: String,
    pool: SqlitePool,
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
        make_private_folder(&config.data).map_err(StartError::Data)?;
        if is_inside(&config.keys, &config.data).map_err(StartError::Data)? {
            return Err(StartError::KeysInData);
        }
        let keys = key_file::read_or_create(&config.keys)?;
        let database = SqliteConnectOptions::new()
            .filename(config.data.join("showcase.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .connect_with(database)
            .await?;
        let store = SqliteStore::new(pool.clone()).await?;
        let accounts = Accounts::open(pool.clone())
            .await
            .map_err(StartError::accounts)?;

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
        let outbox = Arc::new(Outbox::new(50).templates(templates));
        let events = Arc::new(EventLog::new(1_000));

        let tokens = Tokens::builder(keys, store.clone())
            .policy(&PASSED)
            .policy(&SESSION)
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&NOT_ME)
            .policy(&ADDRESS_CODE)
            .clock(Arc::clone(&config.clock))
            .events(Arc::clone(&events) as Arc<_>)
            .policy(&PROOF)
            .build()?
            .shared();
        let factors: Arc<dyn FactorStore> = Arc::new(store);
        let delivery: Arc<dyn Delivery> = Arc::clone(&outbox) as Arc<_>;
        let with_link = if links { NEWS } else { NEWS_WITHOUT_LINK };
        let notices = Notices::new(
            with_link,
            NEWS_WITHOUT_LINK,
            &NOT_ME,
            Arc::clone(&delivery),
            Arc::new(accounts.clone()),
        );
        let codes = RecoveryCodes::new(&tokens, &RECOVERY)?;
        let devices = KnownDevices::new(&tokens, &DEVICE)?;
        let owner = Owner::new(&tokens, Arc::clone(&factors), notices)?
            .recovery_codes(&codes)
            .known_devices(&devices);
        let proofs = Proofs::new(&tokens, &PROOF)?;
        let two_factor = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(TotpProvider::new(NAME)?)
            .provider(CodeProvider::email(&EMAIL_CODE, delivery)?)
            .recovery_codes(&codes)
            .known_devices(&devices)
            .owner(&owner)
            .build()?;

        let app = Arc::new(App {
            tokens,
            two_factor,
            accounts,
            outbox,
            events,
            proofs,
            codes,
            devices,
            owner,
            secure: origin.starts_with("https://"),
            behind_proxy: config.origin.is_some(),
            links,
            outbox_shown: local || config.show_outbox,
            origins,
        });
        Ok(Self {
            listener,
            app,
            address,
            origin,
            pool,
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

    /// The development outbox, for tests.
    #[must_use]
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.app.outbox)
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
    ///
    /// # Errors
    /// Whatever the operating system says of the listening socket.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Self { listener, app, .. } = self;
        let service = router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop);
        let tidying = async {
            let mut every = tokio::time::interval(tidy::EVERY);
            loop {
                every.tick().await;
                tidy::tidy(&app).await;
            }
        };
        tokio::select! {
            served = serving.into_future() => served,
            () = tidying => Ok(()),
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

/// Whether a file that may not be there yet lies in a folder or below it.
fn is_inside(file: &Path, folder: &Path) -> io::Result<bool> {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Ok(parent.canonicalize()?.starts_with(folder.canonicalize()?))
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path)
}

/// Why the showcase did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The table of people cannot be opened.
    #[error("the table of people cannot be opened")]
    Accounts(#[source] Box<dyn core::error::Error + Send + Sync>),
    /// The data folder cannot be made.
    #[error("the data folder cannot be made")]
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
