//! Compares the responses that clients got with the database.

use std::collections::{HashMap, HashSet};

use crate::support::TestDatabase;

/// What a user must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it is there, and, when it was removed, recorded as removed.
    pub presence: Presence,
    pub name: Option<String>,
    /// The number of its password, which is also how many changes of it are recorded.
    pub password: usize,
    /// Sessions that go on, and those that were ended.
    pub sessions: (usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Absent,
    /// And recorded when a superuser made it.
    There,
    Removed,
}

/// A write to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Register,
    /// By a superuser, with an event in the same transaction.
    Create,
    Login,
    Rename(usize),
    ChangePassword,
    Logout,
    Remove,
}

/// A user: what was acknowledged, and the one write that was not. Who was not answered leaves a
/// user alone, so that a write which comes late has nothing to spoil.
#[derive(Clone, Debug)]
pub struct ExpectedUser {
    pub email: String,
    pub id: Option<i64>,
    made: Write,
    known: State,
    acknowledged: usize,
    open: Option<Write>,
}

pub fn password(number: usize) -> String {
    format!("correct horse battery {number}")
}

impl State {
    const NOTHING: Self = Self { presence: Presence::Absent, name: None, password: 0, sessions: (0, 0) };

    fn after(&self, write: Write) -> Self {
        let (live, ended) = self.sessions;
        let state = self.clone();
        match write {
            Write::Register | Write::Create => Self { presence: Presence::There, ..state },
            Write::Login => Self { sessions: (live + 1, ended), ..state },
            Write::Rename(number) => Self { name: Some(format!("name-{number}")), ..state },
            Write::ChangePassword => {
                Self { password: self.password + 1, sessions: (0, live + ended), ..state }
            }
            Write::Logout => Self { sessions: (live - 1, ended + 1), ..state },
            // Its rows go; that it was removed stays.
            Write::Remove => Self { presence: Presence::Removed, ..Self::NOTHING },
        }
    }
}

impl ExpectedUser {
    /// One that is about to be made.
    pub fn new(email: String, made: Write) -> Self {
        Self { email, id: None, made, known: State::NOTHING, acknowledged: 0, open: None }
    }

    pub fn acknowledge(&mut self, write: Write) {
        self.known = self.known.after(write);
        self.acknowledged += 1;
    }

    pub fn leave_open(&mut self, write: Write) {
        self.open = Some(write);
    }

    /// Whether each of its writes was acknowledged.
    pub fn is_settled(&self) -> bool {
        self.open.is_none()
    }

    /// The number of the password that was acknowledged last.
    pub fn password(&self) -> usize {
        self.known.password
    }
}

/// All users of a load.
#[derive(Debug, Default)]
pub struct Ledger {
    pub users: Vec<ExpectedUser>,
}

/// What the check found; the writes that were acknowledged and are missing are none, or it would
/// have failed.
#[derive(Clone, Copy, Debug)]
pub struct Findings {
    pub acknowledged: usize,
    /// Not acknowledged, and there as a whole.
    pub kept: usize,
    /// Not acknowledged, and not there at all.
    pub undone: usize,
}

impl Findings {
    /// How many were not acknowledged.
    pub fn open(self) -> usize {
        self.kept + self.undone
    }
}

/// What the database has of a user.
#[derive(Debug)]
struct Row {
    id: i64,
    hash: String,
    name: Option<String>,
    sessions: (usize, usize),
    changes: usize,
    creations: usize,
    removals: usize,
}

impl Row {
    fn parse(text: &str) -> (String, Self) {
        let fields: Vec<&str> = text.split(' ').collect();
        let [email, id, hash, name, live, ended, changes, creations, removals] = fields[..] else {
            panic!("{text}")
        };
        let number = |text: &str| text.parse().unwrap();
        let row = Self {
            id: id.parse().unwrap(),
            hash: hash.to_owned(),
            name: (name != "-").then(|| name.to_owned()),
            sessions: (number(live), number(ended)),
            changes: number(changes),
            creations: number(creations),
            removals: number(removals),
        };
        (email.to_owned(), row)
    }
}

const USERS: &str = "
    SELECT email || ' ' || CAST(id AS TEXT) || ' ' || password_hash || ' ' || COALESCE(full_name, '-') || ' ' ||
        CAST((SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND revoked_at IS NULL) AS TEXT) || ' ' ||
        CAST((SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND revoked_at IS NOT NULL) AS TEXT) || ' ' ||
        CAST((SELECT COUNT(*) FROM audit_events e WHERE e.user_id = u.id AND kind = 'password_changed') AS TEXT) || ' ' ||
        CAST((SELECT COUNT(*) FROM audit_events e WHERE e.user_id = u.id AND kind = 'user_created' AND actor_id <> user_id) AS TEXT) || ' ' ||
        CAST((SELECT COUNT(*) FROM audit_events e WHERE e.user_id = u.id AND kind = 'user_deleted') AS TEXT)
        AS value
    FROM users u";

const REMOVED: &str = "SELECT CAST(user_id AS TEXT) AS value FROM audit_events WHERE kind = 'user_deleted'";

/// Rows without a user: parts of a transaction.
const ORPHANS: [&str; 2] = [
    "SELECT CAST(COUNT(*) AS TEXT) AS value FROM sessions s
        WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id)",
    "SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events e
        WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = e.user_id)
        AND NOT EXISTS (SELECT 1 FROM audit_events d WHERE d.user_id = e.user_id AND d.kind = 'user_deleted')",
];

impl Ledger {
    /// Fails unless every acknowledged write is in the database, and each of the others as a whole
    /// or not at all.
    pub async fn check(&self, database: &TestDatabase) -> Findings {
        let rows = database.rows(USERS).await;
        let rows: HashMap<String, Row> = rows.iter().flatten().map(|row| Row::parse(row)).collect();
        let removed = database.rows(REMOVED).await;
        let removed: HashSet<i64> = removed.iter().flatten().map(|id| id.parse().unwrap()).collect();
        for orphans in ORPHANS {
            assert_eq!(database.sql(orphans).await.as_deref(), Some("0"), "{orphans}");
        }
        let mut findings = Findings { acknowledged: 0, kept: 0, undone: 0 };
        for user in &self.users {
            findings.acknowledged += user.acknowledged;
            let row = rows.get(&user.email);
            let without = user.known.clone();
            let with = user.open.map(|write| without.after(write));
            let found = user.found(row, &removed);
            if with.as_ref() == Some(&found) {
                findings.kept += 1;
            } else {
                assert_eq!(found, without, "{user:?}: {row:?}; it may be {with:?}");
                findings.undone += usize::from(with.is_some());
            }
        }
        findings
    }
}

impl ExpectedUser {
    fn found(&self, row: Option<&Row>, removed: &HashSet<i64>) -> State {
        let Some(row) = row else {
            let is_removed = self.id.is_some_and(|id| removed.contains(&id));
            let presence = if is_removed { Presence::Removed } else { Presence::Absent };
            return State { presence, ..State::NOTHING };
        };
        let creations = usize::from(self.made == Write::Create);
        assert_eq!((row.creations, row.removals), (creations, 0), "half a user: {self:?} {row:?}");
        assert!(self.id.is_none_or(|id| id == row.id), "{self:?} {row:?}");
        let fits = bcrypt::verify(password(row.changes), &row.hash).unwrap();
        assert!(fits, "half a change of a password: {self:?} {row:?}");
        State {
            presence: Presence::There,
            name: row.name.clone(),
            password: row.changes,
            sessions: row.sessions,
        }
    }
}

/// The check itself can fail.
mod tests {
    use super::*;
    use crate::support::client::PASSWORD;
    use crate::support::{Backend, Service};

    async fn verdict(expected: &ExpectedUser, service: &Service) -> Result<Findings, tokio::task::JoinError> {
        let ledger = Ledger { users: vec![expected.clone()] };
        let database = TestDatabase::at(Backend::Sqlite, &service.database.url);
        tokio::spawn(async move { ledger.check(&database).await }).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_ledger_finds_lost_and_partial_writes() {
        let service = Service::start(Backend::Sqlite).await;
        let user = service.user().await;
        let hash = bcrypt::hash(password(0), 4).unwrap();
        service.database.sql(&format!("UPDATE users SET password_hash = '{hash}'")).await;
        assert_ne!(password(0), PASSWORD);
        let mut expected = ExpectedUser::new(user.email.clone(), Write::Register);
        expected.acknowledge(Write::Register);
        expected.acknowledge(Write::Login);
        assert_eq!(verdict(&expected, &service).await.unwrap().acknowledged, 2);

        let mut open = expected.clone();
        open.leave_open(Write::ChangePassword);
        assert_eq!(verdict(&open, &service).await.unwrap().undone, 1);
        // The event without the password, then both while a session goes on, then all of it.
        let event = format!(
            "INSERT INTO audit_events (occurred_at, kind, user_id, ip, request_id) \
             VALUES (1, 'password_changed', {}, '', '')",
            user.id
        );
        service.database.sql(&event).await;
        assert!(verdict(&open, &service).await.is_err());
        let hash = bcrypt::hash(password(1), 4).unwrap();
        service.database.sql(&format!("UPDATE users SET password_hash = '{hash}'")).await;
        assert!(verdict(&open, &service).await.is_err());
        service.database.sql("UPDATE sessions SET revoked_at = 1").await;
        assert_eq!(verdict(&open, &service).await.unwrap().kept, 1);
        assert!(verdict(&expected, &service).await.is_err(), "a change without a request is an error");

        expected.acknowledge(Write::ChangePassword);
        expected.acknowledge(Write::Rename(1));
        assert!(verdict(&expected, &service).await.is_err(), "a name was lost");
        service.database.sql("UPDATE users SET full_name = 'name-1'").await;
        assert!(verdict(&expected, &service).await.is_ok());
        service.database.sql("DELETE FROM users").await;
        assert!(verdict(&expected, &service).await.is_err(), "a user was lost");
    }
}
