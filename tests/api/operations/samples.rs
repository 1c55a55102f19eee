//! The samples for curl, run as they are against the service. They need bash and curl.

use std::process::Command;

use serde_json::Value;

use super::{Caller, OPERATIONS, Operation, Target, refresh_token, token};
use crate::support::Service;
use crate::support::client::{PASSWORD, TestUser};
use crate::support::contract::contract;

/// Where samples say the service is.
const SERVER: &str = "http://localhost:8000";

/// Who logs in and is created in samples, and the password.
const EMAIL: &str = "ada@example.com";
const SAMPLE_PASSWORD: &str = "correct horse battery staple";

/// The operation as the document has it.
fn described(operation: &Operation) -> &'static Value {
    &contract().document["paths"][operation.template][operation.method.to_lowercase()]
}

/// The sample for curl.
fn sample(operation: &Operation) -> &'static str {
    let samples = described(operation)["x-codeSamples"].as_array().expect("samples");
    let curl = samples.iter().find(|sample| sample["label"] == "curl").expect("a sample for curl");
    curl["source"].as_str().unwrap()
}

/// The sample with what only its reader knows: the address of the service, the ID, the tokens and
/// the current password.
fn filled_in(operation: &Operation, service: &Service, target: &Target) -> String {
    let mut source = sample(operation).to_owned();
    let start = source.find(SERVER).unwrap();
    let rest = &source[start..];
    let end = start + rest.find([' ', '?', '\'', '\n']).unwrap_or(rest.len());
    let shown = source[start..end].strip_prefix(SERVER).unwrap();
    let is_same = |(shown, segment): (&str, &str)| shown == segment || segment.starts_with('{');
    let (parts, segments) = (shown.split('/'), operation.template.split('/'));
    assert_eq!(parts.clone().count(), segments.clone().count(), "{source}");
    assert!(parts.zip(segments).all(is_same), "{source}");
    source.replace_range(start..end, &format!("{}{}", service.instance.url, operation.path(target)));

    let example = &described(operation)["requestBody"]["content"]["application/json"]["example"];
    for (field, real) in [
        ("token", token(&target.user)["token"].clone()),
        ("refresh_token", refresh_token(&target.user)["refresh_token"].clone()),
        ("current_password", PASSWORD.into()),
        // No resolver is needed for it.
        ("url", "http://127.0.0.1:2/hooks".into()),
    ] {
        source = source.replace(&format!("\"{field}\": {}", example[field]), &format!("\"{field}\": {real}"));
    }
    source
}

/// The status of the response to a command of curl.
fn answer_to(command: &str, caller: Option<&TestUser>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (name, arguments) = command.split_once(' ').unwrap();
    assert_eq!(name, "curl");
    let command =
        format!("curl --silent --show-error --output body --write-out '%{{http_code}}' {arguments}");
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &command])
        .current_dir(folder.path())
        // No .curlrc and no proxy of the user who runs the test.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .envs(caller.map(|caller| ("TOKEN", &caller.access)))
        .output()
        .unwrap();
    assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    let body = std::fs::read_to_string(folder.path().join("body")).unwrap_or_default();
    format!("{} {body}", String::from_utf8(run.stdout).unwrap())
}

/// Nobody has the address of the samples, and no webhook gets an event.
async fn reset(service: &Service, number: usize) {
    service.database.sql("UPDATE webhooks SET is_active = FALSE").await;
    // A job creates the user of `auth_signup`.
    service.settle().await;
    let release = format!("UPDATE users SET email = 'ada{number}@example.com' WHERE email = '{EMAIL}'");
    service.database.sql(&release).await;
}

on_both! {
    async fn every_sample_for_curl_succeeds(service: Service) {
        let _another_remains = service.superuser().await;
        for (number, operation) in OPERATIONS.iter().enumerate() {
            reset(&service, number).await;
            if operation.id == "auth_login" {
                service.register(EMAIL, SAMPLE_PASSWORD).await.expect(201);
            }
            let other = service.user().await;
            let caller = match operation.who {
                Caller::Anybody => None,
                Caller::User => Some(service.user().await),
                Caller::Support => Some(service.user_with_role("support").await),
                Caller::Superuser => Some(service.superuser().await),
            };
            let target = match &caller {
                Some(caller) => operation.target_for(&service, caller, &other).await,
                None => operation.target(&service, &other).await,
            };
            let answer = answer_to(&filled_in(operation, &service, &target), caller.as_ref());
            let responses = described(operation)["responses"].as_object().unwrap();
            let success = responses.keys().find(|status| status.starts_with('2')).unwrap();
            assert!(answer.starts_with(success), "{}: {answer}\n{}", operation.id, sample(operation));
        }
    }
}
