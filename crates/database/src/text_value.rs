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

/// [`text_value!`] for a type that is also read from the database: for one that is `Copy` and
/// `TryFrom<String>`, such as an enumeration: `enum_value!(OrderState)`.
#[macro_export]
macro_rules! enum_value {
    ($type:ty) => {
        $crate::text_value!($type);

        const _: () = {
            use diesel::backend::Backend;
            use diesel::deserialize::{FromSql, Queryable, Result};
            use diesel::sql_types::Text;

            impl<DB: Backend> FromSql<Text, DB> for $type
            where
                String: FromSql<Text, DB>,
            {
                fn from_sql(bytes: DB::RawValue<'_>) -> Result<Self> {
                    Ok(String::from_sql(bytes)?.try_into()?)
                }
            }

            impl<DB: Backend> Queryable<Text, DB> for $type
            where
                Self: FromSql<Text, DB>,
            {
                type Row = Self;

                fn build(row: Self) -> Result<Self> {
                    Ok(row)
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

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Rank {
        Countess,
    }

    impl Rank {
        fn as_str(self) -> &'static str {
            match self {
                Self::Countess => "countess",
            }
        }
    }

    impl TryFrom<String> for Rank {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, Self::Error> {
            if text == "countess" { Ok(Self::Countess) } else { Err("no rank") }
        }
    }

    enum_value!(Rank);

    #[derive(Debug, PartialEq, Queryable)]
    struct Person {
        rank: Rank,
        former_rank: Option<Rank>,
    }

    #[test]
    fn an_enumeration_is_read_and_may_be_null() {
        let mut c = SqliteConnection::establish(":memory:").unwrap();
        diesel::sql_query("CREATE TABLE people (name TEXT, nickname TEXT)").execute(&mut c).unwrap();
        let values = (people::name.eq(Rank::Countess), people::nickname.eq(Some(Rank::Countess)));
        diesel::insert_into(people::table).values(values).execute(&mut c).unwrap();
        let read = |c: &mut SqliteConnection| {
            people::table.select((people::name, people::nickname)).load::<Person>(c)
        };
        let person = |former_rank| Person { rank: Rank::Countess, former_rank };
        assert_eq!(read(&mut c).unwrap(), [person(Some(Rank::Countess))]);
        diesel::update(people::table).set(people::nickname.eq(None::<Rank>)).execute(&mut c).unwrap();
        assert_eq!(read(&mut c).unwrap(), [person(None)]);
        diesel::update(people::table).set(people::name.eq("knight")).execute(&mut c).unwrap();
        assert!(matches!(read(&mut c), Err(diesel::result::Error::DeserializationError(_))));
    }
}
