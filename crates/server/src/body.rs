//! The body of a request, and what happens to the part that the service does not read.

use std::pin::Pin;
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
    /// `None` only while it is dropped.
    incoming: Option<Incoming>,
    in_flight: InFlightGuard,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, in_flight: InFlightGuard) -> Self {
        Self { incoming: Some(incoming), in_flight }
    }
}

/// Reads and discards the rest of a body that the service drops, in the background and within
/// bounds. Closing a connection with unread bytes resets it, and a client that sends its whole
/// request before it reads would lose a response that came early. The request stays in flight
/// meanwhile, so that the bytes are not taken for the headers of the next one.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = self.incoming.take().filter(|incoming| !incoming.is_end_stream());
        let Some(mut incoming) = unread else { return };
        let in_flight = self.in_flight.clone();
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
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.incoming.as_mut().map_or(Poll::Ready(None), |incoming| Pin::new(incoming).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
