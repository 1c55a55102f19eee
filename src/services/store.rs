//! The services' access to the database. The caller's rights are checked again in each unit of work
//! that writes for it.
//!
//! The guard checks a request when its headers have arrived. Its body can arrive seconds later, and
//! hashing a password takes a while, too. So the unit of work checks again, with locks that keep
//! the result true until it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundwork_auth::ValueSigner;
use groundwork_clock::{Clock, Timestamp};
use groundwork_database::{Connection, Database, DbError};
use groundwork_jobs::{Job, NewJob, Queue, records};
use groundwork_telemetry::context::CallContext;

use super::Error;
use super::auth::{Caller, Intent};
use super::idempotency::KeysInProgress;
use super::mail::{MailJob, Requested};
use crate::domain::ids::{Credential, UserId};
use crate::domain::permissions::Permission;
use crate::models::audit_events::AuditActor;
use crate::models::caller_check::{CallerCheck, CheckedWrite};
use crate::models::users::{self, User};
use crate::models::{
    api_keys, audit_events, idempotency_keys, one_time_tokens, sessions, user_networks, webhook_deliveries,
    webhooks,
};

/// How long jobs that succeeded are shown.
const JOB_RETENTION: Duration = Duration::from_hours(7 * 24);

/// How long dead jobs keep what they need to be tried again: emails, and the password hash of a
/// sign-up.
const DEAD_PAYLOAD_RETENTION: Duration = JOB_RETENTION;

/// How long deliveries of webhooks are shown once they have ended.
const DELIVERY_RETENTION: Duration = Duration::from_hours(30 * 24);

/// How long a network is known that a user does not log in from any more.
const NETWORK_RETENTION: Duration = Duration::from_hours(180 * 24);

/// How long API keys are shown once they have expired.
const API_KEY_RETENTION: Duration = Duration::from_hours(30 * 24);

/// How many rows one statement deletes.
const BATCH: i64 = 1_000;

/// On whose behalf a unit of work runs.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    Caller(&'a Caller),
    /// The operator, on the command line.
    Operator,
}

impl Actor<'_> {
    pub(super) fn user(self) -> Option<UserId> {
        self.audit_actor().map(|actor| actor.user)
    }

    /// Who acts, for the audit log. An operator is no user.
    pub fn audit_actor(&self) -> Option<AuditActor> {
        match self {
            Self::Caller(caller) => Some((*caller).into()),
            Self::Operator => None,
        }
    }
}

impl<'a> From<&'a Caller> for Actor<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self::Caller(caller)
    }
}

#[derive(Clone)]
pub struct Store {
    database: Database,
    clock: Clock,
    queue: Queue,
    sends_mail: bool,
    /// Whether there was a webhook when somebody last looked: a hint at the cheaper way, and nothing
    /// depends on it.
    may_have_webhooks: Arc<AtomicBool>,
    pub(super) keys_in_progress: KeysInProgress,
    /// Signs the page tokens of lists.
    pub(super) page_signer: ValueSigner,
}

impl Store {
    pub fn new(database: Database, clock: Clock, queue: Queue, page_signer: ValueSigner) -> Self {
        Self {
            database,
            clock,
            queue,
            sends_mail: true,
            may_have_webhooks: Arc::default(),
            keys_in_progress: KeysInProgress::default(),
            page_signer,
        }
    }

    /// The store of a service that cannot send mail: no job that sends mail is enqueued.
    #[must_use]
    pub fn without_mail(self) -> Self {
        Self { sends_mail: false, ..self }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A connection for reads of the latest data.
    pub(super) fn read(&self) -> Connection {
        self.database.read()
    }

    /// A connection for reads of a caller, perhaps from a replica. They see the caller's own
    /// writes. An operator reads the latest data.
    pub(super) fn read_as<'a>(&self, actor: impl Into<Actor<'a>>) -> Connection {
        match actor.into() {
            Actor::Caller(caller) => self.database.read_after(caller.last_write, self.clock.now()),
            Actor::Operator => self.read(),
        }
    }

    pub(super) fn may_have_webhooks(&self) -> bool {
        self.may_have_webhooks.load(Ordering::Relaxed)
    }

    pub(super) fn note_webhooks(&self, are_there: bool) {
        self.may_have_webhooks.store(are_there, Ordering::Relaxed);
    }

    /// Enqueues a job in a unit of work: it exists if and only if the unit of work is committed.
    pub(super) async fn enqueue<J: Job>(
        &self,
        tx: &mut Connection,
        job: &NewJob<'_, J>,
    ) -> Result<(), DbError> {
        self.queue.enqueue(tx, job, self.now()).await?;
        Ok(())
    }

    /// Enqueues a job that sends mail, if the service can send any. The mail is in the language that
    /// the request prefers.
    pub(super) async fn enqueue_mail<J: MailJob>(
        &self,
        tx: &mut Connection,
        job: J,
        context: &CallContext,
    ) -> Result<(), DbError> {
        if !self.sends_mail {
            return Ok(());
        }
        self.enqueue(tx, &NewJob::new(&Requested::new(job, context))).await
    }

    pub(super) fn sends_mail(&self) -> bool {
        self.sends_mail
    }

    /// # Errors
    /// [`Error::NoMail`] if the service cannot send mail.
    pub(super) fn check_mail(&self) -> Result<(), Error> {
        if self.sends_mail { Ok(()) } else { Err(Error::NoMail) }
    }

    /// Deletes expired rows of every table, and audit events older than `audit_retention`, some at a
    /// time, so that no write waits for long.
    pub async fn delete_expired(&self, audit_retention: Option<Duration>) -> Result<(), DbError> {
        let now = self.now();
        let (done_before, dead_before) = (now.minus(JOB_RETENTION), now.minus(DEAD_PAYLOAD_RETENTION));
        let mut connection = self.database.write().await?;
        while sessions::delete_all_expired(&mut connection, now, BATCH).await? > 0 {}
        while one_time_tokens::delete_expired(&mut connection, now, BATCH).await? > 0 {}
        let unused_since = now.minus(NETWORK_RETENTION);
        while user_networks::delete_unused(&mut connection, unused_since, BATCH).await? > 0 {}
        let expired_before = now.minus(API_KEY_RETENTION);
        while api_keys::delete_expired(&mut connection, expired_before, BATCH).await? > 0 {}
        while idempotency_keys::delete_expired(&mut connection, now, BATCH).await? > 0 {}
        while records::delete_done(&mut connection, done_before, BATCH).await? > 0 {}
        while records::forget_dead(&mut connection, dead_before, BATCH).await? > 0 {}
        if let Some(retention) = audit_retention {
            let before = now.minus(retention);
            while audit_events::delete_old(&mut connection, before, BATCH).await? > 0 {}
        }
        let ended_before = now.minus(DELIVERY_RETENTION);
        while webhook_deliveries::delete_finished(&mut connection, ended_before, BATCH).await? > 0 {}
        webhooks::delete_expired_secrets(&mut connection, now).await?;
        Ok(())
    }

    /// Records that a request may write, before it does, in the row of its session or API key,
    /// where every instance sees it. Returns when it last wrote, this request included.
    pub(super) async fn record_last_write(
        &self,
        credential: Credential,
        recorded: Option<Timestamp>,
        intent: Intent,
    ) -> Result<Option<Timestamp>, DbError> {
        if intent == Intent::Read {
            return Ok(recorded);
        }
        let now = self.clock.now();
        if self.database.must_note_write(recorded, now) {
            let connection = &mut self.database.write().await?;
            match credential {
                Credential::Session(id) => sessions::record_write(connection, id, now).await?,
                Credential::ApiKey(id) => api_keys::record_write(connection, id, now).await?,
            }
        }
        Ok(Some(now))
    }

    /// Runs a unit of work that changes the caller's own user. The user is locked and passed to
    /// `work`, which may run twice: see [`Database::transaction`](groundwork_database::Database::transaction).
    ///
    /// # Errors
    /// [`Error::InvalidToken`] if the session, the API key or the user is no longer active,
    /// [`Error::Forbidden`] if the user's role no longer has the permission that the operation needs;
    /// those of `work`.
    pub(super) async fn transaction_on_self<T>(
        &self,
        caller: &Caller,
        work: impl AsyncFnOnce(&mut Connection, &User) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        let check = self.check_of(caller);
        self.database
            .transaction(async |tx| {
                let found = check.find_user_for_update(tx).await?;
                work(tx, &require(found, caller.permission)?).await
            })
            .await
    }

    /// Runs a unit of work for `caller` that changes the user `target`. Both are locked, and the
    /// target is passed to `work`; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`transaction_on_self`](Self::transaction_on_self).
    pub(super) async fn transaction_on_user<T>(
        &self,
        caller: &Caller,
        target: UserId,
        work: impl AsyncFnOnce(&mut Connection, Option<&User>) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        if caller.user.id == target {
            return self.transaction_on_self(caller, async |tx, user| work(tx, Some(user)).await).await;
        }
        let check = self.check_of(caller);
        self.database
            .transaction(async |tx| {
                // Locked in the order of their ids, so that two superusers who change each other do
                // not deadlock.
                let users = users::find_pair_for_update(tx, check.user, target).await?;
                let by_id = |id| users.iter().find(|user| user.id == id);
                // A separate statement: a unit of work that ends sessions or deletes API keys holds
                // the lock on their user until it commits.
                let is_live = check.is_live(tx).await?;
                require(by_id(check.user).filter(|_| is_live).cloned(), caller.permission)?;
                work(tx, by_id(target)).await
            })
            .await
    }

    /// Runs a unit of work that does not change the actor's own user. Several can run concurrently
    /// for one actor.
    ///
    /// # Errors
    /// As [`transaction_on_self`](Self::transaction_on_self).
    pub(super) async fn transaction_for<T>(
        &self,
        actor: impl Into<Actor<'_>>,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        match actor.into() {
            Actor::Operator => self.database.transaction(work).await,
            Actor::Caller(caller) => {
                let check = self.check_of(caller);
                self.database
                    .transaction(async |tx| {
                        require(check.find_user_for_share(tx).await?, caller.permission)?;
                        work(tx).await
                    })
                    .await
            }
        }
    }

    /// Runs a unit of work whose first statement has the check of the caller in its `WHERE`.
    pub(super) async fn transaction_with_checked_write<T>(
        &self,
        caller: &Caller,
        work: impl AsyncFnOnce(&mut CheckedWrite<'_>) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        let check = self.check_of(caller);
        self.database.transaction(async |tx| work(&mut CheckedWrite::new(tx, check)).await).await
    }

    /// Runs a unit of work of an operation without authentication.
    pub(super) async fn transaction_without_caller<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        self.database.transaction(work).await
    }

    /// A connection for a single statement of an operation without authentication.
    pub(super) async fn write_without_caller(&self) -> Result<Connection, DbError> {
        self.database.write().await
    }

    fn check_of(&self, caller: &Caller) -> CallerCheck {
        CallerCheck { credential: caller.credential, user: caller.user.id, now: self.clock.now() }
    }
}

/// `found` is the user of the caller's session or API key, or `None` if that is over.
fn require(found: Option<User>, permission: Option<Permission>) -> Result<User, Error> {
    let user = found.ok_or(Error::SESSION_OVER)?;
    if !user.is_active {
        return Err(Error::USER_INACTIVE);
    }
    if permission.is_some_and(|permission| !user.role.may(permission)) {
        return Err(Error::Forbidden);
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    /// The functions in `source` that take a caller or an actor and write without the check.
    fn unchecked(source: &str) -> Vec<&str> {
        let functions = source.split("\n    pub async fn ").skip(1);
        functions
            .filter(|function| {
                let signature = function.split(" {\n").next().unwrap_or_default();
                let takes_caller = ["&Caller", "Actor<"].iter().any(|name| signature.contains(name));
                let body = function.split("\n    }\n").next().unwrap_or_default();
                takes_caller && body.contains("_without_caller")
            })
            .filter_map(|function| function.split('(').next())
            .collect()
    }

    #[test]
    fn no_operation_of_a_caller_writes_without_the_check() {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/services");
        let mut checked = 0;
        for file in sources(&services) {
            let source = fs::read_to_string(&file).unwrap();
            assert_eq!(unchecked(&source), Vec::<&str>::new(), "{}", file.display());
            checked += 1;
        }
        assert!(checked > 5, "{checked}");
        let forgetful = "impl S {\n    pub async fn rename(&self, caller: &Caller) {\n        \
                         self.store.write_without_caller().await;\n    }\n}\n";
        assert_eq!(unchecked(forgetful), ["rename"]);
    }
}
