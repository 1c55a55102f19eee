//! Rate limits as clients see them.

use std::time::Duration;

use serde_json::json;

use crate::support::client::{Answer, PASSWORD, TestUser, fresh_email};
use crate::support::{Backend, Call, Service};

const FEW: [(&str, &str); 2] = [("RATE_LIMIT_PER_MINUTE", "3"), ("AUTH_RATE_LIMIT_PER_MINUTE", "2")];

async fn start(extra: &[(&'static str, &str)]) -> Service {
    Service::start_with(Backend::Sqlite, &[extra, &FEW].concat()).await
}

/// A request that costs nothing but its place in the window.
fn anonymous(service: &Service) -> Call {
    service.call("GET", "/api/v1/users/me")
}

fn numbers(answer: &Answer) -> [u32; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        .map(|name| answer.header(name).parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_its_limit_is_refused_with_retry_after() {
    let service = start(&[]).await;
    for remaining in [2, 1, 0] {
        let answer = anonymous(&service).send().await.expect(401);
        assert_eq!(numbers(&answer)[..2], [3, remaining]);
        service.clock.advance(Duration::from_secs(10));
    }
    let answer = anonymous(&service).send().await;
    let [limit, remaining, reset] = numbers(&answer);
    // 30, less what has passed meanwhile.
    assert!((limit, remaining) == (3, 0) && (25..=30).contains(&reset), "{reset}");
    assert_eq!(answer.header("retry-after"), reset.to_string());
    answer.expect_error(429, "rate_limited");
    service.clock.advance(Duration::from_secs(30));
    anonymous(&service).send().await.expect(401);
    anonymous(&service).send().await.expect_error(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_credentials_is_limited_more_tightly() {
    let service = start(&[]).await;
    let email = fresh_email();
    for _ in 0..2 {
        service.login(&email, PASSWORD).await.expect_error(401, "invalid_credentials");
    }
    service.login(&email, PASSWORD).await.expect_error(429, "rate_limited");
    // A refused guess never reaches the password: another client is not held up, and this one can
    // still register.
    service.register(&email, PASSWORD).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_of_the_current_password_are_limited_like_logins_and_do_not_lock_out_the_owner() {
    let settings = [("AUTH_RATE_LIMIT_PER_MINUTE", "2"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let service = Service::start_with(Backend::Sqlite, &settings).await;
    let owner = service.user().await;
    let stolen = service.log_in_again(&owner.email, owner.id).await;
    let change = async |by: &TestUser, current: &str, from: &str| {
        let body = json!({"password": "another horse, another battery", "current_password": current});
        let call = service.by(by, "PATCH", "/api/v1/users/me").header("x-forwarded-for", from);
        call.json(body).send().await
    };
    for from in ["203.0.113.1", "203.0.113.2"] {
        assert_eq!(change(&stolen, "a guess", from).await.invalid_fields(), ["current_password"]);
    }
    let refused = change(&stolen, PASSWORD, "203.0.113.3").await;
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    let body = refused.expect_error(429, "rate_limited");
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("current password") && !message.contains("log-in"), "{message}");
    // What takes no password goes on.
    let name = service.by(&stolen, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    name.send().await.expect(200);
    change(&owner, PASSWORD, "203.0.113.4").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_methods_and_spellings_of_a_path_share_one_limit() {
    let service = start(&[]).await;
    for (method, path) in
        [("GET", "/api/v1/users/1"), ("DELETE", "/api/v1/users/2"), ("HEAD", "/api/v1/users/3")]
    {
        service.call(method, path).send().await.expect(401);
    }
    service.call("GET", "/api/v1/users/4?page=1").send().await.expect_error(429, "rate_limited");
    service.call("GET", "/api/v1/users/%31").send().await.expect_error(429, "rate_limited");
    // Other spellings are other addresses, where nothing is.
    for path in ["/api/v1//users/5", "/API/v1/users/5", "/api/v1/users/5/", "/api/v1/./users/5/"] {
        service.call("GET", path).send().await.expect_error(404, "not_found");
    }
    service.call("GET", "/api/v1/users").send().await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_forge_another_address_to_evade_its_limit() {
    let service = start(&[]).await;
    for number in 0..3 {
        anonymous(&service).header("x-forwarded-for", &format!("192.0.2.{number}")).send().await.expect(401);
    }
    let refused = anonymous(&service).header("x-forwarded-for", "192.0.2.9, 192.0.2.10");
    refused.send().await.expect_error(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_client_has_a_limit_and_an_ipv6_64_is_one_client() {
    let service = start(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let from = |address: &str| anonymous(&service).header("x-forwarded-for", address).send();
    for host in 1..=3 {
        from(&format!("2001:db8::{host}")).await.expect(401);
    }
    from("2001:db8::ffff").await.expect_error(429, "rate_limited");
    from("2001:db8:0:1::1").await.expect(401);
    from("192.0.2.1").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_documentation_are_not_limited() {
    let service = start(&[]).await;
    for path in
        ["/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready", "/docs", "/redoc", "/openapi.json"]
    {
        for _ in 0..5 {
            let answer = service.call("GET", path).send().await.expect(200);
            assert!(!answer.headers.contains_key("ratelimit-limit"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_requests_exactly_the_limit_is_allowed() {
    let service = start(&[("RATE_LIMIT_PER_MINUTE", "20")]).await;
    let calls: Vec<_> = (0..60).map(|_| tokio::spawn(anonymous(&service).send())).collect();
    let mut let_through = 0;
    for call in calls {
        let_through += usize::from(call.await.unwrap().status == 401);
    }
    assert_eq!(let_through, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_error_counts_like_any_request() {
    let service = start(&[]).await;
    let register = || service.call("POST", "/api/v1/auth/register").json(json!({}));
    for _ in 0..2 {
        register().send().await.expect_error(422, "validation_error");
    }
    register().send().await.expect_error(429, "rate_limited");
}
