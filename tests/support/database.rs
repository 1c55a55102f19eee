//! A database for one test, made from a migrated template and dropped at the end.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{NoTls, SimpleQueryMessage};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub struct TestDatabase {
    pub backend: Backend,
    pub url: String,
    /// Where SQLite's file is; removed with the test.
    _folder: Option<TempDir>,
    /// PostgreSQL's database; dropped with the test.
    name: Option<String>,
}

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The PostgreSQL server for tests. A test that needs it is ignored by `cargo test` and included by
/// `./scripts/test`; without the server it fails.
pub fn postgres_server() -> String {
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL must name a PostgreSQL for tests; ./scripts/test starts one")
}

fn url_of(name: &str) -> String {
    let server = postgres_server();
    let (base, _) = server.rsplit_once('/').expect("TEST_POSTGRES_URL names a database");
    format!("{base}/{name}")
}

impl TestDatabase {
    /// A migrated database of its own.
    pub async fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let database = Self::empty(backend).await;
                migrations::run(&database.url.parse().unwrap()).await.unwrap();
                database
            }
            Backend::Postgres => {
                let template = TEMPLATE.get_or_init(make_template).await;
                Self::create_postgres(&format!("TEMPLATE {template}")).await
            }
        }
    }

    /// A database without any table.
    pub async fn empty(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Self { backend, url, _folder: Some(folder), name: None }
            }
            Backend::Postgres => Self::create_postgres("TEMPLATE template0").await,
        }
    }

    /// A database that the test neither creates nor drops.
    pub fn at(backend: Backend, url: &str) -> Self {
        Self { backend, url: url.to_owned(), _folder: None, name: None }
    }

    async fn create_postgres(template: &str) -> Self {
        let name = fresh_name();
        admin(&format!("CREATE DATABASE {name} {template}")).await;
        Self { backend: Backend::Postgres, url: url_of(&name), _folder: None, name: Some(name) }
    }

    /// The names of the tables that the migrations made. The list of applied migrations is
    /// Diesel's.
    pub async fn tables(&self) -> Vec<String> {
        let statement = match self.backend {
            Backend::Postgres => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            }
            Backend::Sqlite => {
                "SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
        };
        let tables = self.rows(statement).await.into_iter().flatten();
        tables.filter(|table| table != "__diesel_schema_migrations").collect()
    }

    /// The first column of the first row, as text; statements that give no row give `None`.
    pub async fn sql(&self, statement: &str) -> Option<String> {
        self.rows(statement).await.into_iter().next().flatten()
    }

    /// The first column of every row, as text. For SQLite it must be named `value` and be text.
    pub async fn rows(&self, statement: &str) -> Vec<Option<String>> {
        match self.backend {
            Backend::Postgres => {
                let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                let messages = client.simple_query(statement).await.expect(statement);
                drop(client);
                connection.await.unwrap().unwrap();
                let value = |message| match message {
                    SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
                    _ => None,
                };
                messages.into_iter().filter_map(value).collect()
            }
            Backend::Sqlite => {
                #[derive(QueryableByName)]
                struct Row {
                    #[diesel(sql_type = Nullable<Text>)]
                    value: Option<String>,
                }
                let path = self.url.strip_prefix("sqlite://").unwrap();
                let mut connection = SqliteConnection::establish(path).unwrap();
                diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
                let query = diesel::sql_query(statement.to_owned());
                if statement.trim_start().to_uppercase().starts_with("SELECT") {
                    query
                        .load::<Row>(&mut connection)
                        .expect(statement)
                        .into_iter()
                        .map(|row| row.value)
                        .collect()
                } else {
                    query.execute(&mut connection).expect(statement);
                    Vec::new()
                }
            }
        }
    }
}

/// Drops the database once its connections are gone. A thread of its own, because a runtime may be
/// ending.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(admin(&format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        drop(dropped.join());
    }
}

fn fresh_name() -> String {
    format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn make_template() -> String {
    let name = format!("template_{}", fresh_name());
    admin(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let url: DatabaseUrl = url_of(&name).parse().unwrap();
    migrations::run(&url).await.unwrap();
    name
}

async fn admin(statement: &str) {
    let (client, connection) =
        tokio_postgres::connect(&postgres_server(), NoTls).await.expect("PostgreSQL for tests");
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.expect(statement);
    drop(client);
    connection.await.unwrap().unwrap();
}
