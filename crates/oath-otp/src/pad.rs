//! The masks of HMAC, and how a block is written.

/// Masks the key in front of the message (RFC 2104 section 2).
pub(crate) const INNER_PAD: u8 = 0x36;
/// Masks the key in front of the inner hash.
pub(crate) const OUTER_PAD: u8 = 0x5c;

/// Writes bytes into the front of a block.
pub(crate) fn put(block: &mut [u8], bytes: &[u8]) {
    // Always fits; a panic is not compiled in.
    if let Some(front) = block.get_mut(..bytes.len()) {
        front.copy_from_slice(bytes);
    }
}

/// Masks a block, or changes one mask for the other.
pub(crate) fn mask(block: &mut [u8], pad: u8) {
    for byte in block {
        *byte ^= pad;
    }
}
