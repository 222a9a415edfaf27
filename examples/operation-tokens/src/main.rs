//! Starts the server: `operation-tokens --help`.

use std::process::ExitCode;

use clap::Parser;
use contract_server::{Fault, Options, announce, run};
use operation_tokens::Server;

/// The token API by operation.
///
/// Without any option it serves a made-up account from a temporary folder, and prints how to try it.
#[derive(Parser)]
#[command(name = "operation-tokens")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    run("operation-tokens", async move |mut signals| {
        let server = tokio::select! {
            started = Server::start(&options) => started?,
            () = signals.stopped() => return Ok(()),
        };
        announce(server.url(), server.hints());
        server.serve(async move { signals.stopped().await }).await;
        Ok::<(), Fault>(())
    })
}
