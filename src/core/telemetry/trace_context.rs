//! The context of a trace as it comes with a request and goes with its answer (W3C Trace Context, 3.2).

use std::fmt;

/// What a `traceparent` says: which trace, which span of it, and whether it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: u128,
    /// The span whose part comes next.
    pub span_id: u64,
    /// Whether whoever began the trace records it.
    pub is_sampled: bool,
}

/// The bit of the flags that says so.
const SAMPLED: u8 = 1;

impl TraceContext {
    /// Reads the value of the header; `None` for what is not valid, with which a new trace begins.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = u8::try_from(hex(version, 2)?).ok().filter(|version| *version != u8::MAX)?;
        // A later version may say more at the end.
        if version == 0 && parts.next().is_some() {
            return None;
        }
        let flags = u8::try_from(hex(flags, 2)?).ok()?;
        Some(Self {
            trace_id: hex(trace_id, 32).filter(|id| *id != 0)?,
            span_id: u64::try_from(hex(span_id, 16)?).ok().filter(|id| *id != 0)?,
            is_sampled: flags & SAMPLED != 0,
        })
    }

    /// The trace as log lines name it.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// The value of the header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.is_sampled { SAMPLED } else { 0 };
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// So many digits, in lower case as the standard has them.
fn hex(digits: &str, length: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == length && digits.bytes().all(is_hex)).then_some(())?;
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_valid_context_is_read_and_written_alike() {
        for flags in ["00", "01"] {
            let value = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            let context = TraceContext::parse(&value).unwrap();
            assert_eq!((context.trace_id().as_str(), context.to_string()), (TRACE, value));
        }
        let later = TraceContext::parse(&format!("cc-{TRACE}-b7ad6b7169203331-03-more")).unwrap();
        assert!(later.is_sampled);
    }

    #[test]
    fn what_is_not_valid_is_nothing() {
        for value in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(value), None, "{value:?}");
        }
    }
}
