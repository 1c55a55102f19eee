//! What nginx answers by itself looks like the service's own. The headers of a rate limit are the
//! one thing it cannot know: where an operation has none, `Call` holds the answer against the
//! document.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use crate::behind_both;
use crate::deploy::edge::{Edge, Kind};
use crate::deploy::instance::Instances;
use crate::deploy::stand_in::{Manner, StandIns};
use crate::support::Call;
use crate::support::client::{Answer, raw};

/// As the service's own answers have it:
/// `no_operation_lets_a_browser_store_embed_or_run_its_response`.
const POLICY: &str = "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; sandbox";

const MAX_BODY: usize = 1024 * 1024;

/// Addresses on which nothing listens; the sockets reserve them.
fn nobody() -> ([SocketAddr; 3], Vec<TcpSocket>) {
    let sockets: Vec<_> = (0..3).map(|_| TcpSocket::new_v4().unwrap()).collect();
    let address = |socket: &TcpSocket| {
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        socket.local_addr().unwrap()
    };
    let addresses: Vec<_> = sockets.iter().map(address).collect();
    (addresses.try_into().unwrap(), sockets)
}

/// An answer, whatever the document says of it.
async fn post(edge: &Edge, id: &str, body: String) -> Answer {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/auth/login", edge.url())).header("x-request-id", id);
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

/// The uniform error body, from nginx.
#[track_caller]
fn expect_own_error(answer: Answer, status: u16, code: &str) {
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    assert_eq!(answer.header("server"), "nginx", "no version: {answer:?}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", POLICY),
        ("strict-transport-security", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}: {answer:?}");
    }
    answer.expect_error(status, code);
}

#[ignore = "needs nginx"]
#[tokio::test(flavor = "multi_thread")]
async fn without_any_instance_nginx_answers_503_with_the_error_body() {
    let (addresses, _sockets) = nobody();
    let edge = Edge::start(Kind::Nginx, addresses).await;
    // Often enough that every instance is known to be away.
    for number in 0..12 {
        let id = format!("away-{number}");
        let ready =
            Call::new(&edge.url(), "GET", "/api/v1/health/ready").header("x-request-id", &id).send().await;
        assert_eq!((ready.header("x-request-id"), ready.header("retry-after")), (id.as_str(), "1"));
        expect_own_error(ready, 503, "service_unavailable");
    }
    expect_own_error(post(&edge, "p", "{}".to_owned()).await, 503, "service_unavailable");
    let forged = post(&edge, "\"},{\"forged\":\"", "{}".to_owned()).await;
    assert_eq!(forged.header("x-request-id").len(), 32, "an id that could forge a body is replaced");
    expect_own_error(forged, 503, "service_unavailable");
}

#[ignore = "needs nginx"]
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_upstream_response_is_answered_503_with_the_error_body() {
    let instances = StandIns::start(Manner::HangsUp).await;
    let edge = Edge::start(Kind::Nginx, instances.addresses).await;
    expect_own_error(post(&edge, "p", "{}".to_owned()).await, 503, "service_unavailable");
}

behind_both! {
    async fn a_body_that_is_too_large_for_nginx_gets_the_error_body(kind) {
        let instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        let large = || post(&edge, "large", " ".repeat(MAX_BODY + 1));
        let mut refused = large().await;
        if kind == Kind::Traefik && refused.status == 502 {
            // The service reads on for a second after its refusal. A proxy that a busy machine
            // holds up for longer meets a closed connection.
            refused = large().await;
        }
        refused.expect_error(413, "payload_too_large");
        // The largest one is let through: the service reads it, and finds no JSON in it.
        post(&edge, "largest", " ".repeat(MAX_BODY)).await.expect_error(400, "malformed_request");
        instances.logged(&["largest".to_owned()]).await;
        if kind == Kind::Traefik {
            instances.logged(&["large".to_owned()]).await;
        } else {
            let mut lines = instances.each.iter().flat_map(crate::deploy::instance::Instance::requests);
            assert!(!lines.any(|line| line["request_id"] == "large"), "nginx refuses it by itself");
        }
    }
}

#[ignore = "needs nginx"]
#[tokio::test(flavor = "multi_thread")]
async fn nginx_adds_nothing_to_a_response_of_an_instance() {
    let instances = StandIns::start(Manner::Answers).await;
    let edge = Edge::start(Kind::Nginx, instances.addresses).await;
    let headers = post(&edge, "p", "{}".to_owned()).await.headers;
    for name in
        ["x-content-type-options", "content-security-policy", "cache-control", "x-request-id", "x-own"]
    {
        assert!(!headers.contains_key(name), "{name}: {headers:?}");
    }
}

#[ignore = "needs nginx"]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nginx_cannot_parse_gets_the_error_body() {
    let instances = StandIns::start(Manner::Answers).await;
    let edge = Edge::start(Kind::Nginx, instances.addresses).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(40_000));
    let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n", "x".repeat(40_000));
    for (request, status, code) in [
        ("nonsense\r\n\r\n", 400, "malformed_request"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed_request"),
        (long.as_str(), 400, "malformed_request"),
        (header.as_str(), 400, "malformed_request"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: nothing\r\nConnection: close\r\n\r\n",
            400,
            "malformed_request",
        ),
        ("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        ("GET /-/malformed-request HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
    ] {
        let answer = raw(&edge.url(), [request.as_bytes().to_vec()]).await.answer();
        expect_own_error(answer, status, code);
    }
    assert!(instances.heads("GET").is_empty() && instances.heads("TRACE").is_empty());
}
