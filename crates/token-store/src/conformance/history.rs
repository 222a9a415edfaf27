//! Random histories: drawn from a seed, compared with a model, shrunk when they differ.

use core::fmt::{Debug, Write};
use std::env;

use super::{
    dice::{Dice, any_seed},
    report::Law,
};

/// Something that steps can be tried on: a store beside its model.
pub(super) trait World {
    type Step: Clone + Debug;

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
    let replayed = env::var("LAWS_SEED").ok();
    let replayed = replayed.map(|seed| seed.parse().expect("LAWS_SEED is a number"));
    let histories = if replayed.is_some() { 1 } else { histories };
    let mut seeds = Dice::new(any_seed());
    for _ in 0..histories {
        let seed = replayed.unwrap_or_else(|| seeds.next());
        let (world, mut dice) = (world(seed), Dice::new(seed));
        let drawn: Vec<_> = (0..steps).map(|_| world.draw(&mut dice)).collect();
        if let Err(first) = world.run(&drawn).await {
            let (shortest, how) = shrink(&world, drawn, first).await;
            let mut told = format!("{how}\nrepeat it with LAWS_SEED={seed}; the shortest history:");
            for (number, step) in shortest.iter().enumerate() {
                let _ = write!(told, "\n  {number}. {step:?}");
            }
            law.broken(&told);
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
            match world.run(&fewer).await {
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
