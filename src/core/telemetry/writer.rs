//! The way of log lines to standard error: through a buffer that a thread of its own empties. Whoever logs never waits for the
//! reader: one that has stopped reading would otherwise stop the service, a worker after the other.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// What may wait to be written, in bytes: about twenty thousand lines. Beyond it lines are lost, and counted.
const ROOM: usize = 4 * 1024 * 1024;

/// How long lines gather after some were written: one call of the kernel then takes all of them along.
const GATHERING: Duration = Duration::from_millis(2);

/// How long the last lines may take at the end of the process.
const FLUSH: Duration = Duration::from_secs(2);

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
    /// Lines for which there was no room.
    lost: u64,
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

    fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > ROOM {
            state.lost += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
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
            state.is_writing = true;
            drop(state);
            // Nobody could be told of a log that cannot be written.
            let _ = sink.write_all(&taken);
            if lost > 0 {
                tracing::warn!(lost, "nobody reads the log fast enough: lines were lost");
            }
            taken.shrink_to(64 * 1024);
            thread::sleep(GATHERING);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        match self {
            Self::Buffered(shared) => Line(Some(shared)),
            Self::Direct => Line(None),
        }
    }
}

/// Takes a line, which comes whole.
pub(super) struct Line<'a>(Option<&'a Shared>);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(shared) = self.0 else { return io::stderr().write(line) };
        shared.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

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
        let line = vec![b'x'; ROOM / 4];
        for _ in 0..20 {
            lines.make_writer().write_all(&line).unwrap();
        }
        let state = shared.lock();
        // Four wait, and at the most four are in the thread's hand.
        assert!(state.waiting.len() <= ROOM && (12..=16).contains(&state.lost), "{}", state.lost);
    }
}
