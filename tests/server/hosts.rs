//! Which host a request is for: named once and well-formed, on every path.

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::support::client::{Answer, raw};
use crate::support::contract::contract;
use crate::support::{Backend, Service};

/// The answer to a request with these lines as its headers.
async fn said_to(service: &Service, method: &str, target: &str, version: &str, lines: &str) -> Answer {
    let request = format!("{method} {target} {version}\r\n{lines}Connection: close\r\n\r\n");
    raw(&service.instance.url, [request.into_bytes()]).await.answer()
}

/// Methods and paths of every operation, with numbers for parameters.
fn operations() -> Vec<(String, String)> {
    let paths = contract().document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.replace("{id}", "1")))
    });
    operations.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_exactly_one_valid_host_gets_the_error_body_on_every_path() {
    let service = Service::start(Backend::Sqlite).await;
    let mut places = operations();
    assert!(places.len() > 10, "{places:?}");
    for path in ["/docs", "/redoc", "/openapi.json", "/nowhere", "/docs/nowhere"] {
        places.push(("GET".to_owned(), path.to_owned()));
    }
    places.push(("TRACE".to_owned(), "/".to_owned()));
    for (method, path) in places {
        for lines in ["", "Host: a\r\nHost: a\r\n", "Host: a/../b\r\n", "Host:\r\n"] {
            let answer = said_to(&service, &method, &path, "HTTP/1.1", lines).await;
            assert_eq!(answer.header("connection"), "close", "{method} {path} {lines:?}");
            answer.expect_error(400, "malformed_request");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_needs_a_valid_host_too() {
    let service = Service::start(Backend::Sqlite).await;
    let preflight = "Origin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n";
    let answer = said_to(&service, "OPTIONS", "/", "HTTP/1.1", preflight).await;
    answer.expect_error(400, "malformed_request");
    let answer = said_to(&service, "OPTIONS", "/", "HTTP/1.1", &format!("Host: a\r\n{preflight}")).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_in_every_common_form_are_accepted() {
    let service = Service::start(Backend::Sqlite).await;
    for host in ["localhost:8000", "API.example.com", "192.0.2.1", "[2001:db8::1]:443", "my_service", "a:"] {
        let answer = said_to(&service, "GET", "/", "HTTP/1.1", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    // What a target names itself counts (RFC 9112, 3.2.2), and HTTP/1.0 has no hosts.
    let answer = said_to(&service, "GET", "http://a/", "HTTP/1.1", "Host: b\r\n").await;
    assert_eq!(answer.status, 200);
    let answer = said_to(&service, "GET", "/", "HTTP/1.0", "").await;
    assert_eq!(answer.status, 200);
    said_to(&service, "GET", "/", "HTTP/1.0", "Host: a b\r\n").await.expect_error(400, "malformed_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_http_2_the_host_must_equal_the_authority() {
    let service = Service::start(Backend::Sqlite).await;
    let url = &service.instance.url;
    let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut client, connection) = h2::client::Builder::new().handshake::<_, Bytes>(stream).await.unwrap();
    tokio::spawn(connection);
    for (uri, hosts, status) in [
        ("http://a/", &[][..], 200),
        ("http://a/", &["A:80"], 200),
        ("http://a/", &["b"], 400),
        ("http://a/", &["a", "a"], 400),
        ("http://user@a/", &[], 400),
        ("javascript://a/", &[], 400),
    ] {
        let mut request = poem::http::Request::get(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        client = client.ready().await.unwrap();
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let (parts, mut body) = answer.await.unwrap().into_parts();
        assert_eq!(parts.status, status, "{uri} {hosts:?}");
        let text = body.data().await.unwrap().unwrap();
        assert_eq!(status == 400, String::from_utf8_lossy(&text).contains("malformed_request"), "{text:?}");
    }
}
