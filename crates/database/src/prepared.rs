//! Statements that are prepared once per connection, and the texts of statements.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};

/// A statement that is prepared once per connection and found again by its text.
///
/// Diesel prepares an UPDATE, and whatever contains `sql`, anew for each execution, because such
/// statements may have any number of texts. That costs two round trips. Wrap those that have few.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<S>(S);

/// See [`Prepared`].
pub fn prepared<S>(statement: S) -> Prepared<S> {
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

impl<S: QueryId> QueryId for Prepared<S> {
    type QueryId = S::QueryId;
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S: Query> Query for Prepared<S> {
    type SqlType = S::SqlType;
}

/// There are as many as there are statements in the code.
static TEXTS: LazyLock<RwLock<HashMap<(TypeId, TypeId), Arc<str>>>> = LazyLock::new(RwLock::default);

/// The text of a statement. It is rendered once where Diesel identifies the statement by its type
/// alone ([`QueryId`]), and for each execution otherwise.
pub(crate) fn text_of<DB, S>(statement: &S, backend: &DB) -> QueryResult<Arc<str>>
where
    DB: Backend + 'static,
    DB::QueryBuilder: Default,
    S: QueryFragment<DB> + QueryId,
{
    let render = || {
        let mut builder = DB::QueryBuilder::default();
        statement.to_sql(&mut builder, backend)?;
        QueryResult::Ok(Arc::from(builder.finish()))
    };
    let Some(id) = S::query_id() else { return render() };
    let key = (id, TypeId::of::<DB>());
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(text));
    }
    let text = render()?;
    TEXTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&text));
    Ok(text)
}
