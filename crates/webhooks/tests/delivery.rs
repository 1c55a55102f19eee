//! Deliveries over real sockets.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../http-client/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use groundwork_clock::{Clock, Timestamp};
use groundwork_http_client::{CallError, Phase};
use groundwork_webhooks::{
    Delivery, DeliveryError, Endpoint, EndpointUrl, Event, EventId, Networks, Outcome, Secret, Sender,
    SenderConfig, SigningKeys,
};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use support::{Authority, Names, Received, Reply, Server};

fn sender(networks: Networks, authority: Option<&Authority>, names: Arc<Names>) -> Sender {
    let additional_roots = authority.map(|authority| authority.file.path().to_owned());
    let config =
        SenderConfig { user_agent: HeaderValue::from_static("shop/1.0"), networks, additional_roots };
    Sender::with_resolver(config, Clock::default(), names).unwrap()
}

fn event() -> Event {
    Event {
        id: EventId::parse("msg_1").unwrap(),
        kind: "user.created".to_owned(),
        timestamp: Timestamp::from_seconds(1_769_851_800),
        data: serde_json::json!({"id": 1, "full_name": "Zoë 😀"}),
    }
}

fn endpoint(url: &str, keys: SigningKeys) -> Endpoint {
    Endpoint { url: EndpointUrl::parse(url, Networks::Any).unwrap(), keys }
}

/// Over http, to a private network.
async fn deliver(server: &Server) -> Delivery {
    let endpoint =
        endpoint(&server.url("a.example", "/hooks"), SigningKeys::new(Secret::generate().unwrap()));
    sender(Networks::Any, None, Names::local()).deliver(&endpoint, &event()).await
}

/// Verifies a message with the library of Standard Webhooks.
fn verify(received: &Received, secret: &Secret) -> Result<(), standardwebhooks::WebhookError> {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(HeaderName::from_static(name), received.header(name).unwrap().parse().unwrap());
    }
    standardwebhooks::Webhook::new(secret.to_text().expose_secret())?.verify(&received.body, &headers)
}

#[tokio::test]
async fn a_message_is_verified_by_the_library_of_the_standard() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, [Reply::status(204)]).await;
    let [new, old, other] = std::array::from_fn(|_| Secret::generate().unwrap());
    let keys = SigningKeys::rotated(new.clone(), old.clone(), Clock::default().now());
    let sender = sender(Networks::Any, Some(&authority), Names::local());
    let delivery = sender.deliver(&endpoint(&server.url("a.example", "/hooks?a=b"), keys), &event()).await;
    assert_eq!((delivery.outcome, delivery.status), (Outcome::Delivered, Some(204)));

    let mut received = server.requests().remove(0);
    assert!(received.head.starts_with("POST /hooks?a=b HTTP/1.1\r\n"), "{}", received.head);
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.header("user-agent"), Some("shop/1.0"));
    assert_eq!(received.header("webhook-id"), Some("msg_1"));
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
    let data = serde_json::json!({"id": 1, "full_name": "Zoë 😀"});
    let expected =
        serde_json::json!({"type": "user.created", "timestamp": "2026-01-31T09:30:00Z", "data": data});
    assert_eq!(body, expected);

    verify(&received, &new).unwrap();
    verify(&received, &old).unwrap();
    verify(&received, &other).unwrap_err();
    received.body.push(b' ');
    verify(&received, &new).unwrap_err();
}

#[tokio::test]
async fn the_status_decides_what_follows() {
    for (status, outcome) in [
        (200, Outcome::Delivered),
        (299, Outcome::Delivered),
        (302, Outcome::Failed),
        (400, Outcome::Failed),
        (404, Outcome::Failed),
        (410, Outcome::Gone),
        (429, Outcome::Failed),
        (500, Outcome::Failed),
        (503, Outcome::Failed),
    ] {
        let server = Server::start([Reply::status(status)]).await;
        let delivery = deliver(&server).await;
        assert_eq!((delivery.outcome, delivery.status, &*delivery.answer), (outcome, Some(status), "body"));
        assert_eq!(server.requests().len(), 1, "the schedule repeats, not the sender");
    }
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    let private = Server::start_on("127.0.0.1:0", None, [Reply::status(200)]).await;
    let location = format!("location: {}\r\n", private.url("127.0.0.1", "/"));
    let headers: &'static str = location.leak();
    let server = Server::start([Reply::Response { status: 307, headers, body: Vec::new() }]).await;
    let delivery = deliver(&server).await;
    assert_eq!((delivery.outcome, delivery.status, private.connections()), (Outcome::Failed, Some(307), 0));
}

#[tokio::test]
async fn the_first_kib_of_an_answer_is_kept_as_text() {
    let large = vec![b'x'; 1024 * 1024];
    for reply in [Reply::Response { status: 200, headers: "", body: large.clone() }, Reply::Chunked(large)] {
        let delivery = deliver(&Server::start([reply]).await).await;
        assert_eq!((delivery.outcome, delivery.answer), (Outcome::Delivered, "x".repeat(1024)));
    }
    let body = b"a\0b\xff\xc3\xa9".to_vec();
    let delivery = deliver(&Server::start([Reply::Response { status: 500, headers: "", body }]).await).await;
    assert_eq!(delivery.answer, "a\u{fffd}b\u{fffd}é");
    let delivery = deliver(&Server::start([Reply::Break]).await).await;
    assert_eq!((delivery.outcome, &*delivery.answer), (Outcome::Delivered, "abc"));
}

#[tokio::test]
async fn a_receiver_that_hangs_or_drips_is_left_in_time() {
    let (hanging, dripping) = (Server::start([Reply::Hang]).await, Server::start([Reply::Drip]).await);
    let (hung, dripped) = tokio::join!(deliver(&hanging), deliver(&dripping));
    assert_eq!((hung.outcome, hung.status), (Outcome::Failed, None));
    let is_timeout = |error| matches!(error, Some(DeliveryError::Call(CallError::Timeout(Phase::Total))));
    assert!(is_timeout(hung.error) && hung.duration >= Duration::from_secs(15), "{:?}", hung.duration);
    assert_eq!((dripped.outcome, dripped.status), (Outcome::Delivered, Some(200)));
    let limit = Duration::from_secs(5)..Duration::from_secs(10);
    assert!(dripped.answer.len() == 1024 || limit.contains(&dripped.duration), "{:?}", dripped.duration);
}

#[tokio::test]
async fn a_host_in_a_private_network_is_refused_when_created_and_when_sent_to() {
    let server = Server::start([Reply::status(200)]).await;
    let names =
        Names::new(&[&["1.1.1.1"], &["127.0.0.1"], &["127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]]);
    let sender = sender(Networks::Public, None, names);
    let url = EndpointUrl::parse(&format!("https://a.example:{}/", server.address.port()), Networks::Public)
        .unwrap();
    sender.check(&url).await.unwrap();
    let result = sender.check(&url).await;
    assert!(matches!(result, Err(CallError::AddressRefused)), "{result:?}");
    let endpoint = Endpoint { url, keys: SigningKeys::new(Secret::generate().unwrap()) };
    let delivery = sender.deliver(&endpoint, &event()).await;
    assert!(matches!(delivery.error, Some(DeliveryError::Call(CallError::AddressRefused))), "{delivery:?}");
    assert_eq!((delivery.outcome, server.connections()), (Outcome::Failed, 0));
}

#[tokio::test]
async fn the_failures_of_one_receiver_do_not_stop_others_on_its_host() {
    let mut replies = vec![Reply::status(500); 10];
    replies.push(Reply::status(200));
    let server = Server::start(replies).await;
    let sender = sender(Networks::Any, None, Names::local());
    let endpoint = endpoint(&server.url("a.example", "/"), SigningKeys::new(Secret::generate().unwrap()));
    let mut last = None;
    for _ in 0..11 {
        last = sender.deliver(&endpoint, &event()).await.status;
    }
    assert_eq!(last, Some(200));
}
