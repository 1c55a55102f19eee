//! The way of log lines to standard error: through a buffer that a thread of its own empties. Whoever logs never waits for the
//! reader: one that has stopped reading would otherwise stop the service, a worker after the other.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::AUDIT;

/// What may wait to be written, in bytes: about twenty thousand lines. Beyond it lines are lost, and counted.
const ROOM: usize = 4 * 1024 * 1024;

/// The same for audit events, and for the line that says how many lines were lost: a flood of other lines leaves this much
/// room to them.
const RESERVED: usize = 1024 * 1024;

/// The longest line, in bytes. The formatter of JSON keeps to it by itself; a line as text is cut.
pub(super) const MAX_LINE: usize = 32 * 1024;

/// How long lines gather after some were written: one call of the kernel then takes all of them along.
const GATHERING: Duration = Duration::from_millis(2);

/// How long the last lines may take at the end of the process.
const FLUSH: Duration = Duration::from_secs(2);

/// The target of the line that counts lost lines.
const LOSSES: &str = "groundwork::telemetry::losses";

/// What a line that was cut ends with.
const CUT: &[u8] = "…\n".as_bytes();

static STANDARD_ERROR: OnceLock<Lines> = OnceLock::new();

/// Lines on their way.
#[derive(Clone)]
pub(super) enum Lines {
    /// Through a buffer.
    Buffered(Arc<Shared>),
    /// Straight to standard error, because there could be no thread.
    Direct,
}

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// All of it was written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines for which there was no room, audit events among them.
    lost: u64,
    /// Audit events for which there was no room.
    lost_audit_events: u64,
    /// Whether the thread waits to be told.
    is_idle: bool,
    /// Whether the thread has something in hand.
    is_writing: bool,
}

/// Where lines of the log go.
pub(super) fn standard_error() -> Lines {
    STANDARD_ERROR.get_or_init(|| Lines::to(io::stderr()).unwrap_or(Lines::Direct)).clone()
}

/// Writes what waits, within bounds: for the end of the process.
pub fn flush() {
    if let Some(Lines::Buffered(shared)) = STANDARD_ERROR.get() {
        shared.flush(FLUSH);
    }
}

impl Lines {
    /// # Errors
    /// When there can be no thread.
    fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let emptied = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || emptied.empty_into(sink))?;
        Ok(Self::Buffered(shared))
    }
}

impl Shared {
    fn flush(&self, within: Duration) {
        let end = Instant::now() + within;
        let mut state = self.lock();
        while state.is_writing || !state.waiting.is_empty() {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return };
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8], is_reserved: bool) {
        let line = Bounded::of(line);
        let mut state = self.lock();
        let room = if is_reserved { ROOM + RESERVED } else { ROOM };
        if state.waiting.len() + line.len() > room {
            state.lost += 1;
            state.lost_audit_events += u64::from(is_reserved);
            return;
        }
        line.append_to(&mut state.waiting);
        if state.is_idle {
            state.is_idle = false;
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Never returns: nobody ends the log before the process.
    fn empty_into(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.lock();
            state.is_writing = false;
            if state.waiting.is_empty() {
                self.emptied.notify_all();
            }
            while state.waiting.is_empty() {
                state.is_idle = true;
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            taken.clear();
            std::mem::swap(&mut taken, &mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            let audit_events = std::mem::take(&mut state.lost_audit_events);
            state.is_writing = true;
            drop(state);
            // Nobody could be told of a log that cannot be written.
            let _ = sink.write_all(&taken);
            if lost > 0 {
                tracing::warn!(
                    target: LOSSES,
                    lost,
                    audit_events,
                    "nobody reads the log fast enough: lines were lost"
                );
            }
            taken.shrink_to(64 * 1024);
            thread::sleep(GATHERING);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        let shared = match self {
            Self::Buffered(shared) => Some(&**shared),
            Self::Direct => None,
        };
        Line { shared, is_reserved: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        let is_reserved = [AUDIT, LOSSES].contains(&metadata.target());
        Line { is_reserved, ..self.make_writer() }
    }
}

/// Takes a line, which comes whole.
pub(super) struct Line<'a> {
    shared: Option<&'a Shared>,
    is_reserved: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.shared {
            Some(shared) => shared.add(line, self.is_reserved),
            None => io::stderr().write_all(&Bounded::of(line).to_vec())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line of at most [`MAX_LINE`] bytes.
struct Bounded<'a> {
    kept: &'a [u8],
    end: &'static [u8],
}

impl<'a> Bounded<'a> {
    fn of(line: &'a [u8]) -> Self {
        if line.len() <= MAX_LINE {
            return Self { kept: line, end: b"" };
        }
        let mut length = MAX_LINE - CUT.len();
        // Not within a character: bytes of the form 10xxxxxx continue one (RFC 3629, 3).
        while length > 0 && line[length] & 0b1100_0000 == 0b1000_0000 {
            length -= 1;
        }
        Self { kept: &line[..length], end: CUT }
    }

    fn len(&self) -> usize {
        self.kept.len() + self.end.len()
    }

    fn append_to(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(self.kept);
        buffer.extend_from_slice(self.end);
    }

    fn to_vec(&self) -> Vec<u8> {
        [self.kept, self.end].concat()
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

    fn through_a_buffer(slow: Slow) -> (Lines, Arc<Shared>) {
        let lines = Lines::to(slow).unwrap();
        let Lines::Buffered(shared) = &lines else { panic!("there is a thread") };
        let shared = Arc::clone(shared);
        (lines, shared)
    }

    #[test]
    fn who_logs_does_not_wait_for_a_reader_that_has_stopped_and_every_line_comes_once_and_whole() {
        let (pieces, read) = sync_channel(1_000);
        let (allow, allowed) = sync_channel(1_000);
        let (lines, shared) = through_a_buffer(Slow { pieces, allowed });
        let mut expected = String::new();
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            lines.make_writer().write_all(line.as_bytes()).unwrap();
            expected += &line;
        }
        // Nothing was read so far, and here we are.
        shared.flush(Duration::from_millis(20));
        drop(allow);
        shared.flush(Duration::from_secs(10));
        let text: Vec<u8> = read.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let (pieces, _read) = sync_channel(1_000);
        let (_allow, allowed) = sync_channel(1);
        let (lines, shared) = through_a_buffer(Slow { pieces, allowed });
        let line = vec![b'x'; MAX_LINE];
        let fitting = ROOM / MAX_LINE;
        for _ in 0..5 * fitting {
            lines.make_writer().write_all(&line).unwrap();
        }
        let state = shared.lock();
        // As many as fit wait, and at the most as many are in the thread's hand.
        let lost = usize::try_from(state.lost).unwrap();
        assert!(state.waiting.len() <= ROOM && (3 * fitting..=4 * fitting).contains(&lost), "{lost}");
        assert_eq!(state.lost_audit_events, 0);
    }

    #[test]
    fn a_flood_of_other_lines_leaves_room_to_audit_events() {
        let (pieces, read) = sync_channel(100_000);
        let (allow, allowed) = sync_channel(1);
        let (lines, shared) = through_a_buffer(Slow { pieces, allowed });
        let layer = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let long = "x".repeat(MAX_LINE);
            for number in 0..1_000 {
                tracing::info!(long, "request");
                tracing::info!(target: AUDIT, number, "audit event");
            }
        });
        assert!(shared.lock().lost > 0, "there was a flood");
        assert_eq!(shared.lock().lost_audit_events, 0);
        drop(allow);
        shared.flush(Duration::from_secs(10));
        let text = String::from_utf8(read.try_iter().flatten().collect()).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("audit event")).count(), 1_000);
        assert!(text.lines().all(|line| line.len() < MAX_LINE));
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_stays_one_line() {
        let short = b"short\n";
        assert_eq!(Bounded::of(short).to_vec(), short);
        for start in ["", "x", "xx", "xxx"] {
            let long = format!("{start}{}\n", "é…".repeat(MAX_LINE));
            let kept = String::from_utf8(Bounded::of(long.as_bytes()).to_vec()).unwrap();
            assert!(kept.len() <= MAX_LINE && kept.len() > MAX_LINE - 8, "{}", kept.len());
            assert!(kept.ends_with("…\n") && kept.lines().count() == 1);
        }
    }
}
