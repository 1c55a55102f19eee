//! Values of every type of column are stored, sorted and read back the same on both databases.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork::settings::DatabaseUrl;
use groundwork_database::{Connection, Database, on, prepared};
use groundwork_values::{Date, Decimal, Json, TextList, Uuid};
use serde_json::{Value, json};

use crate::support::{Backend, TestDatabase, settings};

diesel::table! {
    use diesel::sql_types::{BigInt, Date, Nullable};
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    things (id) {
        id -> BigInt,
        day -> Nullable<Date>,
        code -> Nullable<Uuid>,
        details -> Nullable<Jsonb>,
        price -> Nullable<ScaledNumeric>,
        rate -> Nullable<ScaledNumeric>,
        tags -> Nullable<TextArray>,
    }
}

const POSTGRES: &str = "CREATE TABLE things (id BIGINT PRIMARY KEY, day DATE, code UUID, details JSONB, \
                        price NUMERIC(18,2), rate NUMERIC(18,17), tags TEXT[])";
const SQLITE: &str = "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, day DATE, code UUID, details JSON, \
                      price SCALED_INT(18,2), rate SCALED_INT(18,17), tags TEXT_ARRAY)";

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = things, treat_none_as_default_value = false)]
struct Thing {
    id: i64,
    day: Option<Date>,
    code: Option<Uuid>,
    details: Option<Json>,
    price: Option<Decimal<18, 2>>,
    rate: Option<Decimal<18, 17>>,
    tags: Option<TextList<3, 0, 40>>,
}

#[derive(AsChangeset)]
#[diesel(table_name = things)]
struct Changes {
    day: Option<Option<Date>>,
    price: Option<Option<Decimal<18, 2>>>,
}

/// In ascending order in each of their columns but for the objects and the lists.
fn things() -> Vec<Thing> {
    let values = [
        ("0001-01-01", "00", "-9999999999999999.99", "-9.99999999999999999", json!({}), json!([])),
        ("1999-12-31", "7f", "-10000.00", "-0.00010000000000000", json!({"a": null}), json!([""])),
        (
            "2000-01-01",
            "80",
            "-0.01",
            "-0.00000000000000001",
            json!({"b": [1, 2.5, -3e9]}),
            json!(["a", "a"]),
        ),
        (
            "2024-02-29",
            "9a",
            "0.00",
            "0.00000000000000000",
            json!({"é\"'\\": {"c": true}}),
            json!(["{,}", "\"\\"]),
        ),
        (
            "2026-01-31",
            "a0",
            "0.10",
            "0.00000000000010000",
            json!({"z": 1, "a": "2"}),
            json!(["NULL", "é 🦀"]),
        ),
        ("2026-02-01", "fe", "9.00", "0.10000000000000000", json!({"a": 1e300}), json!([" ", "[1]"])),
        (
            "9999-12-31",
            "ff",
            "9999999999999999.99",
            "9.99999999999999999",
            json!({"a": u64::MAX}),
            json!(["'"]),
        ),
    ];
    let thing =
        |(id, (day, code, price, rate, details, tags)): (i64, (&str, &str, &str, &str, Value, Value))| {
            Thing {
                id,
                day: Some(day.parse().unwrap()),
                code: Some(hex(code)),
                details: Some(serde_json::from_value(details).unwrap()),
                price: Some(price.parse().unwrap()),
                rate: Some(rate.parse().unwrap()),
                tags: Some(serde_json::from_value(tags).unwrap()),
            }
        };
    (1..).zip(values).map(thing).collect()
}

/// The UUID that repeats this byte.
fn hex(byte: &str) -> Uuid {
    Uuid::from([u8::from_str_radix(byte, 16).unwrap(); 16])
}

async fn database(backend: Backend) -> (TestDatabase, Database) {
    let files = TestDatabase::empty(backend).await;
    let url: DatabaseUrl = files.url.parse().unwrap();
    groundwork::db::migrations::run(&url).await.unwrap();
    files.sql(if backend == Backend::Postgres { POSTGRES } else { SQLITE }).await;
    let database = Database::new(&(&settings(&files.url, &[])).into()).unwrap();
    (files, database)
}

async fn insert(c: &mut Connection, rows: &[Thing]) {
    for row in rows {
        on!(c, |c| prepared(diesel::insert_into(things::table).values(row)).execute(c)).unwrap();
    }
}

async fn all(c: &mut Connection) -> Vec<Thing> {
    let by_id = things::table.order(things::id.asc());
    on!(c, |c| prepared(by_id.select(Thing::as_select())).load(c)).unwrap()
}

async fn every_value(backend: Backend) {
    let (files, database) = database(backend).await;
    let c = &mut database.write().await.unwrap();
    let rows = things();
    insert(c, &rows).await;
    assert_eq!(all(c).await, rows);

    // What the database itself makes of them.
    if backend == Backend::Postgres {
        let texts =
            "SELECT concat_ws(' ', day, code, price, rate, details->>'z', tags[2]) FROM things WHERE id = 5";
        let expected = format!("2026-01-31 {} 0.10 0.00000000000010000 1 é 🦀", hex("a0"));
        assert_eq!(files.sql(texts).await, Some(expected));
    } else {
        let texts = "SELECT day || ' ' || lower(hex(code)) || ' ' || price || ' ' || rate || ' ' || \
                     (details->>'z') || ' ' || (tags->>1) AS value FROM things WHERE id = 5";
        let expected = format!("2026-01-31 {} 10 10000 1 é 🦀", hex("a0").to_string().replace('-', ""));
        assert_eq!(files.sql(texts).await, Some(expected));
    }
}

async fn every_order(backend: Backend) {
    let (_files, database) = database(backend).await;
    let c = &mut database.write().await.unwrap();
    let rows = things();
    insert(c, &rows).await;
    let table = things::table.select(things::id);
    let ids = [7_i64, 6, 5, 4, 3, 2, 1];
    assert_eq!(on!(c, |c| prepared(table.order(things::day.desc())).load::<i64>(c)).unwrap(), ids);
    assert_eq!(on!(c, |c| prepared(table.order(things::code.desc())).load::<i64>(c)).unwrap(), ids);
    assert_eq!(on!(c, |c| prepared(table.order(things::price.desc())).load::<i64>(c)).unwrap(), ids);
    assert_eq!(on!(c, |c| prepared(table.order(things::rate.desc())).load::<i64>(c)).unwrap(), ids);
    for row in &rows {
        let same = table
            .filter(things::day.ge(row.day).and(things::day.le(row.day)))
            .filter(things::price.ge(row.price).and(things::price.le(row.price)))
            .filter(things::rate.eq(row.rate))
            .filter(things::code.eq(row.code));
        assert_eq!(on!(c, |c| prepared(same).load::<i64>(c)).unwrap(), [row.id]);
    }
}

async fn null(backend: Backend) {
    let (_files, database) = database(backend).await;
    let c = &mut database.write().await.unwrap();
    let first = things().swap_remove(0);
    let none = Thing { id: 8, day: None, code: None, details: None, price: None, rate: None, tags: None };
    insert(c, &[first.clone(), none.clone()]).await;
    let changes = Changes { day: None, price: Some(None) };
    let cleared = diesel::update(things::table.find(1_i64)).set(&changes);
    on!(c, |c| prepared(cleared).execute(c)).unwrap();
    assert_eq!(all(c).await, [Thing { price: None, ..first }, none]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_read_back_as_they_were_stored_in_sqlite() {
    every_value(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn values_are_read_back_as_they_were_stored_in_postgresql() {
    every_value(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_sorted_and_compared_in_sqlite() {
    every_order(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn values_are_sorted_and_compared_in_postgresql() {
    every_order(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_may_be_null_in_sqlite() {
    null(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_value_may_be_null_in_postgresql() {
    null(Backend::Postgres).await;
}
