//! bb8 with a fair queue in front of it and its errors behind it.

use std::sync::Arc;
use std::time::Duration;

use bb8::{ManageConnection, PooledConnection, QueueStrategy};
use diesel_async::pooled_connection::PoolError;
use metrics::{Counter, Histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::error::{DbError, Unavailable};
use crate::core::telemetry::metrics::{DB_TIMEOUTS, DB_WAIT, Meter, counter, histogram};

/// An idle connection above the number kept is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// How long after a failure to open a connection the next attempt is made, while others are in use.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How many connections a pool holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSize {
    /// Kept open when idle.
    pub kept: u32,
    /// Open at the most.
    pub most: u32,
}

pub(super) struct Pool<M: ManageConnection> {
    connections: bb8::Pool<M>,
    /// bb8 alone lets newcomers overtake; tokio's semaphore is first come, first served.
    turns: Arc<Semaphore>,
    failures: Failures,
    timeout: Duration,
    most: u32,
    meters: Meters,
}

#[derive(Clone)]
struct Meters {
    waits: Meter<Histogram>,
    timeouts: Meter<Counter>,
}

/// What a pool has at a moment.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// On loan, or being opened.
    pub used: u32,
    /// Open and free.
    pub idle: u32,
    /// What it may have.
    pub most: u32,
}

impl<M: ManageConnection> Clone for Pool<M> {
    fn clone(&self) -> Self {
        Self {
            connections: self.connections.clone(),
            turns: Arc::clone(&self.turns),
            failures: self.failures.clone(),
            timeout: self.timeout,
            most: self.most,
            meters: self.meters.clone(),
        }
    }
}

/// A connection on loan; it goes back to the pool when dropped.
pub struct Loan<M: ManageConnection> {
    // In this order: the connection is back before the next in line is called.
    connection: PooledConnection<'static, M>,
    _turn: OwnedSemaphorePermit,
}

impl<M: ManageConnection> Loan<M> {
    pub(super) fn connection(&self) -> &M::Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut M::Connection {
        &mut self.connection
    }
}

impl<M: ManageConnection<Error = PoolError>> Pool<M> {
    /// A pool that logs each connection it cannot open. Metrics know it by its name.
    pub(super) fn new(name: &'static str, manager: M, size: PoolSize, timeout: Duration) -> Self {
        Self::build(name, manager, size, timeout, Failures::new(true))
    }

    /// A pool whose owner says what went wrong.
    pub(super) fn silent(name: &'static str, manager: M, size: PoolSize, timeout: Duration) -> Self {
        Self::build(name, manager, size, timeout, Failures::new(false))
    }

    fn build(name: &'static str, manager: M, size: PoolSize, timeout: Duration, failures: Failures) -> Self {
        let connections = bb8::Pool::builder()
            .max_size(size.most)
            .min_idle(Some(size.kept))
            .idle_timeout(Some(IDLE_TIMEOUT))
            // The last returned is the first reused, so that what is above the need grows old and is closed.
            .queue_strategy(QueueStrategy::Lifo)
            .connection_timeout(timeout)
            // Trying again within one caller's wait would hide that the database is away.
            .retry_connection(false)
            .error_sink(Box::new(failures.clone()))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(size.most as usize));
        let of_pool = [("pool", name)];
        let meters = Meters { waits: histogram(DB_WAIT, &of_pool), timeouts: counter(DB_TIMEOUTS, &of_pool) };
        Self { connections, turns, failures, timeout, most: size.most, meters }
    }

    /// What the pool has now.
    pub(super) fn usage(&self) -> Usage {
        let state = self.connections.state();
        let used = state.connections.saturating_sub(state.idle_connections);
        Usage { used, idle: state.idle_connections, most: self.most }
    }

    /// A connection, in the order of asking.
    pub(super) async fn get(&self) -> Result<Loan<M>, DbError> {
        let asked = Instant::now();
        let got = self.wait().await;
        self.meters.waits.record(asked.elapsed());
        if let Err(DbError::Unavailable(Unavailable::PoolExhausted)) = got {
            self.meters.timeouts.increment(1);
        }
        got
    }

    async fn wait(&self) -> Result<Loan<M>, DbError> {
        let deadline = Instant::now() + self.timeout;
        let exhausted = || DbError::Unavailable(Unavailable::PoolExhausted);
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| exhausted())?.map_err(|_| exhausted())?;
        let asked = Instant::now();
        // Listening begins before asking, so that no failure is missed however soon it comes.
        let mut failures = self.failures.listen();
        loop {
            tokio::select! {
                biased;
                loan = timeout_at(deadline, self.connections.get_owned()) => return match loan {
                    Ok(Ok(connection)) => Ok(Loan { connection, _turn: turn }),
                    Ok(Err(_)) | Err(_) => Err(self.failures.since(asked).map_or_else(exhausted, cannot_connect)),
                },
                in_vain = self.waits_in_vain(&mut failures) => {
                    if let Some(reason) = in_vain {
                        return Err(cannot_connect(reason));
                    }
                }
            }
        }
    }

    /// Returns after opening a connection failed: the reason, when there is no other to wait for; otherwise
    /// nothing, when it is time to ask again, since bb8 tries once for each time it is asked.
    async fn waits_in_vain(&self, failures: &mut watch::Receiver<Option<Failure>>) -> Option<String> {
        // The sender lives as long as the pool.
        let _ = failures.changed().await;
        if self.connections.state().connections == 0 {
            return Some(
                failures.borrow().as_ref().map(|failure| failure.reason.clone()).unwrap_or_default(),
            );
        }
        tokio::time::sleep(RETRY_PAUSE).await;
        None
    }
}

fn cannot_connect(reason: String) -> DbError {
    DbError::Unavailable(Unavailable::CannotConnect(reason))
}

/// Why and when a connection could not be opened.
#[derive(Clone, Debug)]
struct Failure {
    reason: String,
    at: Instant,
}

/// What bb8 would otherwise swallow: the last failure to open a connection.
#[derive(Clone, Debug)]
struct Failures {
    last: watch::Sender<Option<Failure>>,
    are_logged: bool,
}

impl Failures {
    fn new(are_logged: bool) -> Self {
        Self { last: watch::Sender::new(None), are_logged }
    }

    /// Hears of every failure from now on.
    fn listen(&self) -> watch::Receiver<Option<Failure>> {
        self.last.subscribe()
    }

    /// The reason of the last failure, if it was since then.
    fn since(&self, start: Instant) -> Option<String> {
        self.last
            .borrow()
            .as_ref()
            .filter(|failure| failure.at >= start)
            .map(|failure| failure.reason.clone())
    }
}

impl bb8::ErrorSink<PoolError> for Failures {
    fn sink(&self, error: PoolError) {
        // A connection that was found broken before use is replaced; only failing to open one is news.
        if let PoolError::ConnectionError(error) = error {
            if self.are_logged {
                tracing::warn!(%error, "cannot open a database connection");
            }
            self.last.send_replace(Some(Failure { reason: error.to_string(), at: Instant::now() }));
        }
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<PoolError>> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use diesel::ConnectionError;
    use metrics_util::debugging::DebugValue;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// What happens when a connection is opened.
    #[derive(Clone, Copy)]
    enum Opening {
        Succeeds,
        Fails,
        Hangs,
    }

    /// Opens connections as told; the last instruction holds for all that follow.
    struct Script(Mutex<VecDeque<Opening>>);

    impl ManageConnection for Script {
        type Connection = ();
        type Error = PoolError;

        async fn connect(&self) -> Result<(), PoolError> {
            let opening = {
                let mut script = self.0.lock().unwrap();
                if script.len() > 1 { script.pop_front() } else { script.front().copied() }
            };
            match opening.unwrap() {
                Opening::Succeeds => Ok(()),
                Opening::Fails => {
                    Err(PoolError::ConnectionError(ConnectionError::BadConnection("refused".to_owned())))
                }
                Opening::Hangs => std::future::pending().await,
            }
        }

        async fn is_valid(&self, (): &mut ()) -> Result<(), PoolError> {
            Ok(())
        }

        fn has_broken(&self, (): &mut ()) -> bool {
            false
        }
    }

    fn pool(most: u32, timeout: Duration, script: &[Opening]) -> Pool<Script> {
        let script = Script(Mutex::new(script.iter().copied().collect()));
        Pool::new("test", script, PoolSize { kept: 1, most }, timeout)
    }

    fn reason<M: ManageConnection>(got: Result<Loan<M>, DbError>) -> Unavailable {
        match got {
            Err(DbError::Unavailable(reason)) => reason,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("a connection"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_failure_goes_unheard_however_soon_it_comes() {
        let pool = pool(1, 10 * SOON, &[Opening::Fails]);
        for _ in 0..20_000 {
            assert!(matches!(reason(pool.get().await), Unavailable::CannotConnect(_)));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_old_failure_is_not_the_reason_of_a_later_one() {
        let pool = pool(1, Duration::from_secs(2), &[Opening::Fails, Opening::Hangs]);
        assert!(matches!(reason(pool.get().await), Unavailable::CannotConnect(_)));
        assert!(matches!(reason(pool.get().await), Unavailable::PoolExhausted));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_could_not_be_opened_is_tried_again_while_others_are_in_use() {
        let pool =
            pool(2, 10 * SOON, &[Opening::Succeeds, Opening::Fails, Opening::Fails, Opening::Succeeds]);
        let _held = pool.get().await.unwrap();
        let second = tokio::time::timeout(SOON, pool.get()).await.expect("a connection soon");
        assert!(second.is_ok());
    }

    #[test]
    fn waits_are_measured_and_those_in_vain_are_counted() {
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let pool = pool(1, Duration::from_millis(50), &[Opening::Succeeds]);
                let held = pool.get().await.unwrap();
                let usage = pool.usage();
                assert_eq!((usage.used, usage.idle, usage.most), (1, 0, 1));
                assert!(matches!(reason(pool.get().await), Unavailable::PoolExhausted));
                drop(held);
            });
        });
        for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
            match value {
                DebugValue::Counter(count) => assert_eq!((key.key().name(), count), (DB_TIMEOUTS, 1)),
                DebugValue::Histogram(waits) => assert_eq!((key.key().name(), waits.len()), (DB_WAIT, 2)),
                DebugValue::Gauge(_) => panic!("{key:?}"),
            }
        }
    }
}
