//! A session of PostgreSQL: what is sent to the driver, and in how many round trips.
//!
//! A caller may leave in the middle of a statement, when its client disconnects or its time is
//! over. The server works on, and the next user of the connection would wait for that. So such a
//! connection is closed, and the server is asked to cancel the statement.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::QueryResult;
use futures_util::TryStreamExt;
use futures_util::future::{join, join_all, join3};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::generation::Generation;
use super::row::Answer;
use super::statement::{Statement, StatementKey};
use crate::server_error::ServerError;
use crate::url::PoolMode;

/// How long opening a connection may take, until it can be used.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A session of PostgreSQL on a connection of its own.
pub struct PgSession {
    pub(super) client: Client,
    /// The task that moves the client's messages.
    pub(super) driver: JoinHandle<()>,
    /// With [`PoolMode::Session`] statements are prepared by name once per connection. Behind a
    /// pooler any transaction may be in another session of the server, so they have no name, and
    /// nothing of a statement outlives it.
    pub(super) mode: PoolMode,
    /// Begins each transaction, one of a single statement too, with the parameters that a pooler
    /// does not keep. If `None`, BEGIN alone does, and a single statement needs no transaction.
    pub(super) begin: Option<Arc<str>>,
    pub(super) tls: MakeRustlsConnect,
    pub(super) generation: Generation,
    pub(super) state: Mutex<State>,
}

/// What is known of a session.
#[derive(Default)]
pub(super) struct State {
    step: Step,
    is_lost: bool,
    /// A caller has left in the middle of a statement.
    is_abandoned: bool,
    /// The last transaction failed because a prepared statement was outdated.
    is_stale: bool,
    /// Travel together with COMMIT.
    deferred: Vec<Statement>,
    prepared: HashMap<StatementKey, tokio_postgres::Statement>,
}

/// Where a connection is in a transaction.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    /// In none.
    #[default]
    Outside,
    /// One is to begin: BEGIN travels together with its first statement.
    Beginning,
    /// In one.
    Inside,
    /// In one that the server will not commit, because a statement has failed.
    Failed,
}

/// Marks its session as abandoned unless it is forgotten.
struct InFlight<'a>(&'a PgSession);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().is_abandoned = true;
    }
}

impl PgSession {
    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        let state = self.state();
        !state.is_lost && !state.is_abandoned && !self.client.is_closed() && self.generation.is_current()
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.state().step != Step::Outside
    }

    /// Whether several callers may read on it at once.
    pub(super) fn is_shareable(&self) -> bool {
        self.mode == PoolMode::Session
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a transaction. BEGIN is sent with its first statement.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        state.is_stale = false;
        state.deferred.clear();
        state.step = Step::Beginning;
    }

    /// Keeps a statement until the transaction is committed, together with which it is sent. If it
    /// fails, the transaction is rolled back.
    pub(super) fn defer(&self, statement: Statement) {
        self.state().deferred.push(statement);
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`RollbackTransaction`](diesel::result::Error::RollbackTransaction) when one of its
    /// statements has failed; those of the server.
    pub(crate) async fn commit(&self) -> QueryResult<()> {
        let (step, deferred) = {
            let mut state = self.state();
            (state.step, std::mem::take(&mut state.deferred))
        };
        match step {
            // In a failed transaction, PostgreSQL answers COMMIT with success and rolls back.
            Step::Failed => {
                self.roll_back().await?;
                return Err(diesel::result::Error::RollbackTransaction);
            }
            Step::Inside | Step::Beginning if !deferred.is_empty() => {
                return self.commit_with(&deferred).await;
            }
            Step::Inside => self.execute_batch("COMMIT").await?,
            Step::Beginning | Step::Outside => {}
        }
        self.state().step = Step::Outside;
        Ok(())
    }

    /// Sends statements and COMMIT without waiting for an answer in between. If a statement fails,
    /// the server answers COMMIT by rolling back.
    async fn commit_with(&self, deferred: &[Statement]) -> QueryResult<()> {
        // COMMIT must not overtake a statement that is still being prepared.
        let ready = async {
            if self.state().step == Step::Beginning {
                self.client.batch_execute(self.begin.as_deref().unwrap_or("BEGIN")).await?;
                self.state().step = Step::Inside;
            }
            for statement in deferred {
                if let Some(key) = self.prepared_key(statement)
                    && !self.state().prepared.contains_key(key)
                {
                    self.prepare(statement, key).await?;
                }
            }
            Ok(())
        };
        if let Err(error) = self.watch(ready).await {
            self.roll_back().await?;
            return Err(error.into());
        }
        let sent = self.watch(async {
            let answers = join_all(deferred.iter().map(|statement| self.query(statement)));
            let commit = self.client.batch_execute("COMMIT");
            let (answers, commit) = Box::pin(join(answers, commit)).await;
            answers.into_iter().collect::<Result<Vec<_>, _>>()?;
            commit?;
            Ok(())
        });
        let result = sent.await;
        self.state().step = Step::Outside;
        result.map_err(ServerError::into)
    }

    /// Rolls the transaction back. Where the connection is lost, the server does so by itself.
    ///
    /// # Errors
    /// Those of the server.
    pub(crate) async fn roll_back(&self) -> QueryResult<()> {
        if self.client.is_closed() {
            return Ok(());
        }
        let step = self.state().step;
        if matches!(step, Step::Inside | Step::Failed) {
            self.execute_batch("ROLLBACK").await?;
        }
        self.state().step = Step::Outside;
        Ok(())
    }

    /// Whether the last transaction failed because a prepared statement was outdated. All are
    /// prepared anew since then.
    pub(crate) fn was_stale(&self) -> bool {
        self.state().is_stale
    }

    /// Runs statements without values, whose results do not matter.
    pub(super) async fn execute_batch(&self, text: &str) -> QueryResult<()> {
        let sent = self.watch(async { Ok(self.client.batch_execute(text).await?) }).await;
        sent.map_err(ServerError::into)
    }

    /// Runs a statement, once more if its prepared form is outdated.
    pub(super) async fn run(&self, statement: &Statement) -> QueryResult<Answer> {
        match self.watch(self.send(statement)).await {
            Err(error)
                if error.is_stale_statement()
                    && self.prepared_key(statement).is_some()
                    && !self.is_in_transaction() =>
            {
                Ok(self.watch(self.send(statement)).await?)
            }
            result => Ok(result?),
        }
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
        if error.is_read_only() && self.generation.end() {
            tracing::warn!("the database server takes no writes any more: its connections are closed");
        }
        let is_stale = error.is_stale_statement();
        // Closed one by one, outside of the lock.
        let mut outdated = HashMap::new();
        let mut state = self.state();
        if is_stale {
            std::mem::swap(&mut state.prepared, &mut outdated);
        }
        state.is_lost |= error.is_lost_connection();
        if state.step != Step::Outside {
            state.step = Step::Failed;
            state.is_stale |= is_stale;
        }
    }

    /// Sends a statement together with what has to go before and after it, without waiting for an
    /// answer in between: the driver sends in the order in which futures are first polled.
    async fn send(&self, statement: &Statement) -> Result<Answer, ServerError> {
        let step = self.state().step;
        match (step, self.begin.as_deref()) {
            (Step::Beginning, begin) => {
                self.state().step = Step::Inside;
                let before = self.client.batch_execute(begin.unwrap_or("BEGIN"));
                let (before, answer) = Box::pin(join(before, self.query(statement))).await;
                before?;
                answer
            }
            (Step::Outside, Some(begin)) => {
                let before = self.client.batch_execute(begin);
                let after = self.client.batch_execute("COMMIT");
                let (before, answer, after) = Box::pin(join3(before, self.query(statement), after)).await;
                before?;
                let answer = answer?;
                after?;
                Ok(answer)
            }
            _ => self.query(statement).await,
        }
    }

    /// By what a statement is kept here; `None` if it is sent without a name.
    fn prepared_key<'a>(&self, statement: &'a Statement) -> Option<&'a StatementKey> {
        statement.key.as_ref().filter(|_| self.mode == PoolMode::Session)
    }

    async fn query(&self, statement: &Statement) -> Result<Answer, ServerError> {
        let rows = if let Some(key) = self.prepared_key(statement) {
            let found = self.state().prepared.get(key).cloned();
            let prepared = match found {
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
        self.state().prepared.insert(key.clone(), prepared.clone());
        Ok(prepared)
    }
}

impl Drop for PgSession {
    fn drop(&mut self) {
        // The socket is closed at once, whatever the server is doing.
        self.driver.abort();
        if !self.state().is_abandoned {
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
