//! The least that the work can cost: its compressions, each waiting for the last.

use std::{hint::black_box, slice::from_ref};

/// So many compressions of SHA-1.
pub(crate) fn sha1(compressions: usize) -> u64 {
    let (mut state, block) = ([0; 5], black_box([0; 64]));
    for _ in 0..compressions {
        sha1::block_api::compress(&mut state, from_ref(&block));
    }
    state.into_iter().map(u64::from).sum()
}

/// So many compressions of SHA-256.
pub(crate) fn sha256(compressions: usize) -> u64 {
    let (mut state, block) = ([0; 8], black_box([0; 64]));
    for _ in 0..compressions {
        sha2::block_api::compress256(&mut state, from_ref(&block));
    }
    state.into_iter().map(u64::from).sum()
}

/// So many compressions of SHA-512.
pub(crate) fn sha512(compressions: usize) -> u64 {
    let (mut state, block) = ([0; 8], black_box([0; 128]));
    for _ in 0..compressions {
        sha2::block_api::compress512(&mut state, from_ref(&block));
    }
    state.into_iter().fold(0, u64::wrapping_add)
}
