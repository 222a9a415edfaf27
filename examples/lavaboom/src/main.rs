//! Starts the server: `lavaboom --help`.

use std::process::ExitCode;

use clap::Parser;
use contract_server::{Fault, Options, announce, run};
use lavaboom::Server;

/// The token API of Lavaboom, and a validation server for Yubikeys beside it.
///
/// Without any option it serves a made-up account from a temporary folder, and prints how to try it.
#[derive(Parser)]
#[command(name = "lavaboom")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    run("lavaboom", async move |mut signals| {
        let server = tokio::select! {
            started = Server::start(&options) => started?,
            () = signals.stopped() => return Ok(()),
        };
        announce(server.url(), server.hints());
        server.serve(async move { signals.stopped().await }).await;
        Ok::<(), Fault>(())
    })
}
