//! HMAC over counters.

use core::slice::from_ref;

use zeroize::Zeroize;

use crate::hash::{self, BlockHash};
use crate::pad::{INNER_PAD, OUTER_PAD, mask, put};
#[cfg(feature = "sha3")]
use crate::sponge;
use crate::truncate::truncate;
use crate::{Algorithm, Code, Digits, Secret};

/// Counters of a window that are in work at a time.
const LANES: usize = 4;

/// The code of one counter. Allocates nothing, and wipes the blocks and the state through which key and
/// MAC pass; what the compiler keeps beside them in registers is not within its reach.
///
/// Specification: RFC 4226 section 5.3, RFC 2104 section 2.
pub(crate) fn code(algorithm: Algorithm, digits: Digits, secret: &Secret, counter: u64) -> Code {
    let key = secret.expose_secret();
    let mut truncated = match algorithm {
        Algorithm::Sha1 => single::<hash::Sha1>(key, counter),
        Algorithm::Sha256 => single::<hash::Sha256>(key, counter),
        Algorithm::Sha512 => single::<hash::Sha512>(key, counter),
        #[cfg(feature = "sha3")]
        _ => {
            let mut truncated = 0;
            for_each(algorithm, key, counter, 1, |_, value| truncated = value);
            truncated
        }
    };
    let code = Code::new(truncated, digits);
    truncated.zeroize();
    code
}

/// The five letters and digits that Steam shows for one counter. Wipes as [`code`] does.
pub(crate) fn steam_code(secret: &Secret, counter: u64) -> Code {
    let mut truncated = single::<hash::Sha1>(secret.expose_secret(), counter);
    let code = Code::steam(truncated);
    truncated.zeroize();
    code
}

/// Calls `visit` with each of `count` counters from `first` on, in order, and the 31-bit truncated
/// HMAC of each. Allocates nothing, and wipes as [`code`] does.
///
/// Invariant: `first + count - 1` does not overflow.
///
/// Specification: RFC 4226 section 5.3, RFC 2104 section 2.
pub(crate) fn for_each(
    algorithm: Algorithm,
    key: &[u8],
    first: u64,
    count: u64,
    visit: impl FnMut(u64, u32),
) {
    match algorithm {
        Algorithm::Sha1 => with_blocks::<hash::Sha1>(key, first, count, visit),
        Algorithm::Sha256 => with_blocks::<hash::Sha256>(key, first, count, visit),
        Algorithm::Sha512 => with_blocks::<hash::Sha512>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_224 => sponge::for_each::<sha3::Sha3_224>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_256 => sponge::for_each::<sha3::Sha3_256>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_384 => sponge::for_each::<sha3::Sha3_384>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_512 => sponge::for_each::<sha3::Sha3_512>(key, first, count, visit),
    }
}

/// HMAC of one counter. No state serves twice, so that each hash is one call over both of its
/// blocks, and no more than these and one state need wiping.
fn single<H: BlockHash>(key: &[u8], counter: u64) -> u32 {
    let mut secret = Single::<H>::new();
    let Single { state, blocks } = &mut secret;

    inner_key::<H>(key, &mut blocks[0]);
    put(blocks[1].as_mut(), &counter.to_be_bytes());
    finish::<H>(&mut blocks[1], 8);
    H::compress(state, blocks);

    mask(blocks[0].as_mut(), INNER_PAD ^ OUTER_PAD);
    H::write(state, &mut blocks[1]);
    finish::<H>(&mut blocks[1], H::OUTPUT_BYTES);
    *state = H::INITIAL;
    H::compress(state, blocks);

    let (head, tail) = H::ends(state);
    truncate(head, tail)
}

/// As [`Work`], for one counter: a block of key and one of message.
struct Single<H: BlockHash> {
    state: H::State,
    blocks: [H::Block; 2],
}

impl<H: BlockHash> Single<H> {
    fn new() -> Self {
        Single {
            state: H::INITIAL,
            blocks: [H::ZEROS; 2],
        }
    }
}

impl<H: BlockHash> Drop for Single<H> {
    fn drop(&mut self) {
        (self.state, self.blocks) = (H::INITIAL, [H::ZEROS; 2]);
        zeroize::optimization_barrier(self);
    }
}

/// HMAC with one key schedule: two compressions for the key, two for each counter.
///
/// Of several counters all blocks are written first, then compressed: neighbours do not wait for
/// each other, and no block is read while its bytes are still on their way to memory.
fn with_blocks<H: BlockHash>(key: &[u8], first: u64, count: u64, mut visit: impl FnMut(u64, u32)) {
    // Counters are no secret: these are not wiped.
    let mut counters = [H::ZEROS; LANES];
    for block in &mut counters {
        finish::<H>(block, 8);
    }
    write_counters::<H>(&mut counters, first);

    let mut secret = Work::<H>::new();
    let [inner, outer] = &mut secret.key;
    inner_key::<H>(key, inner);
    // Not by `=`, which leaves a third one on the stack where the compiler does not optimise.
    put(outer.as_mut(), inner.as_mut());
    mask(outer.as_mut(), INNER_PAD ^ OUTER_PAD);
    H::compress(&mut secret.inner, from_ref(inner));
    H::compress(&mut secret.outer, from_ref(outer));
    for block in &mut secret.blocks {
        finish::<H>(block, H::OUTPUT_BYTES);
    }

    let (mut start, mut left) = (first, count);
    loop {
        let lanes = usize::try_from(left).map_or(LANES, |left| left.min(LANES));
        for (lane, counter) in secret.lanes.iter_mut().zip(&counters).take(lanes) {
            *lane = secret.inner;
            H::compress(lane, from_ref(counter));
        }
        for (lane, block) in secret.lanes.iter_mut().zip(&mut secret.blocks).take(lanes) {
            H::write(lane, block);
        }
        for (lane, block) in secret.lanes.iter_mut().zip(&secret.blocks).take(lanes) {
            *lane = secret.outer;
            H::compress(lane, from_ref(block));
        }
        for (lane, offset) in secret.lanes.iter().zip(0..).take(lanes) {
            let (head, tail) = H::ends(lane);
            visit(start.wrapping_add(offset), truncate(head, tail));
        }
        left = left.saturating_sub(LANES as u64);
        if left == 0 {
            break;
        }
        // Wraps only behind the last counter there is.
        start = start.wrapping_add(LANES as u64);
        write_counters::<H>(&mut counters, start);
    }
}

fn write_counters<H: BlockHash>(blocks: &mut [H::Block; LANES], first: u64) {
    for (block, offset) in blocks.iter_mut().zip(0..) {
        put(block.as_mut(), &first.wrapping_add(offset).to_be_bytes());
    }
}

/// Everything that the key or a hash under it passes through. Wiped on drop.
struct Work<H: BlockHash> {
    inner: H::State,
    outer: H::State,
    lanes: [H::State; LANES],
    key: [H::Block; 2],
    blocks: [H::Block; LANES],
}

impl<H: BlockHash> Work<H> {
    fn new() -> Self {
        Work {
            inner: H::INITIAL,
            outer: H::INITIAL,
            lanes: [H::INITIAL; LANES],
            key: [H::ZEROS; 2],
            blocks: [H::ZEROS; LANES],
        }
    }
}

impl<H: BlockHash> Drop for Work<H> {
    fn drop(&mut self) {
        // Wide stores, which the barrier keeps: wiping byte by byte takes a tenth of a verification.
        (self.inner, self.outer) = (H::INITIAL, H::INITIAL);
        (self.lanes, self.blocks) = ([H::INITIAL; LANES], [H::ZEROS; LANES]);
        self.key = [H::ZEROS; 2];
        zeroize::optimization_barrier(self);
    }
}

/// Pads a block whose first `used` bytes are the message behind a block of key (FIPS 180-4 section
/// 5.1). One bit and the length in bits, of which no message here needs more than two bytes.
fn finish<H: BlockHash>(block: &mut H::Block, used: u16) {
    let bits = H::BLOCK_BYTES.saturating_add(used).saturating_mul(8);
    let block = block.as_mut();
    if let Some(marker) = block.get_mut(usize::from(used)) {
        *marker = 0x80;
    }
    if let Some(length) = block.last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
}

/// The block of key in front of the inner message: a key, or the hash of one that is longer than a
/// block, in front of zeros, masked (RFC 2104 section 2).
fn inner_key<H: BlockHash>(key: &[u8], block: &mut H::Block) {
    if key.len() > usize::from(H::BLOCK_BYTES) {
        H::hash_long_key(key, block);
        mask(block.as_mut(), INNER_PAD);
        return;
    }
    let block = block.as_mut();
    block.fill(INNER_PAD);
    // In pieces as wide as they are read again: a read waits where its bytes were written in parts.
    let (whole, rest) = key.as_chunks::<16>();
    let (pieces, _) = block.as_chunks_mut::<16>();
    let mut pieces = pieces.iter_mut();
    // The key first: a zip asks its left side before its right one, and drops what that gave.
    for (bytes, piece) in whole.iter().zip(pieces.by_ref()) {
        *piece = bytes.map(|byte| byte ^ INNER_PAD);
    }
    if let Some(piece) = pieces.next().filter(|_| !rest.is_empty()) {
        *piece = masked_rest(rest);
    }
}

/// The last bytes of a key, fewer than 16, in front of zeros, masked.
#[expect(clippy::cast_possible_truncation, reason = "quarters of a word")]
fn masked_rest(rest: &[u8]) -> [u8; 16] {
    let mut word = 0_u128;
    for byte in rest.iter().rev() {
        word = word << 8 | u128::from(*byte);
    }
    // Four words become one store, where one word of 128 bits becomes two.
    let mut piece = [0; 16];
    let words = [0, 32, 64, 96].map(|shift| (word >> shift) as u32);
    for (bytes, word) in piece.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = (word ^ u32::from_ne_bytes([INNER_PAD; 4])).to_le_bytes();
    }
    piece
}
