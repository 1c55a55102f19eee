//! `groundwork dev seed`.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::{Running, SECRET_KEY, run, text, tokens};
use crate::support::{Backend, TestDatabase};

/// The password that the command printed, and all that it printed.
#[track_caller]
fn seed(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> (String, String) {
    let output = run(folder, environment, &[&["dev", "seed"], arguments].concat());
    let said = text(&output.stdout).to_owned();
    assert!(output.status.success(), "{output:?}");
    let password = said.lines().find_map(|line| line.strip_prefix("their password: "));
    (password.unwrap().to_owned(), said)
}

async fn seeds_and_resets(folder: &Path, environment: &[(&str, &str)]) {
    let (first, said) = seed(folder, environment, &[]);
    assert!(said.contains("root@example.com") && !said.contains("deleted"), "{said}");

    let again = run(folder, environment, &["dev", "seed"]);
    assert!(!again.status.success() && text(&again.stderr).contains("--reset"), "{again:?}");

    let (second, said) = seed(folder, environment, &["--reset"]);
    assert!(said.starts_with("deleted all rows of all tables in "), "{said}");
    assert_ne!(first, second);

    let service = Running::start(folder, environment);
    let old = json!({ "email": "root@example.com", "password": first });
    service.call("POST", "/api/v1/auth/login").json(old).send().await.expect(401);
    let (access, _) = tokens(&service, "root@example.com", &second).await;
    let list = async |query: &str| {
        let call = service.call("GET", &format!("/api/v1/users?limit=100{query}")).bearer(&access);
        call.send().await.expect(200).json()["items"].as_array().unwrap().len()
    };
    assert_eq!(list("").await, 51);
    assert_eq!(list("&is_superuser=true").await, 1);
    assert_eq!(list("&is_active=false").await, 5);
    tokens(&service, "user1@example.com", &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_seeded_once_and_again_after_a_reset_on_sqlite() {
    let folder = TempDir::new().unwrap();
    seeds_and_resets(folder.path(), &[]).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_seeded_once_and_again_after_a_reset_on_postgresql() {
    let folder = TempDir::new().unwrap();
    let database = TestDatabase::empty(Backend::Postgres).await;
    let environment = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET_KEY", SECRET_KEY)];
    seeds_and_resets(folder.path(), &environment).await;
}

#[test]
fn a_database_that_is_not_for_development_is_neither_seeded_nor_reset() {
    for app_env in ["staging", "production"] {
        let folder = TempDir::new().unwrap();
        for arguments in [&["dev", "seed"][..], &["dev", "seed", "--reset"]] {
            let output = run(folder.path(), &[("APP_ENV", app_env)], arguments);
            assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
            assert!(text(&output.stderr).contains(&format!("APP_ENV is {app_env}")), "{output:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
    }
}
