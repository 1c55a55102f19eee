//! Tokens are verified by libraries of other languages, with nothing but the published keys.

use std::env;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::api::public_keys::{AUDIENCE, ISSUER, Keys, forgeries};
use crate::support::Backend;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verifiers");

/// What `scripts/lib/verifiers.sh` exports.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run ./scripts/test clients"))
}

fn python() -> Command {
    let mut command = Command::new(variable("VERIFIER_PYTHON"));
    command.arg("verify.py");
    command
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.arg("verify.js");
    command
}

fn go() -> Command {
    let mut command = Command::new("go");
    command.args(["run", "-C", "go", "."]);
    command
}

fn java() -> Command {
    let mut command = Command::new("java");
    command.args(["-cp", &variable("VERIFIER_CLASSPATH"), "java/Verify.java"]);
    command
}

/// What a library says of tokens: the subject, or `refused`.
async fn verify(mut command: Command, url: &str, algorithm: &str, tokens: &[String]) -> Vec<String> {
    command.args([&format!("{url}/.well-known/jwks.json"), algorithm, ISSUER, AUDIENCE]).current_dir(FOLDER);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().unwrap().write_all(tokens.join("\n").as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

async fn accepts_our_tokens_only(command: fn() -> Command, algorithm: &'static str) {
    let keys = Keys::new(algorithm);
    let service = keys.service(Backend::Sqlite).await;
    let user = service.user().await;
    let url = &service.instance.url;
    let published = service.call("GET", "/.well-known/jwks.json").send().await.expect(200).json();
    let jwk: &Value = &published["keys"][0];
    let mut tokens = vec![user.access.clone(), user.refresh.clone()];
    tokens.extend(forgeries(&user.access, jwk).into_iter().map(|(_, token)| token));
    tokens.push(foreign_token(algorithm).await);
    let expected: Vec<_> = tokens
        .iter()
        .map(|token| if *token == user.access { user.id.to_string() } else { "refused".to_owned() })
        .collect();
    assert_eq!(verify(command(), url, algorithm, &tokens).await, expected);
}

/// A token of another service: its key is not published by this one.
async fn foreign_token(algorithm: &'static str) -> String {
    let keys = Keys::new(algorithm);
    let other = keys.service(Backend::Sqlite).await;
    other.user().await.access
}

macro_rules! verifiers {
    ($($name:ident: $command:ident $algorithm:literal;)+) => {$(
        #[ignore = "needs the tools of the clients"]
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            accepts_our_tokens_only($command, $algorithm).await;
        }
    )+};
}

// Nimbus needs another library for EdDSA.
verifiers! {
    pyjwt_accepts_only_our_es256: python "ES256";
    pyjwt_accepts_only_our_eddsa: python "EdDSA";
    jose_accepts_only_our_es256: node "ES256";
    jose_accepts_only_our_eddsa: node "EdDSA";
    golang_jwt_accepts_only_our_es256: go "ES256";
    golang_jwt_accepts_only_our_eddsa: go "EdDSA";
    nimbus_accepts_only_our_es256: java "ES256";
}
