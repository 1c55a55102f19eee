//! Which connections of a pool may still be used. A server that was demoted takes no writes on any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// The generation that connections are opened in now.
#[derive(Clone, Debug, Default)]
pub(super) struct Generations(Arc<AtomicU64>);

/// The generation of one connection.
#[derive(Debug)]
pub(super) struct Generation {
    of: Generations,
    own: u64,
}

impl Generations {
    /// To be taken before a connection is opened: the server may be demoted meanwhile.
    pub(super) fn current(&self) -> Generation {
        Generation { of: self.clone(), own: self.0.load(Ordering::Acquire) }
    }
}

impl Generation {
    /// Whether no later one has begun.
    pub(super) fn is_current(&self) -> bool {
        self.of.0.load(Ordering::Acquire) == self.own
    }

    /// Ends this generation: no connection of it is used again.
    pub(super) fn end(&self) -> bool {
        // Many find out at the same time; connections that were opened since then stay.
        self.of.0.compare_exchange(self.own, self.own + 1, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it when the server says that it takes no writes (SQLSTATE 25006).
    pub(super) fn learn<T>(&self, result: &QueryResult<T>) {
        use DatabaseErrorKind::ReadOnlyTransaction;
        if matches!(result, Err(DieselError::DatabaseError(ReadOnlyTransaction, _))) && self.end() {
            tracing::warn!("the database server takes no writes any more: its connections are closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: DatabaseErrorKind) -> QueryResult<()> {
        Err(DieselError::DatabaseError(
            kind,
            Box::new("cannot execute INSERT in a read-only transaction".to_owned()),
        ))
    }

    #[test]
    fn a_server_that_takes_no_writes_ends_the_connections_opened_before() {
        let generations = Generations::default();
        let (one, two) = (generations.current(), generations.current());
        one.learn(&Ok(()));
        one.learn(&refused(DatabaseErrorKind::UniqueViolation));
        assert!(one.is_current() && two.is_current());
        one.learn(&refused(DatabaseErrorKind::ReadOnlyTransaction));
        assert!(!one.is_current() && !two.is_current());
        let three = generations.current();
        two.learn(&refused(DatabaseErrorKind::ReadOnlyTransaction));
        assert!(three.is_current(), "it was opened after the first one was refused");
    }
}
