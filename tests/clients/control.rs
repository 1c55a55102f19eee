//! Lets a client move the service's clock: an hour passes in a test as it would in life, only
//! faster.

use std::time::Duration;

use groundwork_clock::Clock;
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, post};
use serde::Deserialize;

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

/// Serves `POST /advance?seconds=N` for as long as the test runs, and gives the address.
pub async fn start(clock: Clock) -> String {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    let advance = make_sync(move |request| {
        let Advance { seconds } = request.params()?;
        clock.advance(Duration::from_secs(seconds));
        Ok::<_, poem::Error>(StatusCode::NO_CONTENT)
    });
    let routes = Route::new().at("/advance", post(advance.map_to_response()));
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    format!("http://{address}")
}
