//! The client: one call, with its attempts.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::address::Destinations;
use crate::circuit::{CircuitConfig, Circuits, CountedFailures};
use crate::connect::{Connector, GuardedConnector, Resolve, SystemResolver};
use crate::error::{BuildError, CallError, Phase};
use crate::metrics::{CallMetrics, outcome};
use crate::retry::{Retries, RetryConfig};
use crate::tls;

/// Idle connections that are kept per host, and how long.
const MAX_IDLE: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest headers of a response, in bytes.
const MAX_HEADERS: usize = 32 * 1024;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Finding the host, and the handshakes of TCP and TLS.
    pub connect: Duration,
    /// From the start of an attempt to the headers of its response; includes `connect`.
    pub headers: Duration,
    /// The body of a response, from its headers to its end, however steadily it arrives.
    pub body: Duration,
    /// The call with all its attempts and the waits between them.
    pub total: Duration,
}

/// How much of a response's body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLimit {
    /// A body of more bytes is an error.
    AtMost(usize),
    /// Only the first bytes are read and the rest is left unread, which closes the connection. A body
    /// that breaks off or takes too long is cut where it did, because the status is what matters.
    First(usize),
}

/// What a client calls, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is called, as the label `target` of the metrics and the name of the span.
    pub target: &'static str,
    /// The header `User-Agent`.
    pub user_agent: HeaderValue,
    /// Which addresses may be dialled.
    pub destinations: Destinations,
    /// Time limits.
    pub limits: Limits,
    /// How much of a body is read.
    pub body: BodyLimit,
    /// Repeats of idempotent calls, if any.
    pub retry: Option<RetryConfig>,
    /// When a host that fails is not called for a while.
    pub circuit: CircuitConfig,
    /// A PEM file with authorities to trust besides the system's.
    pub additional_roots: Option<PathBuf>,
}

impl Config {
    /// Any destination; 5 seconds to connect, 10 per attempt and per body, 30 in total; bodies of up
    /// to 1 MiB; three attempts; a circuit that opens for 30 seconds after five failures.
    pub fn new(target: &'static str, user_agent: HeaderValue) -> Self {
        Self {
            target,
            user_agent,
            destinations: Destinations::any(),
            limits: Limits {
                connect: Duration::from_secs(5),
                headers: Duration::from_secs(10),
                body: Duration::from_secs(10),
                total: Duration::from_secs(30),
            },
            body: BodyLimit::AtMost(1024 * 1024),
            retry: Some(RetryConfig::default()),
            circuit: CircuitConfig {
                failures: 5,
                open_for: Duration::from_secs(30),
                counts: CountedFailures::All,
            },
            additional_roots: None,
        }
    }
}

/// A response whose body has been read.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status. A redirect is not followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it with [`BodyLimit::First`].
    pub body: Bytes,
}

/// Calls other services. A clone shares connections, circuits and the retry budget.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    http: HyperClient<Connector, Full<Bytes>>,
    guarded: GuardedConnector,
    circuits: Circuits,
    retries: Option<Retries>,
    metrics: CallMetrics,
}

impl Client {
    /// A client with the resolver of the operating system. Create it once per target, after the
    /// metrics recorder is installed.
    pub fn new(config: Config) -> Result<Self, BuildError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// A client with another resolver.
    pub fn with_resolver(config: Config, resolver: Arc<dyn Resolve>) -> Result<Self, BuildError> {
        let guarded = GuardedConnector::new(resolver, config.destinations.clone(), config.limits.connect);
        let connector = Connector::new(guarded.clone(), tls::config(config.additional_roots.as_deref())?);
        let http = HyperClient::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(MAX_HEADERS)
            .build(connector);
        let metrics = CallMetrics::new(config.target);
        let circuits = Circuits::new(config.circuit, metrics.open_circuits.clone());
        let retries = config.retry.map(Retries::new);
        Ok(Self(Arc::new(Shared { config, http, guarded, circuits, retries, metrics })))
    }

    /// Whether the URL's host has an address that may be dialled now. A call checks it again.
    ///
    /// # Errors
    /// [`CallError::AddressRefused`]; and [`CallError::Url`], [`CallError::Connect`] or
    /// [`CallError::Timeout`] if the host cannot be resolved.
    pub async fn check(&self, url: &Uri) -> Result<(), CallError> {
        self.0.guarded.resolve(url).await?;
        Ok(())
    }

    /// Sends a request to its absolute URL, and reads the response. An error status is a response.
    /// Proxies in the environment are not used, because they would dial unchecked addresses.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response, CallError> {
        let started = Instant::now();
        let span = span(self.0.config.target, &request);
        let result = self.0.call(request, &span).instrument(span.clone()).await;
        record(&span, &result);
        self.0.metrics.record(started.elapsed(), &result);
        result
    }
}

impl Shared {
    async fn call(&self, mut request: Request<Bytes>, span: &Span) -> Result<Response, CallError> {
        let deadline = Instant::now() + self.config.limits.total;
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert_with(|| self.config.user_agent.clone());
        if let Some(Ok(value)) = groundwork_telemetry::traceparent(span).map(HeaderValue::try_from) {
            headers.insert(TRACEPARENT, value);
        }
        if let Some(retries) = &self.retries {
            retries.deposit();
        }
        let mut made = 0;
        loop {
            let result = self.attempt(&request, deadline).await;
            made += 1;
            let Some(retries) = &self.retries else { return result };
            let Some(wait) = retries.wait(made, request.method(), &result) else { return result };
            if Instant::now() + wait >= deadline {
                return result;
            }
            if !retries.withdraw() {
                self.metrics.withheld.increment(1);
                return result;
            }
            self.metrics.retries.increment(1);
            sleep(wait).await;
        }
    }

    async fn attempt(&self, request: &Request<Bytes>, deadline: Instant) -> Result<Response, CallError> {
        let host = request.uri().authority().ok_or(CallError::Url)?.as_str();
        let permit = self.circuits.acquire(host).ok_or(CallError::CircuitOpen)?;
        let result = self.exchange(request, deadline).await;
        match is_healthy(&result, self.config.circuit.counts) {
            Some(true) => permit.succeeded(),
            Some(false) => permit.failed(),
            None => {}
        }
        result
    }

    async fn exchange(&self, request: &Request<Bytes>, deadline: Instant) -> Result<Response, CallError> {
        let limits = &self.config.limits;
        let sending = self.http.request(request.clone().map(Full::new));
        let response = within(limits.headers, Phase::Headers, deadline, sending).await?;
        let (head, body) = response.map_err(CallError::from_client)?.into_parts();
        let mut read = BytesMut::new();
        let end =
            within(limits.body, Phase::Body, deadline, read_body(body, self.config.body, &mut read)).await;
        if let BodyLimit::AtMost(_) = self.config.body {
            end??;
        }
        let body = read.freeze();
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}

/// The span of a call. Of the URL it has the host only, because the rest may contain a secret.
fn span(target: &'static str, request: &Request<Bytes>) -> Span {
    tracing::info_span!(
        target: "otel::span",
        "part",
        otel.name = target,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        server.address = request.uri().host(),
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

fn record(span: &Span, result: &Result<Response, CallError>) {
    if let Ok(response) = result {
        span.record("http.response.status_code", response.status.as_u16());
        if response.status.as_u16() >= 400 {
            span.record("otel.status_code", "ERROR");
        }
    } else {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", outcome(result));
    }
}

/// Whether the result speaks for the host; `None` if it says nothing about it.
fn is_healthy(result: &Result<Response, CallError>, counts: CountedFailures) -> Option<bool> {
    match result {
        Err(CallError::Url | CallError::AddressRefused | CallError::CircuitOpen) => None,
        Err(error) if error.is_unreachable() => Some(false),
        _ if counts == CountedFailures::Connect => Some(true),
        Err(CallError::BodyTooLarge) => Some(true),
        Err(_) => Some(false),
        Ok(response) => Some(!response.status.is_server_error()),
    }
}

/// Runs one phase until its limit or the deadline of the call, whichever is earlier.
async fn within<T>(
    limit: Duration,
    phase: Phase,
    deadline: Instant,
    future: impl Future<Output = T>,
) -> Result<T, CallError> {
    let own = Instant::now() + limit;
    let phase = if own <= deadline { phase } else { Phase::Total };
    timeout_at(own.min(deadline), future).await.map_err(|_| CallError::Timeout(phase))
}

async fn read_body(mut body: Incoming, limit: BodyLimit, read: &mut BytesMut) -> Result<(), CallError> {
    let (BodyLimit::AtMost(most) | BodyLimit::First(most)) = limit;
    let is_bounded = matches!(limit, BodyLimit::AtMost(_));
    if is_bounded && body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(CallError::BodyTooLarge);
    }
    while is_bounded || read.len() < most {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| CallError::Interrupted(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = most - read.len();
        if is_bounded && data.len() > room {
            return Err(CallError::BodyTooLarge);
        }
        read.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok(())
}
