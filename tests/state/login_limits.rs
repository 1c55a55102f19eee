//! One user attacked from many addresses.

use serde_json::json;

use crate::support::client::{Answer, PASSWORD, fresh_email};
use crate::support::{Backend, Service};

const LIMITS: [(&str, &str); 2] =
    [("ACCOUNT_RATE_LIMIT_PER_MINUTE", "3"), ("TRUSTED_PROXIES", "127.0.0.0/8")];

async fn log_in_from(service: &Service, address: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    service.call("POST", "/api/v1/auth/login").header("X-Forwarded-For", address).json(body).send().await
}

/// More guesses than the limit, each from another address. The answer to the last one.
async fn attack(service: &Service, email: &str) -> Answer {
    for n in 1..=3 {
        let answer = log_in_from(service, &format!("198.51.100.{n}"), email, "a wrong guess").await;
        answer.expect_error(401, "invalid_credentials");
    }
    log_in_from(service, "198.51.100.4", email, "a wrong guess").await
}

async fn start(backend: Backend) -> Service {
    Service::start_with(backend, &LIMITS).await
}

async fn logins_of_an_attacked_user_are_limited(service: Service) {
    let email = fresh_email();
    service.register(&email, PASSWORD).await.expect(201);
    let refused = attack(&service, &email).await;
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    refused.expect_error(429, "rate_limited");
    // The right password is not let through either: whether it is right must not be told.
    log_in_from(&service, "198.51.100.5", &email, PASSWORD).await.expect_error(429, "rate_limited");
    // Another user is not concerned, and this one is again when the window has passed.
    let other = fresh_email();
    service.register(&other, PASSWORD).await.expect(201);
    log_in_from(&service, "198.51.100.5", &other, PASSWORD).await.expect(200);
    service.clock.advance(std::time::Duration::from_mins(1));
    log_in_from(&service, "198.51.100.5", &email, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_of_an_attacked_user_are_limited_in_process() {
    logins_of_an_attacked_user_are_limited(start(Backend::Sqlite).await).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn logins_of_an_attacked_user_are_limited_in_redis() {
    logins_of_an_attacked_user_are_limited(start(Backend::Postgres).await).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn during_an_attack_the_user_can_log_in_from_an_earlier_address() {
    let service = start(Backend::Postgres).await;
    let email = fresh_email();
    service.register(&email, PASSWORD).await.expect(201);
    let home = "203.0.113.7";
    log_in_from(&service, home, &email, PASSWORD).await.expect(200);
    service.clock.advance(std::time::Duration::from_mins(2));
    attack(&service, &email).await.expect_error(429, "rate_limited");
    log_in_from(&service, home, &email, PASSWORD).await.expect(200);
    // Guesses from that address are limited too.
    for _ in 0..2 {
        log_in_from(&service, home, &email, "a wrong guess").await.expect_error(429, "rate_limited");
    }
    log_in_from(&service, home, &email, PASSWORD).await.expect_error(429, "rate_limited");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn during_an_attack_a_user_can_log_in_from_the_same_ipv6_64() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let service = start(backend).await;
        let email = fresh_email();
        service.register(&email, PASSWORD).await.expect(201);
        log_in_from(&service, "2001:db8:0:1::7", &email, PASSWORD).await.expect(200);
        service.clock.advance(std::time::Duration::from_mins(2));
        attack(&service, &email).await.expect_error(429, "rate_limited");
        log_in_from(&service, "2001:db8:0:1:aaaa::8", &email, PASSWORD).await.expect(200);
        let neighbour = log_in_from(&service, "2001:db8:0:2::7", &email, PASSWORD).await;
        neighbour.expect_error(429, "rate_limited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_email_is_limited_like_a_user() {
    let service = start(Backend::Sqlite).await;
    attack(&service, &fresh_email()).await.expect_error(429, "rate_limited");
}

async fn limits_do_not_reveal_a_user_to_the_same_network(service: Service) {
    let (known, unknown) = (fresh_email(), fresh_email());
    service.register(&known, PASSWORD).await.expect(201);
    let home = "203.0.113.7";
    log_in_from(&service, home, &known, PASSWORD).await.expect(200);
    service.clock.advance(std::time::Duration::from_mins(2));
    let mut answers = Vec::new();
    for email in [&known, &unknown] {
        attack(&service, email).await.expect_error(429, "rate_limited");
        // From the owner's network and from elsewhere, more often than the limit of a client.
        for from in [home, home, "192.0.2.1", home, home, "192.0.2.1"] {
            let answer = log_in_from(&service, from, email, "a wrong guess").await;
            let headers = ["ratelimit-limit"].map(|name| answer.header(name).to_owned());
            let mut body = answer.expect_error(429, "rate_limited");
            body["request_id"].take();
            answers.push((headers, body));
        }
    }
    let (known, unknown) = answers.split_at(answers.len() / 2);
    assert_eq!(known, unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_do_not_reveal_a_user_to_the_same_network_in_process() {
    limits_do_not_reveal_a_user_to_the_same_network(start(Backend::Sqlite).await).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn limits_do_not_reveal_a_user_to_the_same_network_in_redis() {
    limits_do_not_reveal_a_user_to_the_same_network(start(Backend::Postgres).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_an_email_share_one_limit() {
    let service = start(Backend::Sqlite).await;
    let email = fresh_email();
    for spelling in [email.to_uppercase(), format!(" {email}"), email.clone()] {
        let answer = log_in_from(&service, "198.51.100.1", &spelling, "a wrong guess").await;
        answer.expect_error(401, "invalid_credentials");
    }
    log_in_from(&service, "198.51.100.2", &email, "a wrong guess").await.expect_error(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_forwarded_is_counted_as_one_in_x_forwarded_for() {
    let limits = [("AUTH_RATE_LIMIT_PER_MINUTE", "1"), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    let log_in = async |name: &str, value: &str| {
        let body = json!({ "email": fresh_email(), "password": PASSWORD });
        service.call("POST", "/api/v1/auth/login").header(name, value).json(body).send().await
    };
    log_in("Forwarded", r#"for="[2001:db8:0:1::7]:4711";proto=https"#).await.expect(401);
    log_in("X-Forwarded-For", "2001:db8:0:1::8").await.expect_error(429, "rate_limited");
    log_in("Forwarded", "for=203.0.113.9").await.expect(401);
}
