//! Which addresses are everybody's: a server that calls where it is told to must not be sent to its own neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the registry of special-purpose addresses has for IPv4 (RFC 6890), and multicast.
const SPECIAL_V4: [(Ipv4Addr, u32); 18] = [
    // This network.
    (Ipv4Addr::UNSPECIFIED, 8),
    // Private use.
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared with carriers.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, where clouds keep what a machine may know of itself.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // Protocol assignments.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // AS112, AMT, and what once relayed 6to4.
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    // Benchmarks.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and broadcast.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What is given out of IPv6 to everybody. Beyond are loopback, mapped and translated addresses, link-local, unique local,
/// multicast and what nobody has.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What the registry has within that.
const SPECIAL_V6: [(Ipv6Addr, u32); 6] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID and others.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which holds an address of IPv4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // AS112.
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    // Documentation.
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // What 6bone had.
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
];

fn in_v4(address: Ipv4Addr, (network, prefix): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0
}

fn in_v6(address: Ipv6Addr, (network, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
}

/// Whether an address is one that anybody on the internet might have. One of IPv4 in the clothes of IPv6 is not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| in_v4(address, *network)),
        IpAddr::V6(address) => {
            in_v6(address, GLOBAL_V6) && !SPECIAL_V6.iter().any(|network| in_v6(address, *network))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Network;

    /// The registries as they are written, and what each of them must keep out.
    const SPECIAL: [&str; 36] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::1/128",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001::/32",
        "2001:2::/48",
        "2001:db8::/32",
        "2001:10::/28",
        "2001:20::/28",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ];

    fn network(text: &str) -> Network {
        Network::try_from(text.to_owned()).unwrap()
    }

    /// The address of a network whose host part is these bits.
    fn within(text: &str, bits: u128) -> IpAddr {
        let (address, prefix) = text.split_once('/').unwrap();
        let prefix: u32 = prefix.parse().unwrap();
        match address.parse().unwrap() {
            IpAddr::V4(base) => {
                let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
                let bits = u32::try_from(bits & u128::from(hosts)).unwrap();
                Ipv4Addr::from_bits(base.to_bits() | bits).into()
            }
            IpAddr::V6(base) => {
                let hosts = u128::MAX.checked_shr(prefix).unwrap_or(0);
                Ipv6Addr::from_bits(base.to_bits() | (bits & hosts)).into()
            }
        }
    }

    #[test]
    fn x6_what_is_special_is_not_called_from_its_first_address_to_its_last() {
        for text in SPECIAL {
            for bits in [0, 1, u128::MAX] {
                let address = within(text, bits);
                assert!(!is_public(address), "{address} of {text}");
            }
        }
        for text in ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
        {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn x6_neighbours_of_what_is_special_are_called() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3fff:1000::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn x6_what_is_called_is_in_no_special_range(bits: u128, v4: u32) {
            let networks = SPECIAL.map(network);
            for address in [IpAddr::V4(v4.into()), IpAddr::V6(bits.into()), IpAddr::V6(((bits >> 3) | (1 << 125)).into())] {
                if is_public(address) {
                    prop_assert!(networks.iter().all(|network| !network.contains(address)), "{}", address);
                }
            }
        }

        #[test]
        fn x6_what_is_in_a_special_range_is_not_called(range in 0..SPECIAL.len(), bits: u128) {
            let address = within(SPECIAL[range], bits);
            prop_assert!(!is_public(address), "{} of {}", address, SPECIAL[range]);
        }
    }
}
