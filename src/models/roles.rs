//! The columns of a user's role: `is_superuser` decides, and `role` is that of everybody else.

use diesel::backend::Backend;
use diesel::expression::ValidGrouping;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Text;

use crate::db::schema::users;
use crate::domain::permissions::UserRole;

/// A change of a user's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    Set(UserRole),
    /// A superuser becomes a user without a role. Another role stays.
    RevokeSuperuser,
}

impl RoleChange {
    /// Whether the user may have been a superuser and is none afterwards.
    pub fn revokes_superuser(self) -> bool {
        self != Self::Set(UserRole::Superuser)
    }

    /// The values of the columns `is_superuser` and `role`, if they change.
    pub(super) fn columns(self) -> (bool, Option<UserRole>) {
        match self {
            Self::Set(UserRole::Superuser) => (true, Some(UserRole::User)),
            Self::Set(role) => (false, Some(role)),
            Self::RevokeSuperuser => (false, None),
        }
    }
}

/// The role that both columns stand for. It has no bind parameter, which every query of a user would
/// have to send.
#[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
pub struct EffectiveRole;

impl Expression for EffectiveRole {
    type SqlType = Text;
}

impl<Source> AppearsOnTable<Source> for EffectiveRole where users::role: AppearsOnTable<Source> {}

impl<Source> SelectableExpression<Source> for EffectiveRole where users::role: SelectableExpression<Source> {}

impl<DB: Backend> QueryFragment<DB> for EffectiveRole {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(r#"CASE WHEN "users"."is_superuser" THEN 'superuser' ELSE "users"."role" END"#);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_the_role_of_superusers() {
        let sql = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&EffectiveRole).to_string();
        assert!(sql.contains(&format!("'{}'", UserRole::Superuser.as_str())), "{sql}");
    }
}
