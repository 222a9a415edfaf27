//! What the pages share, and how they are wired.

use core::{
    future::{Future, IntoFuture as _},
    net::SocketAddr,
};
use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::header,
    middleware,
    routing::{get, post},
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use token_store_sqlx::SqliteStore;
use tokio::net::TcpListener;
use twofa_providers::{
    BuildError, EmailProvider, FRESH, Notices, ProviderError, TotpProvider, TwoFactor,
    TwoFactorError, Verified,
    token_delivery::{Delivery, Outbox, TemplatesError},
    token_store::{
        self, FactorStore, Tokens,
        key_file::{self, KeyFileError},
        ott_core::{Policy, Purpose, RecordId, chrono::TimeDelta},
    },
};

use crate::{
    account,
    accounts::Accounts,
    activity::{self, EventLog},
    address::{self, ADDRESS_CODE},
    config::Config,
    devices, enrol,
    error::AppError,
    headers,
    locks::Locks,
    news::{self, NEWS, NEWS_WITHOUT_LINK, NOT_ME},
    not_me, outbox, recovery,
    second_factor::{self, Next},
    sign_in, tidy,
};

/// The application's name, in messages and authenticator apps.
pub(crate) const NAME: &str = "Showcase";

/// The password was right: ten minutes for the second factor.
pub(crate) const PASSED: Policy =
    Policy::bearer(Purpose::new("password-passed"), TimeDelta::minutes(10));
/// Signed in: twelve hours, two of them unused at most.
pub(crate) const SESSION: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::hours(12)).idle(TimeDelta::hours(2));
/// A printed code for the day on which the phone is gone.
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery-code"));
/// A device on which somebody asked to be remembered.
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
/// A code by e-mail.
pub(crate) const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));

/// What the pages share.
pub(crate) struct App {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) two_factor: TwoFactor,
    pub(crate) accounts: Accounts,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) events: Arc<EventLog>,
    /// The last proof of each session. Lost with the process: then it is asked for again.
    proofs: Mutex<HashMap<RecordId, Arc<Verified>>>,
    /// Held by account while its recovery codes are made: the set that is shown is the one that lives.
    pub(crate) making_codes: Locks,
    /// Held by sign-in while a code is looked at: it takes one code, whoever sends several at once.
    pub(crate) proving: Locks,
    /// The origins under which people may open the pages.
    pub(crate) origins: Vec<String>,
    /// Whether cookies travel over TLS alone.
    pub(crate) secure: bool,
    /// Whether the operator named an origin, so that a peer on this machine is a proxy.
    pub(crate) behind_proxy: bool,
    /// Whether messages carry links: not where they would be followed in clear.
    pub(crate) links: bool,
    /// Whether everybody who can open the pages may read what was sent.
    pub(crate) outbox_shown: bool,
}

pub(crate) type Shared = axum::extract::State<Arc<App>>;

impl App {
    /// Proofs that are not fresh any more prove nothing.
    pub(crate) fn forget_stale_proofs(&self) {
        let now = self.tokens.now();
        self.proofs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, proof| now.signed_duration_since(proof.at()) < FRESH);
    }

    /// The last proof of a session, if it is fresh and its factor still proves. For what never
    /// reaches the engine, and for forms that would only be refused.
    pub(crate) async fn fresh_proof(
        &self,
        session: &RecordId,
        next: Next,
    ) -> Result<Arc<Verified>, AppError> {
        let proof = self.proof(session).ok_or(AppError::ProofNeeded(next))?;
        // There is one clock here: one that was set back makes no proof newer.
        if proof.at() > self.tokens.now() {
            return Err(AppError::ProofNeeded(next));
        }
        match self.two_factor.check_fresh(&proof).await {
            Ok(()) => Ok(proof),
            Err(TwoFactorError::ProofNeeded) => Err(AppError::ProofNeeded(next)),
            Err(error) => Err(error.into()),
        }
    }

    /// The last proof of a session; the engine decides whether it is fresh.
    pub(crate) fn proof(&self, session: &RecordId) -> Option<Arc<Verified>> {
        self.proofs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(session)
            .cloned()
    }

    pub(crate) fn keep_proof(&self, session: RecordId, proof: Arc<Verified>) {
        self.proofs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, proof);
    }

    pub(crate) fn forget_proof(&self, session: &RecordId) {
        self.proofs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(session);
    }
}

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
            .build()?
            .into_shared();
        let delivery: Arc<dyn Delivery> = Arc::clone(&outbox) as Arc<_>;
        let mut notices = Notices::new(NEWS, Arc::clone(&delivery), Arc::new(accounts.clone()));
        if links {
            notices = notices.not_me(&NOT_ME, NEWS_WITHOUT_LINK);
        }
        let two_factor =
            TwoFactor::builder(Arc::clone(&tokens), Arc::new(store) as Arc<dyn FactorStore>)
                .provider(TotpProvider::new(NAME)?)
                .provider(EmailProvider::new(
                    Arc::clone(&tokens),
                    &EMAIL_CODE,
                    delivery,
                ))
                .recovery_codes(&RECOVERY)
                .known_devices(&DEVICE)
                .notices(notices)
                .build()?;

        let app = Arc::new(App {
            tokens,
            two_factor,
            accounts,
            outbox,
            events,
            proofs: Mutex::default(),
            making_codes: Locks::default(),
            proving: Locks::default(),
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

fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    if app.links {
        router = router
            .route("/not-me", get(not_me::form).post(not_me::undo))
            .route("/not-me.js", get(headers::not_me_script));
    }
    router
        .route("/", get(sign_in::start))
        .route(
            "/register",
            get(sign_in::register_form).post(sign_in::register),
        )
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route(
            "/second-factor",
            get(second_factor::choose).post(second_factor::verify),
        )
        .route("/second-factor/request", post(second_factor::request))
        .route("/second-factor/recovery", get(second_factor::recovery_form))
        .route("/welcome", get(enrol::first).post(enrol::enrol_first))
        .route("/welcome/confirm", post(enrol::confirm_first))
        .route("/account", get(account::show))
        .route(
            "/account/prove",
            get(second_factor::prove_form).post(second_factor::prove),
        )
        .route("/account/prove/request", post(second_factor::prove_request))
        .route(
            "/account/prove/recovery",
            get(second_factor::prove_recovery_form),
        )
        .route(
            "/account/recovery",
            get(recovery::show).post(recovery::make),
        )
        .route("/account/recovery/download", post(recovery::download))
        .route(
            "/account/add",
            get(enrol::another).post(enrol::enrol_another),
        )
        .route("/account/address", get(address::form).post(address::send))
        .route("/account/address/confirm", post(address::confirm))
        .route("/account/add/confirm", post(enrol::confirm_another))
        .route("/account/rename", post(account::rename))
        .route("/account/remove", post(account::remove))
        .route("/account/end-sessions", post(account::end_sessions))
        .route("/devices", get(devices::show))
        .route("/devices/forget", post(devices::forget))
        .route("/devices/forget-all", post(devices::forget_all))
        .route("/activity", get(activity::show))
        .route("/outbox", get(outbox::show))
        .route("/style.css", get(headers::style))
        .route("/icon.svg", get(headers::icon))
        .fallback(async || AppError::NotFound)
        .method_not_allowed_fallback(async || AppError::Method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            headers::guard,
        ))
        // No form here is longer.
        .layer(DefaultBodyLimit::max(16 * 1_024))
        .with_state(app)
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

/// The cookie of `name` with everything that keeps it ours.
pub(crate) fn set_cookie(app: &App, name: &str, value: &str, seconds: u32) -> header::HeaderValue {
    let (prefix, secure) = if app.secure {
        ("__Host-", "; Secure")
    } else {
        ("", "")
    };
    let text = format!(
        "{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    );
    // Values are hexadecimal or base64url, so this cannot fail; an empty cookie would sign nobody in.
    let mut value = header::HeaderValue::from_str(&text)
        .unwrap_or(header::HeaderValue::from_static("none=; Path=/"));
    value.set_sensitive(true);
    value
}
