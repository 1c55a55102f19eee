//! Responses that the service itself cannot be made to give: broken networks, proxies, newer
//! versions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use groundwork_client::types::{
    ApiKeyWithSecret, LinkToken, LoginRequest, ProfileUpdate, TokenPair, TokenType, WebhookWithSecret,
};
use groundwork_client::{Error, ErrorCode, Failure, Nullable, Service, Session};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const TOKEN_REFUSED: &str = r#"WWW-Authenticate: Bearer error="invalid_token""#;

/// A received request: its request line, bearer token and body.
struct Seen {
    line: String,
    token: String,
    body: String,
}

/// A status, a header and a body.
type Answer = (u16, &'static str, String);

/// Closes the connection without a response.
const CUT: Answer = (0, "", String::new());

/// Delays refreshes: each one adds a permit to `arrived`, and waits for a permit of `open`.
struct Gate {
    arrived: Semaphore,
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrived: Semaphore::new(0), open: Semaphore::new(0) }
    }
}

/// Answers every request with the result of `answer`, which receives the request and its number.
async fn serve(answer: impl Fn(usize, Seen) -> Answer + Send + Sync + 'static) -> Service {
    serve_when(answer, None).await
}

/// The same, with refreshes that wait at a gate.
async fn serve_when(
    answer: impl Fn(usize, Seen) -> Answer + Send + Sync + 'static,
    gate: Option<Arc<Gate>>,
) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::new((answer, AtomicUsize::new(0), gate));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let (answer, count, gate) = &*shared;
                let (seen, stream) = read(stream).await;
                if let Some(gate) = gate
                    && seen.line.contains("/refresh")
                {
                    gate.arrived.add_permits(1);
                    gate.open.acquire().await.unwrap().forget();
                }
                write(stream, answer(count.fetch_add(1, Ordering::SeqCst), seen)).await;
            });
        }
    });
    Service::new(&url).unwrap()
}

async fn read(stream: TcpStream) -> (Seen, BufReader<TcpStream>) {
    let mut stream = BufReader::new(stream);
    let mut seen = Seen { line: String::new(), token: String::new(), body: String::new() };
    stream.read_line(&mut seen.line).await.unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some(("authorization", value)) => value.trim_start_matches("Bearer ").clone_into(&mut seen.token),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    seen.body = String::from_utf8(body).unwrap();
    (seen, stream)
}

async fn write(mut stream: BufReader<TcpStream>, answer: Answer) {
    let (status, header, body) = answer;
    if status == 0 {
        return;
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Said\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

fn error(status: u16, header: &'static str, code: &str) -> Answer {
    let body = json!({ "success": false, "error": code, "message": "no", "request_id": "r" });
    (status, header, body.to_string())
}

fn tokens(number: usize) -> Answer {
    let pair = TokenPair {
        access_token: format!("access-{number}").into(),
        refresh_token: format!("refresh-{number}").into(),
        expires_in: 1800,
        token_type: TokenType::Bearer,
    };
    (200, "X: y", serde_json::to_string(&pair).unwrap())
}

fn user() -> Answer {
    let user = json!({
        "id": 1, "email": "ada@example.com", "full_name": null, "is_active": true, "is_superuser": false, "role": "user",
        "is_verified": false, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    (200, "X: y", user.to_string())
}

async fn log_in(service: &Service) -> Session {
    service.log_in("ada@example.com", "secret").await.unwrap()
}

#[tokio::test]
async fn an_absent_field_a_null_and_a_value_are_sent_as_three_things() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let sent = Arc::clone(&bodies);
    let service = serve(move |_, seen| {
        sent.lock().unwrap().push(seen.body);
        user()
    })
    .await;
    for full_name in [None, Some(Nullable::Null), Some("Ada".into())] {
        let changes = ProfileUpdate { full_name, ..ProfileUpdate::default() };
        service.anonymous().users_me_update().body(changes).send().await.unwrap();
    }
    assert_eq!(*bodies.lock().unwrap(), ["{}", r#"{"full_name":null}"#, r#"{"full_name":"Ada"}"#]);
}

#[tokio::test]
async fn a_code_of_a_newer_service_is_kept() {
    let service = serve(|_, _| error(409, "X: y", "quota_used_up")).await;
    let failed = service.anonymous().users_me_delete().send().await.unwrap_err();
    assert_eq!(failed.status().unwrap(), 409);
    assert_eq!(failed.code(), Some(&ErrorCode::Unknown("quota_used_up".to_owned())));
}

#[tokio::test]
async fn an_answer_from_something_in_front_keeps_its_status() {
    for status in [401, 413, 502] {
        let service = serve(move |_, _| (status, "X: y", "<html>".to_owned())).await;
        let body = LoginRequest { email: "ada@example.com".to_owned(), password: "secret".into() };
        let failed = service.anonymous().auth_login().body(body).send().await.unwrap_err();
        assert_eq!(failed.status().unwrap(), status);
    }
}

#[tokio::test]
async fn no_debug_output_shows_a_secret() {
    let service = serve(|_, _| tokens(0)).await;
    let session = log_in(&service).await;
    let body = LoginRequest { email: "ada@example.com".to_owned(), password: "secret".into() };
    let shown = format!("{session:?} {body:?}");
    assert!(!["access-0", "refresh-0", "secret\""].iter().any(|secret| shown.contains(secret)), "{shown}");
}

#[tokio::test]
async fn after_a_refresh_without_an_answer_the_next_call_tries_again() {
    let is_cut = Arc::new(AtomicBool::new(true));
    let cut = Arc::clone(&is_cut);
    let service = serve(move |number, seen| match number {
        0 => tokens(0),
        _ if seen.line.contains("/refresh") && cut.load(Ordering::SeqCst) => CUT,
        _ if seen.line.contains("/refresh") => tokens(1),
        _ if seen.token == "access-1" => user(),
        _ => error(401, TOKEN_REFUSED, "invalid_token"),
    })
    .await;
    let session = log_in(&service).await;
    let failed = session.users_me().send().await.unwrap_err();
    assert!(matches!(&failed, Error::Custom(why) if why.starts_with("refreshing the session")), "{failed}");
    is_cut.store(false, Ordering::SeqCst);
    assert_eq!(session.users_me().send().await.unwrap().email, "ada@example.com");
}

#[tokio::test]
async fn a_refused_refresh_ends_the_session() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let service = serve(move |number, seen| {
        counted.fetch_add(usize::from(seen.line.contains("/refresh")), Ordering::SeqCst);
        if number == 0 { tokens(0) } else { error(401, TOKEN_REFUSED, "invalid_token") }
    })
    .await;
    let session = log_in(&service).await;
    for _ in 0..2 {
        let failed = session.users_me().send().await.unwrap_err();
        assert_eq!(failed.code(), Some(&ErrorCode::InvalidToken));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn tokens_are_not_lost_with_the_call_that_wanted_them() {
    let gate = Arc::new(Gate::default());
    let service = serve_when(
        |number, seen| match seen.token.as_str() {
            "" => tokens(number),
            "access-0" => error(401, TOKEN_REFUSED, "invalid_token"),
            _ => user(),
        },
        Some(Arc::clone(&gate)),
    )
    .await;
    let refreshed = Arc::new(Semaphore::new(0));
    let told = Arc::clone(&refreshed);
    let session = log_in(&service.on_refresh(move || told.add_permits(1))).await;
    let call = tokio::spawn({
        let session = session.clone();
        async move { session.users_me().send().await.map(drop) }
    });
    gate.arrived.acquire().await.unwrap().forget();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    gate.open.add_permits(1);
    refreshed.acquire().await.unwrap().forget();
    assert_eq!(session.users_me().send().await.unwrap().email, "ada@example.com");
    assert_eq!(refreshed.available_permits(), 0);
}

#[tokio::test]
async fn an_api_key_is_sent_as_it_is_and_never_refreshed() {
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    let service = serve(move |_, request| {
        seen.lock().unwrap().push(request.token);
        if request.line.starts_with("GET") {
            error(401, TOKEN_REFUSED, "invalid_token")
        } else {
            error(403, "X: y", "insufficient_scope")
        }
    })
    .await;
    let client = service.with_api_key("gwk_secret");
    let deleted = client.users().me().send().await.unwrap_err();
    assert_eq!(deleted.code(), Some(&ErrorCode::InvalidToken));
    let name = ProfileUpdate { full_name: Some("Ada".into()), ..ProfileUpdate::default() };
    let refused = client.users().me_update(name).send().await.unwrap_err();
    assert_eq!(refused.code(), Some(&ErrorCode::InsufficientScope));
    assert_eq!(*tokens.lock().unwrap(), ["gwk_secret", "gwk_secret"]);
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn a_new_key_a_new_secret_and_the_token_of_a_link_are_not_printed() {
    let time = "2026-01-31T09:30:00Z";
    let key = json!({
        "id": 1, "user_id": 1, "name": "Nightly export", "prefix": "gwk_7fG2kQ", "scopes": [],
        "created_at": time, "expires_at": null, "last_used_at": null, "key": "gwk_hidden",
    });
    let webhook = json!({
        "id": 1, "url": "https://example.com/hooks", "events": ["*"], "description": null, "is_active": true,
        "disabled_at": null, "disabled_reason": null, "failing_since": null, "previous_secret_expires_at": null,
        "created_at": time, "updated_at": time, "secret": "whsec_hidden",
    });
    let key: ApiKeyWithSecret = serde_json::from_value(key).unwrap();
    let webhook: WebhookWithSecret = serde_json::from_value(webhook).unwrap();
    let link: LinkToken = serde_json::from_value(json!({ "token": "hidden" })).unwrap();
    assert!(!format!("{key:?}{webhook:?}{link:?}").contains("hidden"));
    assert_eq!((&*key.key, &*webhook.secret), ("gwk_hidden", "whsec_hidden"));
}
