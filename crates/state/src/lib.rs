#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cache;
pub mod rate_limit;
pub mod redis;
pub mod url;
