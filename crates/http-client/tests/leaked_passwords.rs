//! The check of leaked passwords, against a server of our own.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use groundwork_http_client::LeakedPasswords;
use hyper::header::HeaderValue;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use support::{Reply, Server};

/// The SHA-1 of `password` begins with 5BAA6.
const LIST: &str = "1D2DA4053E34E76F6576ED1DA63134B5E2A:2\r\n\
    1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n\
    1E4C9B93F3F0682250B6CF8331B7EE68FD9:0\r\n";

/// Longer than any answer takes.
const LONG: Duration = Duration::from_mins(1);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(500);

async fn check(server: &Server, password: &str, total: Duration) -> (bool, Vec<String>) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut config = LeakedPasswords::config(HeaderValue::from_static("test/1"));
    config.limits.total = total;
    let base = format!("http://{}/range/", server.address);
    let is_leaked = LeakedPasswords::new(&base, config).unwrap().contains(password).await;
    let checks = snapshotter.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
        let is_check = key.key().name() == "leaked_password_checks_total";
        let label = key.key().labels().next()?.value().to_owned();
        (is_check && value == DebugValue::Counter(1)).then_some(label)
    });
    (is_leaked, checks.collect())
}

fn list() -> Reply {
    Reply::Response { status: 200, headers: "content-type: text/plain\r\n", body: LIST.into() }
}

#[tokio::test]
async fn a_leaked_password_is_found_and_only_its_prefix_is_sent() {
    let server = Server::start([list()]).await;
    assert_eq!(check(&server, "password", LONG).await, (true, vec!["leaked".to_owned()]));
    let request = &server.requests()[0];
    assert!(request.head.starts_with("GET /range/5BAA6 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("add-padding"), Some("true"));
    assert!(!request.head.contains("1E4C9"));
    assert_eq!(check(&server, "correct horse battery", LONG).await, (false, vec!["absent".to_owned()]));
}

#[tokio::test]
async fn a_password_is_accepted_while_the_service_is_unavailable() {
    let endless = Reply::Chunked(vec![b'x'; 300 * 1024]);
    for reply in [Reply::Hang, Reply::Drip, Reply::Break, Reply::status(500), Reply::status(404), endless] {
        let server = Server::start([reply]).await;
        assert_eq!(check(&server, "password", SHORT).await, (false, vec!["unavailable".to_owned()]));
    }
}
