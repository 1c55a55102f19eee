//! Issuing of access and refresh tokens.

use std::time::Duration;

use secrecy::SecretString;

use crate::core::clock::Timestamp;
use crate::core::ids::{SessionId, UserId};
use crate::core::security::tokens::{TokenId, TokenKind};

use super::AuthService;
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
}

impl AuthService {
    /// Issues the refresh token with this ID and its access token, as of `issued`.
    pub(super) fn issue_tokens(
        &self,
        user: UserId,
        session: SessionId,
        token: &TokenId,
        issued: Timestamp,
        now: Timestamp,
    ) -> Result<IssuedTokens, Error> {
        let Lifetimes { access, refresh } = self.lifetimes;
        let sign = |kind, id: &TokenId, lifetime| {
            self.signer.sign(kind, user, session, id, issued, lifetime).map(SecretString::from)
        };
        Ok(IssuedTokens {
            access_token: sign(TokenKind::Access, &self.signer.access_id(token), access)?,
            refresh_token: sign(TokenKind::Refresh, token, refresh)?,
            expires_in: access.saturating_sub(now.since(issued)),
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
