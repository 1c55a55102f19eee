//! What requests are counted by.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use ipnet::IpNet;

/// The key of a window: whose requests it counts, and in which scope.
#[derive(Clone, Debug)]
pub struct RateLimitKey {
    pub(super) id: WindowId,
    /// Where the request came from, which is not part of the identity.
    pub(super) network: Network,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WindowId {
    client: Option<IpAddr>,
    subject: Option<SubjectHash>,
    scope: Arc<str>,
}

/// Half of the SHA-256 digest of a subject, so that no email is kept where it is only counted.
type SubjectHash = [u8; 16];

/// An IPv6 /48 or IPv4 /24, which one customer of a provider may have; `None` if unknown.
pub(super) type Network = Option<IpAddr>;

impl RateLimitKey {
    /// Requests of the client at `address` within `scope`, such as a route's template. An IPv6
    /// client is its /64, which is what one customer gets: otherwise it would have 2^64 limits.
    pub fn for_client(address: IpAddr, scope: &Arc<str>) -> Self {
        Self::new(Some(address), None, scope, Some(address))
    }

    /// Requests within `scope` that concern `subject`, such as an email or a session, from all
    /// clients. `requested_from` is the address of the present one, if known.
    pub fn for_subject(subject: &[u8], requested_from: Option<IpAddr>, scope: &Arc<str>) -> Self {
        Self::new(None, Some(subject), scope, requested_from)
    }

    /// Requests within `scope` that concern `subject`, from the client at `address`.
    pub fn for_client_and_subject(address: IpAddr, subject: &[u8], scope: &Arc<str>) -> Self {
        Self::new(Some(address), Some(subject), scope, Some(address))
    }

    fn new(
        client: Option<IpAddr>,
        subject: Option<&[u8]>,
        scope: &Arc<str>,
        requested_from: Option<IpAddr>,
    ) -> Self {
        let (client, subject) = (client.map(client_network), subject.map(hash));
        let network = requested_from.map(|address| network_of(address, 24, 48));
        Self { id: WindowId { client, subject, scope: Arc::clone(scope) }, network }
    }
}

impl WindowId {
    pub(super) fn is_of_client_only(&self) -> bool {
        self.subject.is_none()
    }
}

/// The key in Redis. It has no braces: in a cluster, the part between them alone would select the
/// node, and all keys of `/users/{id}` would be on one.
impl fmt::Display for RateLimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WindowId { client, subject, scope } = &self.id;
        f.write_str("rate_limit:")?;
        if let Some(client) = client {
            write!(f, "{client}:")?;
        }
        if let Some(subject) = subject {
            write!(f, "{:032x}:", u128::from_be_bytes(*subject))?;
        }
        scope.split(['{', '}']).try_for_each(|part| f.write_str(part))
    }
}

fn hash(subject: &[u8]) -> SubjectHash {
    let mut half = SubjectHash::default();
    half.copy_from_slice(&digest(&SHA256, subject).as_ref()[..16]);
    half
}

/// The network that counts as one client: an IPv4 address itself, the /64 of an IPv6 address.
pub fn client_network(address: IpAddr) -> IpAddr {
    network_of(address, 32, 64)
}

/// Whether both addresses count as one client.
pub fn is_one_client(one: IpAddr, other: IpAddr) -> bool {
    client_network(one) == client_network(other)
}

/// The first address of the network with this prefix length.
fn network_of(address: IpAddr, v4_prefix: u8, v6_prefix: u8) -> IpAddr {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { v4_prefix } else { v6_prefix };
    IpNet::new(address, prefix).map_or(address, |network| network.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_redis_names_client_and_scope_without_braces_and_hides_the_subject() {
        let scope = Arc::from("/api/v1/users/{id}");
        let name = |address: &str| RateLimitKey::for_client(address.parse().unwrap(), &scope).to_string();
        assert_eq!(name("192.0.2.1"), "rate_limit:192.0.2.1:/api/v1/users/id");
        assert_eq!(name("2001:db8:0:1:ffff::2"), "rate_limit:2001:db8:0:1:::/api/v1/users/id");
        let name = RateLimitKey::for_subject(b"ada@example.com", None, &Arc::from("login")).to_string();
        assert!(name.len() == "rate_limit::login".len() + 32 && !name.contains("ada"), "{name}");
    }
}
