//! The hashes as bare compression functions, which is all that HMAC over a counter needs.

use sha1::Digest;
use zeroize::Zeroize;

/// A hash of the Merkle-Damgård kind with its block function.
///
/// Specification: FIPS 180-4.
pub(crate) trait BlockHash {
    type State: Copy + Zeroize;
    type Block: Copy + Zeroize + AsMut<[u8]>;

    /// The initial hash value, FIPS 180-4 section 5.3.
    const INITIAL: Self::State;
    const ZEROS: Self::Block;
    const BLOCK_BYTES: u16;
    const OUTPUT_BYTES: u16;

    fn compress(state: &mut Self::State, blocks: &[Self::Block]);
    /// Hashes a key that is longer than a block into the front of `block`.
    fn hash_long_key(key: &[u8], block: &mut Self::Block);
    /// Writes the state as bytes into the front of `block`.
    fn write(state: &Self::State, block: &mut Self::Block);
    /// The first 20 bytes and the last 4 of the state, as big-endian words.
    fn ends(state: &Self::State) -> ([u32; 5], u32);
}

pub(crate) struct Sha1;

impl BlockHash for Sha1 {
    type State = [u32; 5];
    type Block = [u8; 64];

    const INITIAL: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    const ZEROS: [u8; 64] = [0; 64];
    const BLOCK_BYTES: u16 = 64;
    const OUTPUT_BYTES: u16 = 20;

    fn compress(state: &mut [u32; 5], blocks: &[[u8; 64]]) {
        sha1::block_api::compress(state, blocks);
    }

    fn hash_long_key(key: &[u8], block: &mut [u8; 64]) {
        front(block, sha1::Sha1::digest(key));
    }

    fn write(state: &[u32; 5], block: &mut [u8; 64]) {
        let [a, b, c, d, e] = *state;
        // With the padding behind it: the block function reads 16 bytes at a time, and waits where
        // those were written in parts.
        let words = [a, b, c, d, e, 1 << 31, 0, 0];
        for (bytes, word) in block.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }

    fn ends(state: &[u32; 5]) -> ([u32; 5], u32) {
        let [a, b, c, d, e] = *state;
        ([a, b, c, d, e], e)
    }
}

pub(crate) struct Sha256;

impl BlockHash for Sha256 {
    type State = [u32; 8];
    type Block = [u8; 64];

    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    const ZEROS: [u8; 64] = [0; 64];
    const BLOCK_BYTES: u16 = 64;
    const OUTPUT_BYTES: u16 = 32;

    fn compress(state: &mut [u32; 8], blocks: &[[u8; 64]]) {
        sha2::block_api::compress256(state, blocks);
    }

    fn hash_long_key(key: &[u8], block: &mut [u8; 64]) {
        front(block, sha2::Sha256::digest(key));
    }

    fn write(state: &[u32; 8], block: &mut [u8; 64]) {
        for (bytes, word) in block.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }

    fn ends(state: &[u32; 8]) -> ([u32; 5], u32) {
        let [a, b, c, d, e, _, _, h] = *state;
        ([a, b, c, d, e], h)
    }
}

pub(crate) struct Sha512;

impl BlockHash for Sha512 {
    type State = [u64; 8];
    type Block = [u8; 128];

    const INITIAL: [u64; 8] = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];
    const ZEROS: [u8; 128] = [0; 128];
    const BLOCK_BYTES: u16 = 128;
    const OUTPUT_BYTES: u16 = 64;

    fn compress(state: &mut [u64; 8], blocks: &[[u8; 128]]) {
        sha2::block_api::compress512(state, blocks);
    }

    fn hash_long_key(key: &[u8], block: &mut [u8; 128]) {
        front(block, sha2::Sha512::digest(key));
    }

    fn write(state: &[u64; 8], block: &mut [u8; 128]) {
        for (bytes, word) in block.chunks_exact_mut(8).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves of a word")]
    fn ends(state: &[u64; 8]) -> ([u32; 5], u32) {
        let [a, b, c, _, _, _, _, h] = *state;
        let high = |word: u64| (word >> 32) as u32;
        ([high(a), a as u32, high(b), b as u32, high(c)], h as u32)
    }
}

/// Moves a digest into the front of a block and wipes it.
fn front(block: &mut [u8], mut digest: impl AsMut<[u8]>) {
    let digest = digest.as_mut();
    for (to, from) in block.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    digest.zeroize();
}
