//! Welch's t-test over cropped samples, as dudect does it.
//!
//! Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017, sections 3.2 and
//! 3.3: samples above a percentile are dropped, since interrupts know nothing of the secret; many
//! percentiles are tried and the largest |t| counts.

/// How many percentiles are tried.
const CROPS: i32 = 100;

/// Sorted samples with running sums, so that each percentile costs one search.
pub struct Samples {
    sorted: Vec<u32>,
    /// Sum and sum of squares of the first so many samples, relative to the middle.
    sums: Vec<(f64, f64)>,
    middle: f64,
}

impl Samples {
    /// Nanoseconds of one class; `middle` keeps the squares small and is one for all classes.
    pub fn new(mut nanos: Vec<u32>, middle: f64) -> Self {
        nanos.sort_unstable();
        let mut sums = vec![(0.0, 0.0)];
        let (mut sum, mut squares) = (0.0, 0.0);
        for sample in &nanos {
            let distance = f64::from(*sample) - middle;
            sum += distance;
            squares += distance * distance;
            sums.push((sum, squares));
        }
        Self {
            sorted: nanos,
            sums,
            middle,
        }
    }

    /// Number, mean and variance of the samples up to a limit.
    fn moments(&self, limit: u32) -> (f64, f64, f64) {
        let kept = self.sorted.partition_point(|sample| *sample <= limit);
        let (sum, squares) = self.sums[kept];
        let number = kept as f64;
        let mean = sum / number;
        (number, mean, (squares - sum * mean) / (number - 1.0))
    }

    /// The mean of the faster nine tenths, in nanoseconds: for the table alone.
    pub fn typical(&self) -> f64 {
        let most = self.sorted[self.sorted.len() * 9 / 10];
        self.moments(most).1 + self.middle
    }
}

/// The largest |t| between two classes over all percentiles of both together.
pub fn t(one: &Samples, other: &Samples) -> f64 {
    let mut together: Vec<u32> = one.sorted.iter().chain(&other.sorted).copied().collect();
    together.sort_unstable();
    let most = together.len() - 1;
    let crops = (1..=CROPS).map(|crop| {
        // Dense where samples are dense: 1 - 2^(-10 i / 100) of them are kept.
        let kept = 1.0 - 0.5_f64.powf(10.0 * f64::from(crop) / f64::from(CROPS));
        together[(kept * most as f64) as usize]
    });
    let everything = core::iter::once(together[most]);
    let limits = crops.chain(everything);
    limits
        .map(|limit| welch(one, other, limit).abs())
        .fold(0.0, f64::max)
}

fn welch(one: &Samples, other: &Samples, limit: u32) -> f64 {
    let ((n, mean, variance), (m, other_mean, other_variance)) =
        (one.moments(limit), other.moments(limit));
    // With few samples t is not normal, and a percentile that cuts a class away says nothing.
    let least = 0.05 * one.sorted.len().min(other.sorted.len()) as f64;
    let error = variance / n + other_variance / m;
    if n < least || m < least || error <= 0.0 {
        return 0.0;
    }
    (mean - other_mean) / error.sqrt()
}

#[cfg(test)]
mod tests {
    use super::{Samples, t};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn class(seed: u64, shift: u32) -> Samples {
        let mut rng = StdRng::seed_from_u64(seed);
        let draw = |_| {
            let noise: u32 = (0..8).map(|_| rng.random_range(0..20)).sum();
            let interrupted = rng.random_ratio(1, 50);
            1_000 + shift + noise + if interrupted { 5_000 } else { 0 }
        };
        Samples::new((0..200_000).map(draw).collect(), 1_000.0)
    }

    /// Two classes of the same times stay below the limit.
    #[test]
    fn welch_of_equal_classes_stays_below_the_limit() {
        for seed in 0..5 {
            let found = t(&class(2 * seed, 0), &class(2 * seed + 1, 0));
            assert!(found < 4.5, "{found}");
        }
    }

    /// One nanosecond is found beneath interrupts of five thousand.
    #[test]
    fn welch_finds_one_nanosecond_beneath_interrupts() {
        let found = t(&class(1, 0), &class(2, 1));
        assert!(found > 10.0, "{found}");
    }

    /// Without cropping, the figure is that of the definition.
    #[test]
    fn welch_without_cropping_is_the_definition() {
        let one = Samples::new(vec![1, 2, 3, 4], 0.0);
        let other = Samples::new(vec![3, 4, 5, 6], 0.0);
        // Means 2.5 and 4.5, variances 5/3 both: 2 / sqrt(5/6).
        let whole = super::welch(&one, &other, 6).abs();
        assert!(
            (whole - 2.0 / (5.0_f64 / 6.0).sqrt()).abs() < 1e-12,
            "{whole}"
        );
    }
}
