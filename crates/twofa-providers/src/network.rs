//! Whose network an address is of.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network address as limits count it: in one spelling, and IPv6 as its /64, which one household
/// has. For limits of the application's own, such as that of passwords.
///
/// An address that a translator or a tunnel made of an IPv4 address counts as that IPv4 address: it is
/// the visitor's, and the /64 around it is everybody's. These are IPv4-mapped addresses (RFC 4291
/// section 2.5.5.2), NAT64 under the well-known prefix (RFC 6052 section 2.1), 6to4 (RFC 3056 section 2)
/// and the client of Teredo (RFC 4380 section 4). Under the local prefix of NAT64 (RFC 8215), where the
/// operator decides in which bits the IPv4 address stands, each address counts by itself.
#[must_use]
pub fn counted_network(address: IpAddr) -> String {
    let address = match address {
        IpAddr::V4(address) => return address.to_string(),
        IpAddr::V6(address) => address,
    };
    if let Some(inside) = inside(address) {
        return inside.to_string();
    }
    match address.segments() {
        [0x64, 0xff9b, 1, ..] => address.to_string(),
        [a, b, c, d, ..] => format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"),
    }
}

/// The IPv4 address that an IPv6 address was made of.
fn inside(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => of(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        // Teredo keeps the client's address inverted, so that no translator on the way edits it.
        [0x2001, 0, .., high, low] => of(!high, !low),
        _ => None,
    }
}
