//! Runs one attempt at one job.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use groundwork_telemetry::JobTrace;
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::claim::{ClaimedJob, LeaseToken};
use crate::handlers::{AnyHandler, Handlers};
use crate::job::{Attempt, JobError};
use crate::leases::LeaseDeadline;

/// The longest error that is stored, in characters.
const MAX_ERROR: usize = 500;

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// `backoff` is the pause before the next attempt; `None` if there is none.
    Failed {
        error: String,
        backoff: Option<Duration>,
    },
    /// No handler of this release knows the kind.
    UnknownKind,
    /// The worker stopped first.
    Interrupted,
    /// Another worker may have the job now.
    LeaseLost,
}

impl Outcome {
    /// As a label of metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed { backoff: Some(_), .. } => "failed",
            Self::Failed { backoff: None, .. } => "dead",
            Self::UnknownKind => "unknown_kind",
            Self::Interrupted => "interrupted",
            Self::LeaseLost => "lease_lost",
        }
    }
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub job: (i64, LeaseToken),
    pub outcome: Outcome,
}

/// Reports the end of an attempt, also of one that is dropped half-way.
struct Report {
    job: (i64, LeaseToken),
    /// `None` without a handler: labels of metrics must be few.
    kind: Option<&'static str>,
    outcome: Option<Outcome>,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Drop for Report {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Outcome::Interrupted);
        if let Some(kind) = self.kind {
            let result = outcome.name();
            metrics::counter!("jobs_attempts_total", "kind" => kind, "result" => result).increment(1);
        }
        // Nobody receives once the worker has given up recording.
        let _ = self.ended.send(Ended { job: self.job, outcome });
    }
}

/// Runs `job`, and reports its end to `ended`.
pub(crate) async fn run(
    job: ClaimedJob,
    lease: LeaseToken,
    deadline: LeaseDeadline,
    handlers: Arc<Handlers>,
    default_timeout: Duration,
    ended: mpsc::UnboundedSender<Ended>,
) {
    let mut report = Report { job: (job.id, lease), kind: None, outcome: None, ended };
    let Some((kind, handler)) = handlers.of(&job.kind) else {
        tracing::warn!(
            job_id = job.id,
            kind = job.kind,
            "no handler for this kind of job: it is left to others"
        );
        report.outcome = Some(Outcome::UnknownKind);
        return;
    };
    report.kind = Some(kind);
    let trace = JobTrace::start(kind, job.traceparent.as_deref());
    let span =
        tracing::error_span!(parent: &trace.span, "job", job_id = job.id, kind, trace_id = trace.trace_id);
    let timeout = handler.timeout().unwrap_or(default_timeout);
    let attempt = Attempt {
        job: job.id(),
        number: u32::try_from(job.attempts).unwrap_or(u32::MAX),
        max: u32::try_from(job.max_attempts).unwrap_or(u32::MAX),
    };
    let start = Instant::now();
    let work = attempt_with_limits(&*handler, &job.payload, attempt, timeout, deadline);
    let outcome = work.instrument(span).instrument(trace.span.clone()).await;
    if !matches!(outcome, Outcome::Done) {
        trace.record_failure();
    }
    metrics::histogram!("jobs_duration_seconds", "kind" => kind).record(start.elapsed());
    report.outcome = Some(outcome);
}

async fn attempt_with_limits(
    handler: &dyn AnyHandler,
    payload: &str,
    attempt: Attempt,
    timeout: Duration,
    deadline: LeaseDeadline,
) -> Outcome {
    let work = AssertUnwindSafe(handler.run(payload, attempt)).catch_unwind();
    let result = tokio::select! {
        biased;
        () = deadline.passed() => {
            tracing::warn!(attempt = attempt.number, "the lease of a job was lost: the attempt is abandoned");
            return Outcome::LeaseLost;
        }
        result = tokio::time::timeout(timeout, work) => result,
    };
    let error = match result {
        Ok(Ok(Ok(()))) => return Outcome::Done,
        Ok(Ok(Err(error))) => error,
        Ok(Err(panic)) => panicked(&*panic),
        Err(_) => JobError::from(TimedOut(timeout.as_secs_f64())),
    };
    let backoff = (!error.is_permanent && !attempt.is_last()).then(|| handler.backoff(attempt.number));
    tracing::warn!(
        attempt = attempt.number,
        max_attempts = attempt.max,
        error = &*error.source,
        "a job failed"
    );
    Outcome::Failed { error: stored(&error.source.to_string()), backoff }
}

#[derive(Debug, thiserror::Error)]
#[error("timed out after {0} s")]
struct TimedOut(f64);

#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// The message of a panic is in the log already, and may contain a secret.
fn panicked(_: &(dyn Any + Send)) -> JobError {
    Panicked.into()
}

/// PostgreSQL stores no NUL.
fn stored(error: &str) -> String {
    error.chars().filter(|c| !c.is_control()).take(MAX_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::stored;

    #[test]
    fn a_stored_error_is_short_and_printable() {
        assert_eq!(stored("a\0b\nc"), "abc");
        assert_eq!(stored(&"é".repeat(10_000)).chars().count(), 500);
    }
}
