//! Statements on their way from Diesel to the driver.

use std::any::TypeId;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{QueryFragment, QueryId};
use tokio_postgres::types::Type;

use super::row::{Bind, Inferred, type_of};
use crate::prepared::text_of;

/// By what a connection finds a statement that it has prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum StatementKey {
    /// Diesel derives the text from this type alone.
    Type(TypeId),
    /// The text itself.
    Text(Arc<str>),
}

/// A statement that owns what it sends: the query it is made from must not cross threads.
pub(super) struct Statement {
    pub text: Arc<str>,
    /// `None` if it must not be kept prepared.
    pub key: Option<StatementKey>,
    binds: RawBytesBindCollector<Pg>,
}

impl Statement {
    pub(super) fn new<Q: QueryFragment<Pg> + QueryId>(query: &Q) -> QueryResult<Self> {
        let mut binds = RawBytesBindCollector::new();
        query.collect_binds(&mut binds, &mut Inferred, &Pg)?;
        let text = text_of(query, &Pg)?;
        let key = query.is_safe_to_cache_prepared(&Pg)?.then(|| match Q::query_id() {
            Some(id) => StatementKey::Type(id),
            None => StatementKey::Text(Arc::clone(&text)),
        });
        Ok(Self { text, key, binds })
    }

    /// Whether it is one and the same each time but for its values. One that is put together at
    /// run time (a boxed query) may have to search for its rows.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.key, Some(StatementKey::Type(_)))
    }

    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = Bind<'_>> {
        self.binds.binds.iter().map(|bytes| Bind(bytes.as_deref()))
    }

    pub(super) fn types(&self) -> impl ExactSizeIterator<Item = Type> {
        self.binds.metadata.iter().map(type_of)
    }
}
