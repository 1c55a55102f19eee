//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

/// The IPv4 networks that are not public: the IANA IPv4 Special-Purpose Address Registry, multicast
/// and one address of a cloud.
const NOT_PUBLIC_V4: [Ipv4Net; 16] = [
    // This network, and the unspecified address, which leads to the machine itself.
    v4(0, 0, 0, 0, 8),
    // Private.
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // Shared by a carrier and its customers (CGNAT).
    v4(100, 64, 0, 0, 10),
    // Loopback.
    v4(127, 0, 0, 0, 8),
    // Link-local, with the metadata services of most clouds.
    v4(169, 254, 0, 0, 16),
    // IETF protocol assignments.
    v4(192, 0, 0, 0, 24),
    // Documentation.
    v4(192, 0, 2, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Relays of 6to4, deprecated.
    v4(192, 88, 99, 0, 24),
    // Benchmarking.
    v4(198, 18, 0, 0, 15),
    // Multicast.
    v4(224, 0, 0, 0, 4),
    // Reserved, and broadcast.
    v4(240, 0, 0, 0, 4),
    // The host below a virtual machine of Azure. The address is public, but leads to its platform.
    v4(168, 63, 129, 16, 32),
];

/// All addresses that IANA has assigned to be used globally. Everything else is not public: loopback,
/// unique local, link-local, site-local, multicast, discard-only, IPv4-compatible,
/// `64:ff9b:1::/48`, `SRv6`.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Exceptions from [`GLOBAL_UNICAST`].
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    // IETF protocol assignments: Teredo, benchmarking, ORCHID and others.
    v6(0x2001, 0, 0, 23),
    // Documentation.
    v6(0x2001, 0xdb8, 0, 32),
    v6(0x3fff, 0, 0, 20),
    // 6to4: a relay sends to the IPv4 address within.
    v6(0x2002, 0, 0, 16),
];

/// NAT64: a gateway sends to the IPv4 address in the last 32 bits (RFC 6052).
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// Whether the address belongs to the public internet, so that no host of a private network answers
/// there.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(embedded) = address.to_ipv4_mapped() {
        return is_public(embedded.into());
    }
    if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return is_public(Ipv4Addr::new(a, b, c, d).into());
    }
    GLOBAL_UNICAST.contains(&address) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
}

/// Which addresses a client may dial.
#[derive(Clone, Debug)]
pub struct Destinations {
    any: bool,
    permitted: Vec<IpNet>,
}

impl Destinations {
    /// Every address: for URLs that the operator has configured.
    pub fn any() -> Self {
        Self { any: true, permitted: Vec::new() }
    }

    /// Only addresses of the public internet ([`is_public`]): for URLs that users choose.
    pub fn public() -> Self {
        Self { any: false, permitted: Vec::new() }
    }

    /// The addresses of `network` too.
    #[must_use]
    pub fn and(mut self, network: IpNet) -> Self {
        self.permitted.push(network);
        self
    }

    /// Whether the address may be dialled.
    pub fn permits(&self, address: IpAddr) -> bool {
        // Dialling a mapped address dials the IPv4 address.
        let canonical = address.to_canonical();
        self.any || is_public(address) || self.permitted.iter().any(|network| network.contains(&canonical))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(expected: bool, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn addresses_of_the_public_internet_are_public() {
        assert_all(
            true,
            &[
                "1.1.1.1",
                "8.8.8.8",
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
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2001:200::1",
                "2001:4860:4860::8888",
                "2600::1",
                "2a00:1450:4001::1",
                "::ffff:8.8.8.8",
                "64:ff9b::8.8.8.8",
            ],
        );
    }

    /// The first and last addresses of each entry of the IANA special-purpose registries that is
    /// not globally reachable, and of multicast.
    #[test]
    fn addresses_of_special_purpose_networks_are_not_public() {
        assert_all(
            false,
            &[
                "0.0.0.0",
                "0.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.100.100.200",
                "100.127.255.255",
                "127.0.0.0",
                "127.0.0.1",
                "127.255.255.255",
                "168.63.129.16",
                "169.254.0.0",
                "169.254.169.254",
                "169.254.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.0.0.0",
                "192.0.0.8",
                "192.0.0.170",
                "192.0.0.192",
                "192.0.0.255",
                "192.0.2.0",
                "192.0.2.255",
                "192.88.99.0",
                "192.88.99.255",
                "192.168.0.0",
                "192.168.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.51.100.0",
                "198.51.100.255",
                "203.0.113.0",
                "203.0.113.255",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.0",
                "255.255.255.254",
                "255.255.255.255",
                "::",
                "::1",
                "::7f00:1",
                "::8.8.8.8",
                "64:ff9b:1::",
                "64:ff9b:1::8.8.8.8",
                "100::",
                "100::1",
                "100:0:0:1::1",
                "2001::",
                "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                "2001:2::1",
                "2001:10::1",
                "2001:20::1",
                "2001:1ff:ffff::1",
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "2002::",
                "2002:7f00:1::",
                "2002:808:808::1",
                "3fff::",
                "3fff:fff:ffff::1",
                "4000::1",
                "5f00::1",
                "fc00::",
                "fd00:ec2::254",
                "fdff:ffff::1",
                "fe80::",
                "fe80::1",
                "febf:ffff::1",
                "fec0::1",
                "feff::1",
                "ff02::1",
                "ff0e::1",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        );
    }

    #[test]
    fn an_ipv4_address_within_an_ipv6_address_is_checked() {
        for embedded in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"] {
            assert_all(false, &[&format!("::ffff:{embedded}"), &format!("64:ff9b::{embedded}")]);
        }
    }

    #[test]
    fn further_networks_can_be_permitted() {
        let destinations = Destinations::public().and("127.0.0.2/32".parse().unwrap());
        for permitted in ["127.0.0.2", "::ffff:127.0.0.2", "1.1.1.1"] {
            assert!(destinations.permits(permitted.parse().unwrap()), "{permitted}");
        }
        for refused in ["127.0.0.1", "::1", "10.0.0.1"] {
            assert!(!destinations.permits(refused.parse().unwrap()), "{refused}");
            assert!(Destinations::any().permits(refused.parse().unwrap()), "{refused}");
        }
    }
}
