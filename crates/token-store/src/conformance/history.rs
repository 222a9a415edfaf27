//! Random histories: drawn from a seed, compared with a model, shrunk when they differ.

use core::{
    fmt::{Debug, Write},
    str::FromStr,
};
use std::{env, thread::panicking};

use super::{
    dice::{Dice, any_seed},
    fixture::{ERAS, Time, at},
    report::Law,
};

/// Something that steps can be tried on: a store beside its model.
pub(super) trait World {
    type Step: Clone + Debug;

    /// How often the same steps are tried when they are repeated, before they count as in order.
    const TRIES: usize = 1;

    fn draw(&self, dice: &mut Dice) -> Self::Step;

    /// Runs these steps on a fresh store and a fresh model.
    ///
    /// # Errors
    /// What differed first.
    async fn run(&self, steps: &[Self::Step]) -> Result<(), String>;
}

/// Runs so many histories of so many steps, each in a world of its own seed.
pub(super) async fn prove<W: World>(
    law: Law,
    histories: usize,
    steps: usize,
    world: impl Fn(u64) -> W,
) {
    let tries = replayed().map_or(1, |_| W::TRIES * 10);
    for seed in seeds(histories) {
        let (world, mut dice) = (world(seed), Dice::new(seed));
        let drawn: Vec<_> = (0..steps).map(|_| world.draw(&mut dice)).collect();
        let seed_is_told = TellsSeed(seed);
        if let Err(first) = try_often(&world, &drawn, tries).await {
            let (shortest, how) = shrink(&world, drawn, first).await;
            drop(seed_is_told);
            let mut told = format!("{how}\nrepeat it with LAWS_SEED={seed}; the shortest history:");
            for (number, step) in shortest.iter().enumerate() {
                let _ = write!(told, "\n  {number}. {step:?}");
            }
            law.broken(&told);
        }
    }
}

/// The seeds of so many histories, or of as many as `HISTORIES` says; that of `LAWS_SEED` alone where one is repeated.
pub(super) fn seeds(histories: usize) -> impl Iterator<Item = u64> {
    let replayed = replayed();
    let histories = match replayed {
        Some(_) => 1,
        None => number("HISTORIES").unwrap_or(histories),
    };
    let mut seeds = Dice::new(any_seed());
    // The remainder says when a history begins: see `era`. Halved, no seed is too large for one.
    let drawn = (0..histories as u64).map(move |place| (seeds.next() >> 1) / 3 * 3 + place % 3);
    drawn.map(move |seed| replayed.unwrap_or(seed))
}

/// When the history of this seed begins. Histories in a row take turns at the three times.
pub(super) fn era(seed: u64) -> Time {
    at(match seed % 3 {
        0 => ERAS[0],
        1 => ERAS[1],
        _ => ERAS[2],
    })
}

fn replayed() -> Option<u64> {
    number("LAWS_SEED")
}

fn number<T: FromStr<Err: Debug>>(variable: &str) -> Option<T> {
    let set = env::var(variable).ok();
    set.map(|set| set.parse().expect("a number in the environment"))
}

async fn try_often<W: World>(world: &W, steps: &[W::Step], tries: usize) -> Result<(), String> {
    for _ in 0..tries {
        world.run(steps).await?;
    }
    Ok(())
}

/// Tells how to repeat a history in which the store panicked.
struct TellsSeed(u64);

impl Drop for TellsSeed {
    fn drop(&mut self) {
        if panicking() {
            eprintln!("repeat it with LAWS_SEED={}", self.0);
        }
    }
}

/// Leaves out whatever it can: halves, then quarters, at last single steps.
async fn shrink<W: World>(
    world: &W,
    mut steps: Vec<W::Step>,
    mut how: String,
) -> (Vec<W::Step>, String) {
    let mut tries = 400;
    let mut size = steps.len().div_ceil(2);
    loop {
        let mut from = 0;
        let before = steps.len();
        while from < steps.len() && tries > 0 {
            tries -= 1;
            let mut fewer = steps.clone();
            fewer.drain(from..steps.len().min(from + size));
            match try_often(world, &fewer, W::TRIES).await {
                Err(still) => (steps, how) = (fewer, still),
                Ok(()) => from += size,
            }
        }
        if tries == 0 || (size == 1 && steps.len() == before) {
            return (steps, how);
        }
        size = size.div_ceil(2);
    }
}
