//! What a mailer writes into files, logs and metrics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener as BlockingListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use groundwork_mail::{Config, Content, METRICS, Mailer, Message};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

const LINK: &str = "https://shop.example/verify-email?token=hunter2";

fn config(smtp_url: Option<&str>, folder: &Path) -> Config {
    Config {
        smtp_url: smtp_url.map(|url| url.parse().unwrap()),
        folder: folder.to_owned(),
        from: "no-reply@shop.example".parse().unwrap(),
        timeout: Duration::from_millis(500),
    }
}

fn message(id: &str) -> Message {
    let content = Content {
        language: "en".to_owned(),
        subject: "Hello".to_owned(),
        text: format!("Open {LINK}\n"),
        html: "<p>Hello</p>".to_owned(),
    };
    Message::new(id, "ada@example.com", content).unwrap().with_link(LINK)
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs a mailer on this thread; returns what it logged, the metrics, and its result as text.
fn observed(config: &Config) -> (String, Vec<String>, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let result = tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { Mailer::new(config).unwrap().send(&message("m-1")).await })
        })
    });
    let is_zero = |value: &DebugValue| matches!(value, DebugValue::Counter(0));
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    // Counters are there from the start, so that their rates are right.
    let metrics = metrics.filter(|(.., value)| !is_zero(value)).map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Histogram(values) => format!("{} values", values.len()),
            DebugValue::Gauge(value) => value.to_string(),
        };
        format!("{} {} {value}", key.name(), labels.join(","))
    });
    let mut metrics: Vec<_> = metrics.collect();
    metrics.sort();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (log, metrics, format!("{result:?}"))
}

#[test]
fn without_a_server_a_mail_is_a_private_file_and_one_log_line_with_its_link() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("new/mail");
    let (log, metrics, _) = observed(&config(None, &folder));
    let file = folder.join("m-1.eml");
    assert!(fs::read_to_string(&file).unwrap().contains("Message-ID: <m-1@shop.example>\r\n"));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains(LINK) && log.contains("to=\"ada@example.com\"") && log.contains("m-1.eml"), "{log}");
    assert_eq!(metrics, ["mail_send_seconds  1 values", "mails_sent_total tier=file 1"]);
    // The same mail again replaces its file.
    observed(&config(None, &folder));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn with_a_server_no_log_line_or_error_has_the_recipient_the_link_or_the_password() {
    let folder = TempDir::new().unwrap();
    // It accepts connections, and never says a word.
    let listener = BlockingListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://app:hunter2@{}", listener.local_addr().unwrap());
    let config = config(Some(&url), folder.path());
    let (log, metrics, result) = observed(&config);
    let shown = format!("{log}{result}{config:?}{:?}", Mailer::new(&config).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("ada@"), "{shown}");
    assert!(shown.contains("app:********@"), "{shown}");
    assert_eq!(metrics, ["mail_send_seconds  1 values", "mails_failed_total kind=timeout 1"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_mail_that_cannot_be_written_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (log, metrics, result) = observed(&config(None, &file));
    assert!(log.is_empty() && result.starts_with("Err(File("), "{log}{result}");
    assert_eq!(metrics, ["mail_send_seconds  1 values", "mails_failed_total kind=file 1"]);
}

#[test]
fn every_metric_is_described() {
    let names: Vec<_> = METRICS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["mails_sent_total", "mails_failed_total", "mail_send_seconds"]);
}
