//! What answers, their time, the database and the log do not tell.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{NEW_PASSWORD, auth_call, reset_token};
use crate::support::client::{Answer, PASSWORD, fresh_email};
use crate::support::process::Process;
use crate::support::smtp;
use crate::support::{Backend, Service};

/// How many calls with known and with unknown emails are measured.
const TRIES: usize = 200;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What a client sees of an answer, but for what differs with every request.
fn seen(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let differs = |name: &str| name.starts_with("ratelimit") || matches!(name, "x-request-id" | "date");
    let headers = answer.headers.iter().filter(|(name, _)| !differs(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), answer.text.clone(), headers.collect())
}

/// Whether an email has a user is found out by jobs, and none runs here: only the answers are
/// measured.
async fn answers_do_not_tell_who_has_a_user(backend: Backend) {
    let service = Service::start_with(backend, &[("JOB_WORKERS", "0")]).await;
    let mut known = Vec::new();
    for _ in 0..TRIES {
        let email = fresh_email();
        service.register(&email, PASSWORD).await.expect(201);
        known.push(email);
    }
    for operation in ["forgot-password", "resend-verification", "signup"] {
        let call = async |email: &str| {
            let body: Value = match operation {
                "signup" => json!({"email": email, "password": NEW_PASSWORD}),
                _ => json!({"email": email}),
            };
            let call = auth_call(&service, operation, body);
            let start = Instant::now();
            let answer = call.send().await;
            (start.elapsed(), seen(&answer))
        };
        let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
        for email in &known {
            let (time, answer) = call(email).await;
            of_known.push(time);
            let (time, other) = call(&fresh_email()).await;
            of_unknown.push(time);
            assert_eq!((answer.0, &answer), (202, &other), "{operation}");
        }
        let (known, unknown) = (median(of_known), median(of_unknown));
        // Other tests run meanwhile: a difference of the work would be larger, and in one direction.
        let difference = known.abs_diff(unknown);
        let bound = known.min(unknown) / 4 + Duration::from_millis(1);
        assert!(difference < bound, "{operation}: {known:?} for known emails, {unknown:?} for unknown ones");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_their_times_do_not_tell_who_has_a_user_on_sqlite() {
    answers_do_not_tell_who_has_a_user(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn answers_and_their_times_do_not_tell_who_has_a_user_on_postgresql() {
    answers_do_not_tell_who_has_a_user(Backend::Postgres).await;
}

on_both! {
    async fn the_database_has_neither_tokens_nor_what_finished_jobs_were_about(service: Service) {
        let email = fresh_email();
        let body = json!({"email": email, "password": PASSWORD, "full_name": "Ada Lovelace"});
        auth_call(&service, "signup", body).send().await.expect(202);
        service.settle().await;
        // The job that created the user has enqueued another one.
        service.settle().await;
        let token = reset_token(&service, &email).await;
        let stored = service.stored().await;
        assert!(stored.iter().all(|row| !row.contains(&token)), "{stored:?}");
        let jobs: Vec<_> = stored.iter().filter(|row| row.starts_with("jobs: ")).collect();
        assert_eq!(jobs.len(), 3, "{jobs:?}");
        for row in jobs {
            assert!(!row.contains(&email) && !row.contains("$2b$") && !row.contains("Ada"), "{row}");
        }
    }
}

/// The token of the link in the next mail that has one.
async fn next_token(mails: &mut UnboundedReceiver<String>) -> String {
    loop {
        let mail = tokio::time::timeout(Duration::from_mins(1), mails.recv()).await.unwrap().unwrap();
        if let Some((_, rest)) = mail.split_once("?token=") {
            return rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                .collect();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_mail_server_the_log_has_no_token_no_password_and_no_address() {
    let (server, mut mails) = smtp::server().await;
    let settings = [("SMTP_URL", &*server), ("MAIL_FROM", "no-reply@example.com"), ("LOG_LEVEL", "trace")];
    let process = Process::start(&settings).await;
    let call = async |operation: &str, body: Value| {
        process.call("POST", &format!("/api/v1/auth/{operation}")).json(body).send().await
    };
    let email = "ada.lovelace@example.com";
    call("signup", json!({"email": email, "password": PASSWORD})).await.expect(202);
    let verification = next_token(&mut mails).await;
    call("verify-email", json!({"token": verification})).await.expect(200);
    call("forgot-password", json!({"email": email})).await.expect(202);
    let reset = next_token(&mut mails).await;
    process.call("GET", &format!("/reset-password?token={reset}")).send().await.expect(200);
    call("reset-password", json!({"token": reset, "password": NEW_PASSWORD})).await.expect(204);
    call("reset-password", json!({"token": reset, "password": NEW_PASSWORD}))
        .await
        .expect_error(400, "invalid_link");
    let log = process.log();
    assert!(log.contains("audit event"), "{log}");
    for secret in [&verification, &reset, PASSWORD, NEW_PASSWORD, "$2b$", email] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
