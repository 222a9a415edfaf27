//! Random choices that a seed repeats, and how many of them.

use core::{convert::Infallible, hash::BuildHasher};
use std::{env, hash::RandomState};

use ott_core::rand::{TryCryptoRng, TryRng};

/// SplitMix64: repeats itself exactly from its seed, so a failure can be replayed.
///
/// It is predictable, and makes keys and tokens of tests alone.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % sides).unwrap_or(0)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for eight in bytes.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            eight
                .iter_mut()
                .zip(drawn)
                .for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}

/// Another seed each time.
pub(super) fn any_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// How often a race is run: the long form is for nights.
pub(super) fn rounds() -> usize {
    let nightly = env::var_os("NIGHTLY").is_some_and(|set| set == "1");
    if nightly { 1_000 } else { 250 }
}
