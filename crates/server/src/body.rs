//! The body of a request, and what happens to the part that the service does not read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use crate::activity::InFlightGuard;

/// Bytes of an unread body that are read and discarded.
const MAX_DRAINED: usize = 4 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of a request, as it arrives.
#[derive(Debug)]
pub struct RequestBody(Arc<Mutex<Incoming>>);

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self(Arc::new(Mutex::new(incoming)))
    }

    /// A handle for [`Self::drain_unread`].
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Reads and discards the rest of a body that the service has dropped, in the background and
    /// within bounds. Closing a connection with unread bytes resets it, and a client that sends its
    /// whole request before it reads would lose a response that came early. The request stays in
    /// flight meanwhile, so that the bytes are not taken for the headers of the next one.
    pub(crate) fn drain_unread(self, in_flight: InFlightGuard) {
        let dropped = Arc::into_inner(self.0);
        let incoming = dropped.map(|body| body.into_inner().unwrap_or_else(PoisonError::into_inner));
        let Some(mut incoming) = incoming.filter(|incoming| !incoming.is_end_stream()) else { return };
        tokio::spawn(async move {
            let draining = async {
                let mut length = 0;
                while let Some(Ok(frame)) = incoming.frame().await {
                    length += frame.data_ref().map_or(0, Bytes::len);
                    if length > MAX_DRAINED {
                        break;
                    }
                }
            };
            // How much was read does not matter.
            let _ = timeout(DRAIN_TIMEOUT, draining).await;
            drop(in_flight);
        });
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.incoming()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming().size_hint()
    }
}
