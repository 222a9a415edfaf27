//! HMAC over counters, and dynamic truncation.

use zeroize::Zeroize;

use crate::hash::{self, BlockHash};
use crate::{Algorithm, Code, Digits, Secret};

/// The code of one counter.
pub(crate) fn code(algorithm: Algorithm, digits: Digits, secret: &Secret, counter: u64) -> Code {
    let mut truncated = 0;
    lanes::<1>(algorithm, secret.expose_secret(), counter, 1, |_, value| {
        truncated = value
    });
    let code = Code::new(truncated, digits);
    truncated.zeroize();
    code
}

/// Calls `visit` with each of `count` counters from `first` on, in order, and the 31-bit truncated
/// HMAC of each. Allocates nothing and leaves no trace of the key or of a MAC on the stack.
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
    lanes::<4>(algorithm, key, first, count, visit);
}

/// With so many counters in work at a time, and so much of the stack: one for a single code, four for
/// a window.
fn lanes<const LANES: usize>(
    algorithm: Algorithm,
    key: &[u8],
    first: u64,
    count: u64,
    visit: impl FnMut(u64, u32),
) {
    match algorithm {
        Algorithm::Sha1 => with_blocks::<hash::Sha1, LANES>(key, first, count, visit),
        Algorithm::Sha256 => with_blocks::<hash::Sha256, LANES>(key, first, count, visit),
        Algorithm::Sha512 => with_blocks::<hash::Sha512, LANES>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_224 => simple::<sha3::Sha3_224>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_256 => simple::<sha3::Sha3_256>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_384 => simple::<sha3::Sha3_384>(key, first, count, visit),
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_512 => simple::<sha3::Sha3_512>(key, first, count, visit),
    }
}

/// HMAC with one key schedule: two compressions for the key, two for each counter.
///
/// Of several counters all blocks are written first, then compressed: neighbours do not wait for
/// each other, and no block is read while its bytes are still on their way to memory.
fn with_blocks<H: BlockHash, const LANES: usize>(
    key: &[u8],
    first: u64,
    count: u64,
    mut visit: impl FnMut(u64, u32),
) {
    const INNER_PAD: u8 = 0x36;
    const OUTER_PAD: u8 = 0x5c;

    // Counters are no secret: these are not wiped.
    let mut counters = [H::ZEROS; LANES];
    for block in &mut counters {
        finish::<H>(block, 8);
    }
    write_counters::<H, LANES>(&mut counters, first);

    let mut secret = Work::<H, LANES>::new();
    if key.len() > usize::from(H::BLOCK_BYTES) {
        H::hash_long_key(key, &mut secret.key[0]);
    } else {
        put_key(secret.key[0].as_mut(), key);
    }
    secret.key[1] = secret.key[0];
    mask(secret.key[0].as_mut(), INNER_PAD);
    mask(secret.key[1].as_mut(), OUTER_PAD);
    H::compress(&mut secret.inner, &secret.key[0]);
    H::compress(&mut secret.outer, &secret.key[1]);
    for block in &mut secret.blocks {
        finish::<H>(block, H::OUTPUT_BYTES);
    }

    let (mut start, mut left) = (first, count);
    loop {
        let lanes = usize::try_from(left).map_or(LANES, |left| left.min(LANES));
        for (lane, counter) in secret.lanes.iter_mut().zip(&counters).take(lanes) {
            *lane = secret.inner;
            H::compress(lane, counter);
        }
        for (lane, block) in secret.lanes.iter_mut().zip(&mut secret.blocks).take(lanes) {
            H::write(lane, block);
        }
        for (lane, block) in secret.lanes.iter_mut().zip(&secret.blocks).take(lanes) {
            *lane = secret.outer;
            H::compress(lane, block);
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
        write_counters::<H, LANES>(&mut counters, start);
    }
}

fn write_counters<H: BlockHash, const LANES: usize>(blocks: &mut [H::Block; LANES], first: u64) {
    for (block, offset) in blocks.iter_mut().zip(0..) {
        put(block.as_mut(), &first.wrapping_add(offset).to_be_bytes());
    }
}

/// Everything that the key or a hash under it passes through. Wiped on drop.
struct Work<H: BlockHash, const LANES: usize> {
    inner: H::State,
    outer: H::State,
    lanes: [H::State; LANES],
    key: [H::Block; 2],
    blocks: [H::Block; LANES],
}

impl<H: BlockHash, const LANES: usize> Work<H, LANES> {
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

impl<H: BlockHash, const LANES: usize> Drop for Work<H, LANES> {
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

/// Puts a key in front of zeros, in pieces as wide as they are read again.
fn put_key(block: &mut [u8], key: &[u8]) {
    let (whole, rest) = key.as_chunks::<16>();
    let (pieces, _) = block.as_chunks_mut::<16>();
    let mut pieces = pieces.iter_mut();
    // The key first: a zip asks its left side before its right one, and drops what that gave.
    for (bytes, piece) in whole.iter().zip(pieces.by_ref()) {
        *piece = *bytes;
    }
    if let Some(piece) = pieces.next() {
        let mut word = 0_u128;
        for byte in rest.iter().rev() {
            word = word << 8 | u128::from(*byte);
        }
        *piece = word.to_le_bytes();
    }
}

fn put(block: &mut [u8], bytes: &[u8]) {
    // Always fits; a panic is not compiled in.
    if let Some(front) = block.get_mut(..bytes.len()) {
        front.copy_from_slice(bytes);
    }
}

fn mask(block: &mut [u8], pad: u8) {
    for byte in block {
        *byte ^= pad;
    }
}

/// Dynamic truncation: 31 bits of the hash, at an offset that its last four bits name.
///
/// The offset is secret, so no address and no branch depends on it.
///
/// Specification: RFC 4226 section 5.3, step 2; RFC 6238 section 1.2 for longer hashes.
fn truncate(head: [u32; 5], tail: u32) -> u32 {
    let offset = tail & 0xf;
    let (wanted, shift) = (offset >> 2, (offset & 3) << 3);
    let [a, b, c, d, e] = head.map(u64::from);
    let pairs = [a << 32 | b, b << 32 | c, c << 32 | d, d << 32 | e];
    let mut pair = 0;
    for (word, index) in pairs.into_iter().zip(0_u32..) {
        // All ones where the index is the wanted one, else all zeros.
        let same = u64::from(index ^ wanted).wrapping_sub(1) >> 63;
        pair |= word & same.wrapping_neg();
    }
    let word = (pair.wrapping_shl(shift) >> 32) as u32;
    word & 0x7fff_ffff
}

/// HMAC over a hash without block function of that kind.
#[cfg(feature = "sha3")]
fn simple<D>(key: &[u8], first: u64, count: u64, mut visit: impl FnMut(u64, u32))
where
    D: hmac::digest::Digest + hmac::digest::block_api::BlockSizeUser + Clone,
{
    use hmac::{KeyInit, Mac, SimpleHmac};

    // HMAC takes keys of every length; there is no other error.
    let Ok(keyed) = SimpleHmac::<D>::new_from_slice(key) else {
        return;
    };
    for counter in (0..count).map(|offset| first.wrapping_add(offset)) {
        let mut mac = keyed
            .clone()
            .chain_update(counter.to_be_bytes())
            .finalize()
            .into_bytes();
        let mut head = [0; 5];
        for (word, bytes) in head.iter_mut().zip(mac.chunks_exact(4)) {
            *word = bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        let tail = mac.last().copied().map_or(0, u32::from);
        visit(counter, truncate(head, tail));
        mac.as_mut_slice().zeroize();
    }
}
