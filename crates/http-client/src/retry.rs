//! When a call is repeated.

use std::fmt;
use std::time::Duration;

use hyper::header::RETRY_AFTER;
use hyper::{Method, StatusCode};
use tower::retry::budget::{Budget, TpsBudget};

use crate::client::Response;
use crate::error::CallError;

/// How long a call counts towards the budget.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Repeats of idempotent calls (GET, HEAD, OPTIONS, TRACE, PUT, DELETE): without a response, and
/// after a 429, 502, 503 or 504.
#[derive(Clone, Copy, Debug)]
pub struct RetryConfig {
    /// The most attempts of a call, the first included.
    pub attempts: u32,
    /// The mean wait before the second attempt is half of this; it doubles with each further
    /// attempt. Waits are random, so that clients do not return together.
    pub first_wait: Duration,
    /// The longest wait, unless the response asks for a longer one in `Retry-After`.
    pub longest_wait: Duration,
    /// Of a hundred calls, how many may be repeated beyond one repeat per second, at most 100. So a
    /// host that fails is not sent a multiple of its usual load.
    pub budget_percent: u8,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
            budget_percent: 10,
        }
    }
}

pub(crate) struct Retries {
    config: RetryConfig,
    budget: TpsBudget,
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Retries {
    pub(crate) fn new(config: RetryConfig) -> Self {
        let share = f32::from(config.budget_percent.min(100)) / 100.0;
        Self { config, budget: TpsBudget::new(BUDGET_WINDOW, 1, share) }
    }

    /// Counts a call.
    pub(crate) fn deposit(&self) {
        self.budget.deposit();
    }

    /// Takes a repeat from the budget, if it has one.
    pub(crate) fn withdraw(&self) -> bool {
        self.budget.withdraw()
    }

    /// How long to wait before the next attempt, if there should be one. `made` is the number of
    /// attempts so far.
    pub(crate) fn wait(
        &self,
        made: u32,
        method: &Method,
        result: &Result<Response, CallError>,
    ) -> Option<Duration> {
        if made >= self.config.attempts || !method.is_idempotent() {
            return None;
        }
        match result {
            Ok(response) if is_transient(response.status) => {
                Some(self.backoff(made).max(retry_after(response)))
            }
            Ok(_) => None,
            Err(error) => error.is_transient().then(|| self.backoff(made)),
        }
    }

    fn backoff(&self, made: u32) -> Duration {
        let doublings = made.saturating_sub(1).min(16);
        let most = self.config.first_wait.saturating_mul(1 << doublings).min(self.config.longest_wait);
        most.mul_f64(random_share())
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The seconds in `Retry-After`; zero without one, and for a date.
fn retry_after(response: &Response) -> Duration {
    let value = response.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(value.and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
}

/// A random number from 0 to below 1.
pub fn random_share() -> f64 {
    // Without randomness, which no supported system lacks, every wait is the mean.
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}
