//! Mails to the SMTP server that `./scripts/test` starts (`tests/smtp/server.py`), and to servers
//! that misbehave before the first command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use groundwork_mail::{Config, ConfigError, Content, Mailer, Message, SendError};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any exchange here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// For servers that never answer.
const SHORT_TIMEOUT: Duration = Duration::from_millis(500);

const CREDENTIALS: &str = "app%40example.com:hunter%2F2@";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A test that needs the server is ignored by `cargo test` and included by `./scripts/test`;
/// without the server it fails.
fn folder() -> PathBuf {
    std::env::var("TEST_SMTP_FOLDER")
        .expect(
            "TEST_SMTP_FOLDER must name the folder of an SMTP server for tests; ./scripts/test starts one",
        )
        .into()
}

fn read_json(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The address of a kind of server; its certificate is for `localhost`.
fn url(scheme: &str, credentials: &str, host: &str, kind: &str) -> String {
    let ports = read_json("ports.json").remove(0);
    format!("{scheme}://{credentials}{host}:{}", ports[kind])
}

fn ca() -> String {
    format!("ca_file={}", folder().join("ca.crt").display())
}

fn config(url: &str, timeout: Duration) -> Config {
    Config {
        smtp_url: Some(url.parse().unwrap()),
        folder: PathBuf::new(),
        from: "Shop <no-reply@shop.example>".parse().unwrap(),
        timeout,
    }
}

fn mailer(url: &str) -> Mailer {
    Mailer::new(&config(url, TIMEOUT)).unwrap()
}

fn message(to: &str) -> Message {
    let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let content = Content {
        language: "en".to_owned(),
        subject: "Grüße".to_owned(),
        text: "Open https://shop.example/?token=0123456789\n.\nÜber den Punkt hinaus.\n".to_owned(),
        html: "<p>Grüße</p>".to_owned(),
    };
    Message::new(&id, to, content).unwrap()
}

/// What the server has of this mail: one entry each time that it accepted it.
fn received(message: &Message) -> Vec<Value> {
    let id = format!("Message-ID: <{}@shop.example>", message.id());
    let mails = read_json("mails.jsonl").into_iter();
    mails.filter(|mail| mail["content"].as_str().unwrap().contains(&id)).collect()
}

async fn sent(mailer: &Mailer) -> Value {
    let message = message("ada@example.com");
    mailer.send(&message).await.unwrap();
    let mut received = received(&message);
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

async fn refusal(mailer: &Mailer, to: &str) -> SendError {
    let message = message(to);
    let error = mailer.send(&message).await.unwrap_err();
    assert_eq!(received(&message), Vec::<Value>::new());
    error
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn a_mail_arrives_complete() {
    let mail = sent(&mailer(&url("smtp", "", "127.0.0.1", "plain"))).await;
    assert_eq!(mail["from"], "no-reply@shop.example");
    assert_eq!(mail["to"], serde_json::json!(["ada@example.com"]));
    assert_eq!(mail["hello"], "shop.example");
    let content = mail["content"].as_str().unwrap();
    assert!(content.contains("Subject: =?utf-8?b?R3LDvMOfZQ==?="), "{content}");
    assert!(content.contains("=C3=9Cber den Punkt hinaus."), "{content}");
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn credentials_travel_over_tls_from_the_first_byte_or_after_starttls() {
    for (scheme, kind) in [("smtps", "tls_auth"), ("smtp", "starttls_auth")] {
        let url = format!("{}?tls=required&{}", url(scheme, CREDENTIALS, "localhost", kind), ca());
        let mail = sent(&mailer(&url)).await;
        assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &"app@example.com".into()), "{kind}");
    }
    let url = format!("{}?tls=required&{}", url("smtp", "", "localhost", "starttls"), ca());
    let mail = sent(&mailer(&url)).await;
    assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &Value::Null));
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn a_server_on_this_machine_gets_the_password_without_tls() {
    let mail = sent(&mailer(&url("smtp", CREDENTIALS, "127.0.0.1", "plain_auth"))).await;
    assert_eq!((&mail["tls"], &mail["user"]), (&false.into(), &"app@example.com".into()));
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_mail() {
    for (url, problem) in [
        // From an authority that the system does not know.
        (url("smtps", CREDENTIALS, "localhost", "tls_auth"), "UnknownIssuer"),
        (format!("{}?tls=required", url("smtp", CREDENTIALS, "localhost", "starttls_auth")), "UnknownIssuer"),
        // Its certificate is for localhost.
        (format!("{}?{}", url("smtps", CREDENTIALS, "127.0.0.1", "tls_auth"), ca()), "not valid for name"),
        (
            format!("{}?tls=required&{}", url("smtp", "", "localhost", "plain"), ca()),
            "does not offer STARTTLS",
        ),
    ] {
        let error = refusal(&mailer(&url), "ada@example.com").await;
        assert!(matches!(&error, SendError::Tls(text) if text.contains(problem)), "{url}: {error}");
        assert!(!error.is_permanent());
    }
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn wrong_credentials_are_no_reason_to_discard_a_mail() {
    let wrong = "app%40example.com:hunter3@";
    for (url, to) in [
        (url("smtp", wrong, "127.0.0.1", "plain_auth"), "ada@example.com"),
        // None although it wants some.
        (url("smtp", "", "127.0.0.1", "plain_auth"), "ada@example.com"),
        // Some, and it does not know the command.
        (url("smtp", wrong, "127.0.0.1", "plain"), "ada@example.com"),
        // Others than those that it has accepted.
        (url("smtp", "", "127.0.0.1", "plain"), "forbidden@example.com"),
    ] {
        let error = refusal(&mailer(&url), to).await;
        assert!(matches!(error, SendError::Authentication) && !error.is_permanent(), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
    }
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn a_refused_mail_is_told_apart_from_a_deferred_one() {
    let mailer = mailer(&url("smtp", "", "127.0.0.1", "plain"));
    for (name, is_permanent, kind, text) in [
        ("refused", true, "refused", "the SMTP server refused the mail: 550 5.1.1 No such mailbox"),
        ("unwanted", true, "refused", "the SMTP server refused the mail: 554 5.7.1 Unwanted content"),
        ("deferred", false, "deferred", "the SMTP server deferred the mail: 451 4.3.2 Try again later"),
    ] {
        let error = refusal(&mailer, &format!("{name}@example.com")).await;
        assert_eq!((error.is_permanent(), error.kind()), (is_permanent, kind), "{name}");
        assert_eq!(error.to_string(), text);
    }
    let error = refusal(&mailer, "closing@example.com").await;
    assert!(!error.is_permanent(), "{error:?}");
    // The server offers no SMTPUTF8, and no attempt changes that.
    let error = refusal(&mailer, "grüße@example.com").await;
    assert!(matches!(error, SendError::Message(_)) && error.is_permanent(), "{error:?}");
    // None of that matters to the next mail.
    sent(&mailer).await;
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_its_connection_with_it() {
    let mailer =
        Mailer::new(&config(&url("smtp", "", "127.0.0.1", "plain"), Duration::from_secs(2))).unwrap();
    let before = sent(&mailer).await;
    let error = refusal(&mailer, "hanging@example.com").await;
    assert!(matches!(error, SendError::Timeout(_)) && !error.is_permanent(), "{error:?}");
    // On the old connection, the reply to the abandoned mail would count as the reply to this one.
    let after = sent(&mailer).await;
    assert_ne!(before["connection"], after["connection"]);
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn mails_one_after_another_share_a_connection() {
    let url = format!("{}?{}", url("smtps", CREDENTIALS, "localhost", "tls_auth"), ca());
    let mailer = mailer(&url);
    let first = sent(&mailer).await;
    for _ in 0..3 {
        assert_eq!(sent(&mailer).await["connection"], first["connection"]);
    }
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn mails_at_the_same_time_do_not_wait_for_each_other() {
    let mailer = mailer(&url("smtp", "", "127.0.0.1", "plain"));
    let hanging = message("hanging@example.com");
    let hanging = mailer.send(&hanging);
    tokio::pin!(hanging);
    tokio::select! {
        result = &mut hanging => panic!("{result:?}"),
        _ = sent(&mailer) => {}
    }
}

#[ignore = "needs SMTP"]
#[tokio::test]
async fn the_same_mail_sent_twice_has_the_same_id() {
    let mailer = mailer(&url("smtp", "", "127.0.0.1", "plain"));
    let message = message("ada@example.com");
    mailer.send(&message).await.unwrap();
    mailer.send(&message).await.unwrap();
    assert_eq!(received(&message).len(), 2);
}

/// A server that says this to whoever connects, and then nothing.
async fn server_that_says(greeting: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            connection.write_all(greeting.as_bytes()).await.unwrap();
            connections.push(connection);
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_accepts_nobody_says_nothing_about_the_mail() {
    for (greeting, kind) in [
        ("", "timeout"),
        ("220 mail.example.com", "timeout"),
        ("421 4.3.2 Shutting down\r\n", "deferred"),
        ("554 5.3.2 Not for you\r\n", "deferred"),
        ("SSH-2.0-OpenSSH\r\n", "connection"),
    ] {
        let url = server_that_says(greeting).await;
        let mailer = Mailer::new(&config(&url, SHORT_TIMEOUT)).unwrap();
        let error = mailer.send(&message("ada@example.com")).await.unwrap_err();
        assert_eq!((error.kind(), error.is_permanent()), (kind, false), "{greeting}: {error:?}");
    }
}

/// Accepts one mail, and answers `AUTH` with this.
async fn accept_one_mail(connection: TcpStream, auth_reply: &str) {
    let mut connection = BufReader::new(connection);
    let (mut reply, mut line) = ("220 mail.example.com\r\n", String::new());
    loop {
        connection.get_mut().write_all(reply.as_bytes()).await.unwrap();
        let is_content = reply.starts_with("354");
        loop {
            line.clear();
            connection.read_line(&mut line).await.unwrap();
            if !is_content || line == ".\r\n" {
                break;
            }
        }
        reply = match line.split_whitespace().next() {
            Some("EHLO") => "250-mail.example.com\r\n250 AUTH PLAIN\r\n",
            Some("AUTH") => auth_reply,
            Some("DATA") => "354 Go on\r\n",
            Some(".") => return connection.get_mut().write_all(b"250 OK\r\n").await.unwrap(),
            Some(_) => "250 OK\r\n",
            None => return,
        };
    }
}

/// A server that closes each connection after one mail.
async fn server_for_one_mail_each(auth_reply: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            accept_one_mail(connection, auth_reply).await;
        }
    });
    address
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let mailer = mailer(&format!("smtp://{}", server_for_one_mail_each("").await));
    for _ in 0..3 {
        mailer.send(&message("ada@example.com")).await.unwrap();
    }
}

#[tokio::test]
async fn no_error_repeats_what_a_server_says_about_credentials() {
    for (reply, kind) in [
        ("454 4.7.0 not now: AGFwcABodW50ZXIy\r\n", "deferred"),
        ("535 5.7.8 wrong: AGFwcABodW50ZXIy\r\n", "authentication"),
    ] {
        let address = server_for_one_mail_each(reply).await;
        let mailer = mailer(&format!("smtp://app:hunter2@{address}"));
        let error = mailer.send(&message("ada@example.com")).await.unwrap_err();
        assert_eq!((error.kind(), error.is_permanent()), (kind, false));
        assert!(!format!("{error} {error:?}").contains("AGFwc"), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_that_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailer = mailer(&format!("smtp://{}", listener.local_addr().unwrap()));
    drop(listener);
    let error = mailer.send(&message("ada@example.com")).await.unwrap_err();
    assert!(matches!(error, SendError::Connection(_)) && !error.is_permanent(), "{error:?}");
}

#[test]
fn authorities_that_cannot_be_read_are_an_error_at_the_start() {
    for (file, problem) in [("/nowhere/ca.pem", "No such file"), ("Cargo.toml", "no certificate in PEM form")]
    {
        let config = config(&format!("smtps://mail.example.com?ca_file={file}"), TIMEOUT);
        let error = Mailer::new(&config).unwrap_err();
        assert!(matches!(error, ConfigError::Authorities { .. }));
        assert!(error.to_string().contains(problem) && error.to_string().contains(file), "{error}");
    }
}
