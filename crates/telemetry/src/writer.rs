//! Non-blocking log writer: a background thread drains a bounded buffer to standard error, so that
//! a reader which has stopped reading does not stop the service.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::LOG_LINES_DROPPED;

/// How many bytes may wait to be written: about twenty thousand lines. Beyond it lines are dropped,
/// and counted.
const BUFFER_CAPACITY: usize = 4 * 1024 * 1024;

/// How many bytes more audit events may use, and the line that reports dropped lines, so that other
/// lines cannot displace them.
const RESERVED_CAPACITY: usize = 1024 * 1024;

/// The longest line, in bytes. The JSON formatter keeps to it by itself; a text line is cut.
pub(crate) const MAX_LINE: usize = 32 * 1024;

/// The pause between two writes, so that one system call takes all lines of this time along.
const FLUSH_INTERVAL: Duration = Duration::from_millis(2);

/// How long writing the last lines may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The target of the line that reports dropped lines.
const DROPPED: &str = concat!(module_path!(), "::dropped");

/// What a line that was cut ends with.
const CUT: &[u8] = "…\n".as_bytes();

static STDERR: OnceLock<Arc<Buffer>> = OnceLock::new();

/// Writes the log lines that wait, for at most 2 seconds. [`Guard`](crate::Guard) does it too; this
/// is for an exit of the process that runs no destructors.
pub fn flush() {
    if let Some(buffer) = STDERR.get() {
        buffer.flush(FLUSH_TIMEOUT);
    }
}

#[derive(Default)]
struct Buffer {
    state: Mutex<State>,
    /// Notified when a line is added, and when all lines are written.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread is writing what it took.
    is_writing: bool,
    /// Dropped lines since the last report, audit events among them.
    dropped: u64,
    dropped_audit_events: u64,
}

impl Buffer {
    fn flush(&self, timeout: Duration) {
        let is_undrained = |state: &mut State| !state.waiting.is_empty() || state.is_writing;
        self.changed.wait_while_for(&mut self.state.lock(), is_undrained, timeout);
    }

    fn add(&self, line: &[u8], is_reserved: bool) {
        let (kept, end) = bounded(line);
        let mut state = self.state.lock();
        let capacity = if is_reserved { BUFFER_CAPACITY + RESERVED_CAPACITY } else { BUFFER_CAPACITY };
        if state.waiting.len() + kept.len() + end.len() > capacity {
            state.dropped += 1;
            state.dropped_audit_events += u64::from(is_reserved);
            return;
        }
        state.waiting.extend_from_slice(kept);
        state.waiting.extend_from_slice(end);
        drop(state);
        self.changed.notify_all();
    }

    /// Never returns.
    fn drain_into(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.state.lock();
            state.is_writing = false;
            self.changed.notify_all();
            self.changed.wait_while(&mut state, |state| state.waiting.is_empty());
            state.is_writing = true;
            taken.clear();
            std::mem::swap(&mut taken, &mut state.waiting);
            let lost = std::mem::take(&mut state.dropped);
            let audit_events = std::mem::take(&mut state.dropped_audit_events);
            drop(state);
            // There is nowhere to report that the log cannot be written.
            let _ = sink.write_all(&taken);
            if lost > 0 {
                metrics::counter!(LOG_LINES_DROPPED).increment(lost);
                tracing::warn!(
                    target: DROPPED,
                    lost,
                    audit_events,
                    "nobody reads the log fast enough: lines were lost"
                );
            }
            taken.shrink_to(64 * 1024);
            thread::sleep(FLUSH_INTERVAL);
        }
    }
}

/// A line as it is written: its beginning, of at most [`MAX_LINE`] bytes with the end.
fn bounded(line: &[u8]) -> (&[u8], &'static [u8]) {
    if line.len() <= MAX_LINE {
        return (line, b"");
    }
    // Not within a character: bytes of the form 10xxxxxx continue one (RFC 3629, 3).
    let is_start = |at: &usize| line[*at] & 0b1100_0000 != 0b1000_0000;
    let length = (0..=MAX_LINE - CUT.len()).rev().find(is_start).unwrap_or_default();
    (&line[..length], CUT)
}

/// Where the formatter writes lines.
pub(crate) struct LogWriter {
    buffer: Arc<Buffer>,
    audit_target: &'static str,
}

impl LogWriter {
    /// Fails when the thread cannot be started.
    pub(crate) fn to_stderr(audit_target: &'static str) -> io::Result<Self> {
        let writer = Self::to(io::stderr(), audit_target)?;
        STDERR.get_or_init(|| Arc::clone(&writer.buffer));
        Ok(writer)
    }

    fn to(sink: impl Write + Send + 'static, audit_target: &'static str) -> io::Result<Self> {
        let buffer = Arc::new(Buffer::default());
        let drained = Arc::clone(&buffer);
        thread::Builder::new().name("log".to_owned()).spawn(move || drained.drain_into(sink))?;
        Ok(Self { buffer, audit_target })
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { buffer: &self.buffer, is_reserved: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter<'a> {
        let is_reserved = [self.audit_target, DROPPED].contains(&metadata.target());
        LineWriter { buffer: &self.buffer, is_reserved }
    }
}

/// Takes a line, in one write.
pub(crate) struct LineWriter<'a> {
    buffer: &'a Buffer,
    is_reserved: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.buffer.add(line, self.is_reserved);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// A reader that takes a piece when the test lets it.
    struct Slow {
        pieces: SyncSender<Vec<u8>>,
        allowed: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            // Without the test, everything is taken.
            let _ = self.allowed.recv();
            let _ = self.pieces.send(piece.to_vec());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const AUDIT: &str = "audit";

    fn buffered(slow: Slow) -> (LogWriter, Arc<Buffer>) {
        let writer = LogWriter::to(slow, AUDIT).unwrap();
        let buffer = Arc::clone(&writer.buffer);
        (writer, buffer)
    }

    #[test]
    fn who_logs_does_not_wait_for_a_reader_that_has_stopped_and_every_line_comes_once_and_whole() {
        let (pieces, read) = sync_channel(1_000);
        let (allow, allowed) = sync_channel(1_000);
        let (writer, buffer) = buffered(Slow { pieces, allowed });
        let mut expected = String::new();
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            writer.make_writer().write_all(line.as_bytes()).unwrap();
            expected += &line;
        }
        // Nothing was read so far, and here we are.
        buffer.flush(Duration::from_millis(20));
        drop(allow);
        buffer.flush(Duration::from_secs(10));
        let text: Vec<u8> = read.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let (pieces, _read) = sync_channel(1_000);
        let (_allow, allowed) = sync_channel(1);
        let (writer, buffer) = buffered(Slow { pieces, allowed });
        let line = vec![b'x'; MAX_LINE];
        let fitting = BUFFER_CAPACITY / MAX_LINE;
        for _ in 0..5 * fitting {
            writer.make_writer().write_all(&line).unwrap();
        }
        let state = buffer.state.lock();
        // As many as fit wait, and at the most as many are in the thread's hand.
        let lost = usize::try_from(state.dropped).unwrap();
        assert!(
            state.waiting.len() <= BUFFER_CAPACITY && (3 * fitting..=4 * fitting).contains(&lost),
            "{lost}"
        );
        assert_eq!(state.dropped_audit_events, 0);
    }

    #[test]
    fn a_flood_of_other_lines_leaves_room_to_audit_events() {
        let (pieces, read) = sync_channel(100_000);
        let (allow, allowed) = sync_channel(1);
        let (writer, buffer) = buffered(Slow { pieces, allowed });
        let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let long = "x".repeat(MAX_LINE);
            for number in 0..1_000 {
                tracing::info!(long, "request");
                tracing::info!(target: AUDIT, number, "audit event");
            }
        });
        assert!(buffer.state.lock().dropped > 0, "there was a flood");
        assert_eq!(buffer.state.lock().dropped_audit_events, 0);
        drop(allow);
        buffer.flush(Duration::from_secs(10));
        let text = String::from_utf8(read.try_iter().flatten().collect()).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("audit event")).count(), 1_000);
        assert!(text.lines().all(|line| line.len() < MAX_LINE));
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_stays_one_line() {
        let short = b"short\n";
        assert_eq!(bounded(short), (&short[..], &b""[..]));
        for start in ["", "x", "xx", "xxx"] {
            let long = format!("{start}{}\n", "é…".repeat(MAX_LINE));
            let (kept, end) = bounded(long.as_bytes());
            let kept = String::from_utf8([kept, end].concat()).unwrap();
            assert!(kept.len() <= MAX_LINE && kept.len() > MAX_LINE - 8, "{}", kept.len());
            assert!(kept.ends_with("…\n") && kept.lines().count() == 1);
        }
    }
}
