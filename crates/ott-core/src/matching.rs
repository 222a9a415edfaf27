//! The number that a decider repeats.

use rand::TryCryptoRng;

use crate::{IssueError, Matching};

/// Uniform, and always as many digits: the first is no zero.
pub(crate) fn matching_number<R: TryCryptoRng + ?Sized>(
    matching: Matching,
    rng: &mut R,
) -> Result<Option<u32>, IssueError> {
    const MOST_DRAWS: usize = 64;
    let (least, most): (u32, u32) = match matching {
        Matching::Nothing => return Ok(None),
        Matching::TwoDigits => (10, 99),
        Matching::SixDigits => (100_000, 999_999),
    };
    let numbers = most.saturating_sub(least).saturating_add(1);
    // The largest multiple of how many there are; what lies above is drawn again.
    let fair = u32::MAX.saturating_sub(u32::MAX.checked_rem(numbers).unwrap_or(0));
    for _ in 0..MOST_DRAWS {
        let mut bytes = [0; 4];
        rng.try_fill_bytes(&mut bytes)
            .map_err(|_| IssueError::Random)?;
        let drawn = u32::from_be_bytes(bytes);
        if drawn < fair {
            let offset = drawn.checked_rem(numbers).unwrap_or(0);
            return Ok(Some(least.saturating_add(offset)));
        }
    }
    Err(IssueError::Random)
}
