//! Statements that are prepared once.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement whose text is one of few, so that each connection prepares it once and finds it again by its text.
///
/// Diesel prepares every UPDATE anew, because the columns that one sets may differ from call to call without end; that costs
/// two more round trips each time. Those that are set here make a handful of texts.
pub(crate) struct Prepared<S>(S);

/// See [`Prepared`].
pub(crate) fn prepared<S>(statement: S) -> Prepared<S> {
    Prepared(statement)
}

impl<S: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Prepared<S> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// None of its own: its text is what it is known by.
impl<S> QueryId for Prepared<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Query> Query for Prepared<S> {
    type SqlType = S::SqlType;
}
