//! A poem endpoint as a hyper service.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use groundwork_server::{ConnectionInfo, RequestBody};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use hyper::service::{Service, service_fn};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Body, Endpoint, Request, RequestParts, Response};

/// The service of one connection. A client on a unix socket is on this machine: its requests come
/// from 127.0.0.1.
pub fn hyper_service(
    endpoint: &Arc<BoxEndpoint<'static, Response>>,
    connection: ConnectionInfo,
) -> impl Service<
    hyper::Request<RequestBody>,
    Response = hyper::Response<BoxBody<Bytes, io::Error>>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ use<> {
    let endpoint = Arc::clone(endpoint);
    let peer = connection.peer.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    service_fn(move |request: hyper::Request<RequestBody>| {
        let endpoint = Arc::clone(&endpoint);
        let scheme = if connection.is_tls { Scheme::HTTPS } else { Scheme::HTTP };
        let local = LocalAddr(Addr::Custom("server", String::new().into()));
        let (parts, body) = request.into_parts();
        let parts = RequestParts::from((parts, local, RemoteAddr(Addr::SocketAddr(peer)), scheme));
        let body = if body.is_end_stream() {
            Body::empty()
        } else {
            BoxBody::new(body.map_err(io::Error::other)).into()
        };
        async move { Ok(endpoint.get_response(Request::from_parts(parts, body)).await.into()) }
    })
}
