//! The body of a request, lent to its handler.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::activity::Busy;

/// What is read of a body that nobody wanted, in bytes.
const MAX_UNWANTED: usize = 4 * 1024 * 1024;

/// How long that may take.
const MAX_LINGER: Duration = Duration::from_secs(1);

/// Where a body is when its handler has done with it.
#[derive(Clone, Default)]
pub(super) struct Returned(Arc<Mutex<Option<Incoming>>>);

/// A body in the hands of a handler.
pub(super) struct Lent {
    body: Option<Incoming>,
    returned: Returned,
}

impl Returned {
    /// Lends the body.
    pub(super) fn lend(&self, body: Incoming) -> Lent {
        Lent { body: Some(body), returned: self.clone() }
    }

    /// Reads on for a while what the handler did not want: an answer that comes before the end of the request would be lost
    /// to a client that sends first and reads then, because closing with unread bytes resets the connection.
    pub(super) fn linger(&self, busy: &Busy) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut body) = body.filter(|body| !body.is_end_stream()) {
            let lingering = busy.linger();
            tokio::spawn(async move {
                let reading = async {
                    let mut length = 0;
                    while let Some(Ok(frame)) = body.frame().await {
                        length += frame.data_ref().map_or(0, Bytes::len);
                        if length > MAX_UNWANTED {
                            break;
                        }
                    }
                };
                // Where it has got to does not matter.
                let _ = timeout(MAX_LINGER, reading).await;
                drop(lingering);
            });
        }
    }
}

impl Stream for Lent {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                // Trailers are nothing that a handler asks for.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.returned.0.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}
