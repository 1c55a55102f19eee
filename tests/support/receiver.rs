//! A receiver of webhooks, over HTTP on this machine.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use standardwebhooks::{Webhook, WebhookError};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::timeout;

use super::contract::contract;

/// How long a message may take before the test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// How the receiver answers: the status, and the headers and the body beside it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, location: None, body: "thank you".to_owned() }
    }
}

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Message {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Message {
    /// What a receiver does with the library of Standard Webhooks.
    pub fn verify(&self, secret: &str) -> Result<(), WebhookError> {
        Webhook::new(secret)?.verify(&self.body, &self.headers)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The body, once it is known to be one that the document describes.
    #[track_caller]
    pub fn json(&self) -> Value {
        let body = serde_json::from_slice(&self.body).unwrap();
        contract().check_event(&body).unwrap_or_else(|problem| panic!("{body}: {problem}"));
        body
    }
}

/// A receiver that answers as it was told, and 204 when there is no more of that.
pub struct Receiver {
    pub url: String,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    received: AsyncMutex<mpsc::UnboundedReceiver<Message>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let replies = Arc::<Mutex<VecDeque<Reply>>>::default();
        let (tell, received) = mpsc::unbounded_channel();
        let to_come = Arc::clone(&replies);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (to_come, tell) = (Arc::clone(&to_come), tell.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (to_come, tell) = (Arc::clone(&to_come), tell.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let reply = to_come.lock().unwrap().pop_front().unwrap_or(Reply::status(204));
                        // The test may be over.
                        let _ = tell.send(Message { headers: parts.headers, body });
                        let response = Response::builder().status(reply.status);
                        let response = match reply.location {
                            Some(location) => response.header("location", location),
                            None => response,
                        };
                        let body = if reply.status == 204 { String::new() } else { reply.body };
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { url, replies, received: AsyncMutex::new(received) }
    }

    /// Sets how the next messages are answered.
    pub fn answer(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// The next message.
    pub async fn next(&self) -> Message {
        let mut received = self.received.lock().await;
        timeout(LIMIT, received.recv()).await.expect("a message comes").unwrap()
    }

    /// The messages that came and that no test has looked at.
    pub async fn rest(&self) -> Vec<Message> {
        let mut received = self.received.lock().await;
        std::iter::from_fn(|| received.try_recv().ok()).collect()
    }
}
