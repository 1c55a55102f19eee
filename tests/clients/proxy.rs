//! A proxy between a client and the service. It loses a response when it is told to: the service
//! has done what was asked, and the client gets a 503, as from a load balancer whose connection broke.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Headers that are for one connection. Java asks for HTTP/2 in the last of them.
const HOP_BY_HOP: [HeaderName; 4] =
    [CONNECTION, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("http2-settings")];

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    service: String,
    client: Client<HttpConnector, Full<Bytes>>,
    loses: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to the service at this address, for as long as the test runs.
    pub async fn to(service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            service: service.to_owned(),
            // Without idle connections, which the service may close.
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
            loses: Arc::default(),
        };
        tokio::spawn(proxy.clone().run(listener));
        proxy
    }

    /// Loses the next response to a request with an `Idempotency-Key`.
    pub fn lose(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    async fn run(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let proxy = self.clone();
            let answer = service_fn(move |request| {
                let proxy = proxy.clone();
                async move { Ok::<_, Infallible>(proxy.forward(request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let is_lost =
            parts.headers.contains_key("idempotency-key") && self.loses.swap(false, Ordering::SeqCst);
        parts.uri = format!("{}{}", self.service, parts.uri).parse::<Uri>().unwrap();
        drop_hop_by_hop(&mut parts.headers);
        let body = Full::new(body.collect().await.unwrap().to_bytes());
        let (mut parts, body) =
            self.client.request(Request::from_parts(parts, body)).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if is_lost {
            return unavailable();
        }
        drop_hop_by_hop(&mut parts.headers);
        Response::from_parts(parts, Full::new(body))
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn unavailable() -> Response<Full<Bytes>> {
    let response = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).header(RETRY_AFTER, "0");
    response.body(Full::new(Bytes::from("the connection to the service broke"))).unwrap()
}
