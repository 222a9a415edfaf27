//! The token and session API of Nextcloud Passwords over the crates of this workspace.
//!
//! `README.md` tells how to try it, and where what the contract asks for is weaker than these crates.

mod account;
mod accounts;
mod app;
mod call;
mod error;
mod ocs;
mod opening;
mod router;
mod settings;
mod token;
mod trial;

use core::time::Duration;
use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use contract_server::{
    Fault, Ground, Options, Signals, Tls, TlsOptions, TowerToHyperService, announce, every,
    read_json, run, serve,
};
use tokio::net::TcpListener;

use crate::{accounts::Accounts, app::App, settings::Settings};

/// The token and session API of Nextcloud Passwords.
///
/// Without any option it serves a made-up account from a temporary folder, and prints how to try it.
#[derive(Parser)]
#[command(name = "nextcloud-passwords")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    tls: TlsOptions,
}

fn main() -> ExitCode {
    let Arguments { options, tls } = Arguments::parse();
    run("nextcloud-passwords", async move |mut signals: Signals| {
        let ready = tokio::select! {
            ready = Ready::make(options, tls) => ready?,
            () = signals.stopped() => return Ok(()),
        };
        ready.serve(signals).await;
        Ok(())
    })
}

/// A server that can begin.
struct Ready {
    listener: TcpListener,
    tls: Tls,
    app: Arc<App>,
    url: String,
    hints: Vec<String>,
}

impl Ready {
    async fn make(options: Options, tls: TlsOptions) -> Result<Self, Fault> {
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
        let ground = Ground::open("nextcloud-passwords", &options, app::words()?).await?;
        let (data, certificates) = (ground.data.clone(), tls.folder(&ground.data));
        let tls = tls.open(&data)?;
        let https = matches!(tls, Tls::On(_));
        let app = Arc::new(App::new(settings, ground, https).await?);
        accounts.make(&app).await?;
        app.engine.clock.start();
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
        let scheme = if https { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let hints = made_up.map(|told| told.hints(&url, https.then_some(&*certificates), &data));
        let hints = hints.unwrap_or_default();
        Ok(Self {
            listener,
            tls,
            app,
            url,
            hints,
        })
    }

    async fn serve(self, mut signals: Signals) {
        let Self {
            listener,
            tls,
            app,
            url,
            hints,
        } = self;
        announce(&url, &hints);
        let service = TowerToHyperService::new(router::router(&app));
        tokio::select! {
            () = serve(listener, &tls, service, error::canned, async move { signals.stopped().await }) => {}
            () = every(Duration::from_secs(60), async || app.tidy().await) => {}
        }
    }
}
