//! How a server starts, says so, and stops.

use core::{error::Error, future::Future};
use std::{io::Write as _, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why a server does not start: a sentence for the person who started it.
pub type Fault = Box<dyn Error + Send + Sync>;

/// Runs a server to its end. A fault is told on standard error.
#[expect(clippy::print_stderr, reason = "a program that a person starts")]
pub fn run<F: Future<Output = Result<(), Fault>>>(
    name: &str,
    server: impl FnOnce(Signals) -> F,
) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        // Before anything else: a signal that comes first would end the process by itself.
        server(Signals::install()?).await
    });
    // What still hashes a password has nobody left to tell.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// The first line on standard output: requests are answered from now on. Hints come after it.
///
/// Whoever reads the first line may close the pipe: a server does not end for that.
pub fn announce(url: &str, hints: &[String]) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "listening on {url}");
    for hint in hints {
        let _ = writeln!(output, "{hint}");
    }
}

/// A warning, on standard error.
#[expect(clippy::print_stderr, reason = "for the person who started it")]
pub fn warn(text: &str) {
    eprintln!("warning: {text}");
}

/// `SIGTERM` and Ctrl-C, kept from the first moment of [`run`] on: none of them is lost, however early it comes.
#[derive(Debug)]
pub struct Signals {
    terminated: Signal,
    interrupted: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminated: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
        })
    }

    /// Until one of them came.
    pub async fn stopped(&mut self) {
        tokio::select! {
            _ = self.terminated.recv() => {}
            _ = self.interrupted.recv() => {}
        }
    }
}
