//! Where a request ends. A proxy in front of the service must never see one request where the
//! service sees two.

use tokio::io::AsyncWriteExt;

use crate::server::wire::{connect, until_closed};
use crate::support::client::raw;
use crate::support::{Backend, Service};

/// What is said on a connection to which this is sent.
async fn said_to(service: &Service, sent: &[u8]) -> String {
    let mut stream = connect(&service.instance).await;
    stream.write_all(sent).await.unwrap();
    String::from_utf8(until_closed(&mut stream).await).unwrap()
}

async fn impatient() -> Service {
    Service::start_with(Backend::Sqlite, &[("KEEP_ALIVE_TIMEOUT", "5")]).await
}

fn log_in(framing: &str, rest: &str) -> Vec<u8> {
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
    format!("{head}{framing}\r\n{rest}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_an_ambiguous_length_is_refused_and_nothing_after_it_is_read() {
    let service = impatient().await;
    let hidden = "{}GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\n\r\n";
    for framing in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length : 2\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        " Content-Length: 2\r\n",
    ] {
        let answer = said_to(&service, &log_in(framing, hidden)).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{framing:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_win_over_a_content_length_and_the_connection_closes() {
    let service = impatient().await;
    // By its length the body would be all the rest; by its chunks it is `{}`, and what follows
    // would be a second request.
    let rest = "2\r\n{}\r\n0\r\n\r\nGET /api/v1/health/live HTTP/1.1\r\nHost: test\r\n\r\n";
    let framing = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", rest.len());
    let answer = said_to(&service, &log_in(&framing, rest)).await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_transfer_coding_is_answered_501_and_closes_the_connection() {
    let service = impatient().await;
    let rest = "2\r\n{}\r\n0\r\n\r\nGET /api/v1/health/live HTTP/1.1\r\nHost: test\r\n\r\n";
    for (framing, status, code) in [
        ("Transfer-Encoding: gzip, chunked\r\n", 501, "not_implemented"),
        ("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n", 501, "not_implemented"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "malformed_request"),
        ("Transfer-Encoding: chunked, chunked\r\n", 400, "malformed_request"),
    ] {
        let answer = raw(&service.instance.url, [log_in(framing, rest)]).await;
        let answer = answer.answer();
        assert_eq!(answer.text.matches("HTTP/1.1 ").count(), 0, "{framing:?}: {answer:?}");
        answer.expect_error(status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_above_the_size_limit_are_refused() {
    let service = impatient().await;
    let with = |bytes: usize| {
        let long = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Long: {long}\r\n\r\n").into_bytes()
    };
    let answer = said_to(&service, &with(30 * 1024)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = said_to(&service, &with(33 * 1024)).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
