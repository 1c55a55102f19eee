//! The body of a request, and what happens to the part that the service does not read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
pub struct RequestBody {
    incoming: Option<Incoming>,
    unread: UnreadBody,
}

/// Receives the body when the service drops it. `None` for a request without a body.
#[derive(Clone, Debug)]
pub(crate) struct UnreadBody(Option<Arc<Mutex<Option<Incoming>>>>);

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> (Self, UnreadBody) {
        let unread = UnreadBody((!incoming.is_end_stream()).then(Arc::default));
        (Self { incoming: Some(incoming), unread: unread.clone() }, unread)
    }
}

impl UnreadBody {
    /// Reads and discards the rest of the body in the background, within bounds. Closing a
    /// connection with unread bytes resets it, and a client that sends its whole request before it
    /// reads would lose a response that came early.
    pub(crate) fn drain(self, request: &InFlightGuard) {
        let incoming = self.0.and_then(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some(mut incoming) = incoming.filter(|incoming| !incoming.is_end_stream()) else { return };
        let guard = request.begin_drain();
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
            drop(guard);
        });
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(slot) = &self.unread.0 {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = self.incoming.take();
        }
    }
}
