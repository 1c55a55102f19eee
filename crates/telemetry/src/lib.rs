#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod values;

pub use crate::values::{CollectorUrl, InvalidValue, LogFilter};

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}
