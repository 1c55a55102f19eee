//! What operations cost in round trips to PostgreSQL, once their statements are prepared.

use serde_json::json;

use crate::api::operations::session_of;
use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Proxy, Service, redis};

// What each operation costs, the check of the token included. These may only fall: a rise is a
// slower service.

/// One query finds session and user.
const ME: u64 = 1;
/// The guard, and the page.
const PAGE: u64 = 2;
/// One conditional UPDATE.
const REFRESH: u64 = 1;
/// The user inserted, together with BEGIN; the job that sends a mail; the event and COMMIT. The
/// INSERT finds out whether there is a webhook.
const REGISTER: u64 = 1 + 1 + 1;
/// The user; then the password confirmed, together with BEGIN, the session inserted, the event and
/// COMMIT.
const LOGIN: u64 = 1 + 1 + 1 + 1;
/// The guard; then one UPDATE, together with BEGIN, the event and COMMIT.
const LOGOUT: u64 = 1 + 1 + 1;
/// The guard; then one UPDATE, together with BEGIN, the event and COMMIT.
const CHANGE: u64 = 1 + 1 + 1;

/// The guard; then the caller's rights, together with BEGIN, the user inserted, the event and
/// COMMIT.
const CREATE: u64 = 1 + 1 + 1 + 1;
/// What an idempotency key adds: a look for its answer; then its lock, another look, and the answer
/// stored.
const IDEMPOTENCY: u64 = 1 + 1 + 1 + 1;
/// The guard; then both users, together with BEGIN, the caller's session, the user changed, the
/// event and COMMIT.
const UPDATE: u64 = 1 + 1 + 1 + 1 + 1;
/// The guard; then both users, together with BEGIN, the caller's session, the user deleted, the
/// event and COMMIT.
const DELETE: u64 = 1 + 1 + 1 + 1 + 1;
/// The guard; then the session's owner; then both rights of the caller and the lock, together with
/// BEGIN, the UPDATE, the event and COMMIT.
const REVOKE: u64 = 1 + 1 + 1 + 1 + 1;

/// One connection, so that a statement that was prepared once is prepared, and no jobs beside the
/// requests.
const ONE_CONNECTION: [(&str, &str); 3] =
    [("DB_POOL_SIZE", "1"), ("DB_MAX_OVERFLOW", "0"), ("JOB_WORKERS", "0")];

/// What `times` calls cost together, after two that prepare the statements.
async fn cost(service: &Service, proxy: &Proxy, times: usize, mut call: impl AsyncFnMut()) -> u64 {
    // No request waits until a statement is closed, but the one connection keeps its messages in
    // order: once the answer to a later query is there, everything before it was counted.
    let counter = service.user().await;
    let count_all = async || {
        drop(service.me(&counter.access).await.expect(200));
        proxy.round_trips()
    };
    call().await;
    call().await;
    // The first may have to prepare its query.
    count_all().await;
    let before = count_all().await;
    for _ in 0..times {
        call().await;
    }
    count_all().await - before - ME
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn an_authenticated_get_costs_one_round_trip() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let user = service.user().await;
    let cost = cost(&service, &proxy, 10, async || drop(service.me(&user.access).await.expect(200))).await;
    assert_eq!(cost, 10 * ME);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_costs_one_round_trip_and_a_malformed_one_none() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let (root, other) = (service.superuser().await, service.user().await);
    let (_, key) = service.api_key(&root, &["users:read", "users:write"]).await;
    let me = async || drop(service.me(&key).await.expect(200));
    assert_eq!(cost(&service, &proxy, 10, me).await, 10 * ME);
    let malformed = format!("{}!", &key[..key.len() - 1]);
    let refused = async || drop(service.me(&malformed).await.expect_error(401, "invalid_token"));
    assert_eq!(cost(&service, &proxy, 10, refused).await, 0);

    let change = async || {
        let body = json!({"full_name": "Ada"});
        drop(service.call("PATCH", "/api/v1/users/me").bearer(&key).json(body).send().await.expect(200));
    };
    assert_eq!(cost(&service, &proxy, 10, change).await, 10 * CHANGE);
    let (path, mut names) = (format!("/api/v1/users/{}", other.id), 0);
    let update = async || {
        names += 1;
        let body = json!({"full_name": format!("Name {names}")});
        drop(service.call("PATCH", &path).bearer(&key).json(body).send().await.expect(200));
    };
    assert_eq!(cost(&service, &proxy, 5, update).await, 5 * UPDATE);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_authentication_and_one_query() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let admin = service.superuser().await;
    let page = async || {
        drop(service.call("GET", "/api/v1/users?limit=10").bearer(&admin.access).send().await.expect(200));
    };
    assert_eq!(cost(&service, &proxy, 10, page).await, 10 * PAGE);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_costs_one_statement() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let mut newest = service.user().await.refresh;
    let refresh = async || {
        let pair = service.refresh(&newest).await.expect(200).json();
        pair["refresh_token"].as_str().unwrap().clone_into(&mut newest);
    };
    assert_eq!(cost(&service, &proxy, 10, refresh).await, 10 * REFRESH);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_current_user_costs_authentication_and_one_statement() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let user = service.user().await;
    let mut names = 0;
    let change = async || {
        names += 1;
        let body = json!({"full_name": format!("Name {names}")});
        drop(service.by(&user, "PATCH", "/api/v1/users/me").json(body).send().await.expect(200));
    };
    assert_eq!(cost(&service, &proxy, 10, change).await, 10 * CHANGE);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_audit_events_are_listed_with_one_query_and_a_session_is_revoked_with_two_and_its_event()
{
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let root = service.superuser().await;
    for list in ["/api/v1/auth/sessions", "/api/v1/audit-events"] {
        let page = async || drop(service.by(&root, "GET", list).send().await.expect(200));
        assert_eq!(cost(&service, &proxy, 5, page).await, 5 * PAGE, "{list}");
    }
    let mut sessions = Vec::new();
    for _ in 0..7 {
        sessions.push(session_of(&service.log_in_again(&root.email, root.id).await));
    }
    let revoke = async || {
        let path = format!("/api/v1/auth/sessions/{}", sessions.pop().unwrap());
        drop(service.by(&root, "DELETE", &path).send().await.expect(204));
    };
    assert_eq!(cost(&service, &proxy, 5, revoke).await, 5 * REVOKE);
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn registration_login_and_logout_cost_no_more_round_trips_than_before() {
    // So that workers are woken through Redis, after the response.
    let (redis, prefix) = (redis::server(), redis::fresh_prefix());
    let redis = [("REDIS_URL", redis.as_str()), ("REDIS_KEY_PREFIX", prefix.as_str())];
    let (service, proxy) = Service::start_behind_proxy(&[&ONE_CONNECTION[..], &redis].concat()).await;
    let register = async || drop(service.register(&fresh_email(), PASSWORD).await.expect(201));
    assert_eq!(cost(&service, &proxy, 5, register).await, 5 * REGISTER);

    let user = service.user().await;
    let login = async || drop(service.login(&user.email, PASSWORD).await.expect(200));
    assert_eq!(cost(&service, &proxy, 5, login).await, 5 * LOGIN);

    let mut sessions = Vec::new();
    for _ in 0..7 {
        sessions.push(service.log_in_again(&user.email, user.id).await.access);
    }
    let logout = async || {
        let access = sessions.pop().unwrap();
        drop(service.call("POST", "/api/v1/auth/logout").bearer(&access).send().await.expect(204));
    };
    assert_eq!(cost(&service, &proxy, 5, logout).await, 5 * LOGOUT);
}

/// The check of the caller's rights in each transaction costs none: what it reads was read and
/// locked before as well.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn checking_rights_in_the_transaction_adds_no_round_trip_to_a_superusers_change() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let root = service.superuser().await;
    let mut made = Vec::new();
    let create = async || {
        let body = json!({"email": fresh_email(), "password": PASSWORD});
        let user = service.by(&root, "POST", "/api/v1/users").json(body).send().await.expect(201).json();
        made.push(format!("/api/v1/users/{}", user["id"]));
    };
    assert_eq!(cost(&service, &proxy, 5, create).await, 5 * CREATE);

    let mut keys = 0;
    let create_once = async || {
        keys += 1;
        let body = json!({"email": fresh_email(), "password": PASSWORD});
        let create = service.by(&root, "POST", "/api/v1/users").header("idempotency-key", &keys.to_string());
        drop(create.json(body).send().await.expect(201));
    };
    assert_eq!(cost(&service, &proxy, 5, create_once).await, 5 * (CREATE + IDEMPOTENCY));

    let mut names = 0;
    let update = async || {
        names += 1;
        let body = json!({"full_name": format!("Name {names}")});
        drop(service.by(&root, "PATCH", &made[0]).json(body).send().await.expect(200));
    };
    assert_eq!(cost(&service, &proxy, 5, update).await, 5 * UPDATE);

    let delete = async || {
        drop(service.by(&root, "DELETE", &made.pop().unwrap()).send().await.expect(204));
    };
    assert_eq!(cost(&service, &proxy, 5, delete).await, 5 * DELETE);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_refused_before_the_database_costs_no_round_trip() {
    let (service, proxy) = Service::start_behind_proxy(&ONE_CONNECTION).await;
    let refused = async || {
        service.me("no.token.atall").await.expect_error(401, "invalid_token");
        service.refresh("no.token.atall").await.expect_error(401, "invalid_token");
        let body = json!({"email": "no address", "password": PASSWORD});
        drop(service.call("POST", "/api/v1/auth/register").json(body).send().await.expect(422));
        drop(service.call("GET", "/health/live").send().await);
    };
    assert_eq!(cost(&service, &proxy, 5, refused).await, 0);
}
