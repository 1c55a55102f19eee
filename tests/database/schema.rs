//! The two databases and the query builder's idea of them are the same schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::support::{Backend, TestDatabase};

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

async fn objects(database: &TestDatabase, query: &str) -> Vec<Value> {
    let rows = database.rows(query).await;
    rows.into_iter().map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

fn texts(object: &Value, name: &str) -> Vec<String> {
    let list = object[name].as_array().unwrap_or_else(|| panic!("{name} in {object}"));
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn foreign_key(columns: &[String], table: &str, to: &[String], on_delete: &str, on_update: &str) -> String {
    format!("foreign key {columns:?} to {table} {to:?} on delete {on_delete} on update {on_update}")
}

fn index(columns: &[String], unique: bool) -> String {
    format!("{} {columns:?}", if unique { "unique index" } else { "index" })
}

fn unique(columns: &[String]) -> String {
    format!("unique constraint {columns:?}")
}

/// The tables that are ours: the list of applied migrations is Diesel's.
async fn describe(database: &TestDatabase) -> Schema {
    let mut schema = match database.backend {
        Backend::Postgres => describe_postgres(database).await,
        Backend::Sqlite => describe_sqlite(database).await,
    };
    schema.remove("__diesel_schema_migrations").expect("the list of applied migrations");
    schema
}

async fn describe_postgres(database: &TestDatabase) -> Schema {
    let mut schema = Schema::new();
    let tables = "SELECT json_build_object('table', table_name)::text FROM information_schema.tables \
                  WHERE table_schema = 'public'";
    for row in objects(database, tables).await {
        schema.insert(text(&row, "table"), Table::default());
    }
    let columns = "SELECT json_build_object('table', table_name, 'name', column_name, 'type', data_type, \
                   'nullable', is_nullable)::text FROM information_schema.columns \
                   WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
    for row in objects(database, columns).await {
        let class = match text(&row, "type").as_str() {
            "bigint" => "BigInt",
            "text" => "Text",
            "boolean" => "Bool",
            "bytea" => "Binary",
            "timestamp with time zone" => "Timestamptz",
            // In Diesel's own table.
            "character varying" | "timestamp without time zone" => "other",
            unknown => panic!("{unknown} has no counterpart: {row}"),
        };
        let column = Column { name: text(&row, "name"), class, nullable: text(&row, "nullable") == "YES" };
        schema.get_mut(&text(&row, "table")).unwrap().columns.push(column);
    }
    let names = |relation: &str, numbers: &str| {
        format!(
            "(SELECT COALESCE(json_agg(a.attname ORDER BY n.place), '[]') \
             FROM unnest({numbers}) WITH ORDINALITY n(number, place) \
             JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = n.number)"
        )
    };
    let constraints = format!(
        "SELECT json_build_object('table', r.relname, 'kind', c.contype, 'columns', {}, 'to_table', t.relname, \
         'to', {}, 'on_delete', c.confdeltype, 'on_update', c.confupdtype)::text \
         FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid LEFT JOIN pg_class t ON t.oid = c.confrelid \
         WHERE c.connamespace = 'public'::regnamespace",
        names("c.conrelid", "c.conkey"),
        names("c.confrelid", "c.confkey"),
    );
    let action = |row: &Value, name: &str| match text(row, name).as_str() {
        "a" => "NO ACTION",
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        unknown => panic!("{unknown}: {row}"),
    };
    for row in objects(database, &constraints).await {
        let table = schema.get_mut(&text(&row, "table")).unwrap();
        let columns = texts(&row, "columns");
        match text(&row, "kind").as_str() {
            "p" => table.primary_key = columns,
            "u" => drop(table.rules.insert(unique(&columns))),
            "f" => {
                let (to_table, to) = (text(&row, "to_table"), texts(&row, "to"));
                let (on_delete, on_update) = (action(&row, "on_delete"), action(&row, "on_update"));
                table.rules.insert(foreign_key(&columns, &to_table, &to, on_delete, on_update));
            }
            unknown => panic!("constraint {unknown}: teach this test to compare it: {row}"),
        }
    }
    let indexes = format!(
        "SELECT json_build_object('table', r.relname, 'columns', {}, 'unique', i.indisunique)::text \
         FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid \
         WHERE r.relnamespace = 'public'::regnamespace \
         AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))",
        names("i.indrelid", "i.indkey"),
    );
    for row in objects(database, &indexes).await {
        let rule = index(&texts(&row, "columns"), row["unique"] == true);
        schema.get_mut(&text(&row, "table")).unwrap().rules.insert(rule);
    }
    schema
}

async fn describe_sqlite(database: &TestDatabase) -> Schema {
    let mut schema = Schema::new();
    let tables = "SELECT json_object('table', name) AS value FROM sqlite_master \
                  WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    for row in objects(database, tables).await {
        let name = text(&row, "table");
        let table = describe_sqlite_table(database, &name).await;
        schema.insert(name, table);
    }
    schema
}

async fn describe_sqlite_table(database: &TestDatabase, name: &str) -> Table {
    let mut table = Table::default();
    let columns = format!(
        "SELECT json_object('name', name, 'type', type, 'required', \"notnull\", 'key', pk) AS value \
         FROM pragma_table_info('{name}') ORDER BY cid"
    );
    let mut key = BTreeMap::new();
    for row in objects(database, &columns).await {
        let column = text(&row, "name");
        let class = match text(&row, "type").as_str() {
            // SQLite has no type for instants: they are numbers whose names say it.
            "BIGINT" if column.ends_with("_at") => "Timestamptz",
            "BIGINT" | "INTEGER" => "BigInt",
            "TEXT" => "Text",
            "BOOLEAN" => "Bool",
            "BLOB" => "Binary",
            // In Diesel's own table.
            "VARCHAR(50)" | "TIMESTAMP" => "other",
            unknown => panic!("{unknown} has no counterpart: {row}"),
        };
        if row["key"] != 0 {
            key.insert(row["key"].as_i64(), column.clone());
        }
        table.columns.push(Column { name: column, class, nullable: row["required"] == 0 });
    }
    table.primary_key = key.into_values().collect();

    let foreign_keys = format!(
        "SELECT json_object('columns', json_group_array(\"from\"), 'to_table', \"table\", \
         'to', json_group_array(\"to\"), 'on_delete', on_delete, 'on_update', on_update) AS value \
         FROM (SELECT * FROM pragma_foreign_key_list('{name}') ORDER BY id, seq) GROUP BY id"
    );
    for row in objects(database, &foreign_keys).await {
        let (columns, to) = (texts(&row, "columns"), texts(&row, "to"));
        let (on_delete, on_update) = (text(&row, "on_delete"), text(&row, "on_update"));
        table.rules.insert(foreign_key(&columns, &text(&row, "to_table"), &to, &on_delete, &on_update));
    }

    let indexes = format!(
        "SELECT json_object('origin', l.origin, 'unique', l.\"unique\", 'columns', \
         (SELECT json_group_array(name) FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno))) AS value \
         FROM pragma_index_list('{name}') l"
    );
    for row in objects(database, &indexes).await {
        let columns = texts(&row, "columns");
        match text(&row, "origin").as_str() {
            "pk" => {}
            "u" => drop(table.rules.insert(unique(&columns))),
            _ => drop(table.rules.insert(index(&columns, row["unique"] == 1))),
        }
    }
    table
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
    let class = match inner.unwrap_or(declared) {
        "BigInt" => "BigInt",
        "Text" => "Text",
        "Bool" => "Bool",
        "Binary" => "Binary",
        "Timestamptz" => "Timestamptz",
        unknown => panic!("{unknown}: {line}"),
    };
    Column { name: name.to_owned(), class, nullable: inner.is_some() }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn query_builder_source() -> String {
    std::fs::read_to_string(root().join("src/db/schema.rs")).unwrap()
}

async fn migrated(backend: Backend) -> TestDatabase {
    let database = TestDatabase::empty(backend).await;
    let url: DatabaseUrl = database.url.parse().unwrap();
    migrations::run(&url).await.unwrap();
    database
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn both_databases_and_the_query_builder_have_the_same_schema() {
    let postgres = describe(&migrated(Backend::Postgres).await).await;
    let sqlite = describe(&migrated(Backend::Sqlite).await).await;
    assert_eq!(differences(&postgres, &sqlite), [""; 0], "left: PostgreSQL, right: SQLite");
    let query_builder = parse(&query_builder_source());
    assert_eq!(
        differences_in_columns(&postgres, &query_builder),
        [""; 0],
        "left: databases, right: schema.rs"
    );

    // Two empty descriptions would be the same, too.
    let users = &postgres["users"];
    assert_eq!(postgres.keys().collect::<Vec<_>>(), ["audit_events", "sessions", "users"]);
    assert_eq!((users.columns.len(), users.primary_key.as_slice()), (9, ["id".to_owned()].as_slice()));
    assert!(users.rules.contains("unique constraint [\"email\"]"), "{users:?}");
    let cascade = "foreign key [\"user_id\"] to users [\"id\"] on delete CASCADE on update NO ACTION";
    assert!(postgres["sessions"].rules.contains(cascade), "{:?}", postgres["sessions"]);
    assert!(postgres["sessions"].rules.contains("index [\"user_id\"]"), "{:?}", postgres["sessions"]);
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
        ("DROP INDEX sessions_user_id_idx", "only left: sessions: index"),
        ("CREATE UNIQUE INDEX ON users (full_name)", "only right: users: unique index [\"full_name\"]"),
        ("DROP TABLE audit_events", "only left: table audit_events"),
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
        ("ALTER TABLE users ADD COLUMN nick TEXT", "only right: users: column 9 is nick, Text, null"),
        (REMADE, "only left: sessions: column 0 is id, Binary, not null"),
        (REMADE, "only right: sessions: foreign key [\"user_id\"] to users [\"id\"] on delete NO ACTION"),
        (
            "ALTER TABLE users RENAME COLUMN updated_at TO updated",
            "only right: users: column 8 is updated, BigInt",
        ),
        ("DROP INDEX sessions_user_id_idx", "only left: sessions: index"),
        ("CREATE UNIQUE INDEX extra ON users (full_name)", "only right: users: unique index [\"full_name\"]"),
        (
            "DROP TABLE users; CREATE TABLE users (id INTEGER)",
            "only left: users: unique constraint [\"email\"]",
        ),
        ("DROP TABLE audit_events", "only left: table audit_events"),
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

/// The files of this name of every migration, oldest first.
fn migration_files(backend: Backend, name: &str) -> Vec<String> {
    let folder = match backend {
        Backend::Postgres => "migrations/postgres",
        Backend::Sqlite => "migrations/sqlite",
    };
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path.join(name)).unwrap()).collect()
}

/// Runs files of several statements.
async fn run_files(database: &TestDatabase, files: &[String]) {
    match database.backend {
        Backend::Postgres => {
            let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            for file in files {
                client.batch_execute(file).await.unwrap_or_else(|error| panic!("{error:?}: {file}"));
            }
            drop(client);
            connection.await.unwrap().unwrap();
        }
        Backend::Sqlite => {
            let path = database.url.strip_prefix("sqlite://").unwrap();
            let mut connection = SqliteConnection::establish(path).unwrap();
            // As the service does: a table that others refer to is not dropped silently.
            connection.batch_execute("PRAGMA foreign_keys = ON").unwrap();
            for file in files {
                connection.batch_execute(file).unwrap_or_else(|error| panic!("{error}: {file}"));
            }
        }
    }
}

/// Everything that is defined: tables, indexes, sequences, views, triggers, types, functions.
async fn everything(database: &TestDatabase) -> Vec<Option<String>> {
    let query = match database.backend {
        Backend::Postgres => {
            "SELECT relkind::text || ' ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace \
             UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
             ORDER BY 1"
        }
        Backend::Sqlite => {
            "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') AS value FROM sqlite_master \
             WHERE name NOT LIKE 'sqlite_sequence' ORDER BY 1"
        }
    };
    database.rows(query).await
}

async fn down_undoes_up(backend: Backend) {
    let up = migration_files(backend, "up.sql");
    let mut down = migration_files(backend, "down.sql");
    down.reverse();
    let database = TestDatabase::empty(backend).await;
    run_files(&database, &up).await;
    let first = everything(&database).await;
    assert!(first.len() >= 3, "{first:?}");
    run_files(&database, &down).await;
    assert_eq!(everything(&database).await, []);
    run_files(&database, &up).await;
    assert_eq!(everything(&database).await, first);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn each_migration_can_be_undone_and_done_again_on_postgresql() {
    down_undoes_up(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_migration_can_be_undone_and_done_again_on_sqlite() {
    down_undoes_up(Backend::Sqlite).await;
}
