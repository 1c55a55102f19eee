//! Statements whose text is known.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};

/// A statement that is prepared once on each connection, and whose text is built once.
///
/// Diesel builds the text anew each time, and prepares every UPDATE anew, because the columns that one sets may differ
/// from call to call without end: two more round trips. Those that are set here make a handful of texts, by which the
/// prepared statement is found again.
///
/// Where Diesel knows a statement by its type alone, its text is a function of that type: Diesel's own cache of prepared
/// statements rests on it, and so does the one of texts here.
///
/// The text of a statement that is assembled at run time (a boxed query) is built each time. It finds its prepared
/// statement by that text, so nothing has to say which parts the statement has.
pub(crate) struct Prepared<S>(S);

/// See [`Prepared`].
pub(crate) fn prepared<S>(statement: S) -> Prepared<S> {
    Prepared(statement)
}

/// The types of a statement and of its database.
type Key = (TypeId, TypeId);

/// There are as many as there are statements in the code.
static TEXTS: LazyLock<RwLock<HashMap<Key, Arc<str>>>> = LazyLock::new(RwLock::default);

impl<S, DB> QueryFragment<DB> for Prepared<S>
where
    S: QueryFragment<DB> + QueryId,
    DB: Backend + 'static,
    DB::QueryBuilder: Default,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn to_sql(&self, out: &mut DB::QueryBuilder, backend: &DB) -> QueryResult<()> {
        let Some(statement) = S::query_id() else { return self.0.to_sql(out, backend) };
        let key = (statement, TypeId::of::<DB>());
        let kept = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(text) = kept {
            out.push_sql(&text);
            return Ok(());
        }
        let mut builder = DB::QueryBuilder::default();
        self.0.to_sql(&mut builder, backend)?;
        let text = builder.finish();
        out.push_sql(&text);
        TEXTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, text.into());
        Ok(())
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// That of the statement itself, if it has one; else it is known by its text.
impl<S: QueryId> QueryId for Prepared<S> {
    type QueryId = S::QueryId;
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S: Query> Query for Prepared<S> {
    type SqlType = S::SqlType;
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    use super::*;
    use crate::db::schema::users;

    fn text_of<DB: Backend + Default + 'static>(statement: &impl QueryFragment<DB>) -> String
    where
        DB::QueryBuilder: Default,
    {
        let mut builder = DB::QueryBuilder::default();
        statement.to_sql(&mut builder, &DB::default()).unwrap();
        builder.finish()
    }

    #[test]
    fn the_text_is_the_same_each_time_and_that_of_its_database() {
        for id in [1_i64, 2] {
            let query = || users::table.find(id).select(users::email).limit(1);
            let plain = (text_of::<Pg>(&query()), text_of::<Sqlite>(&query()));
            assert_eq!((text_of::<Pg>(&prepared(query())), text_of::<Sqlite>(&prepared(query()))), plain);
            assert_ne!(plain.0, plain.1);
            let with_values = debug_query::<Pg, _>(&prepared(query())).to_string();
            assert!(with_values.ends_with(&format!("binds: [{id}, 1]")), "{with_values}");
        }
    }

    #[test]
    fn statements_of_one_type_that_set_other_columns_have_texts_of_their_own() {
        #[derive(AsChangeset)]
        #[diesel(table_name = users)]
        struct Changes {
            full_name: Option<String>,
            is_active: Option<bool>,
        }
        let text = |full_name: Option<&str>, is_active| {
            let changes = Changes { full_name: full_name.map(str::to_owned), is_active };
            text_of::<Pg>(&prepared(diesel::update(users::table.find(1_i64)).set(changes)))
        };
        let texts = [text(Some("a"), None), text(None, Some(true)), text(Some("a"), Some(true))];
        assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:?}");
    }
}
