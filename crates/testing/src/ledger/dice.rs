//! Choices that a seed repeats.

use core::convert::Infallible;

use token_store::ott_core::rand::{TryCryptoRng, TryRng};

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The choices of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`, which is not 0.
    pub const fn below(&mut self, sides: u64) -> u64 {
        self.number() % sides
    }

    /// One of them, unless there is none.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let sides = u64::try_from(from.len()).unwrap_or(u64::MAX);
        let at = (sides > 0).then(|| self.below(sides))?;
        from.get(usize::try_from(at).ok()?)
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.below(1 << 32)).unwrap_or(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.number())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for some in bytes.chunks_mut(8) {
            let drawn = self.number().to_le_bytes();
            some.copy_from_slice(&drawn[..some.len()]);
        }
        Ok(())
    }
}

/// Of tokens that two processes make alike; they guard nothing.
impl TryCryptoRng for Dice {}
