//! Secrets and the log, with everything logged that can be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use groundwork::telemetry::OWN_CRATES;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::client::raw;
use crate::support::postgres::eventually;
use crate::support::{Backend, SECRET, TestDatabase, redis, smtp};
use crate::telemetry::detector::Secret;
use crate::telemetry::process::Process;

const EMAIL: &str = "ada.of.the.log@example.com";
const NAME: &str = "Ada whose name no line has";
const PASSWORD: &str = "a password in no log";
const NEW_PASSWORD: &str = "a new password in no log";
const WRONG: &str = "a wrong password in no log";
const PATH: &str = "a-token-in-a-path";

/// What an attacker writes to make a line look like another one.
const FORGED: &str = "forged\u{1b}[31m\n{\"level\":\"ERROR\"}";

/// Calls by one version of HTTP.
struct Caller {
    client: Client,
    url: String,
}

impl Caller {
    fn new(process: &Process, is_http_2: bool) -> Self {
        let client = Client::builder().no_proxy();
        let client = if is_http_2 { client.http2_prior_knowledge() } else { client.http1_only() };
        Self { client: client.build().unwrap(), url: process.url.clone() }
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let request = body.into_iter().fold(request, |request, body| request.json(&body));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, "", Some(body)).await
    }
}

/// The life of a user, with what goes wrong in it. Gives the tokens that were handed out and one
/// that was cut.
async fn live(caller: &Caller, email: &str) -> Vec<String> {
    let new = json!({"email": email, "password": PASSWORD, "full_name": NAME});
    assert_eq!(caller.post("/api/v1/auth/register", new).await.0, 201);
    let log_in =
        |password: &str| caller.post("/api/v1/auth/login", json!({"email": email, "password": password}));
    let (status, first) = log_in(PASSWORD).await;
    assert_eq!(status, 200);
    let token = |pair: &Value, name: &str| pair[name].as_str().unwrap().to_owned();
    let (access, refresh) = (token(&first, "access_token"), token(&first, "refresh_token"));
    let me = "/api/v1/users/me";
    assert_eq!(caller.send(Method::GET, me, &access, None).await.0, 200);
    let exchange = json!({"refresh_token": refresh});
    let (status, next) = caller.post("/api/v1/auth/refresh", exchange).await;
    assert_eq!(status, 200);
    let current = token(&next, "access_token");

    assert_eq!(log_in(WRONG).await.0, 401);
    let cut = access[..access.len() - 4].to_owned();
    assert_eq!(caller.send(Method::GET, me, &cut, None).await.0, 401);
    let change = |current: &str| Some(json!({"password": NEW_PASSWORD, "current_password": current}));
    assert_eq!(caller.send(Method::PATCH, me, &current, change(WRONG)).await.0, 422);
    for body in [
        json!({"email": FORGED, "password": WRONG, "full_name": FORGED}),
        json!({"email": "a@example.com", "password": WRONG, FORGED: "\0"}),
    ] {
        assert_eq!(caller.post("/api/v1/auth/register", body).await.0, 422);
    }
    let broken = caller.client.post(format!("{}/api/v1/auth/login", caller.url));
    let broken =
        broken.header("content-type", "application/json").body(format!("{{\"password\": \"{WRONG}\""));
    assert_eq!(broken.send().await.unwrap().status(), 400);
    for (name, value) in [
        ("user-agent", "x".repeat(10 * 1024)),
        ("user-agent", "\u{9b}31m\u{2028}".to_owned()),
        ("x-request-id", "{\"level\":\"ERROR\"}".to_owned()),
        ("x-forwarded-for", "\"}, forged".to_owned()),
        ("origin", "https://\"forged\"".to_owned()),
    ] {
        let call = caller.client.get(format!("{}/api/v1/health", caller.url)).header(name, value);
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    // Last, because it ends the session.
    assert_eq!(caller.send(Method::PATCH, me, &current, change(PASSWORD)).await.0, 200);
    vec![access, refresh, current, token(&next, "refresh_token"), cut]
}

/// A webhook, whose URL has a secret, and an attempt to deliver to it. Gives the secrets.
async fn send_to_a_webhook(caller: &Caller, database: &TestDatabase) -> Vec<String> {
    database.sql(&format!("UPDATE users SET is_superuser = TRUE WHERE email = '{EMAIL}'")).await;
    let (_, tokens) =
        caller.post("/api/v1/auth/login", json!({"email": EMAIL, "password": NEW_PASSWORD})).await;
    let access = tokens["access_token"].as_str().unwrap();
    let new = json!({"url": format!("http://127.0.0.1:2/{PATH}"), "events": ["*"]});
    let (status, made) = caller.send(Method::POST, "/api/v1/webhooks", access, Some(new)).await;
    assert_eq!(status, 201);
    let path = format!("/api/v1/webhooks/{}", made["id"]);
    let (_, rotated) = caller.send(Method::POST, &format!("{path}/rotate-secret"), access, None).await;
    let change = Some(json!({"full_name": NAME.to_uppercase()}));
    assert_eq!(caller.send(Method::PATCH, "/api/v1/users/me", access, change).await.0, 200);
    eventually("the event is sent", async || {
        let (_, page) = caller.send(Method::GET, &format!("{path}/deliveries"), access, None).await;
        (page["items"][0]["attempts"] == 1).then_some(())
    })
    .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![text(&made["secret"]), text(&rotated["secret"]), access.rsplit('.').next().unwrap().to_owned()]
}

/// Requests that no client library sends: a path that is none, in HTTP/1 and in HTTP/2.
async fn send_malformed_paths(url: &str) {
    let escape = format!(
        "GET /{PATH}\x1b[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: a\x1b[31m\r\n\r\n"
    );
    raw(url, [escape.into_bytes()]).await;
    let path = format!("/{PATH} \"forged\"");
    // HPACK (RFC 7541): `:method: GET` and `:scheme: http` by their numbers, `:authority` and
    // `:path` by their names' numbers.
    let mut headers = vec![0x82, 0x86, 0x01, 1, b'x', 0x04, u8::try_from(path.len()).unwrap()];
    headers.extend(path.as_bytes());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // HEADERS with END_STREAM and END_HEADERS on stream 1 (RFC 9113, 6.2).
    bytes.extend([0, 0, u8::try_from(headers.len()).unwrap(), 0x01, 0x05, 0, 0, 0, 1]);
    bytes.extend(headers);
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&bytes).unwrap();
        // RST_STREAM is type 3: the request was read and refused.
        let mut seen: Vec<u8> = Vec::new();
        while !seen.windows(9).any(|head| head[..5] == [0, 0, 4, 3, 0] && head[8] == 1) {
            let mut piece = [0; 256];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "{seen:?}");
            seen.extend(&piece[..length]);
        }
    };
    tokio::task::spawn_blocking(exchange).await.unwrap();
}

/// What the database keeps and no line may have.
async fn stored_secrets(database: &TestDatabase) -> Vec<Secret> {
    let bytes = |column: &str| match database.backend {
        Backend::Postgres => format!("SELECT encode({column}, 'hex') AS value FROM sessions"),
        Backend::Sqlite => format!("SELECT hex({column}) AS value FROM sessions"),
    };
    let mut secrets = Vec::new();
    for (name, statement) in [
        ("a password's hash", "SELECT password_hash AS value FROM users".to_owned()),
        ("a session's id", bytes("id")),
        ("a refresh token's hash", bytes("token_hash")),
    ] {
        let rows: Vec<_> = database.rows(&statement).await.into_iter().flatten().collect();
        assert!(!rows.is_empty(), "{name}");
        let bytes = |row: &String| match name {
            "a password's hash" => row.as_bytes().to_vec(),
            _ => row
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect(),
        };
        secrets.extend(rows.iter().map(|row| Secret::new(name, bytes(row))));
    }
    secrets
}

async fn no_log_line_is_forged_or_has_a_secret(backend: Backend, with_redis: bool, level: &str) {
    let (url, prefix) = (redis::server(), redis::fresh_prefix());
    // Without a mail server, links are logged.
    let (mail, _mails) = smtp::server().await;
    let mut settings = vec![
        ("LOG_LEVEL", level),
        ("RATE_LIMIT_PER_MINUTE", "1000"),
        ("AUTH_RATE_LIMIT_PER_MINUTE", "1000"),
        ("SMTP_URL", mail.as_str()),
        ("MAIL_FROM", "no-reply@example.com"),
        ("JOB_WORKERS", "2"),
    ];
    if with_redis {
        settings.extend([("REDIS_URL", url.as_str()), ("REDIS_KEY_PREFIX", prefix.as_str())]);
    }
    let process = Process::start_on(TestDatabase::create(backend).await, &settings).await;
    let mut secrets = vec![
        Secret::new("the signing key", SECRET),
        Secret::new("a password", PASSWORD),
        Secret::new("a new password", NEW_PASSWORD),
        Secret::new("a wrong password", WRONG),
        Secret::new("a hash of bcrypt", "$2b$04$"),
        Secret::new("an email", EMAIL),
        Secret::new("a name", NAME),
        Secret::new("a path", PATH),
    ];
    for (is_http_2, email) in [(false, EMAIL.to_owned()), (true, format!("by-http-2.{EMAIL}"))] {
        for token in live(&Caller::new(&process, is_http_2), &email).await {
            // For a truncated token the whole text; otherwise the signature.
            secrets.push(Secret::new("a signature", token.rsplit('.').next().unwrap()));
        }
    }
    for secret in send_to_a_webhook(&Caller::new(&process, false), &process.database).await {
        secrets.push(Secret::new("a webhook's secret, or a signature", secret.as_str()));
    }
    send_malformed_paths(&process.url).await;
    secrets.extend(stored_secrets(&process.database).await);

    let (status, lines) = process.stop().await;
    assert_eq!(status.code(), Some(0));
    assert!(lines.iter().all(Value::is_object), "{lines:?}");
    assert!(lines.iter().all(|line| line["level"] != "ERROR"), "{lines:?}");
    for line in &lines {
        let text = line.to_string();
        let leak = secrets.iter().find_map(|secret| secret.found_in(&text));
        assert!(leak.is_none(), "{leak:?} is in {text}");
        assert!(!text.contains("[31m"), "{text}");
        let target = line["target"].as_str().unwrap();
        let is_own = target.split("::").next().is_some_and(|own| OWN_CRATES.contains(&own));
        assert!(is_own || line["level"] == "INFO" || line["level"] == "WARN", "{text}");
    }
    let asked = lines
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with("LOG_LEVEL asks")));
    assert_eq!(asked.count(), 1, "the start says once that the rest stays closed");
    let is_everything_logged = lines.iter().any(|line| line["level"] == "DEBUG");
    assert_eq!(is_everything_logged, level == "trace", "{lines:?}");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_is_forged_or_has_a_secret_at_the_trace_level() {
    no_log_line_is_forged_or_has_a_secret(Backend::Sqlite, false, "trace").await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_has_a_secret_on_postgresql_with_redis_at_the_trace_level() {
    no_log_line_is_forged_or_has_a_secret(Backend::Postgres, true, "trace").await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn no_log_directive_enables_lines_of_a_dependency() {
    let level =
        "info,tokio_postgres=trace,redis=trace,h2=trace,hyper=trace,rustls=trace,[{parameters}]=trace";
    no_log_line_is_forged_or_has_a_secret(Backend::Postgres, true, level).await;
}

/// Also where nothing else is to be logged.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn the_notice_is_logged_at_every_level_of_its_own_target() {
    let level = "groundwork::commands=info,tokio_postgres=trace";
    let process =
        Process::start_on(TestDatabase::create(Backend::Postgres).await, &[("LOG_LEVEL", level)]).await;
    let (_, lines) = process.stop().await;
    let notices =
        lines.iter().filter(|line| line["target"] == "groundwork_telemetry::levels::withheld").count();
    assert_eq!(notices, 1, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_method_does_not_lengthen_its_log_line() {
    let process = Process::start(&[]).await;
    let method = "M".repeat(7_000);
    for _ in 0..3 {
        let request = format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw(&process.url, [request.into_bytes()]).await;
    }
    let (_, lines) = process.stop().await;
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 3, "{lines:?}");
    for line in requests {
        assert!(line["method"] == "other" && line.to_string().len() < 1_000, "{line}");
    }
}
