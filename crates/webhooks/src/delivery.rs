//! Sending a message.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use groundwork_clock::Clock;
use groundwork_http_client::{
    BodyLimit, BuildError, CallError, CircuitConfig, Client, Config, CountedFailures, Destinations, Limits,
    Resolve, SystemResolver,
};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode};

use crate::event::Event;
use crate::signature::SigningKeys;
use crate::url::{EndpointUrl, Networks};

/// How much of an answer is kept, in bytes.
const KEPT_ANSWER: usize = 1_024;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    headers: Duration::from_secs(15),
    body: Duration::from_secs(5),
    total: Duration::from_secs(15),
};

/// How messages are sent.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// The header `User-Agent`.
    pub user_agent: HeaderValue,
    /// Where endpoints may be.
    pub networks: Networks,
    /// A PEM file with authorities to trust besides the system's.
    pub additional_roots: Option<PathBuf>,
}

impl SenderConfig {
    fn client(self) -> Config {
        let mut config = Config::new("webhooks", self.user_agent);
        config.destinations = match self.networks {
            Networks::Public => Destinations::public(),
            Networks::Any => Destinations::any(),
        };
        config.limits = LIMITS;
        config.body = BodyLimit::First(KEPT_ANSWER);
        // The caller repeats, according to the schedule.
        config.retry = None;
        // Many endpoints may share a host.
        config.circuit = CircuitConfig { counts: CountedFailures::Connect, ..config.circuit };
        config.additional_roots = self.additional_roots;
        config
    }
}

/// Where messages go, and what they are signed with.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where they go.
    pub url: EndpointUrl,
    /// What they are signed with.
    pub keys: SigningKeys,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A status of 2xx: the message has arrived.
    Delivered,
    /// 410 Gone: the receiver wants no further messages, so the webhook is to be disabled.
    Gone,
    /// Anything else: the message is to be sent again, see [`next_delay`](crate::next_delay).
    Failed,
}

/// An attempt to deliver a message.
#[derive(Debug)]
pub struct Delivery {
    /// What follows from it.
    pub outcome: Outcome,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long the attempt took.
    pub duration: Duration,
    /// The first 1,024 bytes of the answer as text. What is not UTF-8, and NUL, is U+FFFD.
    pub answer: String,
    /// Why there was no answer.
    pub error: Option<DeliveryError>,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The endpoint gave none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The event cannot be written as JSON.
    #[error("the event cannot be written as JSON")]
    Body(#[from] serde_json::Error),
    /// The request cannot be built.
    #[error("the message cannot be written as a request")]
    Request(#[from] hyper::http::Error),
}

/// Sends messages. A clone shares connections and circuits.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    clock: Clock,
}

impl Sender {
    /// A sender with the resolver of the operating system.
    pub fn new(config: SenderConfig, clock: Clock) -> Result<Self, BuildError> {
        Self::with_resolver(config, clock, Arc::new(SystemResolver))
    }

    /// A sender with another resolver.
    pub fn with_resolver(
        config: SenderConfig,
        clock: Clock,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, BuildError> {
        Ok(Self { client: Client::with_resolver(config.client(), resolver)?, clock })
    }

    /// Whether messages may be sent to the URL's host now, for a check when a webhook is created.
    /// Each delivery checks it again.
    ///
    /// # Errors
    /// [`CallError::AddressRefused`] for a host in a private network; [`CallError::Connect`] or
    /// [`CallError::Timeout`] if it cannot be resolved.
    pub async fn check(&self, url: &EndpointUrl) -> Result<(), CallError> {
        self.client.check(url.uri()).await
    }

    /// Sends the event to the endpoint, once, within 15 seconds. Redirects are not followed. If the
    /// answer is lost, the endpoint may have got the message, and gets it again with the same ID.
    pub async fn deliver(&self, endpoint: &Endpoint, event: &Event) -> Delivery {
        let started = Instant::now();
        let result = self.send(endpoint, event).await;
        let duration = started.elapsed();
        match result {
            Ok((status, answer)) => {
                let outcome = outcome(status);
                Delivery { outcome, status: Some(status.as_u16()), duration, answer, error: None }
            }
            Err(error) => Delivery {
                outcome: Outcome::Failed,
                status: None,
                duration,
                answer: String::new(),
                error: Some(error),
            },
        }
    }

    async fn send(&self, endpoint: &Endpoint, event: &Event) -> Result<(StatusCode, String), DeliveryError> {
        let body = event.body()?;
        // Receivers refuse a message whose timestamp is old, so it is that of the attempt.
        let now = self.clock.now();
        let request = Request::post(endpoint.url.uri())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", event.id.as_str())
            .header("webhook-timestamp", now.seconds())
            .header("webhook-signature", endpoint.keys.sign(&event.id, now, &body))
            .body(Bytes::from(body))?;
        let response = self.client.send(request).await?;
        Ok((response.status, text(&response.body)))
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::GONE => Outcome::Gone,
        status if status.is_success() => Outcome::Delivered,
        _ => Outcome::Failed,
    }
}

/// PostgreSQL stores no NUL in a text.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{fffd}")
}
