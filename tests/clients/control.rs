//! What a client controls of the world around it: the service's clock, through which an hour passes
//! in a test as it would in life, only faster; a response that is lost; and the messages that came.

use std::sync::Arc;
use std::time::Duration;

use groundwork_clock::Clock;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Query};
use poem::{EndpointExt, Response, Route, Server, get, handler, post};
use serde::Deserialize;

use super::proxy::Proxy;
use crate::support::receiver::Receiver;

/// What the routes work on.
struct World {
    clock: Clock,
    proxy: Proxy,
    receiver: Receiver,
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

/// Where a client finds the control and the receiver of webhooks.
pub struct Control {
    pub url: String,
    pub receiver: String,
}

/// Serves for as long as the test runs.
pub async fn start(clock: Clock, proxy: Proxy) -> Control {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    let world = World { clock, proxy, receiver: Receiver::start().await };
    let receiver = world.receiver.url.clone();
    let routes = Route::new()
        .at("/advance", post(advance))
        .at("/lose", post(lose))
        .at("/message", get(message))
        .data(Arc::new(world));
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    Control { url: format!("http://{address}"), receiver }
}

/// `POST /advance?seconds=N` moves the service's clock forward.
#[handler]
fn advance(Query(Advance { seconds }): Query<Advance>, Data(world): Data<&Arc<World>>) -> StatusCode {
    world.clock.advance(Duration::from_secs(seconds));
    StatusCode::NO_CONTENT
}

/// `POST /lose` has the proxy lose the next response to a request with an `Idempotency-Key`.
#[handler]
fn lose(Data(world): Data<&Arc<World>>) -> StatusCode {
    world.proxy.lose();
    StatusCode::NO_CONTENT
}

/// `GET /message` answers with the headers and the body of the next webhook message, once it has
/// come.
#[handler]
async fn message(Data(world): Data<&Arc<World>>) -> Response {
    let message = world.receiver.next().await;
    let signed = message.headers.iter().filter(|(name, _)| name.as_str().starts_with("webhook-"));
    let response = signed.fold(Response::builder(), |response, (name, value)| response.header(name, value));
    response.body(message.body)
}
