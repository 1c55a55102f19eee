//! A session of PostgreSQL: what is sent to the driver, and in how many round trips.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::{ConnectionError, QueryResult};
use futures_util::TryStreamExt;
use futures_util::future::{join, join3};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::{CancelToken, Client};

use super::row::{Answer, first_row};
use crate::server_error::ServerError;

use super::statement::{Statement, StatementKey};

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
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    mode: StatementMode,
    begin: Box<str>,
    prepared: Mutex<HashMap<StatementKey, tokio_postgres::Statement>>,
    step: AtomicU8,
    /// It is lost, or leads to a server that takes no writes.
    is_spent: AtomicBool,
    /// A transaction failed because a prepared statement is outdated.
    is_stale: AtomicBool,
}

impl Session {
    /// `driver` is the task that moves the client's messages.
    pub(super) fn new(client: Client, driver: JoinHandle<()>, mode: StatementMode) -> Self {
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
            begin: begin.into(),
            prepared: Mutex::default(),
            step: AtomicU8::new(Step::Outside as u8),
            is_spent: AtomicBool::new(false),
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

    /// Whether another caller may have it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spent.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.step() != Step::Outside
    }

    /// Whether several callers may have it at once.
    pub(super) fn is_shareable(&self) -> bool {
        self.mode == StatementMode::Prepared
    }

    /// The task that moves its messages. When it is aborted, all who wait for an answer learn that
    /// the connection is closed.
    pub(super) fn driver(&self) -> AbortHandle {
        self.driver.abort_handle()
    }

    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    fn step(&self) -> Step {
        self.step.load(Ordering::Relaxed).into()
    }

    fn enter(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    /// Begins a transaction. BEGIN is sent with its first statement.
    pub(super) fn begin(&self) {
        self.is_stale.store(false, Ordering::Relaxed);
        self.enter(Step::Beginning);
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`RollbackTransaction`](diesel::result::Error::RollbackTransaction) when one of its
    /// statements has failed; those of the server.
    pub(super) async fn commit(&self) -> QueryResult<()> {
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
    pub(super) async fn roll_back(&self) -> QueryResult<()> {
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
    pub(super) fn refresh_statements(&self) -> bool {
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
        self.client.batch_execute(text).await.map_err(|error| self.note_error(error.into()).into())
    }

    /// Runs a statement, once more if its prepared form is outdated.
    pub(super) async fn run(&self, statement: &Statement) -> QueryResult<Answer> {
        let error = match self.send(statement).await {
            Ok(answer) => return Ok(answer),
            Err(error) => self.note_error(error),
        };
        if self.prepared_key(statement).is_none() || !error.is_stale_statement() || self.is_in_transaction() {
            return Err(error.into());
        }
        self.forget_prepared();
        self.send(statement).await.map_err(|error| self.note_error(error).into())
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

    /// Notes what an error says of the connection.
    fn note_error(&self, error: ServerError) -> ServerError {
        if error.is_lost_connection() || error.is_read_only() {
            self.is_spent.store(true, Ordering::Relaxed);
        }
        if self.is_in_transaction() {
            self.enter(Step::Failed);
            if error.is_stale_statement() {
                self.is_stale.store(true, Ordering::Relaxed);
            }
        }
        error
    }
}

/// The socket is closed at once, whatever the server is doing.
impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
