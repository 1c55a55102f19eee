//! Issuing of access and refresh tokens.

use std::time::Duration;

use groundwork_auth::{PublicKey, TokenId, TokenKind};
use groundwork_clock::Timestamp;
use secrecy::SecretString;

use super::AuthService;
use crate::domain::ids::{SessionId, UserId};
use crate::models::sessions::SessionLifetime;
use crate::services::Error;

/// The tokens that a login or a refresh returns. `Debug` hides them.
#[derive(Clone, Debug)]
pub struct IssuedTokens {
    pub access_token: SecretString,
    pub refresh_token: SecretString,
    /// The remaining lifetime of the access token.
    pub expires_in: Duration,
}

/// The lifetimes of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub access: Duration,
    /// Also the lifetime of an unused session.
    pub refresh: Duration,
    /// The lifetime of a session, however often its tokens are refreshed.
    pub session_max: Duration,
}

impl Lifetimes {
    pub(super) fn session(self) -> SessionLifetime {
        SessionLifetime { unused: self.refresh, max: self.session_max }
    }
}

/// When tokens count as issued, and when their session ends, which no token outlives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    pub at: Timestamp,
    pub session_ends_at: Timestamp,
}

impl AuthService {
    /// The keys that other services can verify tokens with; none if a secret signs them.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.signer.public_keys()
    }

    /// Issues the refresh token with this ID and its access token.
    pub(super) fn issue_tokens(
        &self,
        user: UserId,
        session: SessionId,
        token: &TokenId,
        issued: Issued,
        now: Timestamp,
    ) -> Result<IssuedTokens, Error> {
        let remaining = issued.session_ends_at.since(issued.at);
        let [access, refresh] =
            [self.lifetimes.access, self.lifetimes.refresh].map(|lifetime| lifetime.min(remaining));
        let sign = |kind, id: &TokenId, lifetime| {
            self.signer.sign(kind, user, session, id, issued.at, lifetime).map(SecretString::from)
        };
        Ok(IssuedTokens {
            access_token: sign(TokenKind::Access, &self.signer.access_id(token), access)?,
            refresh_token: sign(TokenKind::Refresh, token, refresh)?,
            expires_in: access.saturating_sub(now.since(issued.at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_tokens_are_not_printed() {
        let tokens = IssuedTokens {
            access_token: "access-secret".to_owned().into(),
            refresh_token: "refresh-secret".to_owned().into(),
            expires_in: Duration::from_mins(30),
        };
        let printed = format!("{tokens:?} {tokens:#?}");
        assert!(printed.contains("expires_in") && !printed.contains("secret\""), "{printed}");
    }
}
