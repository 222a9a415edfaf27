//! Starts the server: `flexiapi --help`.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use contract_server::{Fault, Options, announce, run};
use flexiapi::Server;

/// The token API of the Flexisip account manager.
///
/// Without any option it serves a made-up account from a temporary folder, and prints how to try it.
#[derive(Parser)]
#[command(name = "flexiapi")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How SMS leave, and what they may cost, JSON
    #[arg(long, value_name = "FILE")]
    sms_gateway: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments {
        options,
        sms_gateway,
    } = Arguments::parse();
    run("flexiapi", async move |mut signals| {
        let server = tokio::select! {
            started = Server::start(&options, sms_gateway.as_deref()) => started?,
            () = signals.stopped() => return Ok(()),
        };
        announce(server.url(), server.hints());
        server.serve(async move { signals.stopped().await }).await;
        Ok::<(), Fault>(())
    })
}
