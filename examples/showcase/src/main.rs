//! Starts the showcase.

use std::process::ExitCode;

use showcase::{Config, Showcase};

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that a person starts"
)]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{}", Config::HELP);
        return ExitCode::SUCCESS;
    }
    let config = match Config::from_args(args.into_iter()) {
        Ok(config) => config,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let showcase = match Showcase::start(config.clone()).await {
        Ok(showcase) => showcase,
        Err(error) => {
            eprintln!("the showcase did not start: {error}");
            let mut cause = core::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            return ExitCode::FAILURE;
        }
    };
    println!("The showcase is running. Open {}", showcase.origin());
    println!("  listens on {}", showcase.address());
    println!("  data  {}", config.data.display());
    println!(
        "  keys  {} (keep it apart from the data)",
        config.keys.display()
    );
    println!("Stop it with Ctrl-C.");
    let stop = async {
        // Without a signal handler there is nothing to wait for but the server itself.
        if tokio::signal::ctrl_c().await.is_err() {
            core::future::pending::<()>().await;
        }
    };
    showcase.serve(stop).await;
    ExitCode::SUCCESS
}
