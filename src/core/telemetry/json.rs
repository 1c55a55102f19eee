//! Log lines as JSON. The formatter of `tracing-subscriber` builds the same line through several layers of serializers, which
//! took a third of the time of a small request (`bench/README.md`); this one appends to one buffer.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Debug, Write as _};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// A line longer than this gives its buffer back.
const KEPT: usize = 16 * 1024;

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
    value(line, target.as_deref().unwrap_or_else(|| event.metadata().target()));
    if let Some(span) = context.lookup_current() {
        line.extend_from_slice(b",\"span\":{\"name\":");
        value(line, span.name());
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
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

    fn add(&mut self, field: &Field, it: impl Serialize) {
        self.key(field.name());
        value(self.line, it);
    }
}

impl Visit for Appender<'_> {
    fn record_str(&mut self, field: &Field, it: &str) {
        match field.name().strip_prefix(BRIDGED) {
            None => self.add(field, it),
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
        self.key(field.name());
        self.line.push(b'"');
        append(self.line, format_args!("{it:?}"));
        self.line.push(b'"');
    }
}

/// A value as JSON. Nothing that a field can be fails to be written.
fn value(line: &mut Vec<u8>, it: impl Serialize) {
    let _ = serde_json::to_writer(line, &it);
}

/// Text within quotes, escaped as it comes.
fn append(line: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _ = Escaped(line).write_fmt(text);
}

struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
        if text.as_bytes().iter().all(is_plain) {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
        self.0.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
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
