//! Passwords, tokens and other things that must not be forged.

pub mod hasher;
pub mod password;
mod recent;
pub mod seal;
pub mod tokens;
mod work;
