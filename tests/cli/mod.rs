//! The binary as an operator runs it: settings, commands, log lines and shutdown. On SQLite only,
//! because none of it but `jobs` depends on the database.

mod healthcheck;
mod jobs;
mod seed;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::support::Call;
use crate::support::client::PASSWORD;
use crate::support::smtp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the process may take for anything before the test fails.
const LIMIT: Duration = Duration::from_secs(50);

const SECRET_KEY: &str = "zQ3v-a-key-that-no-log-line-may-show-9Lk2";

/// The binary with this environment and no other.
fn groundwork(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundwork"));
    command.current_dir(folder).env_clear().envs(environment.iter().copied()).args(arguments);
    command
}

fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    groundwork(folder, environment, arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running service and what it logs.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    url: String,
}

impl Running {
    /// Starts it on a free port with logs in JSON and waits until it listens.
    fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = groundwork(folder, environment, &["serve"]);
        command.env("LOG_FORMAT", "json").env("PORT", "0").env("BCRYPT_ROUNDS", "4");
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines() {
                // After a failed test the receiver is gone.
                if tell.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut running = Self { child, lines, seen: Vec::new(), url: String::new() };
        while running.url.is_empty() {
            let line = running.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{:?}", running.seen));
            running.url = listening_on(&line).unwrap_or_default();
            running.seen.push(line);
        }
        running
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.url, method, path)
    }

    /// Sends SIGTERM and waits for the end: how it ended and all that it logged.
    fn stop(mut self) -> (ExitStatus, Vec<String>) {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let mut lines = std::mem::take(&mut self.seen);
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not stop: {lines:?}"),
            }
        }
        (self.child.wait().unwrap(), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The address in the line that names it.
fn listening_on(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let rest = line["message"].as_str()?.strip_prefix("listening on ")?;
    Some(rest.split(',').next()?.to_owned())
}

#[track_caller]
fn parsed(lines: &[String]) -> Vec<Value> {
    let parse =
        |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let values: Vec<Value> = lines.iter().map(parse).collect();
    assert!(values.iter().all(Value::is_object), "{lines:?}");
    values
}

async fn tokens(service: &Running, email: &str, password: &str) -> (String, String) {
    let call = service.call("POST", "/api/v1/auth/login").json(json!({"email": email, "password": password}));
    let pair = call.send().await.expect(200).json();
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_one_log_line_with_its_user() {
    let folder = TempDir::new().unwrap();
    let service = Running::start(folder.path(), &[("TRUSTED_PROXIES", "127.0.0.1")]);
    let new = json!({"email": "ada@example.com", "password": PASSWORD});
    let user = service.call("POST", "/api/v1/auth/register").header("x-request-id", "r1").json(new);
    let id = user.send().await.expect(201).json()["id"].clone();
    let (access, _) = tokens(&service, "ada@example.com", PASSWORD).await;
    for (request_id, method, path) in [
        ("r2", "GET", "/api/v1/users/me"),
        ("r3", "GET", "/api/v1/users/12345?page=secret-query"),
        ("r4", "GET", "/nowhere/secret-path"),
        ("r5", "TRACE", "/api/v1/users/me"),
        ("r6", "HEAD", "/api/v1/health"),
    ] {
        let call = service.call(method, path).bearer(&access).header("x-request-id", request_id);
        call.header("x-forwarded-for", "203.0.113.9").send().await;
    }
    let (_, lines) = service.stop();
    assert!(lines.iter().all(|line| !line.contains("secret-")), "{lines:?}");
    let lines = parsed(&lines);
    for (request_id, method, route, status, user_id, ip) in [
        ("r1", "POST", "/api/v1/auth/register", 201, &Value::Null, "127.0.0.1"),
        ("r2", "GET", "/api/v1/users/me", 200, &id, "203.0.113.9"),
        ("r3", "GET", "/api/v1/users/{id}", 403, &id, "203.0.113.9"),
        ("r4", "GET", "-", 404, &Value::Null, "203.0.113.9"),
        ("r5", "TRACE", "-", 405, &Value::Null, "203.0.113.9"),
        ("r6", "HEAD", "/api/v1/health", 200, &Value::Null, "203.0.113.9"),
    ] {
        let of_request: Vec<_> = lines.iter().filter(|line| line["request_id"] == request_id).collect();
        let [line] = of_request[..] else { panic!("{request_id}: {of_request:?}") };
        assert_eq!(line["message"], "request");
        assert_eq!((&line["method"], &line["route"]), (&json!(method), &json!(route)), "{line}");
        assert_eq!((&line["status"], &line["ip"]), (&json!(status), &json!(ip)), "{line}");
        assert_eq!(&line["user_id"], user_id, "{line}");
        assert!(line["duration_ms"].as_f64().is_some_and(|spent| spent > 0.0), "{line}");
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }
    assert_eq!(lines.iter().filter(|line| line["message"] == "request").count(), 7, "one line a request");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_login_attempt_is_a_log_line_with_the_user() {
    let folder = TempDir::new().unwrap();
    // Without a mail server, links and their recipients are logged.
    let (mail, _mails) = smtp::server().await;
    let service =
        Running::start(folder.path(), &[("SMTP_URL", &mail), ("MAIL_FROM", "no-reply@example.com")]);
    let new = json!({"email": "ada@example.com", "password": PASSWORD});
    let id =
        service.call("POST", "/api/v1/auth/register").json(new).send().await.expect(201).json()["id"].clone();
    for (request_id, email, password, status) in [
        ("good", "ada@example.com", PASSWORD, 200),
        ("wrong", "ada@example.com", "a wrong password", 401),
        ("unknown", "nobody@example.com", "a wrong password", 401),
    ] {
        let credentials = json!({"email": email, "password": password});
        let call = service.call("POST", "/api/v1/auth/login").header("x-request-id", request_id);
        call.json(credentials).send().await.expect(status);
    }
    let (access, _) = tokens(&service, "ada@example.com", PASSWORD).await;
    let change =
        json!({"password": "another horse, another battery", "current_password": "a wrong password"});
    let call = service.call("PATCH", "/api/v1/users/me").bearer(&access).header("x-request-id", "present");
    call.json(change).send().await.expect(422);

    let (_, lines) = service.stop();
    assert!(lines.iter().all(|line| !line.contains("@example.com")), "{lines:?}");
    let lines = parsed(&lines);
    for (request_id, kind, user_id) in [
        ("good", "logged_in", &id),
        ("wrong", "log_in_refused", &id),
        ("unknown", "log_in_refused", &Value::Null),
        ("present", "present_password_wrong", &id),
    ] {
        let of_request = lines.iter().filter(|line| line["span"]["request_id"] == request_id);
        let events: Vec<_> = of_request.filter(|line| line["message"] == "audit event").collect();
        let [event] = events[..] else { panic!("{request_id}: {lines:?}") };
        assert_eq!((&event["kind"], &event["user_id"]), (&json!(kind), user_id), "{event}");
    }
}

#[test]
fn invalid_settings_are_refused_with_the_variable_and_an_example_but_no_secret() {
    let folder = TempDir::new().unwrap();
    let short = "hunter2-short";
    for (environment, named) in [
        (vec![("PORT", "abc")], &["PORT", "abc", "example: PORT=8000"][..]),
        (vec![("JWT_SECRET_KEY", short)], &["JWT_SECRET_KEY", "32 bytes", "example: JWT_SECRET_KEY="]),
        (vec![("JWT_PREVIOUS_SECRET_KEYS", short)], &["JWT_PREVIOUS_SECRET_KEYS", "32 bytes"]),
        (
            vec![("DATABASE_URL", "mysql://user:hunter2-db@host/db")],
            &["DATABASE_URL", "example: DATABASE_URL="],
        ),
        (vec![("APP_ENV", "production")], &["JWT_SECRET_KEY", "must be set", "production"]),
        (vec![("APP_ENV", "staging")], &["JWT_SECRET_KEY", "must be set", "staging"]),
        (
            vec![
                ("APP_ENV", "production"),
                ("JWT_SECRET_KEY", "hunter2-change-me-change-me-change-me-please"),
            ],
            &["JWT_SECRET_KEY", "placeholder"],
        ),
        (
            vec![("APP_ENV", "production"), ("JWT_SECRET_KEY", SECRET_KEY), ("BCRYPT_ROUNDS", "4")],
            &["BCRYPT_ROUNDS", "at least 10"],
        ),
        (
            vec![("PORT", "-1"), ("JWT_SECRET_KEY", short), ("CORS_ORIGINS", "*"), ("LOG_LEVEL", "loud")],
            &["4 settings are wrong", "PORT", "JWT_SECRET_KEY", "CORS_ORIGINS", "LOG_LEVEL"],
        ),
    ] {
        for arguments in [&[][..], &["serve"]] {
            let output = run(folder.path(), &environment, arguments);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{environment:?}: {said}");
            assert!(named.iter().all(|name| said.contains(name)), "{environment:?}: {said}");
            assert!(!said.contains("hunter2") && !said.contains(SECRET_KEY), "{environment:?}: {said}");
            assert!(output.stdout.is_empty());
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn config_shows_every_setting_and_no_secret() {
    let folder = TempDir::new().unwrap();
    let environment = [
        ("JWT_SECRET_KEY", SECRET_KEY),
        ("JWT_PREVIOUS_SECRET_KEYS", SECRET_KEY),
        ("DATABASE_URL", "postgres://app:hunter2@db.example:5432/app"),
        ("REDIS_URL", "redis://:hunter2@redis.example:6379/0"),
        ("PORT", "9000"),
    ];
    let output = run(folder.path(), &environment, &["config"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("\nPORT=9000\n") && said.contains("\nJWT_SECRET_KEY=********\n"), "{said}");
    assert!(said.contains("db.example:5432/app") && said.contains("redis.example:6379"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains(SECRET_KEY), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_created_on_the_command_line_can_log_in_and_administer() {
    let folder = TempDir::new().unwrap();
    let create = |email: &str, password: &str, more: &[&str]| {
        let arguments = [&["user", "create", "--email", email, "--password-stdin"], more].concat();
        let mut command = groundwork(folder.path(), &[("BCRYPT_ROUNDS", "4")], &arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its arguments does not wait for a password.
        drop(child.stdin.take().unwrap().write_all(password.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let password = password.trim_end();
        assert!(password.is_empty() || !said.contains(password), "{said}");
        (output.status.success(), said)
    };
    let (made, said) = create("Root@Example.com", &format!("{PASSWORD}\n"), &["--superuser"]);
    assert!(made && said.contains("root@example.com"), "{said}");
    let (made, said) = create("plain@example.com", PASSWORD, &[]);
    assert!(made, "{said}");
    for (email, password, problem) in [
        ("root@example.com", PASSWORD, "taken"),
        ("other@example.com", "short", "at least 8"),
        ("other@example.com", "", "at least 8"),
        ("other@example.com", "Passw0rd\0Passw0rd", "NUL"),
        ("other@example.com", &"x".repeat(73), "72 bytes"),
        ("nobody", PASSWORD, "@"),
    ] {
        let (made, said) = create(email, password, &[]);
        assert!(!made && said.contains(problem), "{email}: {said}");
    }

    let service = Running::start(folder.path(), &[]);
    for (email, superuser) in [("root@example.com", true), ("plain@example.com", false)] {
        let (access, _) = tokens(&service, email, PASSWORD).await;
        let me = service.call("GET", "/api/v1/users/me").bearer(&access).send().await.expect(200).json();
        assert_eq!((&me["is_superuser"], &me["is_active"]), (&json!(superuser), &json!(true)), "{me}");
        let list = service.call("GET", "/api/v1/users").bearer(&access).send().await;
        assert_eq!(list.status, if superuser { 200 } else { 403 }, "{list:?}");
    }
    assert_eq!(service.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_tokens_survive_a_restart_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let service = Running::start(folder.path(), &[]);
    let new = json!({"email": "ada@example.com", "password": PASSWORD});
    service.call("POST", "/api/v1/auth/register").json(new).send().await.expect(201);
    let (access, _) = tokens(&service, "ada@example.com", PASSWORD).await;
    // Password hashes are in the database and in its log, so no other user may read either.
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        // The folder of mails, which nobody else enters.
        let expected = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}", file.display());
    }
    let (status, lines) = service.stop();
    assert_eq!(status.code(), Some(0));

    let keys: Vec<_> = files.iter().filter(|path| path.to_string_lossy().ends_with(".jwt-secret")).collect();
    let [key] = keys[..] else { panic!("{keys:?}") };
    let secret = std::fs::read_to_string(key).unwrap();
    assert!(secret.trim().len() >= 32 && lines.iter().all(|line| !line.contains(secret.trim())));

    let service = Running::start(folder.path(), &[]);
    service.call("GET", "/api/v1/users/me").bearer(&access).send().await.expect(200);
    assert_eq!(service.stop().0.code(), Some(0));
}

#[test]
fn the_published_document_is_up_to_date_and_a_stale_one_is_found() {
    let output = run(Path::new(env!("CARGO_MANIFEST_DIR")), &[], &["openapi", "export", "--check"]);
    assert!(output.status.success(), "{output:?}");

    let folder = TempDir::new().unwrap();
    assert!(!run(folder.path(), &[], &["openapi", "export", "--check"]).status.success(), "nothing is there");
    assert!(run(folder.path(), &[], &["openapi", "export"]).status.success());
    assert!(run(folder.path(), &[], &["openapi", "export", "--check"]).status.success());
    let path = folder.path().join("openapi/groundwork.yaml");
    let stale = std::fs::read_to_string(&path).unwrap() + "\n";
    std::fs::write(&path, stale).unwrap();
    let output = run(folder.path(), &[], &["openapi", "export", "--check"]);
    assert!(!output.status.success() && text(&output.stderr).contains("groundwork.yaml"), "{output:?}");
}

#[test]
fn a_start_that_waits_for_an_unresponsive_database_can_be_stopped() {
    let folder = TempDir::new().unwrap();
    // Accepts connections, by its backlog, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://someone@{}/nothing", silent.local_addr().unwrap());
    let environment = [("DATABASE_URL", url.as_str()), ("JWT_SECRET_KEY", SECRET_KEY)];
    let mut child = groundwork(folder.path(), &environment, &["serve"]).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    let killed = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success(), "it was asked to stop, and did");
}
