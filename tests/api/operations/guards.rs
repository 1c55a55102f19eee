//! Who may call what: every operation with every kind of caller.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{Caller, OPERATIONS, Operation, Target, protected, with_targets};
use crate::support::client::TestUser;
use crate::support::{Call, SECRET, Service};

const HOUR: i64 = 3600;

/// Signs the claims of a real token again, after a change, with any key.
fn resigned(token: &str, key: &str, change: impl Fn(&mut Value)) -> String {
    let mut claims: Value = jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims;
    change(&mut claims);
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

/// Credentials that are missing or invalid, and the error code for them.
fn bad_credentials(target: &TestUser) -> Vec<(&'static str, Option<String>, &'static str)> {
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let token = &target.access;
    let (content, _) = token.rsplit_once('.').unwrap();
    let expired =
        resigned(token, SECRET, |claims| claims["exp"] = (claims["iat"].as_i64().unwrap() - HOUR).into());
    let postdated =
        resigned(token, SECRET, |claims| claims["iat"] = (claims["iat"].as_i64().unwrap() + HOUR).into());
    let of_another = resigned(token, SECRET, |claims| claims["sub"] = (target.id + 1).to_string().into());
    vec![
        ("nobody", None, "unauthorized"),
        ("another scheme", Some("Basic YWRhOmFkYQ==".to_owned()), "unauthorized"),
        ("an empty token", bearer(""), "invalid_token"),
        ("garbage", bearer("garbage"), "invalid_token"),
        ("an expired token", bearer(&expired), "invalid_token"),
        ("a token from the future", bearer(&postdated), "invalid_token"),
        ("a session of somebody else", bearer(&of_another), "invalid_token"),
        ("a refresh token", bearer(&target.refresh), "invalid_token"),
        ("a token without its signature", bearer(&format!("{content}.")), "invalid_token"),
        (
            "a wrong signature",
            bearer(&resigned(token, "another key, another key, another", |_| {})),
            "invalid_token",
        ),
    ]
}

fn with(call: Call, authorization: Option<&String>) -> Call {
    match authorization {
        Some(value) => call.header("authorization", value),
        None => call,
    }
}

/// Calls that are wrong in other ways than who calls: bodies, media types and parameters. With what
/// is wrong.
pub(super) fn wrong_calls(
    service: &Service,
    operation: &Operation,
    target: &Target,
) -> Vec<(&'static str, Call)> {
    let call = |path: &str| service.call(operation.method, path);
    let path = operation.path(target);
    let mut calls = vec![
        ("an unknown parameter", call(&format!("{path}?sort=id&limit=none"))),
        ("a malformed body", call(&path).body("application/json", "{")),
        ("a wrong media type", call(&path).body("text/plain", "hello")),
        ("a body that breaks every rule", call(&path).json(json!({"email": 1, "password": "x", "id": 1}))),
    ];
    if operation.template.contains("{id}") {
        calls.push(("no number", call(&operation.template.replace("{id}", "abc"))));
        calls.push(("a number nobody has", call(&operation.template.replace("{id}", "999999"))));
    }
    calls
}

on_both! {
    async fn without_a_valid_token_every_protected_operation_is_refused_and_changes_nothing(service: Service) {
        let user = service.superuser().await;
        let targets = with_targets(protected(), &service, &user).await;
        let before = service.stored().await;
        for (operation, target) in targets {
            for (name, authorization, code) in bad_credentials(&user) {
                let answer = with(operation.call(&service, &target), authorization.as_ref()).send().await;
                assert_eq!(answer.status, 401, "{} with {name}: {answer:?}", operation.id);
                let body = answer.expect_error(401, code);
                assert!(!body.to_string().contains(&user.access), "{body}");
            }
        }
        assert_eq!(service.stored().await, before);
        // The forged tokens were refused for their one flaw: made the same way without it, one is
        // good.
        service.me(&resigned(&user.access, SECRET, |_| {})).await.expect(200);
    }

    async fn every_protected_operation_refuses_an_expired_token(service: Service) {
        let user = service.superuser().await;
        let targets = with_targets(protected(), &service, &user).await;
        service.clock.advance(std::time::Duration::from_secs(30 * 60 + 6));
        let before = service.stored().await;
        for (operation, target) in targets {
            let call = operation.call(&service, &target).bearer(&user.access);
            call.send().await.expect_error(401, "invalid_token");
        }
        assert_eq!(service.stored().await, before);
    }

    async fn operations_of_a_role_are_refused_to_other_users_and_change_nothing(service: Service) {
        let (user, target) = (service.user().await, service.user().await);
        let (support, superuser) = (service.user_with_role("support").await, service.superuser().await);
        let mut targets = Vec::new();
        for operation in OPERATIONS.iter().filter(|operation| operation.who.needs_role()) {
            for other in [&user, &target, &superuser] {
                targets.push((operation, operation.target_for(&service, &superuser, other).await));
            }
        }
        let before = service.stored().await;
        for (operation, target) in targets {
            let call = operation.call(&service, &target).bearer(&user.access);
            call.send().await.expect_error(403, "forbidden");
            if operation.who == Caller::Superuser {
                let call = operation.call(&service, &target).bearer(&support.access);
                call.send().await.expect_error(403, "forbidden");
            }
        }
        assert_eq!(service.stored().await, before);
        for caller in [&user, &target, &superuser] {
            service.me(&caller.access).await.expect(200);
        }
    }

    async fn every_allowed_caller_of_an_operation_succeeds(service: Service) {
        let _another_remains = service.superuser().await;
        for operation in OPERATIONS {
            let (user, superuser) = (service.user().await, service.superuser().await);
            let support = service.user_with_role("support").await;
            let callers = match operation.who {
                Caller::Anybody => vec![None, Some(&user), Some(&superuser)],
                Caller::User => vec![Some(&user), Some(&superuser)],
                Caller::Support => vec![Some(&support), Some(&superuser)],
                Caller::Superuser => vec![Some(&superuser)],
            };
            for caller in callers {
                let other = service.user().await;
                let answer = match caller {
                    Some(caller) => {
                        let target = operation.target_for(&service, caller, &other).await;
                        operation.call(&service, &target).bearer(&caller.access).send().await
                    }
                    None => operation.call(&service, &operation.target(&service, &other).await).send().await,
                };
                assert_eq!(answer.status, operation.success, "{}: {answer:?}", operation.id);
            }
        }
    }

    async fn public_operations_ignore_a_token(service: Service) {
        for operation in OPERATIONS.iter().filter(|operation| operation.who == Caller::Anybody) {
            let target = operation.target(&service, &service.user().await).await;
            let answer = operation.call(&service, &target).bearer("garbage").send().await;
            assert_eq!(answer.status, operation.success, "{}: {answer:?}", operation.id);
        }
    }

    async fn a_refused_call_reveals_no_other_error(service: Service) {
        let (user, superuser) = (service.user().await, service.superuser().await);
        let targets = with_targets(protected(), &service, &superuser).await;
        let before = service.stored().await;
        let unnamed = |mut body: Value| {
            body["request_id"].take();
            body
        };
        for (operation, target) in targets {
            let plain = unnamed(operation.call(&service, &target).send().await.expect_error(401, "unauthorized"));
            for (name, call) in wrong_calls(&service, operation, &target) {
                let answer = call.send().await;
                assert_eq!(answer.status, 401, "{} with {name}: {answer:?}", operation.id);
                assert_eq!(unnamed(answer.expect_error(401, "unauthorized")), plain, "{name}");
            }
            for (name, call) in wrong_calls(&service, operation, &target) {
                let answer = call.bearer("garbage").send().await;
                assert_eq!(answer.status, 401, "{} with {name}: {answer:?}", operation.id);
                answer.expect_error(401, "invalid_token");
            }
            for (name, call) in wrong_calls(&service, operation, &target) {
                if operation.who.needs_role() {
                    let answer = call.bearer(&user.access).send().await;
                    assert_eq!(answer.status, 403, "{} with {name}: {answer:?}", operation.id);
                    answer.expect_error(403, "forbidden");
                }
            }
        }
        assert_eq!(service.stored().await, before);
    }
}
