//! How the server starts.

use core::{convert::Infallible, future::Future, time::Duration};
use std::sync::Arc;

use contract_server::{Fault, Ground, Options, Tls, hyper::service::service_fn, read_json, serve};
use ott_flows::token_store::ott_core::chrono::TimeDelta;
use rocket::local::asynchronous::Client;
use tokio::{net::TcpListener, time::timeout};

use crate::{
    accounts::Accounts,
    answer::canned,
    app::{App, words},
    rocket_service::answer,
    routes::rocket,
    settings::Settings,
    trial,
};

/// The server, listening.
pub struct Server {
    listener: TcpListener,
    client: Arc<Client>,
    url: String,
    hints: Vec<String>,
}

impl Server {
    /// Opens what the options name, makes the accounts at the first start, and listens.
    ///
    /// # Errors
    /// A sentence for the person who started it.
    pub async fn start(options: &Options) -> Result<Self, Fault> {
        let settings = match &options.settings {
            Some(file) => read_json::<Settings>("settings", file)?,
            None => Settings::default(),
        };
        let (accounts, made_up) = match &options.accounts {
            Some(file) => (read_json::<Accounts>("accounts", file)?, None),
            None if options.is_trial() => {
                let (accounts, told) = trial::account()?;
                (accounts, Some(told))
            }
            None => (Accounts::default(), None),
        };
        accounts.check()?;
        let ground = Ground::open("operation-tokens", options, words(&settings)?).await?;
        let data = ground.data.clone();
        let app = App::new(settings, ground).await?;
        accounts.make(&app).await?;
        app.clock.start();
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let client = Client::untracked(rocket(app)).await;
        let client = client.map_err(|error| format!("the routes do not fit: {error}"))?;
        Ok(Self {
            listener,
            client: Arc::new(client),
            hints: made_up
                .map(|told| told.hints(&url, &data))
                .unwrap_or_default(),
            url,
        })
    }

    /// What clients are given.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How to try it, where the account was made up.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Serves until `stop` is done; sends what waits, and tidies up meanwhile.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self {
            listener, client, ..
        } = self;
        let app = client.rocket().state::<App>();
        let inner = Arc::clone(&client);
        let service = service_fn(move |request| {
            let client = Arc::clone(&inner);
            async move { Ok::<_, Infallible>(answer(client, request).await) }
        });
        tokio::select! {
            () = serve(listener, &Tls::Off, service, canned, stop) => {}
            () = work(app) => {}
            () = tidy(app) => {}
        }
    }
}

/// How long what could not be sent waits.
const AGAIN: Duration = Duration::from_secs(2);

/// Sends what waits: at once when something was asked for, and what was left before.
async fn work(app: Option<&App>) {
    let Some(app) = app else { return };
    loop {
        if let Err(error) = app.flows.work().await {
            contract_server::warn(&format!("sending failed: {error}"));
        }
        if let Err(error) = app.send_offers().await {
            contract_server::warn(&format!("sending failed: {error}"));
        }
        let _ = timeout(AGAIN, app.asked.notified()).await;
    }
}

/// How often the dead are removed.
const EVERY: Duration = Duration::from_secs(60);

async fn tidy(app: Option<&App>) {
    let Some(app) = app else { return };
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        let before = app
            .now()
            .checked_sub_signed(TimeDelta::hours(1))
            .unwrap_or_default();
        let purged = app.tokens().purge(before, 500).await;
        let tidied = app.tidy_processes().await;
        if purged.is_err() || tidied.is_err() {
            contract_server::warn("tidying up failed");
        }
    }
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
