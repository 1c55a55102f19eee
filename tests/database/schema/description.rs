//! Reads the schema of a database from its own catalogue.

use std::collections::BTreeMap;

use serde_json::Value;

use super::checks::checks;
use super::{Column, Schema, Table, class};
use crate::support::{Backend, TestDatabase};

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

impl Table {
    /// Adds a column; `declared` chooses its type's place in a line of `COLUMN_TYPES`.
    fn add(&mut self, name: &str, declared: &str, nullable: bool, place: fn((&str, &str, &str)) -> String) {
        let (bare, digits) = match declared.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((bare, digits)) => (bare, Some(digits)),
            None => (declared, None),
        };
        self.rules.extend(digits.map(|digits| format!("{name} has ({digits}) digits")));
        let class = class(name, |types| place(types) == bare);
        self.columns.push(Column { name: name.to_owned(), class, nullable });
    }
}

/// The tables that are ours: the list of applied migrations is Diesel's.
pub async fn describe(database: &TestDatabase) -> Schema {
    let schema = match database.backend {
        Backend::Postgres => describe_postgres(database).await,
        Backend::Sqlite => describe_sqlite(database).await,
    };
    assert!(!schema.is_empty(), "the migrations have run");
    schema
}

async fn describe_postgres(database: &TestDatabase) -> Schema {
    let mut schema = Schema::new();
    let tables = "SELECT json_build_object('table', table_name)::text FROM information_schema.tables \
                  WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'";
    for row in objects(database, tables).await {
        schema.insert(text(&row, "table"), Table::default());
    }
    let columns = "SELECT json_build_object('table', r.relname, 'name', a.attname, \
                   'type', format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull)::text \
                   FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid \
                   WHERE r.relnamespace = 'public'::regnamespace AND r.relkind = 'r' AND a.attnum > 0 \
                   AND NOT a.attisdropped AND r.relname <> '__diesel_schema_migrations' ORDER BY r.relname, a.attnum";
    for row in objects(database, columns).await {
        let table = schema.get_mut(&text(&row, "table")).unwrap();
        let nullable = row["nullable"] == true;
        table.add(&text(&row, "name"), &text(&row, "type"), nullable, |(_, postgres, _)| postgres.to_owned());
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
         'to', {}, 'on_delete', c.confdeltype, 'on_update', c.confupdtype, \
         'definition', pg_get_constraintdef(c.oid))::text \
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
        let Some(table) = schema.get_mut(&text(&row, "table")) else { continue };
        let columns = texts(&row, "columns");
        match text(&row, "kind").as_str() {
            "p" => table.primary_key = columns,
            "u" => drop(table.rules.insert(unique(&columns))),
            "f" => {
                let (to_table, to) = (text(&row, "to_table"), texts(&row, "to"));
                let (on_delete, on_update) = (action(&row, "on_delete"), action(&row, "on_update"));
                table.rules.insert(foreign_key(&columns, &to_table, &to, on_delete, on_update));
            }
            "c" => drop(table.rules.insert(text(&row, "definition"))),
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
                  WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '__diesel_schema_migrations'";
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
        if row["key"] != 0 {
            key.insert(row["key"].as_i64(), column.clone());
        }
        table.add(&column, &text(&row, "type"), row["required"] == 0, |(_, _, sqlite)| sqlite.to_owned());
    }
    table.primary_key = key.into_values().collect();

    let source = format!(
        "SELECT json_object('sql', sql) AS value FROM sqlite_master WHERE type = 'table' AND name = '{name}'"
    );
    for row in objects(database, &source).await {
        table.rules.extend(checks(&text(&row, "sql")));
    }

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
