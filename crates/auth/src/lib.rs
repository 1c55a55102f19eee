#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cache;
mod hasher;
mod tokens;
mod values;
mod work;

pub use hasher::{HashError, METRICS, PasswordHash, PasswordHasher, can_be_hashed};
pub use tokens::{
    InvalidToken, LEEWAY, SigningFailed, TokenHash, TokenId, TokenKeys, TokenKind, TokenSigner, VerifiedToken,
};
pub use values::{InvalidValue, Page, ValueSigner};
