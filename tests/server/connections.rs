//! Who holds a connection without using it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::server::wire::{answer, ask, connect, until_closed};
use crate::support::begun::begun;
use crate::support::{Backend, Service, redis::eventually};

/// The header timeout is one second, which may be too short for a fast client on a busy machine.
async fn hasty() -> Service {
    Service::start_with(Backend::Sqlite, &[("HEADER_TIMEOUT", "1")]).await
}

async fn is_live(service: &Service) -> bool {
    reqwest::get(format!("{}/api/v1/health/live", service.instance.url))
        .await
        .is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_closed() {
    let service = hasty().await;
    assert_eq!(until_closed(&mut connect(&service.instance).await).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_headers_too_slowly_is_disconnected() {
    let service = hasty().await;
    for beginning in ["G", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: test\r\n"] {
        let mut stream = connect(&service.instance).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let dripping = tokio::spawn(async move {
            while writing.write_all(b"X").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        });
        until_closed(&mut reading).await;
        drop(reading);
        dripping.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_kept_for_the_next_request_and_then_closed() {
    let service = Service::start_with(Backend::Sqlite, &[("KEEP_ALIVE_TIMEOUT", "3")]).await;
    let mut stream = connect(&service.instance).await;
    for _ in 0..3 {
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(until_closed(&mut stream).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_longer_than_the_idle_timeout_is_answered() {
    let times = [("HEADER_TIMEOUT", "2"), ("KEEP_ALIVE_TIMEOUT", "1"), ("BODY_TIMEOUT", "4")];
    let service = Service::start_with(Backend::Sqlite, &times).await;
    let mut stream = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    // The body never comes: its own time ends first, and says so.
    let answer = String::from_utf8(until_closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_silent_and_slow_connections_delay_no_request_and_are_closed() {
    let service = hasty().await;
    let mut connections = JoinSet::new();
    for number in 0..1000 {
        let mut stream = connect(&service.instance).await;
        connections.spawn(async move {
            if number % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: t").await.unwrap();
            }
            until_closed(&mut stream).await
        });
        if number % 100 == 0 {
            eventually("others are answered", async || is_live(&service).await).await;
        }
    }
    eventually("others are answered", async || is_live(&service).await).await;
    assert_eq!(connections.join_all().await.len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_above_the_limit_of_its_address_is_closed() {
    let service = Service::start_with(Backend::Sqlite, &[("MAX_CONNECTIONS_PER_IP", "2")]).await;
    let mut first = connect(&service.instance).await;
    let mut second = connect(&service.instance).await;
    ask(&mut first).await;
    ask(&mut second).await;
    until_closed(&mut connect(&service.instance).await).await;
    assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"), "the others go on");
    drop(first);
    // Its end is noticed a moment later.
    eventually("there is room again", async || {
        let mut next = connect(&service.instance).await;
        next.write_all(crate::server::wire::REQUEST).await.is_ok() && next.readable().await.is_ok() && {
            let mut byte = [0];
            matches!(next.try_read(&mut byte), Ok(1))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_may_open_more_connections_than_an_address() {
    let limits = [("MAX_CONNECTIONS_PER_IP", "1"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut stream = connect(&service.instance).await;
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
        connections.push(stream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_while_all_others_are_busy() {
    let service = Service::start_with(Backend::Sqlite, &[("MAX_CONNECTIONS", "1")]).await;
    let mut busy = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let mut second = connect(&service.instance).await;
    let waiting = tokio::spawn(async move { ask(&mut second).await });
    sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    busy.write_all(b"{}").await.unwrap();
    assert!(answer(&mut busy).await.starts_with("HTTP/1.1 422"));
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200"));
}

/// A connection from one of the addresses of this machine.
async fn connect_from(service: &Service, address: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((address, 0))).unwrap();
    socket.connect(service.instance.url.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_at_the_limit_are_closed_for_new_ones() {
    let limits = [("MAX_CONNECTIONS", "10"), ("MAX_CONNECTIONS_PER_IP", "4")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    let mut idle = Vec::new();
    for number in 0..40 {
        let mut stream = connect_from(&service, [127, 0, 1, number % 5]).await;
        // One of two has asked; the others have not said anything.
        if number % 2 == 0 && stream.write_all(crate::server::wire::REQUEST).await.is_ok() {
            drop(timeout(crate::server::wire::LIMIT, stream.read(&mut [0; 4096])).await.unwrap());
        }
        idle.push(stream);
        if number % 5 == 4 {
            let mut fresh = connect_from(&service, [127, 0, 2, number]).await;
            assert!(ask(&mut fresh).await.starts_with("HTTP/1.1 200"));
        }
    }
    assert!(is_live(&service).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_timeout_of_a_later_request_starts_with_its_first_byte() {
    let times = [("HEADER_TIMEOUT", "1"), ("KEEP_ALIVE_TIMEOUT", "3600")];
    let service = Service::start_with(Backend::Sqlite, &times).await;
    let mut stream = connect(&service.instance).await;
    ask(&mut stream).await;
    // Silence between requests is another matter.
    sleep(Duration::from_secs(3)).await;
    ask(&mut stream).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: t").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_unread_body_is_not_the_next_request() {
    let times = [("HEADER_TIMEOUT", "1"), ("KEEP_ALIVE_TIMEOUT", "3600")];
    let service = Service::start_with(Backend::Sqlite, &times).await;
    let mut stream = connect(&service.instance).await;
    let head = "GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    stream.write_all(b"{}").await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_everything_before_reading_gets_the_413() {
    let service = Service::start(Backend::Sqlite).await;
    let length = 2 * 1024 * 1024;
    for _ in 0..20 {
        let mut stream = connect(&service.instance).await;
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; length]).await.unwrap();
        let answer = String::from_utf8(until_closed(&mut stream).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}
