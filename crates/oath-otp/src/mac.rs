//! HMAC over counters, and dynamic truncation.

use zeroize::Zeroize;

use crate::hash::{self, BlockHash};
use crate::{Algorithm, Code, Digits, Secret};

/// How many counters are in work at a time, and so how much of the stack.
const LANES: usize = 4;

/// The code of one counter.
pub(crate) fn code(algorithm: Algorithm, digits: Digits, secret: &Secret, counter: u64) -> Code {
    let mut truncated = 0;
    for_each(algorithm, secret.expose_secret(), counter, 1, |_, value| {
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
    match algorithm {
        Algorithm::Sha1 => with_blocks::<hash::Sha1>(key, first, count, visit),
        Algorithm::Sha256 => with_blocks::<hash::Sha256>(key, first, count, visit),
        Algorithm::Sha512 => with_blocks::<hash::Sha512>(key, first, count, visit),
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
/// Inner hashes of several counters first, then their outer ones: neighbours in either pass do not
/// wait for each other, and one scratch block serves all of them.
fn with_blocks<H: BlockHash>(key: &[u8], first: u64, count: u64, mut visit: impl FnMut(u64, u32)) {
    const INNER_PAD: u8 = 0x36;
    const OUTER_PAD: u8 = 0x5c;

    let mut block = H::ZEROS;
    if key.len() > usize::from(H::BLOCK_BYTES) {
        H::hash_long_key(key, &mut block);
    } else {
        put(block.as_mut(), key);
    }
    let (mut inner, mut outer) = (H::INITIAL, H::INITIAL);
    mask(block.as_mut(), INNER_PAD);
    H::compress(&mut inner, &block);
    mask(block.as_mut(), INNER_PAD ^ OUTER_PAD);
    H::compress(&mut outer, &block);

    let mut lanes = [H::INITIAL; LANES];
    let (mut counter, mut left) = (first, count);
    while left > 0 {
        let (mut done, start) = (0_u64, counter);
        block = H::ZEROS;
        finish::<H>(&mut block, 8);
        for lane in lanes.iter_mut().zip(0..left).map(|(lane, _)| lane) {
            put(block.as_mut(), &counter.to_be_bytes());
            *lane = inner;
            H::compress(lane, &block);
            // Wraps only behind the last counter there is.
            counter = counter.wrapping_add(1);
            done = done.saturating_add(1);
        }
        block = H::ZEROS;
        finish::<H>(&mut block, H::OUTPUT_BYTES);
        for (lane, offset) in lanes.iter_mut().zip(0..done) {
            H::write(lane, &mut block);
            *lane = outer;
            H::compress(lane, &block);
            let (head, tail) = H::ends(lane);
            visit(start.wrapping_add(offset), truncate(head, tail));
        }
        left = left.saturating_sub(done);
    }

    // The key in the block was overwritten long ago: what it holds is the last inner hash.
    if let Some(hash) = block.as_mut().get_mut(..usize::from(H::OUTPUT_BYTES)) {
        hash.zeroize();
    }
    inner.zeroize();
    outer.zeroize();
    lanes.zeroize();
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
