//! New passwords that a range API knows are refused.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::support::client::{Answer, PASSWORD, fresh_email};
use crate::support::{Backend, Service};

const LEAKED: &str = "a password from a leak";

/// The SHA-1 hash of [`LEAKED`], after the five digits that are sent.
const PREFIX: &str = "D8F66";
const SUFFIX: &str = "A892A57A50C925481EB469649A95C8AC03C";

/// A range API, and the lines of the requests that it has got.
struct RangeApi {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RangeApi {
    /// One that answers with this status.
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/range", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.unwrap_or_default() > 2 {
                        seen.lock().unwrap().push(std::mem::take(&mut line));
                    }
                    let body = format!("{SUFFIX}:3\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\n");
                    let head = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                });
            }
        });
        Self { url, requests }
    }

    fn paths(&self) -> Vec<String> {
        let lines = self.requests.lock().unwrap();
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("GET ")?.split(' ').next().map(str::to_owned))
            .collect()
    }
}

fn assert_refused(answer: Answer) {
    assert!(!answer.text.contains(LEAKED));
    let body = answer.expect_error(422, "validation_error");
    assert_eq!(body["details"]["fields"][0]["field"], "password");
    assert_eq!(body["details"]["fields"][0]["rule"], "leaked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_password_is_refused_wherever_one_is_set_and_only_its_prefix_is_sent() {
    let api = RangeApi::start("200 OK").await;
    let service = Service::start_with(Backend::Sqlite, &[("PASSWORD_LEAK_CHECK_URL", &api.url)]).await;
    let (ada, root) = (service.user().await, service.superuser().await);

    assert_refused(service.register(&fresh_email(), LEAKED).await);
    let change = json!({"password": LEAKED, "current_password": PASSWORD});
    assert_refused(service.by(&ada, "PATCH", "/api/v1/users/me").json(change).send().await);
    let user = json!({"email": fresh_email(), "password": LEAKED});
    assert_refused(service.by(&root, "POST", "/api/v1/users").json(user).send().await);
    let path = format!("/api/v1/users/{}", ada.id);
    assert_refused(service.by(&root, "PATCH", &path).json(json!({"password": LEAKED})).send().await);

    service.register(&fresh_email(), "a password of one's own").await.expect(201);
    service.login(&ada.email, PASSWORD).await.expect(200);
    let asked = api.paths().into_iter().filter(|path| path == &format!("/range/{PREFIX}")).count();
    assert_eq!(asked, 4, "{:?}", api.paths());
    let sent = api.requests.lock().unwrap().concat();
    assert!(!sent.contains(SUFFIX) && !sent.contains(LEAKED), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_accepted_while_leaked_ones_cannot_be_looked_up() {
    let broken = RangeApi::start("500 Internal Server Error").await;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/range", nowhere.local_addr().unwrap());
    drop(nowhere);
    for url in [broken.url, away] {
        let service = Service::start_with(Backend::Sqlite, &[("PASSWORD_LEAK_CHECK_URL", &url)]).await;
        service.register(&fresh_email(), LEAKED).await.expect(201);
    }
}
