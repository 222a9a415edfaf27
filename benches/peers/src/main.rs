//! oath-otp beside its peers, in one process on the same work: a table of ratios, and a plot.
//!
//! `cargo run --release [-- OUTPUT.svg]` in this folder.
//!
//! Every contender of a line does its share of each round before any does the next, so that what else
//! the machine is doing hits all of them alike. Of each contender the median of all rounds of a run
//! counts, and of the runs the median. A ratio divides two medians of the same run.
//!
//! | line | work |
//! | --- | --- |
//! | verify, miss | a wrong code; one step past, the present one, one to come |
//! | verify, hit | the code of the oldest step of that window; who stops at a match has done least |
//! | generate | one code |
//! | parse, build | an otpauth URI with issuer, account and every parameter |
//! | base32 | a secret of 20 bytes |
//!
//! The floor is the compressions that the work cannot avoid, each waiting for the last: two for the
//! key, two for each step.

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
    against: &'static str,
    at_most: f64,
}

const BARS: [Bar; 9] = [
    Bar {
        line: "TOTP verify, miss, SHA-1",
        against: "totp-rs",
        at_most: 0.65,
    },
    Bar {
        line: "TOTP verify, miss, SHA-1",
        against: "floor",
        at_most: 1.2,
    },
    Bar {
        line: "TOTP verify, miss, SHA-256",
        against: "floor",
        at_most: 1.2,
    },
    Bar {
        line: "TOTP verify, miss, SHA-512",
        against: "floor",
        at_most: 1.2,
    },
    Bar {
        line: "TOTP generate, SHA-1",
        against: "best peer",
        at_most: 0.8,
    },
    Bar {
        line: "TOTP generate, SHA-256",
        against: "best peer",
        at_most: 0.8,
    },
    Bar {
        line: "TOTP generate, SHA-512",
        against: "best peer",
        at_most: 0.8,
    },
    Bar {
        line: "otpauth parse",
        against: "totp-rs",
        at_most: 0.5,
    },
    Bar {
        line: "TOTP verify, oldest step hits, SHA-1",
        against: "our miss",
        at_most: 1.05,
    },
];

fn main() -> ExitCode {
    contenders::check();
    let runs: Vec<Vec<Figures>> = (0..RUNS).map(|_| measure(&lines())).collect();
    println!(
        "nanoseconds, medians of {RUNS} runs; in brackets the time of oath-otp as a part of it"
    );
    let lines = rounds::medians(&runs);
    for line in &lines {
        println!("\n{}", line.name);
        for (name, time) in &line.times {
            let ratio = line.ratio(name).unwrap_or(f64::NAN);
            println!("    {name:<12} {time:>9.1}  ({ratio:.2})");
        }
    }
    println!();
    let mut missed = 0;
    for bar in &BARS {
        let ratios: Vec<f64> = runs.iter().filter_map(|run| ratio(run, bar)).collect();
        let median = rounds::median(&ratios);
        let held = median <= bar.at_most;
        missed += usize::from(!held);
        let word = if held { "holds" } else { "MISSED" };
        println!(
            "{word:<7} {} / {}: {median:.3} of at most {:.2} (runs: {})",
            bar.line,
            bar.against,
            bar.at_most,
            ratios
                .iter()
                .map(|ratio| format!("{ratio:.3}"))
                .collect::<Vec<_>>()
                .join(" ")
        );
    }
    if let Some(path) = std::env::args().nth(1) {
        if let Err(error) = std::fs::write(&path, plot::draw(&lines)) {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
        println!("\nwritten: {path}");
    }
    println!("\n{missed} of {} bars missed", BARS.len());
    ExitCode::SUCCESS
}

fn ratio(run: &[Figures], bar: &Bar) -> Option<f64> {
    let line = run.iter().find(|line| line.name == bar.line)?;
    match bar.against {
        "best peer" => {
            let peers = line
                .times
                .iter()
                .filter(|(name, _)| !["oath-otp", "floor"].contains(name));
            let best = peers.map(|(_, time)| *time).min_by(f64::total_cmp)?;
            Some(line.time("oath-otp")? / best)
        }
        "our miss" => {
            let miss = run
                .iter()
                .find(|line| line.name == "TOTP verify, miss, SHA-1")?;
            Some(line.time("oath-otp")? / miss.time("oath-otp")?)
        }
        peer => line.ratio(peer),
    }
}
