//! How the server starts.

use core::{convert::Infallible, future::Future, time::Duration};
use std::{path::Path, sync::Arc};

use contract_server::{
    Fault, Ground, Options, Tls, every, hyper::service::service_fn, read_json, serve,
};
use tokio::net::TcpListener;

use crate::{
    accounts::Accounts,
    answer::canned,
    app::{App, words},
    routes::{answer, routes},
    settings::Settings,
    sms::Sms,
    trial,
};

/// The server, listening.
pub struct Server {
    listener: TcpListener,
    app: Arc<App>,
    url: String,
    hints: Vec<String>,
}

/// How often the dead are removed.
const TIDIED: Duration = Duration::from_secs(60);

impl Server {
    /// Opens what the options name, and the gateway for SMS where a file describes one; makes the accounts at the first start, and listens.
    ///
    /// # Errors
    /// A sentence for the person who started it.
    pub async fn start(options: &Options, sms: Option<&Path>) -> Result<Self, Fault> {
        let settings = match &options.settings {
            Some(file) => read_json::<Settings>("settings", file)?,
            None => Settings::default(),
        };
        settings.check()?;
        let (accounts, made_up) = match &options.accounts {
            Some(file) => (read_json::<Accounts>("accounts", file)?, None),
            None if options.is_trial() => {
                let (accounts, told) = trial::account()?;
                (accounts, Some(told))
            }
            None => (Accounts::default(), None),
        };
        accounts.check()?;
        let words = words(&settings)?;
        let sms = match sms {
            Some(file) => Some(Sms::read(file, words.clone())?),
            None => None,
        };
        let ground = Ground::open("flexiapi", options, words).await?;
        let data = ground.data.clone();
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = App::new(settings, ground, sms, (&accounts, &url)).await?;
        Ok(Self {
            listener,
            app: Arc::new(app),
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

    /// Serves until `stop` is done, and tidies up meanwhile.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { listener, app, .. } = self;
        let routes = Arc::new(routes(Arc::clone(&app)));
        let service = service_fn(move |request| {
            let routes = Arc::clone(&routes);
            async move { Ok::<_, Infallible>(answer(routes, request).await) }
        });
        tokio::select! {
            () = serve(listener, &Tls::Off, service, canned, stop) => {}
            () = every(TIDIED, async || app.tidy().await) => {}
        }
        if let Some(leaving) = &app.leaving {
            leaving.end().await;
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
