//! Calls over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groundwork_http_client::{
    BodyLimit, CallError, Client, Config, Destinations, Phase, Response, RetryConfig,
};
use hyper::header::HeaderValue;
use hyper::{Method, Request};
use support::{Authority, Names, Reply, Server};

/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(1);
/// Long enough for an exchange on this machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// Without retries, and with limits that no test reaches by accident.
fn config() -> Config {
    let mut config = Config::new("test", HeaderValue::from_static("test/1"));
    let limits = &mut config.limits;
    (limits.connect, limits.headers, limits.body, limits.total) = (LONG, LONG, LONG, LONG);
    config.retry = None;
    config
}

fn retrying(attempts: u32) -> Config {
    let first_wait = Duration::from_millis(2);
    Config { retry: Some(RetryConfig { attempts, first_wait, ..RetryConfig::default() }), ..config() }
}

fn client(config: Config) -> Client {
    Client::with_resolver(config, Names::local()).unwrap()
}

async fn call(client: &Client, method: Method, url: &str) -> Result<Response, CallError> {
    let request = Request::builder().method(method).uri(url).body(Bytes::from_static(b"sent")).unwrap();
    client.send(request).await
}

async fn get(client: &Client, server: &Server) -> Result<Response, CallError> {
    call(client, Method::GET, &server.url("a.example", "/path")).await
}

#[tokio::test]
async fn a_server_with_a_certificate_of_an_additional_authority_answers() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, [Reply::status(200)]).await;
    let trusting = Config { additional_roots: Some(authority.file.path().to_owned()), ..config() };
    let response = get(&client(trusting.clone()), &server).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"body"[..]));
    let request = &server.requests()[0];
    assert!(request.head.starts_with("GET /path HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("user-agent"), Some("test/1"));
    assert_eq!(request.body, b"sent");

    let other_name = call(&client(trusting), Method::GET, &server.url("b.example", "/")).await;
    assert!(matches!(other_name, Err(CallError::Connect(_))), "{other_name:?}");
    let other = Authority::new();
    let distrusting = Config { additional_roots: Some(other.file.path().to_owned()), ..config() };
    let result = get(&client(distrusting), &server).await;
    assert!(matches!(result, Err(CallError::Connect(_))), "{result:?}");
    assert_eq!(server.requests().len(), 1);
}

type SetLimit = fn(&mut Config);

#[tokio::test]
async fn each_part_of_a_call_has_a_limit() {
    let hanging = Server::start([Reply::Hang]).await;
    let dripping = Server::start([Reply::Drip]).await;
    let cases: [(&str, &Server, SetLimit, Phase); 5] = [
        ("http", &hanging, |config| config.limits.headers = SHORT, Phase::Headers),
        ("http", &dripping, |config| config.limits.body = SHORT, Phase::Body),
        ("http", &hanging, |config| config.limits.total = SHORT, Phase::Total),
        ("http", &dripping, |config| config.limits.total = SHORT, Phase::Total),
        // It accepts the connection, but never finishes the handshake of TLS.
        ("https", &hanging, |config| config.limits.connect = SHORT, Phase::Connect),
    ];
    for (scheme, server, set_limit, phase) in cases {
        let mut config = config();
        set_limit(&mut config);
        let url = format!("{scheme}://a.example:{}/", server.address.port());
        let result = call(&client(config), Method::GET, &url).await;
        assert!(matches!(result, Err(CallError::Timeout(found)) if found == phase), "{phase:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_large_body_is_refused_or_cut() {
    let large = vec![b'x'; 1024 * 1024];
    let with_length = Reply::Response { status: 200, headers: "", body: large.clone() };
    for reply in [with_length, Reply::Chunked(large)] {
        let server = Server::start([reply]).await;
        let refusing = Config { body: BodyLimit::AtMost(64 * 1024), ..config() };
        let result = get(&client(refusing), &server).await;
        assert!(matches!(result, Err(CallError::BodyTooLarge)), "{result:?}");
        let cutting = Config { body: BodyLimit::First(1024), ..config() };
        assert_eq!(get(&client(cutting), &server).await.unwrap().body.len(), 1024);
        let exact = Config { body: BodyLimit::AtMost(1024 * 1024), ..config() };
        assert_eq!(get(&client(exact), &server).await.unwrap().body.len(), 1024 * 1024);
    }
    let short = Server::start([Reply::status(200)]).await;
    let none = Config { body: BodyLimit::First(0), ..config() };
    assert!(get(&client(none), &short).await.unwrap().body.is_empty());
}

#[tokio::test]
async fn where_only_the_beginning_of_a_body_matters_its_end_does_not() {
    for reply in [Reply::Drip, Reply::Break] {
        let server = Server::start([reply]).await;
        let mut config = Config { body: BodyLimit::First(1_000_000), ..config() };
        config.limits.body = SHORT;
        let response = get(&client(config), &server).await.unwrap();
        assert!(response.status == 200 && !response.body.is_empty(), "{response:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_response() {
    let headers = "location: http://127.0.0.1:1/private\r\n";
    let server = Server::start([Reply::Response { status: 302, headers, body: Vec::new() }]).await;
    let response = get(&client(config()), &server).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "http://127.0.0.1:1/private");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_idempotent_call_is_repeated_until_the_host_answers() {
    let unavailable = Reply::Response { status: 503, headers: "retry-after: 0\r\n", body: Vec::new() };
    let server = Server::start([unavailable, Reply::Break, Reply::status(200)]).await;
    assert_eq!(get(&client(retrying(3)), &server).await.unwrap().status, 200);
    assert_eq!(server.requests().len(), 3);

    for (method, status, attempts) in [(Method::PUT, 503, 3), (Method::POST, 503, 1), (Method::GET, 500, 1)] {
        let server = Server::start([Reply::status(status)]).await;
        let response = call(&client(retrying(3)), method, &server.url("a.example", "/")).await.unwrap();
        assert_eq!((response.status.as_u16(), server.requests().len()), (status, attempts));
    }
}

#[tokio::test]
async fn a_wait_beyond_the_total_limit_ends_the_call_at_once() {
    let headers = "retry-after: 3600\r\n";
    let server = Server::start([Reply::Response { status: 429, headers, body: Vec::new() }]).await;
    assert_eq!(get(&client(retrying(3)), &server).await.unwrap().status, 429);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_host_that_fails_is_sent_few_repeats() {
    let server = Server::start([Reply::status(503)]).await;
    let mut config = retrying(2);
    config.circuit.failures = u32::MAX;
    let client = client(config);
    for _ in 0..100 {
        get(&client, &server).await.unwrap();
    }
    // Ten of a hundred, and one per second in a window of ten.
    let repeats = server.requests().len() - 100;
    assert!((10..=25).contains(&repeats), "{repeats}");
}

#[tokio::test]
async fn a_host_that_fails_repeatedly_is_not_called_for_a_while() {
    let server = Server::start([Reply::status(500)]).await;
    let client = client(config());
    for _ in 0..5 {
        assert_eq!(get(&client, &server).await.unwrap().status, 500);
    }
    let result = get(&client, &server).await;
    assert!(matches!(result, Err(CallError::CircuitOpen)), "{result:?}");
    assert_eq!(server.connections(), 5);
    let other = Server::start([Reply::status(200)]).await;
    assert_eq!(get(&client, &other).await.unwrap().status, 200);
}

fn guarded(names: &Arc<Names>) -> Client {
    let destinations = Destinations::public().and("127.0.0.2/32".parse().unwrap());
    Client::with_resolver(Config { destinations, ..config() }, names.clone()).unwrap()
}

#[tokio::test]
async fn only_addresses_that_pass_the_check_are_dialled() {
    let permitted = Server::start_on("127.0.0.2:0", None, [Reply::status(200)]).await;
    let port = permitted.address.port();
    let private = Server::start_on(&format!("127.0.0.1:{port}"), None, [Reply::status(200)]).await;
    let names = Names::new(&[&["127.0.0.1", "10.0.0.1", "127.0.0.2"]]);
    assert_eq!(get(&guarded(&names), &permitted).await.unwrap().status, 200);
    assert_eq!((private.connections(), permitted.connections(), names.asked()), (0, 1, 1));

    let names = Names::new(&[&["127.0.0.1", "::1", "::ffff:127.0.0.1"]]);
    let client = guarded(&names);
    for host in ["a.example", "127.0.0.1", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433"] {
        let result = call(&client, Method::GET, &private.url(host, "/")).await;
        assert!(matches!(result, Err(CallError::AddressRefused)), "{host}: {result:?}");
    }
    assert_eq!(private.connections(), 0);
}

#[tokio::test]
async fn an_answer_of_dns_that_changes_after_the_check_leads_nowhere() {
    let permitted = Server::start_on("127.0.0.2:0", None, [Reply::status(200)]).await;
    let private =
        Server::start_on(&format!("127.0.0.1:{}", permitted.address.port()), None, [Reply::status(200)])
            .await;
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.2"], &["127.0.0.1"]]);
    let client = guarded(&names);
    client.check(&permitted.url("a.example", "/").parse().unwrap()).await.unwrap();
    // The name is resolved once per connection, so the answer that was checked is the one that is
    // dialled.
    assert_eq!(get(&client, &permitted).await.unwrap().status, 200);
    assert_eq!(names.asked(), 2);
    let result = get(&client, &permitted).await;
    assert!(matches!(result, Err(CallError::AddressRefused)), "{result:?}");
    assert_eq!((private.connections(), permitted.connections()), (0, 1));
}

#[tokio::test]
async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let server = Server::start([Reply::status(200)]).await;
    // Nothing listens on that port of the first address.
    let names = Names::new(&[&["127.0.0.9", "127.0.0.1"]]);
    let client = Client::with_resolver(config(), names).unwrap();
    assert_eq!(get(&client, &server).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_url_that_cannot_be_called_is_an_error() {
    let client = client(config());
    for url in ["/path", "ftp://a.example/", "http://user:password@a.example/"] {
        let result = call(&client, Method::GET, url).await;
        assert!(result.is_err(), "{url}");
        assert!(!format!("{result:?}").contains("password"), "{result:?}");
    }
}
