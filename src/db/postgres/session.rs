//! The connection of ours under Diesel: what it sends to the driver, and in how many round trips.

use std::any::TypeId;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{AsQuery, QueryBuilder, QueryFragment, QueryId};
use diesel::{ConnectionError, QueryResult};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::future::{BoxFuture, join, join3};
use futures_util::{FutureExt, TryStreamExt};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::{CancelToken, Client, Row, RowStream, SimpleQueryMessage, Statement};

use super::answer::{Bind, Inferred, PgRow, Rows, type_of};
use crate::db::server_error::ServerError;

/// How statements reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Manner {
    /// Prepared by name once for each connection, which is one session of the server.
    Prepared,
    /// Without a name, so that nothing of a statement outlives it. Any transaction may be in another session of the server.
    Unnamed {
        /// In force in each transaction, and so is the time zone; `None` for a connection that begins its transactions by itself.
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

/// A connection to PostgreSQL.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    manner: Manner,
    begin: Box<str>,
    prepared: Mutex<Kept>,
    step: AtomicU8,
    /// It is lost, or leads to a server that takes no writes.
    is_spent: AtomicBool,
    /// A transaction failed for a statement that is no longer what was prepared.
    is_stale: AtomicBool,
}

/// What is prepared on a connection.
#[derive(Default)]
struct Kept {
    /// Where Diesel knows a statement by its type, its text need not be built.
    by_type: HashMap<TypeId, Known>,
    by_text: HashMap<Arc<str>, Statement>,
}

#[derive(Clone)]
struct Known {
    text: Arc<str>,
    statement: Statement,
}

/// A statement to be sent.
struct Call {
    source: Source,
    binds: RawBytesBindCollector<Pg>,
}

enum Source {
    /// It is prepared already.
    Known(Known),
    /// To be prepared and kept.
    New { text: Arc<str>, id: Option<TypeId> },
    /// To be sent as it is.
    Unnamed(String),
}

/// What a statement gave.
struct Answer {
    rows: Vec<Row>,
    affected: u64,
}

impl Session {
    /// `driver` is what moves the client's messages.
    pub(in crate::db) fn new(client: Client, driver: JoinHandle<()>, manner: Manner) -> Self {
        let begin = match manner {
            Manner::Unnamed { timeout: Some(timeout) } => format!(
                "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'",
                timeout.as_millis()
            ),
            _ => "BEGIN".to_owned(),
        };
        Self {
            client,
            driver,
            manner,
            begin: begin.into(),
            prepared: Mutex::default(),
            step: AtomicU8::new(Step::Outside as u8),
            is_spent: AtomicBool::new(false),
            is_stale: AtomicBool::new(false),
        }
    }

    /// Whether this parameter is set here.
    pub(in crate::db) async fn has_setting(&self, name: &str) -> Result<bool, ConnectionError> {
        let query = format!("SELECT current_setting('{name}', true)");
        let messages = self.client.simple_query(&query).await;
        let messages = messages
            .map_err(|error| ConnectionError::CouldntSetupConfiguration(ServerError::from(error).into()))?;
        Ok(messages.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).is_some_and(|value| !value.is_empty()),
            _ => false,
        }))
    }

    /// Whether another caller may have it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spent.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.step() != Step::Outside
    }

    /// Whether several callers may have it at once.
    pub(in crate::db) fn is_shareable(&self) -> bool {
        self.manner == Manner::Prepared
    }

    /// The task that moves its messages. Without it, whatever waits for an answer is told that the connection is closed.
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

    fn prepared(&self) -> MutexGuard<'_, Kept> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the beginning of a transaction. The server hears of it with the first statement.
    pub(in crate::db) fn begin_transaction(&self) {
        self.is_stale.store(false, Ordering::Relaxed);
        self.enter(Step::Beginning);
    }

    /// Keeps what the transaction did.
    ///
    /// # Errors
    /// [`RollbackTransaction`](diesel::result::Error::RollbackTransaction) when a statement of it has failed; those of the server.
    pub(in crate::db) async fn commit(&self) -> QueryResult<()> {
        match self.step() {
            // To a transaction that has failed, PostgreSQL answers COMMIT as if all was well, and rolls it back.
            Step::Failed => {
                self.roll_back().await?;
                return Err(diesel::result::Error::RollbackTransaction);
            }
            Step::Inside => self.send("COMMIT").await?,
            Step::Beginning | Step::Outside => {}
        }
        self.enter(Step::Outside);
        Ok(())
    }

    /// Undoes what the transaction did. Where the connection is lost, the server does so by itself.
    ///
    /// # Errors
    /// Those of the server.
    pub(in crate::db) async fn roll_back(&self) -> QueryResult<()> {
        if self.client.is_closed() {
            return Ok(());
        }
        if matches!(self.step(), Step::Inside | Step::Failed) {
            self.send("ROLLBACK").await?;
        }
        self.enter(Step::Outside);
        Ok(())
    }

    /// Whether the transaction failed because a statement was no longer what had been prepared. If so, all are prepared anew.
    pub(in crate::db) fn has_refreshed_statements(&self) -> bool {
        let is_stale = self.is_stale.swap(false, Ordering::Relaxed);
        if is_stale {
            self.forget_prepared();
        }
        is_stale
    }

    fn forget_prepared(&self) {
        // Closed one by one, outside of the lock.
        drop(std::mem::take(&mut *self.prepared()));
    }

    async fn send(&self, text: &str) -> QueryResult<()> {
        self.client.batch_execute(text).await.map_err(|error| self.failed(error.into()).into())
    }

    /// Takes the query apart, because it may not be sent to another thread and what becomes of it may.
    fn call<Q: QueryFragment<Pg> + QueryId>(&self, query: &Q) -> QueryResult<Call> {
        let mut binds = RawBytesBindCollector::new();
        query.collect_binds(&mut binds, &mut Inferred, &Pg)?;
        let text = || {
            let mut builder = PgQueryBuilder::default();
            query.to_sql(&mut builder, &Pg).map(|()| builder.finish())
        };
        if self.manner != Manner::Prepared || !query.is_safe_to_cache_prepared(&Pg)? {
            return Ok(Call { source: Source::Unnamed(text()?), binds });
        }
        let id = Q::query_id();
        let known = id.and_then(|id| self.prepared().by_type.get(&id).cloned());
        let source = match known {
            Some(known) => Source::Known(known),
            None => self.source(text()?.into(), id),
        };
        Ok(Call { source, binds })
    }

    fn source(&self, text: Arc<str>, id: Option<TypeId>) -> Source {
        let mut prepared = self.prepared();
        let Some(statement) = prepared.by_text.get(&text).cloned() else { return Source::New { text, id } };
        let known = Known { text, statement };
        if let Some(id) = id {
            prepared.by_type.insert(id, known.clone());
        }
        Source::Known(known)
    }

    /// Runs a statement, once more if what was prepared is not it any longer.
    async fn run(&self, call: Call) -> QueryResult<Answer> {
        let error = match self.round(&call).await {
            Ok(answer) => return Ok(answer),
            Err(error) => self.failed(error),
        };
        let is_unnamed = matches!(call.source, Source::Unnamed(_));
        if is_unnamed || !error.is_stale_statement() || self.is_in_transaction() {
            return Err(error.into());
        }
        self.forget_prepared();
        let Call { source: Source::Known(Known { text, .. }) | Source::New { text, .. }, binds } = call
        else {
            return Err(error.into());
        };
        let call = Call { source: self.source(text, None), binds };
        self.round(&call).await.map_err(|error| self.failed(error).into())
    }

    /// Sends a statement with what has to go before and after it, without waiting for an answer in between: the driver sends in
    /// the order in which futures are first polled.
    async fn round(&self, call: &Call) -> Result<Answer, ServerError> {
        if self.step() == Step::Beginning {
            self.enter(Step::Inside);
            let (begun, answer) =
                Box::pin(join(self.client.batch_execute(&self.begin), self.statement(call))).await;
            begun?;
            return answer;
        }
        let is_alone = self.step() == Step::Outside;
        if is_alone && matches!(self.manner, Manner::Unnamed { timeout: Some(_) }) {
            let before = self.client.batch_execute(&self.begin);
            let after = self.client.batch_execute("COMMIT");
            let (begun, answer, committed) = Box::pin(join3(before, self.statement(call), after)).await;
            begun?;
            let answer = answer?;
            committed?;
            return Ok(answer);
        }
        self.statement(call).await
    }

    async fn statement(&self, call: &Call) -> Result<Answer, ServerError> {
        let Call { source, binds } = call;
        let values = || binds.binds.iter().map(|bytes| Bind(bytes.as_deref()));
        let types = || binds.metadata.iter().map(type_of);
        let rows = match source {
            Source::Known(known) => self.client.query_raw(&known.statement, values()).await?,
            Source::New { text, id } => {
                let statement = self.client.prepare_typed(text, &types().collect::<Vec<_>>()).await?;
                self.keep(text, *id, &statement);
                self.client.query_raw(&statement, values()).await?
            }
            Source::Unnamed(text) => self.client.query_typed_raw(text, values().zip(types())).await?,
        };
        Ok(collect(rows).await?)
    }

    fn keep(&self, text: &Arc<str>, id: Option<TypeId>, statement: &Statement) {
        let mut prepared = self.prepared();
        if let Some(id) = id {
            let known = Known { text: Arc::clone(text), statement: statement.clone() };
            prepared.by_type.insert(id, known);
        }
        prepared.by_text.insert(Arc::clone(text), statement.clone());
    }

    /// Notes what an error says of the connection.
    fn failed(&self, error: ServerError) -> ServerError {
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

async fn collect(rows: RowStream) -> Result<Answer, tokio_postgres::Error> {
    let mut stream = pin!(rows);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, affected: stream.rows_affected().unwrap_or_default() })
}

/// The socket is closed at once, whatever the server is at.
impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl SimpleAsyncConnection for &Session {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.send(query).await
    }
}

impl<'a> AsyncConnectionCore for &'a Session {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'a, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'a, QueryResult<Rows>>;
    type Stream<'conn, 'query> = Rows;
    type Row<'conn, 'query> = PgRow;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> BoxFuture<'a, QueryResult<Rows>>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let session: &'a Session = self;
        let call = session.call(&source.as_query());
        async move { Ok(Rows(session.run(call?).await?.rows.into_iter())) }.boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> BoxFuture<'a, QueryResult<usize>>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let session: &'a Session = self;
        let call = session.call(&source);
        async move { Ok(usize::try_from(session.run(call?).await?.affected).unwrap_or(usize::MAX)) }.boxed()
    }
}
