#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod api_keys;
mod cache;
mod hasher;
mod ids;
mod key_files;
mod keys;
mod tokens;
mod values;
mod work;

pub use api_keys::{API_KEY_BYTES, ApiKey, ApiKeyFormat, ApiKeyHash, MalformedApiKey};
pub use hasher::{HashError, METRICS, PasswordHash, PasswordHasher, can_be_hashed};
pub use ids::{TokenHash, TokenId};
pub use key_files::{KeyFileError, KeyFiles};
pub use keys::{InvalidKey, KeyAlgorithm, PublicKey};
pub use tokens::{InvalidToken, LEEWAY, SigningFailed, TokenKeys, TokenKind, TokenSigner, VerifiedToken};
pub use values::{InvalidValue, Page, ValueSigner};
