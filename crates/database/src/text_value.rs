//! Values of an app that are text in the database.

/// Lets a type with `as_str` and `Debug` be compared with text columns and be a field of
/// `Insertable` and `AsChangeset`, on both databases: `text_value!(Email)`.
#[macro_export]
macro_rules! text_value {
    ($type:ty) => {
        const _: () = {
            use diesel::backend::Backend;
            use diesel::expression::AsExpression;
            use diesel::serialize::{Output, Result, ToSql};
            use diesel::sql_types::Text;

            impl<'a> AsExpression<Text> for &'a $type {
                type Expression = <&'a str as AsExpression<Text>>::Expression;

                fn as_expression(self) -> Self::Expression {
                    AsExpression::<Text>::as_expression(self.as_str())
                }
            }

            impl AsExpression<Text> for $type {
                type Expression = <String as AsExpression<Text>>::Expression;

                fn as_expression(self) -> Self::Expression {
                    AsExpression::<Text>::as_expression(self.as_str().to_owned())
                }
            }

            impl<DB: Backend> ToSql<Text, DB> for $type
            where
                str: ToSql<Text, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> Result {
                    self.as_str().to_sql(out)
                }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    diesel::table! {
        people (name) {
            name -> Text,
            nickname -> Nullable<Text>,
        }
    }

    #[derive(Debug)]
    struct Name(String);

    impl Name {
        fn as_str(&self) -> &str {
            &self.0
        }
    }

    text_value!(Name);

    #[derive(Insertable)]
    #[diesel(table_name = people, treat_none_as_default_value = false)]
    struct NewPerson {
        name: Name,
        nickname: Option<Name>,
    }

    #[derive(AsChangeset)]
    #[diesel(table_name = people)]
    struct Changes {
        name: Option<Name>,
        nickname: Option<Option<Name>>,
    }

    #[test]
    fn a_value_is_inserted_changed_cleared_and_compared() {
        let name = |text: &str| Name(text.to_owned());
        let mut c = SqliteConnection::establish(":memory:").unwrap();
        let table = "CREATE TABLE people (name TEXT NOT NULL PRIMARY KEY, nickname TEXT)";
        diesel::sql_query(table).execute(&mut c).unwrap();
        let person = NewPerson { name: name("Augusta"), nickname: Some(name("A")) };
        diesel::insert_into(people::table).values(&person).execute(&mut c).unwrap();
        let changes = Changes { name: Some(name("Ada")), nickname: None };
        diesel::update(people::table.filter(people::name.eq(&person.name)))
            .set(&changes)
            .execute(&mut c)
            .unwrap();
        let nickname = |c: &mut SqliteConnection| {
            let ada = people::table.filter(people::name.eq(name("Ada")));
            ada.select(people::nickname).first::<Option<String>>(c)
        };
        assert_eq!(nickname(&mut c), Ok(Some("A".to_owned())));
        let changes = Changes { name: None, nickname: Some(None) };
        diesel::update(people::table).set(&changes).execute(&mut c).unwrap();
        assert_eq!(nickname(&mut c), Ok(None));
    }
}
