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
/// What tells statements apart is derived from them, never given by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<S>(S);

/// See [`Prepared`].
pub fn prepared<S>(statement: S) -> Prepared<S> {
    Prepared(statement)
}

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
        out.push_sql(&text_of(&self.0, backend)?);
        Ok(())
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

/// Texts by the types of the statement and of its database.
type Texts = HashMap<(TypeId, TypeId), Arc<str>>;

/// There are as many as there are statements in the code.
static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

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

#[cfg(test)]
mod tests {
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    use super::*;

    diesel::table! {
        users (id) {
            id -> BigInt,
            email -> Text,
            full_name -> Nullable<Text>,
            is_active -> Bool,
        }
    }

    fn rendered<DB: Backend + Default + 'static>(statement: &impl QueryFragment<DB>) -> String
    where
        DB::QueryBuilder: Default,
    {
        let mut builder = DB::QueryBuilder::default();
        statement.to_sql(&mut builder, &DB::default()).unwrap();
        builder.finish()
    }

    #[test]
    fn the_text_is_that_of_the_statement_and_of_its_database() {
        for id in [1_i64, 2] {
            let query = || users::table.find(id).select(users::email).limit(1);
            let plain = (rendered::<Pg>(&query()), rendered::<Sqlite>(&query()));
            assert_eq!((rendered::<Pg>(&prepared(query())), rendered::<Sqlite>(&prepared(query()))), plain);
            assert_ne!(plain.0, plain.1);
            let with_values = diesel::debug_query::<Pg, _>(&prepared(query())).to_string();
            assert!(with_values.ends_with(&format!("binds: [{id}, 1]")), "{with_values}");
        }
    }

    #[test]
    fn statements_of_one_type_that_differ_have_texts_of_their_own() {
        #[derive(AsChangeset)]
        #[diesel(table_name = users)]
        struct Changes {
            full_name: Option<String>,
            is_active: Option<bool>,
        }
        let update = |full_name: Option<&str>, is_active| {
            let changes = Changes { full_name: full_name.map(str::to_owned), is_active };
            rendered::<Pg>(&prepared(diesel::update(users::table.find(1_i64)).set(changes)))
        };
        let texts = [update(Some("a"), None), update(None, Some(true)), update(Some("a"), Some(true))];
        assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:?}");
        // A filter without a bind parameter, put together at run time.
        let list = |is_active: bool| {
            let all = users::table.select(users::id).into_boxed();
            let filtered = if is_active { all.filter(users::is_active) } else { all };
            rendered::<Pg>(&prepared(filtered))
        };
        assert!(list(true).contains("WHERE") && !list(false).contains("WHERE"));
    }
}
