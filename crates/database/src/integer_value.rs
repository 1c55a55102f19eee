//! Values of an app that are integers in the database.

/// Lets a type with `AsRef<i64>` and `Debug` be compared with integer columns and be a field of
/// `Insertable` and `AsChangeset`, on both databases: `integer_value!(Quantity)`.
#[macro_export]
macro_rules! integer_value {
    ($type:ty) => {
        const _: () = {
            use diesel::backend::Backend;
            use diesel::expression::AsExpression;
            use diesel::serialize::{Output, Result, ToSql};
            use diesel::sql_types::BigInt;

            impl AsExpression<BigInt> for &$type {
                type Expression = <i64 as AsExpression<BigInt>>::Expression;

                fn as_expression(self) -> Self::Expression {
                    AsExpression::<BigInt>::as_expression(*AsRef::<i64>::as_ref(self))
                }
            }

            impl AsExpression<BigInt> for $type {
                type Expression = <i64 as AsExpression<BigInt>>::Expression;

                fn as_expression(self) -> Self::Expression {
                    AsExpression::<BigInt>::as_expression(*AsRef::<i64>::as_ref(&self))
                }
            }

            impl<DB: Backend> ToSql<BigInt, DB> for $type
            where
                i64: ToSql<BigInt, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> Result {
                    AsRef::<i64>::as_ref(self).to_sql(out)
                }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    diesel::table! {
        lines (id) {
            id -> BigInt,
            quantity -> BigInt,
            reserved -> Nullable<BigInt>,
        }
    }

    #[derive(Debug)]
    struct Quantity(i64);

    impl AsRef<i64> for Quantity {
        fn as_ref(&self) -> &i64 {
            &self.0
        }
    }

    integer_value!(Quantity);

    #[derive(Insertable)]
    #[diesel(table_name = lines, treat_none_as_default_value = false)]
    struct NewLine {
        quantity: Quantity,
        reserved: Option<Quantity>,
    }

    #[derive(AsChangeset)]
    #[diesel(table_name = lines)]
    struct Changes {
        quantity: Option<Quantity>,
        reserved: Option<Option<Quantity>>,
    }

    #[test]
    fn a_value_is_inserted_changed_cleared_and_compared() {
        let mut c = SqliteConnection::establish(":memory:").unwrap();
        let table = "CREATE TABLE lines (id INTEGER PRIMARY KEY, quantity BIGINT NOT NULL, reserved BIGINT)";
        diesel::sql_query(table).execute(&mut c).unwrap();
        let line = NewLine { quantity: Quantity(3), reserved: Some(Quantity(1)) };
        diesel::insert_into(lines::table).values(&line).execute(&mut c).unwrap();
        let same = lines::table.filter(lines::quantity.eq(&line.quantity));
        let changes = Changes { quantity: Some(Quantity(4)), reserved: None };
        diesel::update(same).set(&changes).execute(&mut c).unwrap();
        let reserved = |c: &mut SqliteConnection| {
            let four = lines::table.filter(lines::quantity.eq(Quantity(4)));
            four.select(lines::reserved).first::<Option<i64>>(c)
        };
        assert_eq!(reserved(&mut c), Ok(Some(1)));
        let changes = Changes { quantity: None, reserved: Some(None) };
        diesel::update(lines::table).set(&changes).execute(&mut c).unwrap();
        assert_eq!(reserved(&mut c), Ok(None));
    }
}
