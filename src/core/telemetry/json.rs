//! Log lines as JSON. The formatter of `tracing-subscriber` builds the same line through several layers of serializers, which
//! took a third of the time of a small request (`bench/README.md`); this one appends to one buffer.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Debug, Write as _};
use std::io;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::writer::MAX_LINE;

/// A line longer than this gives its buffer back.
const KEPT: usize = 16 * 1024;

/// The longest value, in bytes as it is written.
const MAX_VALUE: usize = 8 * 1024;

/// The length of a line beyond which values are left out. What is kept free is more than the names and numbers of the most
/// fields that an event and its span can have.
const MAX_VALUES: usize = MAX_LINE - 4 * 1024;

/// What a value that was cut ends with.
const CUT: &str = "…";

/// Fields that the bridge from the crate `log` adds to its records.
const BRIDGED: &str = "log.";

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One line an event: `timestamp`, `level`, its fields, `target`, and the fields of the span it happened in as `span`.
pub(super) struct Lines;

/// The fields of a span, as they stand in its lines.
pub(super) struct Fields;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        LINE.with(|line| {
            // A value that logs while it is written down has a buffer of its own.
            let mut kept = line.try_borrow_mut();
            let mut own = Vec::new();
            let line = kept.as_deref_mut().unwrap_or(&mut own);
            line.clear();
            line.shrink_to(KEPT);
            write_line(line, context, event);
            writer.write_str(std::str::from_utf8(line).map_err(|_| fmt::Error)?)
        })
    }
}

fn write_line<S, N>(line: &mut Vec<u8>, context: &FmtContext<'_, S, N>, event: &Event<'_>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    line.extend_from_slice(b"{\"timestamp\":\"");
    append(line, format_args!("{:.6}", jiff::Timestamp::now()));
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(event.metadata().level().as_str().as_bytes());
    line.push(b'"');
    let mut fields = Appender { line, target: None };
    event.record(&mut fields);
    let target = fields.target.take();
    fields.key("target");
    quoted(line, format_args!("{}", target.as_deref().unwrap_or_else(|| event.metadata().target())));
    if let Some(span) = context.lookup_current() {
        line.extend_from_slice(b",\"span\":{\"name\":");
        value(line, span.name());
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && line.len() + fields.fields.len() < MAX_LINE - "}}\n".len()
        {
            line.extend_from_slice(fields.fields.as_bytes());
        }
        line.push(b'}');
    }
    line.extend_from_slice(b"}\n");
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Vec::with_capacity(128);
        fields.record(&mut Appender { line: &mut line, target: None });
        writer.write_str(std::str::from_utf8(&line).map_err(|_| fmt::Error)?)
    }
}

/// Appends fields to a line that has some already.
struct Appender<'a> {
    line: &'a mut Vec<u8>,
    /// Where a bridged record comes from.
    target: Option<String>,
}

impl Appender<'_> {
    fn key(&mut self, name: &str) {
        // The name of a field is one of the code's, without anything to escape.
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn text(&mut self, field: &Field, it: fmt::Arguments<'_>) {
        self.key(field.name());
        quoted(self.line, it);
    }

    fn add(&mut self, field: &Field, it: impl Serialize) {
        self.key(field.name());
        value(self.line, it);
    }
}

impl Visit for Appender<'_> {
    fn record_str(&mut self, field: &Field, it: &str) {
        match field.name().strip_prefix(BRIDGED) {
            None => self.text(field, format_args!("{it}")),
            Some("target") => self.target = Some(it.to_owned()),
            Some(_) => {}
        }
    }

    fn record_i64(&mut self, field: &Field, it: i64) {
        self.add(field, it);
    }

    fn record_u64(&mut self, field: &Field, it: u64) {
        if !field.name().starts_with(BRIDGED) {
            self.add(field, it);
        }
    }

    fn record_f64(&mut self, field: &Field, it: f64) {
        self.add(field, it);
    }

    fn record_bool(&mut self, field: &Field, it: bool) {
        self.add(field, it);
    }

    fn record_error(&mut self, field: &Field, it: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{it}"));
    }

    fn record_debug(&mut self, field: &Field, it: &dyn Debug) {
        self.text(field, format_args!("{it:?}"));
    }
}

/// A value as JSON. Nothing that a field can be fails to be written.
fn value(line: &mut Vec<u8>, it: impl Serialize) {
    let _ = serde_json::to_writer(line, &it);
}

/// Text as a string of JSON. It is cut where it is longer than a value or the line may be.
fn quoted(line: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    line.push(b'"');
    let left = MAX_VALUE.min(MAX_VALUES.saturating_sub(line.len()));
    // Fails where the text was cut, so that no more of it is made.
    let _ = Escaped { line, left }.write_fmt(text);
    line.push(b'"');
}

/// Text within quotes that needs no escape.
fn append(line: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _ = io::Write::write_fmt(line, text);
}

struct Escaped<'a> {
    line: &'a mut Vec<u8>,
    /// How many bytes may follow.
    left: usize,
}

impl Escaped<'_> {
    fn add(&mut self, text: &str) -> fmt::Result {
        let Some(left) = self.left.checked_sub(text.len()) else {
            self.left = 0;
            self.line.extend_from_slice(CUT.as_bytes());
            return Err(fmt::Error);
        };
        self.left = left;
        self.line.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        if text.len() <= self.left && text.as_bytes().iter().all(is_plain) {
            return self.add(text);
        }
        for character in text.chars() {
            // RFC 8259, 7.
            match character {
                '"' => self.add("\\\""),
                '\\' => self.add("\\\\"),
                '\n' => self.add("\\n"),
                '\r' => self.add("\\r"),
                '\t' => self.add("\\t"),
                control if control < ' ' => self.add(&format!("\\u{:04x}", u32::from(control))),
                other => self.add(other.encode_utf8(&mut [0; 4])),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::core::clock::Timestamp;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that are written meanwhile.
    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = layer().event_format(Lines).fmt_fields(Fields).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    #[test]
    fn every_kind_of_value_is_valid_json() {
        let nasty = "a \"quoted\"\nline \u{1b}[31m \\ \u{2028} é";
        let found = lines(|| {
            let error = std::io::Error::other(nasty);
            tracing::info!(
                text = nasty, shown = %nasty, debugged = ?nasty, small = -1, large = u64::MAX, half = 0.5,
                odd = f64::NAN, yes = true, error = &error as &dyn Error, nothing = tracing::field::Empty,
                "it \"happened\" {}", 1
            );
        });
        let mut line = found.into_iter().next().unwrap();
        let at = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert_eq!(
            (at.as_str().unwrap().len(), at.as_str().unwrap().parse::<Timestamp>().is_ok()),
            (27, true)
        );
        let expected = json!({
            "level": "INFO", "message": "it \"happened\" 1", "text": nasty, "shown": nasty,
            "debugged": format!("{nasty:?}"), "small": -1, "large": u64::MAX, "half": 0.5, "odd": null, "yes": true,
            "error": nasty, "target": module_path!(),
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_has_the_fields_of_its_span() {
        let found = lines(|| {
            let span = tracing::error_span!("request", request_id = "a\"b", trace_id = tracing::field::Empty);
            let _entered = span.enter();
            span.record("trace_id", "c");
            tracing::warn!("inside");
        });
        assert_eq!(found[0]["span"], json!({"name": "request", "request_id": "a\"b", "trace_id": "c"}));
    }

    #[test]
    fn a_line_has_a_greatest_length_whatever_its_values_are() {
        let nasty = "\u{1b}\"é…".repeat(100_000);
        let found = lines(|| {
            let span = tracing::error_span!("request", a = nasty, b = %nasty, c = ?nasty);
            let _entered = span.enter();
            tracing::info!(
                a = nasty, b = %nasty, c = ?nasty, d = nasty, e = nasty, f = nasty, number = 1, g = nasty, "{nasty}"
            );
            tracing::info!(short = "short", long = nasty, "message");
        });
        for line in &found {
            assert!(line.to_string().len() <= MAX_LINE, "{}", line.to_string().len());
        }
        assert_eq!((&found[0]["level"], &found[0]["number"]), (&json!("INFO"), &json!(1)));
        assert_eq!((&found[1]["short"], &found[1]["message"]), (&json!("short"), &json!("message")));
        let long = found[1]["long"].as_str().unwrap();
        assert!(
            long.ends_with(CUT) && nasty.starts_with(long.strip_suffix(CUT).unwrap()) && long.len() > 1_000
        );
    }

    #[test]
    fn a_value_that_logs_while_it_is_written_down_spoils_nothing() {
        struct Talkative;
        impl fmt::Display for Talkative {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                tracing::info!("inner");
                f.write_str("outer")
            }
        }
        let found = lines(|| tracing::info!("{Talkative}"));
        assert!(found.iter().any(|line| line["message"] == "outer"), "{found:?}");
    }
}
