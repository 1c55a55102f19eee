//! A role that may read and write rows and nothing else serves, as long as the schema is the
//! newest.

use groundwork::app::App;
use groundwork_clock::Clock;
use serde_json::json;

use crate::support::postgres::Server;
use crate::support::{Backend, Service, TestDatabase, settings};

const MANUAL: (&str, &str) = ("MIGRATE_ON_START", "false");

/// Why the service does not start.
async fn refusal(url: &str, extra: &[(&'static str, String)]) -> String {
    match App::new(&settings(url, extra), Clock::default()).await {
        Ok(_) => panic!("it starts"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {cause}")
        }
    }
}

fn expect_outdated(text: &str) {
    assert!(text.contains("not the newest") && text.contains("`groundwork migrate`"), "{text}");
}

/// A migrated server, and the address of a role without rights to change the schema.
async fn server() -> (Server, String) {
    let server = Server::start(&[]).await;
    let database = server.database();
    groundwork::db::migrations::run(&database.url.parse().unwrap()).await.unwrap();
    // As docs/guides/deploy.md has it.
    database
        .sql(
            "CREATE ROLE groundwork_app LOGIN;
             GRANT USAGE ON SCHEMA public TO groundwork_app;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO groundwork_app;
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO groundwork_app;",
        )
        .await;
    let url = server.url("127.0.0.1", "").replace("postgres@", "groundwork_app@");
    (server, url)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_role_without_ddl_rights_can_serve() {
    let (_server, url) = server().await;
    for migrates in ["false", "true"] {
        let extra = [("MIGRATE_ON_START", migrates.to_owned())];
        let service = Service::start_on(TestDatabase::at(Backend::Postgres, &url), &extra).await;
        service.user().await;
        let email = format!("{migrates}@example.com");
        let body = json!({"email": email, "password": "correct horse battery staple"});
        service.call("POST", "/api/v1/auth/register").json(body).send().await.expect(201);
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn on_an_older_schema_the_start_fails_and_names_the_command() {
    let (server, url) = server().await;
    let database = server.database();
    let newest = "(SELECT MAX(version) FROM __diesel_schema_migrations)";
    let version = database.sql(&format!("SELECT {newest}")).await.unwrap();
    database.sql(&format!("DELETE FROM __diesel_schema_migrations WHERE version = {newest}")).await;
    let manual = [(MANUAL.0, MANUAL.1.to_owned())];
    let text = refusal(&url, &manual).await;
    expect_outdated(&text);
    assert!(text.contains(&version), "{text}");
    // Told to migrate, it tries, and has no right to.
    let text = refusal(&url, &[]).await;
    assert!(text.contains("migrating the database failed") && text.contains("permission denied"), "{text}");
    // And with no table at all, not even the one in which migrations are noted.
    database.sql("DROP SCHEMA public CASCADE").await;
    database.sql("CREATE SCHEMA public").await;
    expect_outdated(&refusal(&server.url("127.0.0.1", ""), &manual).await);
    let tables = "SELECT COUNT(*)::text FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(database.sql(tables).await.as_deref(), Some("0"), "it has changed nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_not_migrated_if_migrations_at_start_are_off() {
    let database = TestDatabase::empty(Backend::Sqlite).await;
    let manual = [(MANUAL.0, MANUAL.1.to_owned())];
    expect_outdated(&refusal(&database.url, &manual).await);
    let path = database.url.strip_prefix("sqlite://").unwrap();
    assert!(!std::path::Path::new(path).exists(), "the refusal has made a file");
    groundwork::db::migrations::run(&database.url.parse().unwrap()).await.unwrap();
    database.sql("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT MAX(version) FROM __diesel_schema_migrations)").await;
    expect_outdated(&refusal(&database.url, &manual).await);
    let database = TestDatabase::create(Backend::Sqlite).await;
    let service = Service::start_on(database, &manual).await;
    service.user().await;
}
