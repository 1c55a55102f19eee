//! Every error that an operation documents, caused: what the contract's tests count.

use std::time::Duration;

use serde_json::json;

use super::{OPERATIONS, Operation, Target, with_targets};
use crate::support::client::{Answer, TestUser, raw};
use crate::support::contract::contract;
use crate::support::{Backend, Call, Service};

/// The operations that document this status.
fn answering(status: &str) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(move |operation| {
        let item = &contract().document["paths"][operation.template];
        item[operation.method.to_lowercase()]["responses"][status].is_object()
    })
}

/// A call that the guards let through, to be made wrong in one way.
fn by(root: &TestUser, service: &Service, operation: &Operation, path: &str) -> Call {
    service.call(operation.method, path).bearer(&root.access)
}

/// A call that succeeds.
fn good(target: &Target, service: &Service, operation: &Operation) -> Call {
    operation.call(service, target).bearer(&target.user.access)
}

/// A body that breaks the rule of every field.
fn wrong_body(operation: &Operation) -> String {
    let document = &contract().document;
    let described = &document["paths"][operation.template][operation.method.to_lowercase()];
    let reference =
        described["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
    let schema = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
    let fields = schema["properties"].as_object().unwrap().keys();
    json!(fields.map(|field| (field.clone(), json!([{}]))).collect::<serde_json::Map<_, _>>()).to_string()
}

on_both! {
    async fn every_operation_with_a_body_refuses_an_invalid_one(service: Service) {
        let root = service.superuser().await;
        let large = "x".repeat(1024 * 1024 + 1);
        for (operation, target) in with_targets(answering("415"), &service, &root).await {
            for (status, code, content_type, body) in [
                (400, "malformed_request", "application/json", "{"),
                (413, "payload_too_large", "application/json", large.as_str()),
                (415, "unsupported_media_type", "text/plain", "{}"),
                (422, "validation_error", "application/json", wrong_body(operation).as_str()),
            ] {
                let call = by(&root, &service, operation, &operation.path(&target));
                call.body(content_type, body.to_owned()).send().await.expect_error(status, code);
            }
        }
    }

    async fn every_operation_with_parameters_refuses_invalid_ones(service: Service) {
        let root = service.superuser().await;
        let without_body = answering("422").filter(|operation| operation.body.is_none());
        for operation in without_body {
            let path = operation.template.replace("{id}", "nobody") + "?limit=0";
            by(&root, &service, operation, &path).send().await.expect_error(422, "validation_error");
        }
    }

    async fn every_operation_on_one_resource_answers_404_for_an_unknown_id(service: Service) {
        let root = service.superuser().await;
        for operation in answering("404").filter(|operation| operation.template.contains("{id}")) {
            let nobody = Target { id: 999_999, ..Target::of(&root) };
            good(&nobody, &service, operation).send().await.expect_error(404, "not_found");
        }
    }

    async fn every_operation_with_a_query_answers_500_if_a_table_is_missing(service: Service) {
        let root = service.superuser().await;
        let targets = with_targets(answering("500"), &service, &root).await;
        for table in ["users", "sessions", "jobs", "one_time_tokens", "audit_events"] {
            service.database.sql(&format!("ALTER TABLE {table} RENAME TO {table}_gone")).await;
        }
        for (operation, target) in targets.into_iter().filter(|(operation, _)| asks_the_database(operation)) {
            good(&target, &service, operation).send().await.expect_error(500, "internal_error");
        }
    }
}

/// All but these know their answer without it; `health_ready` reports what it finds.
fn asks_the_database(operation: &Operation) -> bool {
    !["health_show", "health_ready", "service_show", "service_jwks"].contains(&operation.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rate_limited_operation_refuses_requests_over_the_limit() {
    let limits = [("RATE_LIMIT_PER_MINUTE", "1"), ("AUTH_RATE_LIMIT_PER_MINUTE", "1")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    let nobody = TestUser { id: 1, email: String::new(), access: String::new(), refresh: String::new() };
    let nobody = Target::of(&nobody);
    for operation in answering("429") {
        // Operations of one path share its limit.
        operation.call(&service, &nobody).send().await;
        operation.call(&service, &nobody).send().await.expect_error(429, "rate_limited");
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_with_a_query_answers_503_without_the_database() {
    let (service, proxy) = Service::start_behind_proxy(&[("DB_POOL_TIMEOUT", "5")]).await;
    let root = service.superuser().await;
    let targets = with_targets(answering("503"), &service, &root).await;
    proxy.cut().await;
    for (operation, target) in targets.into_iter().filter(|(operation, _)| asks_the_database(operation)) {
        good(&target, &service, operation).send().await.expect_error(503, "service_unavailable");
    }
    service.call("GET", "/api/v1/health/ready").send().await.expect_error(503, "service_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_with_a_body_times_out_if_it_does_not_arrive() {
    let service = Service::start_with(Backend::Sqlite, &[("BODY_TIMEOUT", "1")]).await;
    let root = service.superuser().await;
    let mut waiting = Vec::new();
    for (operation, target) in with_targets(answering("408"), &service, &root).await {
        let (method, path, token) = (operation.method, operation.path(&target), &root.access);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{"
        );
        let url = service.instance.url.clone();
        waiting.push((method, path, tokio::spawn(async move { raw(&url, [head.into_bytes()]).await })));
    }
    for (method, path, exchange) in waiting {
        let exchange = tokio::time::timeout(Duration::from_secs(30), exchange).await.unwrap().unwrap();
        let answer = exchange.answer();
        contract().check(method, &path, &answer).unwrap();
        answer.expect_error(408, "request_timeout");
    }
}

/// The answers of every operation that documents this status to a request with these lines beside
/// its usual ones.
async fn answers_to(service: &Service, status: &str, lines: &str) -> Vec<Answer> {
    let root = service.superuser().await;
    let mut answers = Vec::new();
    for (operation, target) in with_targets(answering(status), service, &root).await {
        let (method, path, token) = (operation.method, operation.path(&target), &root.access);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{lines}\r\n0\r\n\r\n"
        );
        let answer = raw(&service.instance.url, [request.into_bytes()]).await.answer();
        contract().check(method, &path, &answer).unwrap();
        answers.push(answer);
    }
    assert!(!answers.is_empty());
    answers
}

on_both! {
    async fn every_operation_that_documents_it_refuses_a_request_without_a_host(service: Service) {
        // Every operation says so.
        assert_eq!(answering("400").count(), OPERATIONS.len());
        for answer in answers_to(&service, "400", "Transfer-Encoding: chunked\r\n").await {
            answer.expect_error(400, "malformed_request");
        }
    }

    async fn every_operation_with_a_body_answers_501_to_an_unknown_transfer_coding(service: Service) {
        for answer in answers_to(&service, "501", "Host: test\r\nTransfer-Encoding: gzip, chunked\r\n").await {
            answer.expect_error(501, "not_implemented");
        }
    }
}
