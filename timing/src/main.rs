//! Whether the time of a comparison tells what was compared: `timing [SAMPLES [RUNS]]`.
//!
//! Classes of input are mixed at random and their times compared with Welch's t-test over cropped
//! samples (dudect). Each case must stay below 4.5 in every run, with retries, since other programs
//! make noise and noise does not repeat itself; a leak does. Each kind of work is done once more with a
//! leak planted in it, on the same inputs, which must be found every time: so a harness fails that
//! measures nothing, or that presents one input over and over.

#![forbid(unsafe_code)]

mod cases;
mod measure;
mod welch;

use std::{process::ExitCode, time::Instant};

/// Above this the classes differ: one false alarm in 150,000 for a single test.
const LIMIT: f64 = 4.5;
/// How often a run is taken again. A leak is there each time.
const RETRIES: u64 = 4;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next() {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|number| *number > 0),
    };
    let (Some(samples), Some(runs)) = (number(1_000_000), number(3)) else {
        eprintln!("usage: timing [SAMPLES [RUNS]]");
        return ExitCode::from(2);
    };
    if samples < 10_000 {
        eprintln!("fewer than 10,000 samples show nothing");
        return ExitCode::from(2);
    }
    let begun = Instant::now();
    println!("{samples} samples for each pair of classes, {runs} runs, limit |t| < {LIMIT}");
    let mut failed = false;
    for mut case in cases::all() {
        for run in 0..runs as u64 {
            let mut tried = Vec::new();
            let found = loop {
                let seed = run * (RETRIES + 1) + tried.len() as u64;
                let found = measure::run(&mut case, samples, seed);
                tried.push(format!("{:.2}", found.worst()));
                // A planted leak has one chance.
                let enough = case.leaks || found.worst() < LIMIT;
                if enough || tried.len() as u64 > RETRIES {
                    break found;
                }
            };
            let right = (found.worst() > LIMIT) == case.leaks;
            failed |= !right;
            let verdict = if right { "ok" } else { "FAILED" };
            println!(
                "{:<44} run {} max |t| {:<24} {verdict}",
                case.name,
                run + 1,
                tried.join(" ")
            );
            if run + 1 == runs as u64 || !right {
                let t = core::iter::once(0.0).chain(found.t.iter().copied());
                for ((class, typical), t) in case.classes.iter().zip(&found.typical).zip(t) {
                    println!("    {class:<16} {typical:>10.1} ns   |t| {t:>8.2}");
                }
            }
        }
    }
    println!("{} s", begun.elapsed().as_secs());
    if failed {
        println!("FAILED: a time differs, or a planted leak was not found");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
