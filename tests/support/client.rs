//! Calls over a real socket, and answers that are easy to ask.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::contract::contract;
use super::{Backend, Service};

/// The password of users that tests create.
pub const PASSWORD: &str = "correct horse battery";

fn client() -> Client {
    // A runtime ends with its test and takes its connections along, so a client must not outlive
    // it.
    Client::builder().no_proxy().build().unwrap()
}

pub struct Call {
    request: RequestBuilder,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Call {
    pub fn new(base: &str, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { request: client().request(method, format!("{base}{path}")) }
    }

    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        Self { request: self.request.header(AUTHORIZATION, format!("Bearer {token}")) }
    }

    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    #[must_use]
    pub fn json(self, body: Value) -> Self {
        Self { request: self.request.json(&body) }
    }

    /// Any bytes as the body, under any content type.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.header("content-type", content_type).body(body) }
    }

    /// The answer, once it is known to be one that the document describes.
    pub async fn send(self) -> Answer {
        let (client, request) = self.request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await.expect("a body in UTF-8") };
        if let Err(problem) = contract().check(method.as_str(), &path, &answer) {
            panic!("{method} {path} is not as documented: {problem}\n{answer:?}");
        }
        answer
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Fails the test unless this is the uniform error body with this status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let body = self.json();
        assert_eq!(body["success"], false, "{self:?}");
        assert_eq!(body["error"], code, "{self:?}");
        assert!(
            body["message"].as_str().is_some_and(|message| message.ends_with(['.', '?', '!'])),
            "{self:?}"
        );
        assert_eq!(body["request_id"], self.header("x-request-id"), "{self:?}");
        let is_challenged = status == 401 || code == "insufficient_scope";
        assert_eq!(is_challenged, self.headers.contains_key("www-authenticate"), "{self:?}");
        assert_eq!(status == 503 || status == 429, self.headers.contains_key("retry-after"), "{self:?}");
        assert_eq!(status == 405, self.headers.contains_key("allow"), "{self:?}");
        body
    }

    /// The names of the fields that a validation error complains of.
    #[track_caller]
    pub fn invalid_fields(self) -> Vec<String> {
        let body = self.expect_error(422, "validation_error");
        let fields = body["details"]["fields"].as_array().expect("a list of fields");
        fields.iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// A condition on audit events: those that every user of a test causes and those of links in mails
/// are left out.
pub const NOT_ROUTINE: &str = "kind <> 'logged_in' AND kind NOT LIKE '%_link_issued' \
     AND NOT (kind = 'user_created' AND COALESCE(actor_id, 0) = COALESCE(user_id, 0))";

/// A user who is logged in.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub id: i64,
    pub email: String,
    pub access: String,
    pub refresh: String,
}

static NEXT: OnceLock<std::sync::atomic::AtomicU32> = OnceLock::new();

/// An address that no other test uses.
pub fn fresh_email() -> String {
    let next = NEXT.get_or_init(Default::default).fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("user{next}@example.com")
}

impl Service {
    pub async fn register(&self, email: &str, password: &str) -> Answer {
        self.call("POST", "/api/v1/auth/register")
            .json(json!({"email": email, "password": password}))
            .send()
            .await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.call("POST", "/api/v1/auth/login")
            .json(json!({"email": email, "password": password}))
            .send()
            .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.call("POST", "/api/v1/auth/refresh").json(json!({"refresh_token": token})).send().await
    }

    pub async fn me(&self, access: &str) -> Answer {
        self.call("GET", "/api/v1/users/me").bearer(access).send().await
    }

    /// A call by this user: `service.by(&user, "GET", "/api/v1/users/me")`.
    pub fn by(&self, user: &TestUser, method: &str, path: &str) -> Call {
        self.call(method, path).bearer(&user.access)
    }

    /// Every row of every table as text: equal before and after when nothing was changed. Jobs that
    /// were due have run.
    pub async fn stored(&self) -> Vec<String> {
        self.settle().await;
        let mut stored = Vec::new();
        for table in self.database.tables().await {
            let statement = match self.database.backend {
                Backend::Postgres => format!("SELECT CAST({table} AS TEXT) FROM {table}"),
                Backend::Sqlite => {
                    let names = format!("SELECT name AS value FROM pragma_table_info('{table}')");
                    let names = self.database.rows(&names).await;
                    let columns: Vec<_> =
                        names.iter().flatten().map(|name| format!("quote({name})")).collect();
                    format!("SELECT {} AS value FROM {table}", columns.join(" || ',' || "))
                }
            };
            // The clock enqueues periodic jobs, not a request.
            let of_requests = if table == "jobs" { " WHERE period_at IS NULL" } else { "" };
            let rows = self.database.rows(&format!("{statement}{of_requests}")).await.into_iter();
            stored.extend(rows.map(|row| format!("{table}: {}", row.expect("a row is not null"))));
        }
        stored.sort();
        stored
    }

    /// A new user with [`PASSWORD`], logged in. The mail that verifies its email is sent.
    pub async fn user(&self) -> TestUser {
        let email = fresh_email();
        let user = self.register(&email, PASSWORD).await.expect(201).json();
        self.settle().await;
        self.log_in_again(&email, user["id"].as_i64().unwrap()).await
    }

    /// A new superuser with [`PASSWORD`], logged in.
    pub async fn superuser(&self) -> TestUser {
        let user = self.user().await;
        // TRUE is 1 in SQLite.
        self.database.sql(&format!("UPDATE users SET is_superuser = TRUE WHERE id = {}", user.id)).await;
        user
    }

    /// A new user with [`PASSWORD`] and a role that is not that of superusers, logged in.
    pub async fn user_with_role(&self, role: &str) -> TestUser {
        let user = self.user().await;
        self.database.sql(&format!("UPDATE users SET role = '{role}' WHERE id = {}", user.id)).await;
        user
    }

    /// A new API key of a user: its ID and the key itself.
    pub async fn api_key(&self, user: &TestUser, scopes: &[&str]) -> (i64, String) {
        let body = json!({"name": "A service", "scopes": scopes});
        let made = self.by(user, "POST", "/api/v1/api-keys").json(body).send().await.expect(201).json();
        (made["id"].as_i64().unwrap(), made["key"].as_str().unwrap().to_owned())
    }

    /// Another session of a user with [`PASSWORD`].
    pub async fn log_in_again(&self, email: &str, id: i64) -> TestUser {
        let tokens = self.login(email, PASSWORD).await.expect(200).json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        TestUser { id, email: email.to_owned(), access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// How long a raw exchange may take before the test fails.
const RAW_LIMIT: Duration = Duration::from_secs(30);

/// What came back over a raw socket until the server closed it.
#[derive(Debug)]
pub struct RawAnswer {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// How many of the pieces were sent before the server had enough.
    pub sent: usize,
}

/// Sends pieces of a request, byte by byte as they are, and reads until the server closes the
/// connection: for what no HTTP client would send. The request must make the server close, with
/// `Connection: close` or by being wrong.
pub async fn raw<P>(base: &str, pieces: P) -> RawAnswer
where
    P: IntoIterator<Item = Vec<u8>> + Send + 'static,
{
    let address = base.strip_prefix("http://").unwrap().to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(RAW_LIMIT)).unwrap();
        stream.set_write_timeout(Some(RAW_LIMIT)).unwrap();
        let mut reading = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            match reading.read_to_end(&mut bytes) {
                // A server that has answered need not read the rest, and closing then resets.
                Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: {bytes:?}"),
                _ => bytes,
            }
        });
        // A refused piece says that the server closed its end; what it said before is what counts.
        let sent = pieces.into_iter().take_while(|piece| stream.write_all(piece).is_ok()).count();
        RawAnswer { bytes: reader.join().unwrap(), sent }
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

impl RawAnswer {
    /// The one response that the bytes are.
    #[track_caller]
    pub fn answer(&self) -> Answer {
        let text = String::from_utf8_lossy(&self.bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {self:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer { status: status.parse().unwrap(), headers: headers.collect(), text: body.to_owned() }
    }
}
