#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod description;
mod document;
mod error_code;
pub mod gzip;
pub mod pages;
pub mod policy;
pub mod strict_json;

pub use self::description::ApiDescription;
pub use self::document::table;
pub use self::document::{Config, DocumentError, Documents, LOGIN_ONLY};
pub use self::error_code::{ErrorCode, IMPLIED_ERRORS, ImpliedErrors};
