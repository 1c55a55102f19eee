//! Which header of a proxy names the client.

/// The header in which proxies name the client they forward for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, and `Forwarded` where that is missing.
    Either,
    /// `X-Forwarded-For` alone.
    XForwardedFor,
    /// `Forwarded` alone (RFC 7239).
    Forwarded,
}
