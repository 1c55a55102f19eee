//! bb8 with a fair queue in front of it and its errors behind it.

use std::sync::Arc;
use std::time::Duration;

use bb8::{ManageConnection, QueueStrategy};
use diesel_async::pooled_connection::PoolError;
use metrics::{Counter, Histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::config::PoolSize;
use crate::error::{DbError, Unavailable};

/// How long an idle connection above `min_idle` stays open.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The pause after a failure to open a connection, while others are in use.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Pool<M: ManageConnection> {
    connections: bb8::Pool<M>,
    /// bb8 alone lets newcomers overtake; tokio's semaphore is first come, first served.
    permits: Arc<Semaphore>,
    /// Why a connection could not be opened the last time, which bb8 does not pass on.
    failures: watch::Sender<String>,
    timeout: Duration,
    max_size: u32,
    wait_seconds: Histogram,
    timeouts: Counter,
}

/// The connections of a pool at one moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    /// In use, or being opened.
    pub used: u32,
    /// Open and free.
    pub idle: u32,
    /// Open at most.
    pub max_size: u32,
}

/// A connection in use. It returns to the pool when dropped.
pub struct PooledConnection<M: ManageConnection> {
    // In this order: the connection is back before the next in the queue is called.
    connection: bb8::PooledConnection<'static, M>,
    _permit: OwnedSemaphorePermit,
}

impl<M: ManageConnection> std::ops::Deref for PooledConnection<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        &self.connection
    }
}

impl<M: ManageConnection> std::ops::DerefMut for PooledConnection<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        &mut self.connection
    }
}

impl<M: ManageConnection<Error = PoolError>> Pool<M> {
    /// A pool that metrics know by its name.
    pub(crate) fn new(
        name: &'static str,
        manager: M,
        size: PoolSize,
        timeout: Duration,
        log: FailureLog,
    ) -> Self {
        let PoolSize { min_idle, max_size } = size;
        let failures = watch::Sender::default();
        let connections = bb8::Pool::builder()
            .max_size(max_size)
            .min_idle(Some(min_idle))
            .idle_timeout(Some(IDLE_TIMEOUT))
            // The last returned is the first reused, so that surplus connections age and close.
            .queue_strategy(QueueStrategy::Lifo)
            .connection_timeout(timeout)
            // Retrying within one caller's wait would hide that the database is away.
            .retry_connection(false)
            .error_sink(Box::new(FailureSink { last: failures.clone(), log }))
            .build_unchecked(manager);
        Self {
            connections,
            permits: Arc::new(Semaphore::new(max_size as usize)),
            failures,
            timeout,
            max_size,
            wait_seconds: metrics::histogram!("db_wait_seconds", "pool" => name),
            timeouts: metrics::counter!("db_timeouts_total", "pool" => name),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let state = self.connections.state();
        let used = state.connections.saturating_sub(state.idle_connections);
        Usage { used, idle: state.idle_connections, max_size: self.max_size }
    }

    /// A connection, in the order of the calls.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none is free in time, or none can be opened.
    pub(crate) async fn get(&self) -> Result<PooledConnection<M>, DbError> {
        let start = Instant::now();
        let result = self.wait().await;
        self.wait_seconds.record(start.elapsed());
        if let Err(DbError::Unavailable(Unavailable::PoolExhausted)) = result {
            self.timeouts.increment(1);
        }
        result
    }

    async fn wait(&self) -> Result<PooledConnection<M>, DbError> {
        let deadline = Instant::now() + self.timeout;
        let exhausted = || DbError::Unavailable(Unavailable::PoolExhausted);
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| exhausted())?.map_err(|_| exhausted())?;
        // Subscribed before bb8 is called, so that no failure is missed however soon it comes.
        let since_start = self.failures.subscribe();
        let mut failures = since_start.clone();
        loop {
            tokio::select! {
                biased;
                got = timeout_at(deadline, self.connections.get_owned()) => return match got {
                    Ok(Ok(connection)) => Ok(PooledConnection { connection, _permit: permit }),
                    _ if since_start.has_changed().is_ok_and(|has| has) => Err(cannot_connect(&since_start)),
                    _ => Err(exhausted()),
                },
                failed = self.connect_failed(&mut failures) => {
                    if let Some(error) = failed {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Returns after a connection could not be opened: with the reason when there is no other to
    /// wait for; with `None` when it is time to call bb8 again, which tries once per call.
    async fn connect_failed(&self, failures: &mut watch::Receiver<String>) -> Option<DbError> {
        // The sender lives as long as the pool.
        let _ = failures.changed().await;
        if self.connections.state().connections == 0 {
            return Some(cannot_connect(failures));
        }
        tokio::time::sleep(RETRY_PAUSE).await;
        None
    }
}

fn cannot_connect(failures: &watch::Receiver<String>) -> DbError {
    DbError::Unavailable(Unavailable::CannotConnect(failures.borrow().clone()))
}

/// Whether failures to open a connection are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureLog {
    On,
    /// The owner of the pool logs them.
    Off,
}

/// Takes the failures to open a connection.
#[derive(Clone, Debug)]
struct FailureSink {
    last: watch::Sender<String>,
    log: FailureLog,
}

impl bb8::ErrorSink<PoolError> for FailureSink {
    fn sink(&self, error: PoolError) {
        // A connection that was found broken before use is merely replaced.
        if let PoolError::ConnectionError(error) = error {
            if self.log == FailureLog::On {
                tracing::warn!(%error, "cannot open a database connection");
            }
            self.last.send_replace(error.to_string());
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

    fn pool(max_size: u32, timeout: Duration, script: &[Opening]) -> Pool<Script> {
        let script = Script(Mutex::new(script.iter().copied().collect()));
        let size = PoolSize { min_idle: 1, max_size };
        Pool::new("test", script, size, timeout, FailureLog::Off)
    }

    fn reason<M: ManageConnection>(got: Result<PooledConnection<M>, DbError>) -> Unavailable {
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
                assert_eq!((usage.used, usage.idle, usage.max_size), (1, 0, 1));
                assert!(matches!(reason(pool.get().await), Unavailable::PoolExhausted));
                drop(held);
            });
        });
        for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
            match value {
                DebugValue::Counter(count) => assert_eq!((key.key().name(), count), ("db_timeouts_total", 1)),
                DebugValue::Histogram(waits) => {
                    assert_eq!((key.key().name(), waits.len()), ("db_wait_seconds", 2));
                }
                DebugValue::Gauge(_) => panic!("{key:?}"),
            }
        }
    }
}
