//! Log lines as JSON. The formatter of `tracing-subscriber` builds the same line through several
//! layers of serializers, which took a third of the time of a small request; this one appends to
//! one buffer.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::ser::Serializer;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::writer::MAX_LINE;

/// The capacity that the buffer of a thread keeps, in bytes.
const KEPT_CAPACITY: usize = 16 * 1024;

/// The longest value, in bytes of JSON.
const MAX_VALUE: usize = 8 * 1024;

/// The length of a line beyond which texts are left out. The rest is more than the names and
/// numbers of the most fields that an event and its span can have.
const MAX_TEXTS: usize = MAX_LINE - 4 * 1024;

/// What a text that was cut ends with.
const CUT: &str = "…";

/// Fields that the bridge from the crate `log` adds to its records: their metadata.
const BRIDGED: &str = "log.";

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One line per event: `timestamp`, `level`, its fields, `target`, and as `span` the fields of the
/// span it happened in.
pub(crate) struct JsonLine;

/// The fields of a span as they appear in a [`JsonLine`].
pub(crate) struct JsonFields;

impl<S, N> FormatEvent<S, N> for JsonLine
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
        // Taken, because a value may log while it is formatted.
        let mut line = LINE.take();
        line.clear();
        write_line(&mut line, context, event);
        let written =
            std::str::from_utf8(&line).map_err(|_| fmt::Error).and_then(|line| writer.write_str(line));
        line.shrink_to(KEPT_CAPACITY);
        LINE.set(line);
        written
    }
}

fn write_line<S, N>(line: &mut Vec<u8>, context: &FmtContext<'_, S, N>, event: &Event<'_>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    // Writing to a vector does not fail.
    let _ = write!(line, "{{\"timestamp\":\"{:.6}\"", jiff::Timestamp::now());
    let bridged = event.normalized_metadata();
    let metadata = bridged.as_ref().unwrap_or_else(|| event.metadata());
    let mut fields = Appender { line };
    fields.key("level");
    string(fields.line, metadata.level().as_str());
    event.record(&mut fields);
    fields.key("target");
    string(line, metadata.target());
    if let Some(span) = context.lookup_current() {
        line.extend_from_slice(b",\"span\":{\"name\":");
        string(line, span.name());
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && line.len() + fields.fields.len() < MAX_LINE - "}}\n".len()
        {
            line.extend_from_slice(fields.fields.as_bytes());
        }
        line.push(b'}');
    }
    line.extend_from_slice(b"}\n");
}

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Vec::with_capacity(128);
        fields.record(&mut Appender { line: &mut line });
        writer.write_str(std::str::from_utf8(&line).map_err(|_| fmt::Error)?)
    }
}

/// Appends fields to a line that has some already.
struct Appender<'a> {
    line: &'a mut Vec<u8>,
}

impl Appender<'_> {
    fn key(&mut self, name: &str) {
        // Field names come from the code and have nothing to escape.
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn add(&mut self, field: &Field, value: impl Serialize) {
        self.key(field.name());
        // Numbers and truth values always serialize.
        let _ = serde_json::to_writer(&mut *self.line, &value);
    }
}

impl Visit for Appender<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !field.name().starts_with(BRIDGED) {
            self.key(field.name());
            string(self.line, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !field.name().starts_with(BRIDGED) {
            self.add(field, value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.key(field.name());
        text(self.line, &format_args!("{value:?}"));
    }
}

/// How long the next value may be, in bytes.
fn room(line: &[u8]) -> usize {
    MAX_VALUE.min(MAX_TEXTS.saturating_sub(line.len()))
}

/// The same as [`text`], faster.
fn string(line: &mut Vec<u8>, value: &str) {
    // An escape sequence has up to six bytes.
    if value.len() * 6 > room(line) {
        return text(line, &value);
    }
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(line, value);
}

/// A string of JSON, cut where it would be longer than a value or the line may be.
fn text(line: &mut Vec<u8>, value: &impl Display) {
    let left = room(line) + "\"\"".len();
    let mut limited = Limited { line, left };
    if serde::Serializer::collect_str(&mut Serializer::new(&mut limited), value).is_err() {
        line.push(b'"');
    }
}

/// Writes a string of JSON until it is too long.
struct Limited<'a> {
    line: &'a mut Vec<u8>,
    /// How many bytes may follow, the quotation marks included.
    left: usize,
}

impl io::Write for Limited<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if let Some(left) = self.left.checked_sub(piece.len()) {
            self.left = left;
            self.line.extend_from_slice(piece);
            return Ok(piece.len());
        }
        // A piece is an escape sequence, or text without any.
        let whole = std::str::from_utf8(piece).ok().filter(|piece| !piece.starts_with('\\'));
        let kept = whole.map_or("", |piece| &piece[..piece.floor_char_boundary(self.left)]);
        self.line.extend_from_slice(kept.as_bytes());
        self.line.extend_from_slice(CUT.as_bytes());
        // Ends the formatting of the value.
        Err(io::ErrorKind::WriteZero.into())
    }

    fn flush(&mut self) -> io::Result<()> {
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
        let lines = layer().event_format(JsonLine).fmt_fields(JsonFields).with_writer(move || writer.clone());
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
            (at.as_str().unwrap().len(), at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok()),
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
