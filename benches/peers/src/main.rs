//! oath-otp beside its peers, in one process on the same work: a table of ratios, and a plot.
//!
//! `cargo run --release [-- [--allow-missed] [OUTPUT.svg]]` in this folder. A bar that is missed fails the
//! program, unless that is allowed.
//!
//! Every contender of a line does its share of each round before any does the next, so that what else
//! the machine is doing hits all of them alike. Of each contender the median of all rounds of a run
//! counts, and of the runs the median. A ratio divides two medians of the same run.
//!
//! | line | work |
//! | --- | --- |
//! | verify, miss | a wrong code; one step past, the present one, one to come |
//! | verify, hit | the code of the oldest step of that window; who stops at a match has done least |
//! | generate | one code as the crate returns it: of totp-rs and totp-rfc a number, of the others text |
//! | generate text | one code as text on the stack |
//! | our window | our own verify, by which step of the window matches |
//! | parse, build | an otpauth URI with issuer, account and every parameter |
//! | base32 | a secret of 20 bytes |
//!
//! The floor is the compressions that the work cannot avoid, each waiting for the last: two for the
//! key, two for each step; of a verify four steps, since ours looks at the one behind the window too, to say of its
//! code that it is early. A block function that is given two blocks at once may be faster than that.

mod contenders;
mod floor;
mod plot;
mod rounds;

use std::process::ExitCode;

use contenders::lines;
use rounds::{Figures, measure};

/// Whole measurements; odd, so that one of them is the median.
const RUNS: usize = 5;

/// A bar of oath-otp, as a ratio of medians.
struct Bar {
    line: &'static str,
    of: &'static str,
    against: &'static str,
    least: f64,
    most: f64,
}

/// At most so much of another's time.
const fn most(line: &'static str, against: &'static str, most: f64) -> Bar {
    Bar {
        line,
        of: "oath-otp",
        against,
        least: 0.0,
        most,
    }
}

/// What matches is told by no time.
const fn even(line: &'static str, of: &'static str) -> Bar {
    Bar {
        line,
        of,
        against: "our miss",
        least: 0.95,
        most: 1.05,
    }
}

const BARS: [Bar; 20] = [
    most("TOTP verify, miss, SHA-1", "totp-rs", 0.65),
    most("TOTP verify, miss, SHA-1", "floor", 1.2),
    most("TOTP verify, miss, SHA-256", "floor", 1.2),
    most("TOTP verify, miss, SHA-512", "floor", 1.2),
    most("TOTP generate, SHA-1", "best peer", 0.8),
    most("TOTP generate, SHA-256", "best peer", 0.8),
    most("TOTP generate, SHA-512", "best peer", 0.8),
    most("TOTP generate text, SHA-1", "best peer", 0.8),
    most("TOTP generate text, SHA-256", "best peer", 0.8),
    most("TOTP generate text, SHA-512", "best peer", 0.8),
    most("otpauth parse", "totp-rs", 0.5),
    even("our window, SHA-1", "our oldest hits"),
    even("our window, SHA-1", "our present hits"),
    even("our window, SHA-1", "our next hits"),
    even("our window, SHA-256", "our oldest hits"),
    even("our window, SHA-256", "our present hits"),
    even("our window, SHA-256", "our next hits"),
    even("our window, SHA-512", "our oldest hits"),
    even("our window, SHA-512", "our present hits"),
    even("our window, SHA-512", "our next hits"),
];

/// A way to call this program.
struct Call {
    allow_missed: bool,
    plot: Option<String>,
}

impl Call {
    fn read(arguments: impl Iterator<Item = String>) -> Option<Call> {
        let mut call = Call {
            allow_missed: false,
            plot: None,
        };
        for argument in arguments {
            match argument.as_str() {
                "--allow-missed" => call.allow_missed = true,
                other if other.starts_with('-') || call.plot.is_some() => return None,
                _ => call.plot = Some(argument),
            }
        }
        Some(call)
    }
}

fn main() -> ExitCode {
    let Some(call) = Call::read(std::env::args().skip(1)) else {
        eprintln!("usage: peers [--allow-missed] [OUTPUT.svg]");
        return ExitCode::FAILURE;
    };
    contenders::check();
    let runs: Vec<Vec<Figures>> = (0..RUNS).map(|_| measure(&lines())).collect();
    println!(
        "nanoseconds, medians of {RUNS} runs; in brackets the time of oath-otp as a part of it"
    );
    let lines = rounds::medians(&runs);
    for line in &lines {
        println!("\n{}", line.name);
        for (name, time) in &line.times {
            let ratio = line.ours().map_or(f64::NAN, |ours| ours / time);
            println!("    {name:<16} {time:>9.1}  ({ratio:.2})");
        }
    }
    println!();
    let mut missed = 0;
    for bar in &BARS {
        let ratios: Vec<f64> = runs.iter().filter_map(|run| ratio(run, bar)).collect();
        let median = rounds::median(&ratios);
        let held = (bar.least..=bar.most).contains(&median);
        missed += usize::from(!held);
        let word = if held { "holds" } else { "MISSED" };
        let least = match bar.least {
            0.0 => String::new(),
            least => format!("at least {least:.2}, "),
        };
        println!(
            "{word:<7} {}: {} / {}: {median:.3} of {least}at most {:.2} (runs: {})",
            bar.line,
            bar.of,
            bar.against,
            bar.most,
            ratios
                .iter()
                .map(|ratio| format!("{ratio:.3}"))
                .collect::<Vec<_>>()
                .join(" ")
        );
    }
    if let Some(path) = call.plot {
        if let Err(error) = std::fs::write(&path, plot::draw(&lines)) {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
        println!("\nwritten: {path}");
    }
    println!("\n{missed} of {} bars missed", BARS.len());
    if missed == 0 || call.allow_missed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn ratio(run: &[Figures], bar: &Bar) -> Option<f64> {
    let line = run.iter().find(|line| line.name == bar.line)?;
    let other = match bar.against {
        "best peer" => line.best_peer(),
        name => line.time(name),
    };
    Some(line.time(bar.of)? / other?)
}
