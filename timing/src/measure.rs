//! Times one piece of work in several classes, mixed at random.

use std::time::Instant;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::welch::{Samples, t};

/// What is measured.
pub struct Case {
    pub name: &'static str,
    /// What the classes are; each is compared with the first.
    pub classes: Vec<String>,
    /// Whether the classes must differ: a leak that was put there.
    pub leaks: bool,
    pub work: Box<dyn Batch>,
}

pub trait Work {
    type Input;
    /// Makes an input of this class.
    fn prepare(&mut self, class: usize, rng: &mut StdRng) -> Self::Input;
    /// Puts it in place: the same steps and the same memory for every class.
    fn place(&mut self, input: Self::Input);
    /// Uses it. The time of this is what is asked about.
    fn work(&mut self);
}

/// How many inputs are made before any of them is used: what making one leaves behind in caches and
/// branch predictors would tell its class.
const AHEAD: usize = 500;

/// Some work, whatever its input.
pub trait Batch {
    /// The nanoseconds of one input of each of these classes.
    fn batch(&mut self, classes: &[usize], rng: &mut StdRng) -> Vec<u32>;
}

impl<W: Work> Batch for W {
    fn batch(&mut self, classes: &[usize], rng: &mut StdRng) -> Vec<u32> {
        let inputs: Vec<W::Input> = classes
            .iter()
            .map(|class| self.prepare(*class, rng))
            .collect();
        let mut nanos = Vec::with_capacity(inputs.len());
        for input in inputs {
            self.place(input);
            let begun = Instant::now();
            self.work();
            let took = begun.elapsed().as_nanos();
            nanos.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
        nanos
    }
}

/// What one run of a case found.
pub struct Found {
    /// Typical nanoseconds of each class.
    pub typical: Vec<f64>,
    /// |t| of each class but the first against the first.
    pub t: Vec<f64>,
}

impl Found {
    pub fn worst(&self) -> f64 {
        self.t.iter().copied().fold(0.0, f64::max)
    }
}

/// Takes half as many samples a class as `samples` says: so many for each pair.
pub fn run(case: &mut Case, samples: usize, seed: u64) -> Found {
    let mut rng = StdRng::seed_from_u64(seed);
    let number = case.classes.len();
    let wanted = samples / 2;
    let mut nanos: Vec<Vec<u32>> = vec![Vec::with_capacity(wanted * 2); number];
    // So many that each class gets its share, roughly.
    let draws = wanted * number;
    // The first ones, on cold caches, do not count.
    for batch in 0..=draws / AHEAD {
        let classes: Vec<usize> = (0..AHEAD).map(|_| rng.random_range(0..number)).collect();
        let took = case.work.batch(&classes, &mut rng);
        if batch > 0 {
            for (class, took) in classes.into_iter().zip(took) {
                nanos[class].push(took);
            }
        }
    }
    let mut pooled = nanos[0].clone();
    let middle = *pooled.select_nth_unstable(nanos[0].len() / 2).1;
    let classes: Vec<Samples> = nanos
        .into_iter()
        .map(|nanos| Samples::new(nanos, middle.into()))
        .collect();
    Found {
        typical: classes.iter().map(Samples::typical).collect(),
        t: classes[1..]
            .iter()
            .map(|class| t(&classes[0], class))
            .collect(),
    }
}
