//! The database as services see it. A caller's write goes through here, where the caller's rights are checked again.
//!
//! The guard decides when the headers of a request have come. Its body may come seconds later, and hashing a password
//! takes a while too. So each unit of work that writes for a caller begins with the question whether the caller still
//! may: the answer holds until the unit ends.

use crate::core::clock::{Clock, Timestamp};
use crate::core::ids::{SessionId, UserId};
use crate::db::{Connection, Database, DbError};
use crate::models::authority::Authority;
use crate::models::sessions;
use crate::models::users::{self, User};

use super::Error;
use super::auth::{Caller, Intent, Role};

/// On whose behalf a unit of work is done.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A client with a session.
    Caller(&'a Caller),
    /// Whoever runs commands on the server.
    Operator,
}

impl Actor<'_> {
    /// The actor's user, for the audit log; an operator has none.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Caller(caller) => Some(caller.user.id),
            Self::Operator => None,
        }
    }
}

/// Reads and units of work.
#[derive(Clone)]
pub struct Store {
    database: Database,
    clock: Clock,
}

impl Store {
    /// A store on this database, whose sessions end by this clock.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Reads the latest data.
    pub(super) fn read(&self) -> Connection {
        self.database.read()
    }

    /// Reads for a caller, perhaps from a replica. The caller's own writes are included.
    pub(super) fn read_as(&self, caller: &Caller) -> Connection {
        self.database.read_after(caller.last_write, self.clock.now())
    }

    /// When a session last wrote. A write that is about to begin is noted first, where every instance
    /// sees it.
    pub(super) async fn last_write(
        &self,
        session: SessionId,
        noted: Option<Timestamp>,
        intent: Intent,
    ) -> Result<Option<Timestamp>, DbError> {
        if intent == Intent::Read {
            return Ok(noted);
        }
        let now = self.clock.now();
        if self.database.must_note_write(noted, now) {
            sessions::note_write(&mut self.database.write().await?, session, now).await?;
        }
        Ok(Some(now))
    }

    /// Runs a unit of work for `caller` that changes the caller's own user, which is locked to its end and passed on as
    /// it is now.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the session or the user is no longer active, [`Error::Forbidden`] when the user is
    /// no longer the superuser that the operation asks for; those of `work`.
    pub(super) async fn transaction_as<T>(
        &self,
        caller: &Caller,
        work: impl AsyncFnOnce(&mut Connection, &User) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        let authority = self.authority_of(caller);
        self.database
            .transaction(async |tx| {
                let found = sessions::find_user_for_update(tx, &authority).await?;
                let actor = check(found, caller.role)?;
                work(tx, &actor).await
            })
            .await
    }

    /// Runs a unit of work for `caller` that changes the user `target`: both are locked to its end. `target` is passed
    /// on as it is now, or `None` when there is no such user.
    ///
    /// # Errors
    /// As [`transaction_as`](Self::transaction_as).
    pub(super) async fn transaction_on<T>(
        &self,
        caller: &Caller,
        target: UserId,
        work: impl AsyncFnOnce(&mut Connection, Option<&User>) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        if caller.user.id == target {
            return self.transaction_as(caller, async |tx, actor| work(tx, Some(actor)).await).await;
        }
        let authority = self.authority_of(caller);
        self.database
            .transaction(async |tx| {
                // In the order of their ids: two superusers who change each other would otherwise wait for each other.
                let users = users::find_pair_for_update(tx, authority.user, target).await?;
                let by_id = |id| users.iter().find(|user| user.id == id);
                // A statement of its own: whoever ends the sessions of a user holds the user's lock until it is done.
                let is_live = sessions::is_live(tx, &authority).await?;
                check(by_id(authority.user).filter(|_| is_live).cloned(), caller.role)?;
                work(tx, by_id(target)).await
            })
            .await
    }

    /// Runs a unit of work for `actor` that does not change the actor's own user: several of them may run at once.
    ///
    /// # Errors
    /// As [`transaction_as`](Self::transaction_as).
    pub(super) async fn transaction_by<T>(
        &self,
        actor: Actor<'_>,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        match actor {
            Actor::Operator => self.database.transaction(work).await,
            Actor::Caller(caller) => {
                let authority = self.authority_of(caller);
                self.database
                    .transaction(async |tx| {
                        check(sessions::find_user_for_share(tx, &authority).await?, caller.role)?;
                        work(tx).await
                    })
                    .await
            }
        }
    }

    /// A connection for a write of one statement for `caller`, and the check that the statement must have
    /// in its WHERE.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) async fn statement_as(&self, caller: &Caller) -> Result<(Connection, Authority), DbError> {
        Ok((self.database.write().await?, self.authority_of(caller)))
    }

    /// Runs a unit of work of an operation that needs no token.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) async fn transaction_without_caller<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error> + Clone,
    ) -> Result<T, Error> {
        self.database.transaction(work).await
    }

    /// A connection for a single statement of an operation that needs no token.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) async fn write_without_caller(&self) -> Result<Connection, DbError> {
        self.database.write().await
    }

    fn authority_of(&self, caller: &Caller) -> Authority {
        Authority { session: caller.session, user: caller.user.id, now: self.clock.now() }
    }
}

/// The caller's user as it is in the unit of work; `None` when its session is over or it is gone.
fn check(found: Option<User>, role: Role) -> Result<User, Error> {
    let user = found.ok_or(Error::InvalidToken("the session is over"))?;
    if !user.is_active {
        return Err(Error::InvalidToken("the account is inactive"));
    }
    match role {
        Role::Superuser if !user.is_superuser => Err(Error::Forbidden),
        Role::User | Role::Superuser => Ok(user),
    }
}

#[cfg(test)]
mod tests {
    /// Functions of `source` that take a caller or an actor and write without checking it.
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
        for source in [include_str!("auth.rs"), include_str!("users.rs")] {
            assert_eq!(unchecked(source), Vec::<&str>::new());
        }
        let forgetful = "impl S {\n    pub async fn rename(&self, caller: &Caller) {\n        \
                         self.store.write_without_caller().await;\n    }\n}\n";
        assert_eq!(unchecked(forgetful), ["rename"]);
    }
}
