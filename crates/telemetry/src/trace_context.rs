//! The header `traceparent` (W3C Trace Context, 3.2).

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Where the hyphens stand between version, trace id, parent id and flags, and behind the flags of
/// a later version.
const HYPHENS: [usize; 4] = [2, 35, 52, 55];

/// The caller's span; `None` for a value that is not valid, with which a new trace begins
/// (3.2.2.3).
pub(crate) fn parse(value: &str) -> Option<SpanContext> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let has_its_place = |(at, byte)| if HYPHENS.contains(&at) { byte == b'-' } else { is_hex(byte) };
    let (version, length) = (value.get(..2)?, value.len());
    // Only a later version may have more fields, of any form.
    let is_shaped = length >= HYPHENS[3]
        && value.bytes().take(HYPHENS[3] + 1).enumerate().all(has_its_place)
        && version != "ff"
        && (version != "00" || length == HYPHENS[3]);
    if !is_shaped {
        return None;
    }
    let trace = TraceId::from_hex(value.get(3..35)?).ok()?;
    let span = SpanId::from_hex(value.get(36..52)?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(value.get(53..55)?, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

/// The header's value for a span.
pub(crate) fn format(span: &SpanContext) -> String {
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_valid_context_is_read_and_written_alike() {
        for flags in ["00", "01"] {
            let value = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            let context = parse(&value).unwrap();
            assert_eq!((context.trace_id().to_string(), format(&context)), (TRACE.to_owned(), value));
        }
        for later in ["cc-TRACE-b7ad6b7169203331-03-more", "01-TRACE-b7ad6b7169203331-03"] {
            assert!(parse(&later.replace("TRACE", TRACE)).unwrap().is_sampled(), "{later}");
        }
    }

    #[test]
    fn what_is_not_valid_is_nothing() {
        for value in [
            "",
            "00",
            "é",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    /// Why the propagator of the SDK does not stand here.
    #[test]
    fn the_propagator_of_the_sdk_accepts_values_that_the_standard_forbids() {
        use opentelemetry::propagation::TextMapPropagator as _;
        use opentelemetry::trace::TraceContextExt as _;
        let propagator = opentelemetry_sdk::propagation::TraceContextPropagator::new();
        for value in [
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        ] {
            let headers = std::collections::HashMap::from([("traceparent".to_owned(), value.to_owned())]);
            let context = propagator.extract(&headers);
            assert!(context.span().span_context().is_valid() && parse(value).is_none(), "{value}");
        }
    }
}
