//! Networks, as far as a user recognizes one.

use std::net::IpAddr;

use ipnet::IpNet;

/// The bits of an address that name its network: providers give a household or an office another
/// address of the same network now and then.
const IPV4_BITS: u8 = 24;
const IPV6_BITS: u8 = 48;

/// The network of an address: its IPv4 /24 or its IPv6 /48.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(String);

impl Network {
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { IPV4_BITS } else { IPV6_BITS };
        let network = IpNet::new(address, bits).map_or_else(|_| address.into(), |network| network.trunc());
        Self(network.to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_neighbouring_addresses_in_it() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::77", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(Network::of(address.parse().unwrap()).as_str(), network);
        }
    }
}
