//! The errors that an operation declares, for the document.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};

use super::error::ApiError;
use super::idempotency::Replay;

/// The errors of an operation beyond those that its shape implies (a body can be invalid, a token
/// can be missing).
pub trait DocumentedErrors {
    /// Statuses, each with its codes separated by commas.
    const RESPONSES: &'static [(u16, &'static str)];
}

/// Declares types that implement [`DocumentedErrors`], as in
/// `error_responses! { /// The email has a user. EmailTaken: 409 "email_taken"; }`.
#[macro_export]
macro_rules! error_responses {
    ($( $(#[doc = $doc:literal])* $name:ident: $( $status:literal $codes:literal ),* ; )+) => {$(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl $crate::failure::DocumentedErrors for $name {
            const RESPONSES: &'static [(u16, &'static str)] = &[$(($status, $codes)),*];
        }
    )+};
}

error_responses! {
    /// No errors beyond those that the operation's shape implies.
    NoErrors: ;
    /// There is no such resource, or the caller must not know of it.
    NotFound: 404 "not_found";
}

/// The error of an operation that declares `E`; by default, none.
pub struct Failure<E = NoErrors>(Outcome, PhantomData<fn() -> E>);

/// What is answered instead of a success.
enum Outcome {
    Error(ApiError),
    Replay(Replay),
}

impl<E> From<ApiError> for Failure<E> {
    fn from(error: ApiError) -> Self {
        Self(Outcome::Error(error), PhantomData)
    }
}

/// The work was done by an earlier request with the same idempotency key.
impl<E> From<Replay> for Failure<E> {
    fn from(replay: Replay) -> Self {
        Self(Outcome::Replay(replay), PhantomData)
    }
}

impl<E> From<Failure<E>> for poem::Error {
    fn from(failure: Failure<E>) -> Self {
        match failure.0 {
            Outcome::Error(error) => error.into(),
            Outcome::Replay(replay) => replay.into(),
        }
    }
}

impl<E: DocumentedErrors> ApiResponse for Failure<E> {
    fn meta() -> MetaResponses {
        let response = |&(status, codes): &(u16, &'static str)| MetaResponse {
            description: codes,
            status: Some(status),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: E::RESPONSES.iter().map(response).collect() }
    }

    fn register(_: &mut Registry) {}
}
