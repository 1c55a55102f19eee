//! `/auth/sessions`: what users and superusers see of sessions, and how they end them.

use std::time::Duration;

use serde_json::{Value, json};

use super::operations::session_of;
use super::tokens::bearer;
use crate::support::client::{Answer, PASSWORD, TestUser};
use crate::support::{Backend, Call, Service};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";
const DAY: Duration = Duration::from_hours(24);
/// Lets a test say where a login comes from.
const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

async fn list(service: &Service, caller: &TestUser, query: &str) -> Answer {
    service.by(caller, "GET", &format!("/api/v1/auth/sessions?{query}")).send().await
}

async fn items(service: &Service, caller: &TestUser, query: &str) -> Vec<Value> {
    list(service, caller, query).await.expect(200).json()["items"].as_array().unwrap().clone()
}

async fn ids(service: &Service, caller: &TestUser, query: &str) -> Vec<String> {
    let items = items(service, caller, query).await;
    items.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

async fn revoke(service: &Service, caller: &TestUser, id: &str) -> Answer {
    service.by(caller, "DELETE", &format!("/api/v1/auth/sessions/{id}")).send().await
}

/// A login of this user by this client.
async fn log_in_from(service: &Service, user: &TestUser, ip: &str, user_agent: &str) -> TestUser {
    let call =
        service.call("POST", "/api/v1/auth/login").json(json!({"email": user.email, "password": PASSWORD}));
    let call = call.header("x-forwarded-for", ip).header("user-agent", user_agent);
    let tokens = call.send().await.expect(200).json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    TestUser { access: text("access_token"), refresh: text("refresh_token"), ..user.clone() }
}

async fn refreshed(service: &Service, session: &TestUser) -> (TestUser, Value) {
    let tokens = service.refresh(&session.refresh).await.expect(200).json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let session =
        TestUser { access: text("access_token"), refresh: text("refresh_token"), ..session.clone() };
    (session, tokens)
}

on_both! {
    async fn a_user_sees_its_own_live_sessions_page_by_page_and_the_newest_first(service: Service) {
        let (user, _other) = (service.user().await, service.user().await);
        let mut made = vec![session_of(&user)];
        for _ in 0..4 {
            service.clock.advance(Duration::from_secs(1));
            made.insert(0, session_of(&service.log_in_again(&user.email, user.id).await));
        }
        assert_eq!(ids(&service, &user, "").await, made);
        for limit in [1, 2, 4, 5, 6] {
            let mut found = Vec::new();
            let mut page = list(&service, &user, &format!("limit={limit}")).await.expect(200).json();
            loop {
                found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
                let Some(next) = page["next_page"].as_str() else { break };
                page = list(&service, &user, &format!("limit={limit}&page_token={next}")).await.expect(200).json();
            }
            assert_eq!(found, made, "{limit}");
        }
        let current: Vec<_> = items(&service, &user, "").await.iter().map(|item| item["is_current"] == true).collect();
        assert_eq!(current, [false, false, false, false, true]);
    }

    async fn a_session_shows_the_client_that_last_refreshed_it(service: Service) {
        let user = service.user().await;
        let login = items(&service, &user, "").await.remove(0);
        assert_eq!((&login["ip"], &login["user_agent"], &login["device"]), (&json!("127.0.0.1"), &Value::Null, &Value::Null));
        assert_eq!(login["created_at"], login["last_used_at"]);
        service.clock.advance(Duration::from_mins(1));
        let refresh = service.call("POST", "/api/v1/auth/refresh").json(json!({"refresh_token": user.refresh}));
        refresh.header("user-agent", FIREFOX).send().await.expect(200);
        let now = items(&service, &user, "").await.remove(0);
        assert_eq!((&now["id"], &now["created_at"]), (&login["id"], &login["created_at"]));
        assert_eq!((&now["user_agent"], &now["device"]), (&json!(FIREFOX), &json!("Firefox on Linux")));
        assert!(now["last_used_at"].as_str() > login["last_used_at"].as_str(), "{now}");
        assert!(now["expires_at"].as_str() > login["expires_at"].as_str(), "{now}");
    }

    async fn a_revoked_session_is_over_at_once_and_no_longer_shown(service: Service) {
        let user = service.user().await;
        let phone = service.log_in_again(&user.email, user.id).await;
        let other = service.another_instance().await;
        revoke(&service, &user, &session_of(&phone)).await.expect(204);
        service.me(&phone.access).await.expect_error(401, "invalid_token");
        bearer(&other.url, &phone.access).send().await.expect_error(401, "invalid_token");
        service.refresh(&phone.refresh).await.expect_error(401, "invalid_token");
        assert_eq!(ids(&service, &user, "").await, [session_of(&user)]);
        revoke(&service, &user, &session_of(&phone)).await.expect_error(404, "not_found");
        // The current one may be revoked as well.
        revoke(&service, &user, &session_of(&user)).await.expect(204);
        service.me(&user.access).await.expect_error(401, "invalid_token");
    }

    async fn the_sessions_of_others_do_not_exist_for_a_user(service: Service) {
        let (user, other) = (service.user().await, service.user().await);
        let before = service.stored().await;
        for id in [session_of(&other), "A".repeat(22), "1".to_owned(), "%20".to_owned(), "x".repeat(64)] {
            revoke(&service, &user, &id).await.expect_error(404, "not_found");
        }
        revoke(&service, &user, &"x".repeat(65)).await.expect_error(422, "validation_error");
        for id in [other.id, 999_999] {
            list(&service, &user, &format!("user_id={id}")).await.expect_error(404, "not_found");
        }
        assert_eq!(ids(&service, &user, &format!("user_id={}", user.id)).await, [session_of(&user)]);
        assert_eq!(service.stored().await, before);
        // A token is valid for its own list only.
        service.log_in_again(&user.email, user.id).await;
        service.log_in_again(&other.email, other.id).await;
        let page = list(&service, &user, "limit=1").await.expect(200).json();
        let query = format!("limit=1&page_token={}", page["next_page"].as_str().unwrap());
        assert_eq!(list(&service, &other, &query).await.invalid_fields(), ["page_token"]);
    }

    async fn a_superuser_sees_and_ends_the_sessions_of_any_user(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let phone = service.log_in_again(&user.email, user.id).await;
        let of_user = format!("user_id={}", user.id);
        let mut shown = ids(&service, &root, &of_user).await;
        shown.sort();
        let mut made = [session_of(&user), session_of(&phone)];
        made.sort();
        assert_eq!(shown, made);
        assert!(items(&service, &root, &of_user).await.iter().all(|session| session["is_current"] == false));
        revoke(&service, &root, &session_of(&phone)).await.expect(204);
        service.me(&phone.access).await.expect_error(401, "invalid_token");
        service.me(&user.access).await.expect(200);
        revoke(&service, &root, &session_of(&user)).await.expect(204);
        assert_eq!(ids(&service, &root, &of_user).await, [""; 0]);
        list(&service, &root, "user_id=999999").await.expect_error(404, "not_found");
        let by = format!("SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events WHERE kind = 'session_revoked' AND actor_id = {} AND user_id = {}", root.id, user.id);
        assert_eq!(service.database.sql(&by).await.as_deref(), Some("2"));
    }

    async fn logging_out_everywhere_else_keeps_the_current_session(service: Service) {
        let (user, other) = (service.user().await, service.user().await);
        let mut elsewhere = Vec::new();
        for _ in 0..3 {
            elsewhere.push(service.log_in_again(&user.email, user.id).await);
        }
        for _ in 0..2 {
            service.by(&user, "POST", "/api/v1/auth/logout-all").send().await.expect(204);
        }
        for session in &elsewhere {
            service.me(&session.access).await.expect_error(401, "invalid_token");
            service.refresh(&session.refresh).await.expect_error(401, "invalid_token");
        }
        service.me(&user.access).await.expect(200);
        service.me(&other.access).await.expect(200);
        service.refresh(&user.refresh).await.expect(200);
    }
}

/// Runs a test on both databases with these settings.
macro_rules! on_both_with {
    ($settings:expr, $name:ident) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                super::$name(Service::start_with(Backend::Sqlite, &$settings).await).await;
            }

            #[ignore = "needs PostgreSQL and Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgresql() {
                super::$name(Service::start_with(Backend::Postgres, &$settings).await).await;
            }
        }
    };
}

async fn no_refresh_lengthens_a_session_beyond_its_maximum(service: Service) {
    let user = service.user().await;
    let expires_at = async |session: &TestUser| items(&service, session, "").await[0]["expires_at"].clone();
    service.clock.advance(6 * DAY);
    let (session, _) = refreshed(&service, &user).await;
    let end = expires_at(&session).await;
    service.clock.advance(3 * DAY);
    let (session, _) = refreshed(&service, &session).await;
    assert_eq!(expires_at(&session).await, end, "the tenth day");
    // Ten minutes before the end, minus what the test has taken.
    service.clock.advance(Duration::from_mins(24 * 60 - 10));
    let (last, tokens) = refreshed(&service, &session).await;
    let expires_in = tokens["expires_in"].as_i64().unwrap();
    assert!((400..=600).contains(&expires_in), "{expires_in}");
    let claims = |token: &str| -> Value { jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims };
    assert_eq!(claims(&last.access)["exp"], claims(&last.refresh)["exp"]);
    // A repeat gets the same tokens.
    let (again, _) = refreshed(&service, &session).await;
    assert_eq!((&again.access, &again.refresh), (&last.access, &last.refresh));
    service.me(&last.access).await.expect(200);
    service.clock.advance(Duration::from_mins(11));
    service.me(&last.access).await.expect_error(401, "invalid_token");
    service.refresh(&last.refresh).await.expect_error(401, "invalid_token");
}

async fn a_shorter_maximum_ends_sessions_that_are_older(service: Service) {
    let user = service.user().await;
    service.clock.advance(6 * DAY);
    let (session, _) = refreshed(&service, &user).await;
    let shorter = service.instance_with(&[("SESSION_MAX_DAYS", "5")]).await;
    let refresh = Call::new(&shorter.url, "POST", "/api/v1/auth/refresh");
    let refresh = refresh.json(json!({"refresh_token": session.refresh}));
    refresh.send().await.expect_error(401, "invalid_token");
    shorter.stop().await;
}
on_both_with!([("SESSION_MAX_DAYS", "10")], a_shorter_maximum_ends_sessions_that_are_older);

on_both_with!([("SESSION_MAX_DAYS", "10")], no_refresh_lengthens_a_session_beyond_its_maximum);

async fn a_login_from_a_new_network_is_told_by_mail(service: Service) {
    const KIND: &str = "notify_new_login";
    let user = service.user().await;
    let count = async || {
        service.settle().await;
        service.mails(KIND, &user.email).len()
    };
    // The address may belong to somebody else.
    log_in_from(&service, &user, "192.0.2.1", FIREFOX).await;
    assert_eq!(count().await, 0);
    service.database.sql(&format!("UPDATE users SET is_verified = TRUE WHERE id = {}", user.id)).await;
    for known in ["192.0.2.1", "192.0.2.200", "127.0.0.9"] {
        log_in_from(&service, &user, known, FIREFOX).await;
        assert_eq!(count().await, 0, "{known}");
    }
    log_in_from(&service, &user, "198.51.100.7", FIREFOX).await;
    let mail = service.mail(KIND, &user.email, 1).await;
    assert!(mail.text.contains("198.51.100.7"), "{}", mail.text);
    log_in_from(&service, &user, "198.51.100.8", FIREFOX).await;
    log_in_from(&service, &user, "2001:db8:1:2::1", FIREFOX).await;
    service.mail(KIND, &user.email, 2).await;
    log_in_from(&service, &user, "2001:db8:1:3::1", FIREFOX).await;
    assert_eq!(count().await, 2);
    // A network is known as long as it is used.
    for _ in 0..3 {
        service.clock.advance(100 * DAY);
        log_in_from(&service, &user, "198.51.100.7", FIREFOX).await;
    }
    assert_eq!(count().await, 2);
    service.clock.advance(181 * DAY);
    let runs = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM user_networks";
    crate::support::postgres::eventually("all networks but the last are forgotten", async || {
        (service.database.sql(runs).await.as_deref() == Some("1")).then_some(())
    })
    .await;
    log_in_from(&service, &user, "203.0.113.5", FIREFOX).await;
    service.mail(KIND, &user.email, 3).await;
}
on_both_with!([BEHIND_A_PROXY], a_login_from_a_new_network_is_told_by_mail);
