//! The two databases and the query builder's idea of them are the same schema.

mod checks;
mod description;

use std::collections::{BTreeMap, BTreeSet};

use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;

use crate::support::{Backend, TestDatabase};

use checks::read_by_postgres;
use description::describe;

/// What a table is made of, in words that both databases share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<Column>,
    primary_key: Vec<String>,
    /// Facts about several columns, each in a line of words; `schema.rs` knows none of them.
    rules: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    /// The name of Diesel's SQL type.
    class: &'static str,
    nullable: bool,
}

type Schema = BTreeMap<String, Table>;

/// The types of columns: Diesel's SQL type in `schema.rs`, PostgreSQL's, and SQLite's, which has no
/// type for instants: they are numbers in columns whose names end in `_at` or
/// `_since`. A further type is a
/// line here, and a SQL type of a crate that both databases know, as
/// `groundwork_clock::sql::Timestamptz` is. Digits in parentheses are compared by themselves.
const COLUMN_TYPES: [(&str, &str, &str); 11] = [
    ("BigInt", "bigint", "BIGINT"),
    // The one spelling for which SQLite assigns IDs.
    ("BigInt", "bigint", "INTEGER"),
    ("Text", "text", "TEXT"),
    ("Bool", "boolean", "BOOLEAN"),
    ("Binary", "bytea", "BLOB"),
    ("Timestamptz", "timestamp with time zone", "BIGINT"),
    ("Date", "date", "DATE"),
    ("Uuid", "uuid", "UUID"),
    ("Jsonb", "jsonb", "JSON"),
    ("TextArray", "text[]", "TEXT_ARRAY"),
    ("ScaledNumeric", "numeric", "SCALED_INT"),
];

/// Diesel's SQL type of a column whose type has this name in the second (PostgreSQL) or third
/// (SQLite) place of [`COLUMN_TYPES`].
fn class(column: &str, mut is_its_type: impl FnMut((&str, &str, &str)) -> bool) -> &'static str {
    let mut candidates = COLUMN_TYPES.iter().filter(|types| is_its_type(**types)).map(|(class, ..)| *class);
    let first = candidates.next().unwrap_or_else(|| {
        panic!("{column}: add the column's type to COLUMN_TYPES in tests/database/schema.rs, with its counterpart")
    });
    let is_instant = column.ends_with("_at") || column.ends_with("_since");
    candidates.find(|class| is_instant && *class == "Timestamptz").unwrap_or(first)
}

/// What one schema has and the other has not, line by line; nothing when they are the same.
fn differences(left: &Schema, right: &Schema) -> Vec<String> {
    let (left, right) = (facts(left), facts(right));
    let only_left = left.difference(&right).map(|fact| format!("only left: {fact}"));
    only_left.chain(right.difference(&left).map(|fact| format!("only right: {fact}"))).collect()
}

/// The same of what `schema.rs` can know: tables, columns and primary keys.
fn differences_in_columns(left: &Schema, right: &Schema) -> Vec<String> {
    let without_rules = |schema: &Schema| -> Schema {
        let bare = |table: &Table| Table { rules: BTreeSet::new(), ..table.clone() };
        schema.iter().map(|(name, table)| (name.clone(), bare(table))).collect()
    };
    differences(&without_rules(left), &without_rules(right))
}

fn facts(schema: &Schema) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (name, table) in schema {
        facts.insert(format!("table {name}"));
        facts.insert(format!("{name}: primary key {:?}", table.primary_key));
        for (place, Column { name: column, class, nullable }) in table.columns.iter().enumerate() {
            let null = if *nullable { "null" } else { "not null" };
            facts.insert(format!("{name}: column {place} is {column}, {class}, {null}"));
        }
        facts.extend(table.rules.iter().map(|rule| format!("{name}: {rule}")));
    }
    facts
}

/// Reads the tables out of the text of `schema.rs`.
fn parse(source: &str) -> Schema {
    let mut schema = Schema::new();
    for block in source.split("diesel::table! {").skip(1) {
        let mut lines = block.lines().map(str::trim);
        let head = lines.find(|line| line.ends_with(") {")).expect("the head of a table");
        let (name, key) = head.trim_end_matches(") {").split_once(" (").expect("a table with its key");
        let primary_key = key.split(", ").map(str::to_owned).collect();
        let columns = lines.take_while(|line| *line != "}").map(parse_column).collect();
        schema.insert(name.to_owned(), Table { columns, primary_key, rules: BTreeSet::new() });
    }
    schema
}

fn parse_column(line: &str) -> Column {
    let (name, declared) = line.trim_end_matches(',').split_once(" -> ").expect(line);
    let inner = declared.strip_prefix("Nullable<").and_then(|rest| rest.strip_suffix('>'));
    let declared = inner.unwrap_or(declared);
    let class = class(line, |(diesel, ..)| diesel == declared);
    Column { name: name.to_owned(), class, nullable: inner.is_some() }
}

/// The tables of the app, and the one that a crate reads.
fn query_builder_source() -> String {
    std::fs::read_to_string("src/db/schema.rs").unwrap() + groundwork_jobs::SCHEMA
}

async fn migrated(backend: Backend) -> TestDatabase {
    let database = TestDatabase::empty(backend).await;
    let url: DatabaseUrl = database.url.parse().unwrap();
    migrations::run(&url).await.unwrap();
    database
}

/// Fails the test unless `schema.rs` has the tables and columns of this database.
#[track_caller]
fn assert_query_builder_knows(schema: &Schema) {
    let found = differences_in_columns(schema, &parse(&query_builder_source()));
    assert!(
        found.is_empty(),
        "the migrations (left) and src/db/schema.rs (right) differ; change src/db/schema.rs by hand, or write it with \
         `diesel print-schema` on a migrated PostgreSQL:\n{}",
        found.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_and_the_query_builder_have_the_same_columns() {
    assert_query_builder_knows(&describe(&migrated(Backend::Sqlite).await).await);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn both_databases_and_the_query_builder_have_the_same_schema() {
    let database = migrated(Backend::Postgres).await;
    let postgres = describe(&database).await;
    let sqlite = describe(&migrated(Backend::Sqlite).await).await;
    assert_query_builder_knows(&postgres);
    assert_query_builder_knows(&sqlite);
    let found = differences(&postgres, &read_by_postgres(&database, sqlite).await);
    assert!(
        found.is_empty(),
        "migrations/postgres (left) and migrations/sqlite (right) make different schemas; add what is missing to the \
         migration of the other database:\n{}",
        found.join("\n")
    );

    // Two empty descriptions would be the same, too.
    let users = &postgres["users"];
    assert_eq!(users.primary_key, ["id"]);
    assert!(users.columns.iter().any(|column| column.name == "email" && column.class == "Text"), "{users:?}");
    assert!(users.rules.contains("unique constraint [\"email\"]"), "{users:?}");
    let cascade = "foreign key [\"user_id\"] to users [\"id\"] on delete CASCADE on update NO ACTION";
    assert!(postgres["sessions"].rules.contains(cascade), "{:?}", postgres["sessions"]);
    assert!(
        postgres["sessions"].rules.contains("index [\"user_id\", \"created_at\", \"id\"]"),
        "{:?}",
        postgres["sessions"]
    );
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_columns_of_every_type_and_their_checks_are_is_compared() {
    const TABLE: &str = "CREATE TABLE things (id BIGINT PRIMARY KEY, day DATE NOT NULL CHECK (day > '2000-01-01'), \
                         code UUID, details @json, price @number CHECK (price >= 0), tags @list, state TEXT, \
                         CONSTRAINT things_state CHECK (state IN ('new', 'it''s (old)') AND length(state) < 9))";
    let postgres = [("@json", "JSONB"), ("@number", "NUMERIC(12,2)"), ("@list", "TEXT[]")];
    let sqlite = [("@json", "JSON"), ("@number", "SCALED_INT(12,2)"), ("@list", "TEXT_ARRAY")];
    let table = |types: &[(&str, &str)], (from, to): (&str, &str)| {
        let changes = [(from, to), ("BIGINT PRIMARY", "BIGINT NOT NULL PRIMARY")];
        types.iter().chain(&changes).fold(TABLE.to_owned(), |table, (from, to)| table.replace(from, to))
    };
    for (change, expected) in [
        (("(day > '2000-01-01')", "( day>\n'2000-01-01' /* ) */ )"), None),
        (("price >= 0", "price > 0"), Some("only left: things: CHECK ((price >= ")),
        (("price >= 0", "price > 0"), Some("only right: things: CHECK ((price > ")),
        ((" AND length(state) < 9", ""), Some("only right: things: CHECK ((state = ANY ")),
        ((" CHECK (price >= 0)", ""), Some("only left: things: CHECK ((price >= ")),
        (("(12,2)", "(12,3)"), Some("only right: things: price has (12,3) digits")),
        (("code UUID", "code BLOB"), Some("only right: things: column 2 is code, Binary, null")),
    ] {
        let databases = (migrated(Backend::Postgres).await, migrated(Backend::Sqlite).await);
        databases.0.sql(&table(&postgres, ("", ""))).await;
        databases.1.sql(&table(&sqlite, change)).await;
        let schema = read_by_postgres(&databases.0, describe(&databases.1).await).await;
        let found = differences(&describe(&databases.0).await, &schema);
        let is_found = |expected: &str| found.iter().any(|line| line.starts_with(expected));
        assert!(expected.map_or(found.is_empty(), is_found), "{change:?}: {found:?}");
    }
}

/// The crate's tests use its own text, and columns are not all that it relies on.
#[test]
fn the_migrations_create_the_table_of_jobs_as_its_crate_does() {
    for (backend, expected) in
        [("postgres", groundwork_jobs::POSTGRES_MIGRATION), ("sqlite", groundwork_jobs::SQLITE_MIGRATION)]
    {
        let path = format!("migrations/{backend}/2026-11-27-100000_jobs/up.sql");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{path}");
    }
}

/// Makes one change and says what the comparison makes of it.
async fn seeded(backend: Backend, change: &str) -> Vec<String> {
    let database = migrated(backend).await;
    let before = describe(&database).await;
    assert_eq!(differences(&before, &describe(&database).await), [""; 0]);
    for statement in change.split(';') {
        database.sql(statement).await;
    }
    differences(&before, &describe(&database).await)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn the_comparison_sees_each_seeded_difference_in_postgresql() {
    let seeds = [
        ("ALTER TABLE users DROP COLUMN is_verified", "only left: users: column 6 is is_verified"),
        (
            "ALTER TABLE users ALTER COLUMN full_name SET NOT NULL",
            "only right: users: column 3 is full_name, Text, not null",
        ),
        (
            "ALTER TABLE users ALTER COLUMN full_name TYPE BYTEA USING NULL",
            "only right: users: column 3 is full_name, Binary",
        ),
        ("ALTER TABLE users DROP CONSTRAINT users_email_key", "only left: users: unique constraint"),
        ("ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey", "only left: sessions: foreign key"),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, \
             ADD FOREIGN KEY (user_id) REFERENCES users (id)",
            "only right: sessions: foreign key [\"user_id\"] to users [\"id\"] on delete NO ACTION",
        ),
        (
            "ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey",
            "only right: audit_events: primary key []",
        ),
        ("DROP INDEX sessions_user_id_created_at_idx", "only left: sessions: index"),
        ("CREATE UNIQUE INDEX ON users (full_name)", "only right: users: unique index [\"full_name\"]"),
        ("DROP TABLE audit_events", "only left: table audit_events"),
        ("ALTER TABLE sessions ADD CHECK (generation > 0)", "only right: sessions: CHECK ((generation > 0))"),
        ("ALTER TABLE users ADD price NUMERIC(9,2)", "only right: users: price has (9,2) digits"),
    ];
    for (change, expected) in seeds {
        let found = seeded(Backend::Postgres, change).await;
        assert!(found.iter().any(|line| line.starts_with(expected)), "{change}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_comparison_sees_each_seeded_difference_in_sqlite() {
    const REMADE: &str = "DROP TABLE sessions; CREATE TABLE sessions (id BLOB PRIMARY KEY, \
                          user_id BIGINT REFERENCES users (id))";
    let seeds = [
        ("ALTER TABLE users DROP COLUMN is_verified", "only left: users: column 6 is is_verified"),
        (
            "ALTER TABLE audit_events ADD COLUMN nick TEXT",
            "only right: audit_events: column 10 is nick, Text, null",
        ),
        (REMADE, "only left: sessions: column 0 is id, Binary, not null"),
        (REMADE, "only right: sessions: foreign key [\"user_id\"] to users [\"id\"] on delete NO ACTION"),
        (
            "ALTER TABLE users RENAME COLUMN updated_at TO updated",
            "only right: users: column 8 is updated, BigInt",
        ),
        ("DROP INDEX sessions_user_id_created_at_idx", "only left: sessions: index"),
        ("CREATE UNIQUE INDEX extra ON users (full_name)", "only right: users: unique index [\"full_name\"]"),
        (
            "DROP TABLE users; CREATE TABLE users (id INTEGER)",
            "only left: users: unique constraint [\"email\"]",
        ),
        ("DROP TABLE audit_events", "only left: table audit_events"),
        (
            "ALTER TABLE audit_events ADD COLUMN nick TEXT CHECK (nick <> '')",
            "only right: audit_events: CHECK (nick <> '')",
        ),
        ("ALTER TABLE users ADD COLUMN price SCALED_INT(9,2)", "only right: users: price has (9,2) digits"),
    ];
    for (change, expected) in seeds {
        let found = seeded(Backend::Sqlite, change).await;
        assert!(found.iter().any(|line| line.starts_with(expected)), "{change}: {found:?}");
    }
}

#[test]
fn the_comparison_sees_each_seeded_difference_in_the_query_builder() {
    let source = query_builder_source();
    let seeds = [
        ("        is_verified -> Bool,\n", "", "only left: users: column 6 is is_verified"),
        (
            "full_name -> Nullable<Text>",
            "full_name -> Text",
            "only right: users: column 3 is full_name, Text, not null",
        ),
        ("generation -> BigInt", "generation -> Text", "only right: sessions: column 4 is generation, Text"),
        ("    users (id) {", "    people (id) {", "only right: table people"),
        ("    users (id) {", "    users (email) {", "only right: users: primary key [\"email\"]"),
    ];
    for (from, to, expected) in seeds {
        assert!(source.contains(from), "{from}");
        let found = differences_in_columns(&parse(&source), &parse(&source.replace(from, to)));
        assert!(found.iter().any(|line| line.starts_with(expected)), "{from}: {found:?}");
    }
}
