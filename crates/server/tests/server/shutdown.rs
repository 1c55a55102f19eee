//! Graceful shutdown, step by step.

use std::time::{Duration, Instant};

use groundwork_server::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::support::{SHORT, TestServer, ask, response, send, until_closed};

#[tokio::test]
async fn while_draining_all_is_served_and_http_1_responses_close_their_connections() {
    let config = Config { drain_timeout: Duration::from_secs(2), ..Config::default() };
    let server = TestServer::start(config).await;
    let mut kept = server.connect().await;
    assert!(!ask(&mut kept, "GET / HTTP/1.1").await.contains("connection: close"));
    server.shutdown.cancel();
    sleep(SHORT).await;
    for mut stream in [kept, server.connect().await] {
        assert!(ask(&mut stream, "GET / HTTP/1.1").await.contains("connection: close"));
        assert_eq!(until_closed(&mut stream).await, "");
    }
    let address = server.address;
    server.ended().await;
    assert!(TcpStream::connect(address).await.is_err(), "it does not listen any more");
}

#[tokio::test]
async fn a_request_in_flight_finishes_and_an_idle_connection_ends_after_its_grace() {
    let server = TestServer::start(Config::default()).await;
    let (mut busy, mut idle, mut late) =
        (server.connect().await, server.connect().await, server.connect().await);
    for stream in [&mut idle, &mut late] {
        ask(stream, "GET / HTTP/1.1").await;
    }
    send(&mut busy, "GET /slow HTTP/1.1").await;
    sleep(SHORT / 3).await;
    server.shutdown.cancel();
    sleep(SHORT / 3).await;
    // It was on its way when the shutdown began.
    assert!(ask(&mut late, "GET / HTTP/1.1").await.contains("connection: close"));
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(response(&mut busy).await.ends_with("slow!"));
    server.ended().await;
}

#[tokio::test]
async fn a_connection_in_the_backlog_is_served() {
    let server = TestServer::start(Config::default()).await;
    server.shutdown.cancel();
    // On the one thread of this test the server runs only from here on.
    let mut stream = std::net::TcpStream::connect(server.address).map(|stream| {
        stream.set_nonblocking(true).unwrap();
        TcpStream::from_std(stream).unwrap()
    });
    assert!(ask(stream.as_mut().unwrap(), "GET / HTTP/1.1").await.starts_with("HTTP/1.1 200"));
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_exceeds_the_shutdown_timeout_is_cut_off() {
    let server = TestServer::start(Config { shutdown_timeout: SHORT, ..Config::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n").await.unwrap();
    sleep(SHORT).await;
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() >= SHORT);
    assert_eq!(until_closed(&mut stream).await, "");
}
