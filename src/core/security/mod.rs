//! Passwords, and what signs and hashes.

pub mod password;

/// What this service's name is in what it signs and derives: never to be changed.
pub const DOMAIN: &str = "groundwork";

/// Password hashing.
pub mod hasher {
    pub use groundwork_auth::{HashError, PasswordHasher as Hasher};
}

/// Signed page tokens.
pub mod seal {
    pub use groundwork_auth::ValueSigner;
}

/// Access and refresh tokens.
pub mod tokens {
    pub use groundwork_auth::{
        InvalidToken, SigningFailed, TokenHash, TokenId, TokenKeys, TokenKind, TokenSigner, VerifiedToken,
    };
}
