//! How a call fails.

use std::error::Error as StdError;

use crate::connect::{BoxError, ConnectError};
use crate::tls::TlsError;

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// TLS cannot be configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The part of a call that took longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Finding the host, and the handshakes of TCP and TLS.
    Connect,
    /// From the start of an attempt to the headers of its response.
    Headers,
    /// The response's body.
    Body,
    /// The call with all its attempts.
    Total,
}

/// Why a call has no response. No variant shows the URL, which may contain a secret.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The URL has another scheme than http and https, user information, or no host.
    #[error("the URL cannot be called")]
    Url,
    /// The host has no address that the client may dial. Nothing was sent.
    #[error("the host has no address that may be called")]
    AddressRefused,
    /// The host failed repeatedly and is not called for a while. Nothing was sent.
    #[error("the host failed repeatedly and is not called for a while")]
    CircuitOpen,
    /// The host cannot be resolved, does not accept a connection, or fails the TLS handshake.
    #[error("the host cannot be reached")]
    Connect(#[source] BoxError),
    /// A limit has passed. Unless it is [`Phase::Connect`], the request may have been processed.
    #[error("the call took too long ({0:?})")]
    Timeout(Phase),
    /// The response's body is larger than the limit.
    #[error("the response is too large")]
    BodyTooLarge,
    /// The connection broke, or the response is not HTTP. The request may have been processed.
    #[error("the response is incomplete")]
    Interrupted(#[source] BoxError),
}

impl CallError {
    pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> Self {
        match connect_error(&error) {
            Some(ConnectError::Url) => Self::Url,
            Some(ConnectError::Refused) => Self::AddressRefused,
            Some(ConnectError::Timeout) => Self::Timeout(Phase::Connect),
            _ if error.is_connect() => Self::Connect(error.into()),
            _ => Self::Interrupted(error.into()),
        }
    }

    /// Whether the host may answer another attempt.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::Interrupted(_) => true,
            Self::Url | Self::AddressRefused | Self::CircuitOpen | Self::BodyTooLarge => false,
        }
    }

    /// Whether no connection was made.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Timeout(Phase::Connect))
    }
}

impl From<ConnectError> for CallError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Url => Self::Url,
            ConnectError::Refused => Self::AddressRefused,
            ConnectError::Timeout => Self::Timeout(Phase::Connect),
            ConnectError::Resolve(_) | ConnectError::Dial(_) => Self::Connect(error.into()),
        }
    }
}

/// The connector's own error among the sources of hyper's.
fn connect_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a ConnectError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
