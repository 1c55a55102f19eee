//! A session of PostgreSQL: what is sent to the driver, and in how many round trips.
//!
//! A caller may leave in the middle of a statement, when its client disconnects or its time is
//! over. The server works on, and the next user of the connection would wait for that. So such a
//! connection is closed, and the server is asked to cancel the statement.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::{ConnectionError, QueryResult};
use futures_util::TryStreamExt;
use futures_util::future::{join, join3};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::generation::Generation;
use super::row::{Answer, first_row};
use super::server::CONNECT_TIMEOUT;
use super::statement::{Statement, StatementKey};
use crate::server_error::ServerError;

/// How statements reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementMode {
    /// Prepared by name once per connection, which is one session of the server.
    Prepared,
    /// Without a name, so that nothing of a statement outlives it. Any transaction may be in
    /// another session of the server.
    Unnamed {
        /// Set in each transaction, together with the time zone; `None` for a connection whose user
        /// begins its transactions.
        timeout: Option<Duration>,
    },
}

/// Where a connection is in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Step {
    /// In none.
    Outside,
    /// One is to begin: BEGIN travels together with its first statement.
    Beginning,
    /// In one.
    Inside,
    /// In one that the server will not commit, because a statement has failed.
    Failed,
}

impl From<u8> for Step {
    fn from(step: u8) -> Self {
        [Self::Outside, Self::Beginning, Self::Inside].get(usize::from(step)).copied().unwrap_or(Self::Failed)
    }
}

/// A session of PostgreSQL on a connection of its own.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    mode: StatementMode,
    tls: MakeRustlsConnect,
    generation: Generation,
    begin: Box<str>,
    prepared: Mutex<HashMap<StatementKey, tokio_postgres::Statement>>,
    step: AtomicU8,
    is_lost: AtomicBool,
    /// A caller has left in the middle of a statement.
    is_abandoned: AtomicBool,
    /// A transaction failed because a prepared statement is outdated.
    is_stale: AtomicBool,
}

/// Marks its session as abandoned unless it is forgotten.
struct InFlight<'a>(&'a Session);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.is_abandoned.store(true, Ordering::Relaxed);
    }
}

impl Session {
    /// `driver` is the task that moves the client's messages.
    pub(super) fn new(
        client: Client,
        driver: JoinHandle<()>,
        mode: StatementMode,
        tls: MakeRustlsConnect,
        generation: Generation,
    ) -> Self {
        let begin = match mode {
            StatementMode::Unnamed { timeout: Some(timeout) } => format!(
                "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'",
                timeout.as_millis()
            ),
            _ => "BEGIN".to_owned(),
        };
        Self {
            client,
            driver,
            mode,
            tls,
            generation,
            begin: begin.into(),
            prepared: Mutex::default(),
            step: AtomicU8::new(Step::Outside as u8),
            is_lost: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            is_stale: AtomicBool::new(false),
        }
    }

    /// Whether this server parameter has a value.
    pub(super) async fn has_setting(&self, name: &str) -> Result<bool, ConnectionError> {
        let query = format!("SELECT current_setting('{name}', true)");
        let row = first_row(&self.client, &query).await;
        let row =
            row.map_err(|error| ConnectionError::CouldntSetupConfiguration(ServerError::from(error).into()))?;
        Ok(row.is_some_and(|row| row.get(0).is_some_and(|value| !value.is_empty())))
    }

    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        let is_spent = [&self.is_lost, &self.is_abandoned].iter().any(|flag| flag.load(Ordering::Relaxed));
        !is_spent && !self.client.is_closed() && self.generation.is_current()
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.step() != Step::Outside
    }

    /// Whether several callers may read on it at once.
    pub(super) fn is_shareable(&self) -> bool {
        self.mode == StatementMode::Prepared
    }

    fn step(&self) -> Step {
        self.step.load(Ordering::Relaxed).into()
    }

    fn enter(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    /// Begins a transaction. BEGIN is sent with its first statement.
    pub(crate) fn begin(&self) {
        self.is_stale.store(false, Ordering::Relaxed);
        self.enter(Step::Beginning);
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`RollbackTransaction`](diesel::result::Error::RollbackTransaction) when one of its
    /// statements has failed; those of the server.
    pub(crate) async fn commit(&self) -> QueryResult<()> {
        match self.step() {
            // In a failed transaction, PostgreSQL answers COMMIT with success and rolls back.
            Step::Failed => {
                self.roll_back().await?;
                return Err(diesel::result::Error::RollbackTransaction);
            }
            Step::Inside => self.execute_batch("COMMIT").await?,
            Step::Beginning | Step::Outside => {}
        }
        self.enter(Step::Outside);
        Ok(())
    }

    /// Rolls the transaction back. Where the connection is lost, the server does so by itself.
    ///
    /// # Errors
    /// Those of the server.
    pub(crate) async fn roll_back(&self) -> QueryResult<()> {
        if self.client.is_closed() {
            return Ok(());
        }
        if matches!(self.step(), Step::Inside | Step::Failed) {
            self.execute_batch("ROLLBACK").await?;
        }
        self.enter(Step::Outside);
        Ok(())
    }

    /// Whether the transaction failed because a prepared statement was outdated. If so, all are
    /// prepared anew.
    pub(crate) fn refresh_statements(&self) -> bool {
        let is_stale = self.is_stale.swap(false, Ordering::Relaxed);
        if is_stale {
            self.forget_prepared();
        }
        is_stale
    }

    fn forget_prepared(&self) {
        // Closed one by one, outside of the lock.
        drop(std::mem::take(&mut *self.prepared.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    fn find_prepared(&self, key: &StatementKey) -> Option<tokio_postgres::Statement> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Runs statements without values, whose results do not matter.
    pub(super) async fn execute_batch(&self, text: &str) -> QueryResult<()> {
        let sent = self.watch(async { Ok(self.client.batch_execute(text).await?) }).await;
        sent.map_err(ServerError::into)
    }

    /// Runs a statement, once more if its prepared form is outdated.
    pub(super) async fn run(&self, statement: &Statement) -> QueryResult<Answer> {
        let error = match self.watch(self.send(statement)).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if self.prepared_key(statement).is_none() || !error.is_stale_statement() || self.is_in_transaction() {
            return Err(error.into());
        }
        self.forget_prepared();
        self.watch(self.send(statement)).await.map_err(ServerError::into)
    }

    /// Notes whether the caller leaves meanwhile, and what an error says of the session.
    async fn watch<T>(
        &self,
        exchange: impl Future<Output = Result<T, ServerError>>,
    ) -> Result<T, ServerError> {
        let in_flight = InFlight(self);
        let result = exchange.await;
        // Not reached when the caller leaves in the middle.
        std::mem::forget(in_flight);
        result.inspect_err(|error| self.note_error(error))
    }

    fn note_error(&self, error: &ServerError) {
        if error.is_lost_connection() {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        if error.is_read_only() && self.generation.end() {
            tracing::warn!("the database server takes no writes any more: its connections are closed");
        }
        if self.is_in_transaction() {
            self.enter(Step::Failed);
            if error.is_stale_statement() {
                self.is_stale.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Sends a statement together with what has to go before and after it, without waiting for an
    /// answer in between: the driver sends in the order in which futures are first polled.
    async fn send(&self, statement: &Statement) -> Result<Answer, ServerError> {
        if self.step() == Step::Beginning {
            self.enter(Step::Inside);
            let before = self.client.batch_execute(&self.begin);
            let (begun, answer) = Box::pin(join(before, self.query(statement))).await;
            begun?;
            return answer;
        }
        let is_single = self.step() == Step::Outside;
        if is_single && matches!(self.mode, StatementMode::Unnamed { timeout: Some(_) }) {
            let before = self.client.batch_execute(&self.begin);
            let after = self.client.batch_execute("COMMIT");
            let (begun, answer, committed) = Box::pin(join3(before, self.query(statement), after)).await;
            begun?;
            let answer = answer?;
            committed?;
            return Ok(answer);
        }
        self.query(statement).await
    }

    /// By what a statement is kept here; `None` if it is sent without a name.
    fn prepared_key<'a>(&self, statement: &'a Statement) -> Option<&'a StatementKey> {
        statement.key.as_ref().filter(|_| self.mode == StatementMode::Prepared)
    }

    async fn query(&self, statement: &Statement) -> Result<Answer, ServerError> {
        let rows = if let Some(key) = self.prepared_key(statement) {
            let prepared = match self.find_prepared(key) {
                Some(prepared) => prepared,
                None => self.prepare(statement, key).await?,
            };
            self.client.query_raw(&prepared, statement.values()).await?
        } else {
            let values = statement.values().zip(statement.types());
            self.client.query_typed_raw(&statement.text, values).await?
        };
        let mut stream = pin!(rows);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.push(row);
        }
        Ok(Answer { rows, affected: stream.rows_affected().unwrap_or_default() })
    }

    async fn prepare(
        &self,
        statement: &Statement,
        key: &StatementKey,
    ) -> Result<tokio_postgres::Statement, ServerError> {
        let types: Vec<_> = statement.types().collect();
        let prepared = self.client.prepare_typed(&statement.text, &types).await?;
        let mut kept = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key.clone(), prepared.clone());
        Ok(prepared)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The socket is closed at once, whatever the server is doing.
        self.driver.abort();
        if !self.is_abandoned.load(Ordering::Relaxed) {
            return;
        }
        // Without a runtime the process is about to end, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (statement, tls) = (self.client.cancel_token(), self.tls.clone());
        runtime.spawn(async move {
            // If this fails, `statement_timeout` ends the statement. It always fails behind a
            // pooler, which forgets the request when the driver closes the connection that brought
            // it.
            let cancelled = tokio::time::timeout(CONNECT_TIMEOUT, statement.cancel_query(tls)).await;
            tracing::debug!(?cancelled, "cancelled a statement whose caller has left");
        });
    }
}
