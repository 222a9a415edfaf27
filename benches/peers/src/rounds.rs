//! Measuring contenders side by side.

use std::{hint::black_box, time::Instant};

/// Rounds of one run.
const ROUNDS: usize = 400;

/// One contender: a name and one unit of its work.
pub(crate) type Contender = (&'static str, Box<dyn FnMut() -> u64>);

/// The same work by several.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// Units of work in one sample: some ten microseconds.
    pub(crate) repeat: u32,
    pub(crate) contenders: std::cell::RefCell<Vec<Contender>>,
}

/// Nanoseconds a unit.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) times: Vec<(&'static str, f64)>,
}

impl Figures {
    pub(crate) fn time(&self, name: &str) -> Option<f64> {
        self.times
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, time)| *time)
    }

    /// oath-otp's time, or in a line without others the first.
    pub(crate) fn ours(&self) -> Option<f64> {
        let first = || self.times.first().map(|(_, time)| *time);
        self.time("oath-otp").or_else(first)
    }

    /// The time of the best of the other crates.
    pub(crate) fn best_peer(&self) -> Option<f64> {
        let peers = self.times.iter();
        let peers = peers.filter(|(name, _)| !["oath-otp", "floor"].contains(name));
        peers.map(|(_, time)| *time).min_by(f64::total_cmp)
    }
}

/// One run: every line, its contenders taking turns.
pub(crate) fn measure(lines: &[Line]) -> Vec<Figures> {
    lines
        .iter()
        .map(|line| {
            let mut contenders = line.contenders.borrow_mut();
            let mut samples = vec![Vec::with_capacity(ROUNDS); contenders.len()];
            for round in 0..ROUNDS + 20 {
                for ((_, work), samples) in contenders.iter_mut().zip(&mut samples) {
                    let began = Instant::now();
                    for _ in 0..line.repeat {
                        black_box(work());
                    }
                    let time = began.elapsed().as_nanos() as f64 / f64::from(line.repeat);
                    // The first rounds warm up.
                    if round >= 20 {
                        samples.push(time);
                    }
                }
            }
            let times = contenders.iter().zip(&samples);
            Figures {
                name: line.name,
                times: times
                    .map(|((name, _), samples)| (*name, median(samples)))
                    .collect(),
            }
        })
        .collect()
}

/// The median of each figure over all runs.
pub(crate) fn medians(runs: &[Vec<Figures>]) -> Vec<Figures> {
    let Some(first) = runs.first() else {
        return Vec::new();
    };
    first
        .iter()
        .enumerate()
        .map(|(at, line)| Figures {
            name: line.name,
            times: line
                .times
                .iter()
                .map(|(name, _)| {
                    let of_runs: Vec<f64> = runs
                        .iter()
                        .filter_map(|run| run.get(at)?.time(name))
                        .collect();
                    (*name, median(&of_runs))
                })
                .collect(),
        })
        .collect()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
