//! From the header `Idempotency-Key` to the work that a service does once, and back to its answer.

use groundwork_web::error::{ApiError, ErrorCode};
use groundwork_web::failure::Failure;
use groundwork_web::idempotency::{IdempotencyKey, Replay};
use groundwork_web::responses::Answer;

use crate::services::idempotency::{Idempotency, KeyedRequest};

/// Has the work of a request with a key done once. `answer` makes the response that the handler
/// makes; one with a secret is no [`Answer`].
pub fn once<T: Clone, R>(
    key: IdempotencyKey,
    answer: impl Fn(T) -> R + Send + Sync + 'static,
) -> Idempotency<T>
where
    Answer: From<R>,
{
    let request = key.0.map(|request| KeyedRequest {
        key: request.key,
        operation: request.operation,
        fingerprint: request.fingerprint,
    });
    Idempotency::new(request, move |result: &T| {
        serde_json::to_string(&Answer::from(answer(result.clone()))).unwrap_or_default()
    })
}

/// The answer that was stored for a request.
pub(super) fn replay<E>(stored: &str) -> Failure<E> {
    match serde_json::from_str(stored) {
        Ok(answer) => Replay::of(answer).into(),
        Err(error) => ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by(error).into(),
    }
}
