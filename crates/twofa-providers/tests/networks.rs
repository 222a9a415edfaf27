//! Whose network an address is counted for.

use std::collections::HashSet;

use twofa_providers::counted_network;

fn counted(address: &str) -> String {
    counted_network(address.parse().expect("an address"))
}

/// What a translator or a tunnel made of an IPv4 address counts as that address.
#[test]
fn translated_addresses_count_as_ipv4() {
    for (address, is) in [
        ("192.0.2.33", "192.0.2.33"),
        ("::ffff:192.0.2.33", "192.0.2.33"),
        // RFC 6052 section 2.4 has this example.
        ("64:ff9b::192.0.2.33", "192.0.2.33"),
        ("64:ff9b::c000:221", "192.0.2.33"),
        // RFC 3056: the 32 bits behind 2002, whatever host behind them.
        ("2002:c000:221::1", "192.0.2.33"),
        ("2002:c000:221:77:1:2:3:4", "192.0.2.33"),
        // RFC 4380 section 4: the client 192.0.2.45 behind the server 65.54.227.120.
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),
    ] {
        assert_eq!(counted(address), is, "{address}");
    }
}

/// Two visitors behind one translator are two networks.
#[test]
fn neighbours_in_translation_are_two() {
    for [one, other] in [
        ["64:ff9b::192.0.2.33", "64:ff9b::192.0.2.34"],
        // RFC 8215: each of its layouts, of which nobody outside knows.
        ["64:ff9b:1::192.0.2.33", "64:ff9b:1::192.0.2.34"],
        ["64:ff9b:1:c000:2:2100::", "64:ff9b:1:c000:2:2200::"],
        ["2002:c000:221::1", "2002:c000:222::1"],
        [
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:0:4136:e378:8000:63bf:3fff:fdd3",
        ],
        ["2001:db8:0:1::1", "2001:db8:0:2::1"],
    ] {
        assert_ne!(counted(one), counted(other), "{one} and {other}");
    }
}

/// What only looks like it is an address as any other.
#[test]
fn neighbouring_prefixes_count_as_64() {
    for (address, is) in [
        ("64:ff9a::192.0.2.33", "64:ff9a:0:0::/64"),
        ("64:ff9b:0:1::192.0.2.33", "64:ff9b:0:1::/64"),
        ("64:ff9b:2::192.0.2.33", "64:ff9b:2:0::/64"),
        ("2003:c000:221::1", "2003:c000:221:0::/64"),
        ("2001:1:c000:221::1", "2001:1:c000:221::/64"),
        ("::1", "0:0:0:0::/64"),
        ("fe80::ffff:192.0.2.33", "fe80:0:0:0::/64"),
    ] {
        assert_eq!(counted(address), is, "{address}");
    }
}

/// Nobody with one IPv4 address has more than one key, however they come.
#[test]
fn ipv4_address_is_one_key() {
    let ways = [
        "203.0.113.9",
        "::ffff:203.0.113.9",
        "64:ff9b::203.0.113.9",
        "2002:cb00:7109::1",
        "2002:cb00:7109:ffff::5",
        "2001:0:1:2:3:4:34ff:8ef6",
    ];
    let keys: HashSet<_> = ways.map(counted).into();
    assert_eq!(keys.len(), 1, "{keys:?}");
}
