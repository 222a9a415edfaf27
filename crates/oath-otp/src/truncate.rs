//! Dynamic truncation.

/// Dynamic truncation: 31 bits of the hash, at an offset that its last four bits name.
///
/// The offset is secret, so no address and no branch depends on it.
///
/// Specification: RFC 4226 section 5.3, step 2; RFC 6238 section 1.2 for longer hashes.
pub(crate) fn truncate(head: [u32; 5], tail: u32) -> u32 {
    #[cfg(test)]
    crate::search::tests::MACS.with(|macs| macs.set(macs.get().saturating_add(1)));
    // All ones for each of the offset's two high bits that is set, else all zeros.
    let mut masks = [tail >> 3 & 1, tail >> 2 & 1].map(|bit| u64::from(bit).wrapping_neg());
    // What the masks hold is hidden from the compiler, which has made branches of them.
    core::hint::black_box(&mut masks);
    let [high, low] = masks;
    masks = [0; 2];
    zeroize::optimization_barrier(&masks);

    let [a, b, c, d, e] = head.map(u64::from);
    let [first, second, third, fourth] = [a << 32 | b, b << 32 | c, c << 32 | d, d << 32 | e];
    let even = first ^ ((first ^ third) & high);
    let odd = second ^ ((second ^ fourth) & high);
    let pair = even ^ ((even ^ odd) & low);
    let word = (pair.wrapping_shl((tail & 3) << 3) >> 32) as u32;
    word & 0x7fff_ffff
}
