//! Timeouts, limits, and what a service learns of a connection.

use std::time::{Duration, Instant};

use groundwork_server::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::sleep;

use crate::support::{SHORT, TestServer, ask, response, send, until_closed};

#[tokio::test]
async fn a_connection_without_complete_headers_is_closed() {
    let server = TestServer::start(Config { header_timeout: SHORT, ..Config::default() }).await;
    for beginning in ["", "G", "GET / HTTP/1.1\r\nHost: te", "PRI * HTTP/2.0\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, "", "{beginning:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_the_keep_alive_time() {
    let server = TestServer::start(Config { keep_alive_timeout: SHORT, ..Config::default() }).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        assert!(ask(&mut stream, "GET / HTTP/1.1").await.starts_with("HTTP/1.1 200"));
    }
    // A request may take longer than a connection may be idle.
    assert!(ask(&mut stream, "GET /slow HTTP/1.1").await.ends_with("slow!"));
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn later_headers_have_their_time_from_the_first_byte() {
    let server = TestServer::start(Config { header_timeout: SHORT, ..Config::default() }).await;
    let mut stream = server.connect().await;
    ask(&mut stream, "GET / HTTP/1.1").await;
    sleep(SHORT * 3).await;
    ask(&mut stream, "GET / HTTP/1.1").await;
    let sent = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
    assert!(sent.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_network_has_a_limit_that_trusted_proxies_do_not_have() {
    let limited = Config { max_connections_per_network: 1, ..Config::default() };
    let server = TestServer::start(limited.clone()).await;
    let mut first = server.connect().await;
    ask(&mut first, "GET / HTTP/1.1").await;
    assert_eq!(until_closed(&mut server.connect().await).await, "");
    ask(&mut first, "GET / HTTP/1.1").await;

    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let server = TestServer::start(Config { trusted_proxies, ..limited }).await;
    let mut streams = [server.connect().await, server.connect().await];
    for stream in &mut streams {
        ask(stream, "GET / HTTP/1.1").await;
    }
}

#[tokio::test]
async fn at_the_limit_an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let server = TestServer::start(Config { max_connections: 1, ..Config::default() }).await;
    let mut idle = server.connect().await;
    ask(&mut idle, "GET / HTTP/1.1").await;
    let mut busy = server.connect().await;
    send(&mut busy, "GET /slow HTTP/1.1").await;
    assert_eq!(until_closed(&mut idle).await, "");
    let mut waiting = server.connect().await;
    let began = Instant::now();
    let (slow, quick) = tokio::join!(response(&mut busy), ask(&mut waiting, "GET / HTTP/1.1"));
    assert!(slow.ends_with("slow!") && quick.starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() > Duration::from_secs(1), "it waited for the busy one");
}

#[tokio::test]
async fn the_service_knows_the_peer_which_a_unix_socket_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    // A socket that a stopped process left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = TestServer::start(Config { unix_socket: Some(path.clone()), ..Config::default() }).await;
    let mut tcp = server.connect().await;
    assert!(ask(&mut tcp, "GET / HTTP/1.1").await.ends_with("Some(127.0.0.1) false!"));
    let mut unix = UnixStream::connect(&path).await.unwrap();
    assert!(ask(&mut unix, "GET / HTTP/1.1").await.ends_with("None false!"));
    server.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn the_path_of_a_socket_that_is_in_use_and_of_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let [socket, file] = ["http.sock", "file"].map(|name| folder.path().join(name));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::write(&file, "content").unwrap();
    for path in [socket, file] {
        let config = Config { unix_socket: Some(path.clone()), ..Config::default() };
        let bound = groundwork_server::Server::bind(([127, 0, 0, 1], 0).into(), config).await;
        let error = bound.err().unwrap().to_string();
        assert_eq!(error, format!("cannot listen on {}", path.display()));
        assert!(path.exists());
    }
}

#[tokio::test]
async fn an_early_response_reaches_a_client_that_sends_everything_first() {
    let server = TestServer::start(Config::default()).await;
    let length = 2 * 1024 * 1024;
    for path in ["/unread", "/read"] {
        let mut stream = server.connect().await;
        send(&mut stream, &format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\nConnection: close"))
            .await;
        stream.write_all(&vec![b' '; length]).await.unwrap();
        let response = until_closed(&mut stream).await;
        let expected = if path == "/read" { "Ok(2097152)!" } else { "false!" };
        assert!(response.ends_with(expected), "{path}: {response}");
    }
}

#[tokio::test]
async fn bytes_of_an_unread_body_are_not_the_next_headers() {
    let config = Config { header_timeout: SHORT, ..Config::default() };
    let server = TestServer::start(config).await;
    let mut stream = server.connect().await;
    ask(&mut stream, "POST / HTTP/1.1\r\nContent-Length: 2").await;
    stream.write_all(b"{}").await.unwrap();
    sleep(SHORT * 3).await;
    assert!(ask(&mut stream, "GET / HTTP/1.1").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http_2_is_served_to_a_client_that_begins_with_it() {
    let config = Config { keep_alive_timeout: SHORT, ..Config::default() };
    let server = TestServer::start(config).await;
    let (client, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = hyper::Request::get("http://test/slow").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    // The frames that a client sends by itself do not keep an idle connection open.
    assert!(tokio::time::timeout(Duration::from_secs(30), connection).await.is_ok());
}
