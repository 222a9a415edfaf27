//! HMAC over SHA-3, whose crate has no block function.

use sha3::digest::common::{Block, BlockSizeUser};
use sha3::digest::{Digest, FixedOutputReset, Output};
use zeroize::{Zeroize, Zeroizing};

use crate::pad::{INNER_PAD, OUTER_PAD, mask, put};
use crate::truncate::truncate;

/// Calls `visit` with each of `count` counters from `first` on, in order, and the 31-bit truncated
/// HMAC of each.
///
/// The key is scheduled once: each counter starts from copies of the two states under the key. The
/// states wipe themselves on drop, and none is moved once the key is in it.
///
/// Specification: RFC 2104 section 2; FIPS 202 section 7 (a block is as long as the rate).
pub(crate) fn for_each<D>(key: &[u8], first: u64, count: u64, mut visit: impl FnMut(u64, u32))
where
    D: Digest + BlockSizeUser + FixedOutputReset + Clone,
{
    let (mut inner, mut outer) = (D::new(), D::new());
    let mut block = Wiped(Block::<D>::default());
    let mut hash = Wiped(Output::<D>::default());

    if key.len() > block.0.len() {
        Digest::update(&mut inner, key);
        Digest::finalize_into_reset(&mut inner, &mut hash.0);
        put(&mut block.0, &hash.0);
    } else {
        put(&mut block.0, key);
    }
    mask(&mut block.0, INNER_PAD);
    Digest::update(&mut inner, &block.0);
    mask(&mut block.0, INNER_PAD ^ OUTER_PAD);
    Digest::update(&mut outer, &block.0);

    for counter in (0..count).map(|offset| first.wrapping_add(offset)) {
        let mut state = inner.clone();
        Digest::update(&mut state, counter.to_be_bytes());
        Digest::finalize_into_reset(&mut state, &mut hash.0);
        let mut state = outer.clone();
        Digest::update(&mut state, &hash.0);
        Digest::finalize_into_reset(&mut state, &mut hash.0);

        let mut head = Zeroizing::new([0; 5]);
        for (word, bytes) in head.iter_mut().zip(hash.0.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        let tail = hash.0.last().copied().map_or(0, u32::from);
        visit(counter, truncate(*head, tail));
    }
}

/// Bytes that are wiped on drop.
struct Wiped<B: AsMut<[u8]>>(B);

impl<B: AsMut<[u8]>> Drop for Wiped<B> {
    fn drop(&mut self) {
        self.0.as_mut().zeroize();
    }
}
