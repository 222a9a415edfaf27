//! The API of 2FAuth over the crates of this workspace.
//!
//! `README.md` tells how to try it, and where what the contract asks for is weaker than these crates.

mod accounts;
mod admin;
mod answer;
mod app;
mod batches;
mod call;
mod codes;
mod export;
mod features;
mod fields;
mod groups;
mod icons;
mod images;
mod logs;
mod migration;
mod options;
mod page;
mod parameters;
mod preferences;
mod qr;
mod routes;
mod settings;
mod shape;
mod sharing;
mod sign_in;
mod throttle;
mod tokens;
mod trial;
mod twofaccounts;
mod uri;
mod users;

use core::time::Duration;
use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use contract_server::{
    Fault, Ground, Options, Signals, Tls, TowerToHyperService, announce, every, read_json, run,
    serve,
};
use tokio::net::TcpListener;

use crate::{accounts::Accounts, app::App, settings::Settings};

/// The API of 2FAuth.
///
/// Without any option it serves a made-up account from a temporary folder, and prints how to try it.
#[derive(Parser)]
#[command(name = "twofauth")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Where people find this server, behind a proxy that speaks TLS: https://…; cookies are Secure then
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    origin: Option<String>,
}

/// Scheme, host and port, as a browser writes them.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://");
    let host = host.or_else(|| text.strip_prefix("http://"));
    let is_one = host.is_some_and(|host| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(plain)
    });
    is_one
        .then(|| text.to_ascii_lowercase())
        .ok_or_else(|| "an origin is http:// or https://, a host, and no path".into())
}

fn main() -> ExitCode {
    let Arguments { options, origin } = Arguments::parse();
    run("twofauth", async move |mut signals: Signals| {
        let ready = tokio::select! {
            ready = Ready::make(options, origin) => ready?,
            () = signals.stopped() => return Ok(()),
        };
        ready.serve(signals).await;
        Ok(())
    })
}

/// A server that can begin.
struct Ready {
    listener: TcpListener,
    app: Arc<App>,
    url: String,
    hints: Vec<String>,
}

impl Ready {
    async fn make(options: Options, origin: Option<String>) -> Result<Self, Fault> {
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
        let ground = Ground::open("twofauth", &options, app::words()?).await?;
        let data = ground.data.clone();
        let app = Arc::new(App::new(settings, origin, ground).await?);
        accounts.make(&app).await?;
        app.engine.clock.start();
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let hints = made_up.map(|told| told.hints(&url, &data));
        let hints = hints.unwrap_or_default();
        Ok(Self {
            listener,
            app,
            url,
            hints,
        })
    }

    async fn serve(self, mut signals: Signals) {
        let Self {
            listener,
            app,
            url,
            hints,
        } = self;
        announce(&url, &hints);
        let service = TowerToHyperService::new(routes::router(&app));
        tokio::select! {
            () = serve(listener, &Tls::Off, service, answer::canned, async move { signals.stopped().await }) => {}
            () = every(Duration::from_secs(60), async || app.tidy().await) => {}
        }
    }
}
