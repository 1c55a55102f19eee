//! How PostgreSQL finds what it is asked for, when there is much of it: through an index, and in
//! order.

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use crate::api::operations::session_of;
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::{Backend, Proxy, Service};

/// Dates that all of them are between.
const FROM: &str = "&created_after=2020-01-01T00:00:00Z";
const TO: &str = "&created_before=2100-01-01T00:00:00Z";

/// Users and sessions. With fewer, reading all of them would be the best plan.
const ROWS: u32 = 100_000;

/// Of a hundred users one is closed, and another one a superuser's.
async fn crowded() -> (Service, Proxy, Client) {
    // The nightly job would add its statements, which `retention` examines.
    let (service, proxy) = Service::start_behind_proxy(&[("JOB_WORKERS", "0")]).await;
    let (client, connection) = tokio_postgres::connect(&service.database.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let fill = format!(
        "INSERT INTO users (email, password_hash, is_active, is_superuser, is_verified, created_at, updated_at)
            SELECT 'crowd' || n || '@example.com', 'x', n % 100 > 0, n % 100 = 1, true, now(), now() FROM generate_series(1, {ROWS}) n;
         INSERT INTO sessions (id, user_id, token_hash, generation, ip, created_at, last_used_at, expires_at)
            SELECT decode(md5(id::text), 'hex'), id, '\\x00', 0, '192.0.2.1', now(), now(), now() + interval '1 day' FROM users;
         INSERT INTO audit_events (occurred_at, kind, actor_id, user_id, ip, request_id)
            SELECT now() - n * interval '1 minute', 'kind_' || n % 20, id, CASE WHEN n % 3 > 0 THEN id END, '192.0.2.1', 'x'
            FROM users CROSS JOIN generate_series(1, 2) n;
         INSERT INTO user_networks (user_id, network, last_used_at)
            SELECT id, '192.0.2.0/24', now() FROM users;
         INSERT INTO webhooks (url, events, secret, is_active, created_at, updated_at)
            SELECT 'https://example.com/', '{{}}', 'x', false, now(), now() FROM generate_series(1, {ROWS}) n;
         ANALYZE"
    );
    client.batch_execute(&fill).await.unwrap();
    (service, proxy, client)
}

/// The plan for whatever values there are.
async fn plan(client: &Client, statement: &str) -> String {
    let values = (1..100).take_while(|number| statement.contains(&format!("${number}"))).count();
    let values = vec!["NULL"; values].join(", ");
    let execute = if values.is_empty() { "s".to_owned() } else { format!("s({values})") };
    client
        .batch_execute(&format!("SET plan_cache_mode = force_generic_plan; PREPARE s AS {statement}"))
        .await
        .unwrap();
    let rows = client.query(&format!("EXPLAIN EXECUTE {execute}"), &[]).await.unwrap();
    client.batch_execute("DEALLOCATE s").await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

/// What a plan may not have when tables are large.
fn objections(plan: &str) -> Vec<&str> {
    plan.lines().filter(|line| line.contains("Seq Scan") || is_sort_of_many(line)).collect()
}

/// Whether the line is a sort of more rows than a statement asks for by their keys: it grows with
/// the table.
fn is_sort_of_many(line: &str) -> bool {
    let rows = || line.split("rows=").nth(1)?.split(' ').next()?.parse::<u64>().ok();
    line.contains("Sort  (") && rows().is_none_or(|rows| rows > 2)
}

async fn walk_two_pages(service: &Service, caller: &TestUser, list: &str) {
    let first = service.by(caller, "GET", list).send().await.expect(200).json();
    if let Some(token) = first["next_page"].as_str() {
        drop(service.by(caller, "GET", &format!("{list}&page_token={token}")).send().await.expect(200));
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn every_statement_finds_its_rows_through_an_index() {
    let (service, proxy, client) = crowded().await;
    let admin = service.superuser().await;
    let user = service.user().await;
    for flags in ["", "&is_active=true", "&is_active=false", "&is_superuser=true", "&is_superuser=false"] {
        for dates in ["", FROM, TO, &format!("{FROM}{TO}")] {
            let list = format!("/api/v1/users?limit=20{flags}{dates}");
            walk_two_pages(&service, &admin, &list).await;
            for sort in ["created_at", "-created_at"] {
                walk_two_pages(&service, &admin, &format!("{list}&sort={sort}")).await;
            }
        }
    }
    for what in ["", "&user_id=7", "&actor_id=7", "&kind=kind_1", "&user_id=7&actor_id=7&kind=kind_1"] {
        for dates in ["", FROM, TO, &format!("{FROM}{TO}")] {
            let list = format!("/api/v1/audit-events?limit=1{what}{dates}");
            walk_two_pages(&service, &admin, &list).await;
            walk_two_pages(&service, &admin, &format!("{list}&sort=created_at")).await;
        }
    }
    let phone = service.log_in_again(&user.email, user.id).await;
    let list = format!("/api/v1/auth/sessions?limit=1&user_id={}", user.id);
    walk_two_pages(&service, &admin, &list).await;
    walk_two_pages(&service, &admin, &format!("{list}&sort=created_at")).await;
    let session = format!("/api/v1/auth/sessions/{}", session_of(&phone));
    drop(service.by(&admin, "DELETE", &session).send().await.expect(204));
    drop(service.by(&user, "POST", "/api/v1/auth/logout-all").send().await.expect(204));
    drop(service.by(&admin, "GET", &format!("/api/v1/users/{}", user.id)).send().await.expect(200));
    let name = json!({"full_name": "Ada"});
    drop(service.by(&user, "PATCH", "/api/v1/users/me").json(name).send().await.expect(200));
    let closed = json!({"is_active": false});
    let path = format!("/api/v1/users/{}", user.id);
    drop(service.by(&admin, "PATCH", &path).json(closed).send().await.expect(200));
    drop(service.by(&admin, "DELETE", &path).send().await.expect(204));
    drop(service.refresh(&admin.refresh).await.expect(200));
    let password = json!({"current_password": PASSWORD, "password": "another long passphrase"});
    let other = service.user().await;
    drop(service.by(&other, "PATCH", "/api/v1/users/me").json(password).send().await.expect(200));
    drop(service.call("POST", "/api/v1/auth/logout").bearer(&admin.access).send().await.expect(204));
    drop(service.register(&fresh_email(), PASSWORD).await.expect(201));

    let statements = proxy.statements();
    let asked = statements
        .iter()
        .filter(|text| ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb)));
    let tables = ["\"users\"", "\"sessions\"", "\"audit_events\"", "\"user_networks\""];
    let asked: Vec<_> = asked.filter(|text| tables.iter().any(|table| text.contains(table))).collect();
    assert!(asked.len() >= 75, "{asked:#?}");
    for statement in asked {
        let plan = plan(&client, statement).await;
        assert!(objections(&plan).is_empty(), "{statement}\n{plan}");
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn lists_by_date_and_of_rare_states_use_their_own_indexes() {
    let (service, proxy, client) = crowded().await;
    let admin = service.superuser().await;
    for (query, index) in [
        ("&is_superuser=true", "users_superusers_idx"),
        ("&is_active=false", "users_inactive_idx"),
        (FROM, "users_created_at_idx"),
        (TO, "users_created_at_idx"),
        (&format!("&is_superuser=true{FROM}"), "users_superusers_created_at_idx"),
        (&format!("&is_active=false{TO}"), "users_inactive_created_at_idx"),
        ("&sort=-created_at", "users_created_at_idx"),
        ("&sort=-created_at&is_superuser=true", "users_superusers_created_at_idx"),
        ("&sort=-created_at&is_active=false", "users_inactive_created_at_idx"),
    ] {
        let before = proxy.statements().len();
        drop(service.by(&admin, "GET", &format!("/api/v1/users?limit=20{query}")).send().await.expect(200));
        let statements = proxy.statements();
        let plan =
            plan(&client, statements[before..].iter().find(|text| text.contains("LIMIT")).unwrap()).await;
        assert!(plan.contains(index), "{plan}");
    }
}

/// The plan alone does not tell: of two conditions on one column, either may be where the index is
/// entered.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_middle_page_of_a_list_by_date_reads_as_many_rows_as_the_first() {
    let (service, proxy, client) = crowded().await;
    let admin = service.superuser().await;
    let list = format!("/api/v1/users?limit=20{FROM}{TO}");
    let first = service.by(&admin, "GET", &list).send().await.expect(200).json();
    let next = format!("{list}&page_token={}", first["next_page"].as_str().unwrap());
    drop(service.by(&admin, "GET", &next).send().await.expect(200));
    let statements = proxy.statements();
    let statement = statements.iter().rev().find(|text| text.contains("LIMIT")).unwrap();
    let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE s AS {statement}");
    client.batch_execute(&prepare).await.unwrap();
    // All of the crowd was made at one instant.
    let made =
        service.database.sql(&format!("SELECT created_at::text FROM users WHERE id = {}", ROWS / 2)).await;
    let values = format!("'{}', {}, '2100-01-01', 21", made.unwrap(), ROWS / 2);
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE s({values})");
    let rows = client.query(&explain, &[]).await.unwrap();
    let plan: String = rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
    let pages = plan.lines().find_map(|line| line.trim().strip_prefix("Buffers: shared "));
    let pages = pages
        .unwrap_or_else(|| panic!("{plan}"))
        .split(' ')
        .filter_map(|part| part.split('=').nth(1)?.parse::<u32>().ok());
    assert!(plan.contains("rows=21 ") && pages.sum::<u32>() < 30, "{statement}\n{plan}");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_scans_a_whole_table_is_found() {
    let (_service, _proxy, client) = crowded().await;
    for statement in
        ["SELECT id FROM users WHERE full_name = $1", "SELECT id FROM users ORDER BY updated_at LIMIT 1"]
    {
        assert!(!objections(&plan(&client, statement).await).is_empty(), "{statement}");
    }
}

/// SQLite's words for a plan are simple, and its statements are those of PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_lists_sessions_and_audit_events_in_the_order_of_an_index() {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let service = Service::start(Backend::Sqlite).await;
    let path = service.database.url.strip_prefix("sqlite://").unwrap();
    let mut connection = SqliteConnection::establish(path).unwrap();
    for (table, condition, order, index) in [
        ("sessions", "user_id = 1 AND revoked_at IS NULL", "created_at", "sessions_user_id_created_at_idx"),
        ("audit_events", "TRUE", "occurred_at", "audit_events_occurred_at_idx"),
        ("audit_events", "user_id = 1", "occurred_at", "audit_events_user_id_occurred_at_idx"),
        ("audit_events", "actor_id = 1", "occurred_at", "audit_events_actor_id_occurred_at_idx"),
        ("audit_events", "kind = 'x'", "occurred_at", "audit_events_kind_occurred_at_idx"),
    ] {
        for place in
            ["TRUE".to_owned(), format!("({order}, id) < (1, 1)"), format!("{order} >= 1 AND {order} < 2")]
        {
            let list = format!(
                "SELECT * FROM {table} WHERE {condition} AND {place} ORDER BY {order} DESC, id DESC LIMIT 21"
            );
            let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {list}"));
            let plan = explain.load::<Step>(&mut connection).unwrap();
            let plan: Vec<_> = plan.into_iter().map(|step| step.detail).collect();
            let uses = format!("USING INDEX {index}");
            assert!(plan.len() == 1 && plan[0].contains(&uses), "{list}\n{plan:?}");
        }
    }
}
