//! A running server and clients that speak HTTP/1.1 byte by byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use groundwork_server::{Config, ConnectionInfo, RequestBody, Server};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Far longer than any timeout of the tests, so that a missing event fails instead of hanging.
const LIMIT: Duration = Duration::from_mins(1);

/// A timeout that a test waits for.
pub const SHORT: Duration = Duration::from_millis(300);

/// A server whose answers end in `!`.
pub struct TestServer {
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl TestServer {
    pub async fn start(config: Config) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), config).await.unwrap();
        let (address, shutdown) = (server.local_addr(), CancellationToken::new());
        let make_service = |connection| service_fn(move |request| respond(connection, request));
        let serving = tokio::spawn(server.serve(make_service, shutdown.clone()));
        Self { address, shutdown, serving }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Shuts the server down and waits for its end.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await;
    }

    pub async fn ended(self) {
        timeout(LIMIT, self.serving).await.expect("the server ends").unwrap();
    }
}

/// `POST /read` answers the length of its body, `GET /slow` after 1.5 seconds; all others answer
/// with the connection and leave the body unread.
async fn respond(
    connection: ConnectionInfo,
    request: Request<RequestBody>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match request.uri().path() {
        "/read" => {
            let body = request.into_body().collect().await.map(|body| body.to_bytes().len());
            format!("{body:?}!")
        }
        "/slow" => {
            sleep(Duration::from_millis(1500)).await;
            "slow!".to_owned()
        }
        _ => format!("{:?} {}!", connection.peer.map(|peer| peer.ip()), connection.is_tls),
    };
    Ok(Response::new(Full::from(answer)))
}

pub async fn send(stream: &mut (impl AsyncWrite + Unpin), start: &str) {
    stream.write_all(format!("{start}\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
}

/// Sends a request and returns its response.
pub async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), start: &str) -> String {
    send(stream, start).await;
    response(stream).await
}

/// The next response.
pub async fn response(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"!") {
        let byte = timeout(LIMIT, stream.read_u8()).await.expect("a response");
        bytes.push(byte.unwrap_or_else(|error| panic!("{error} after {bytes:?}")));
    }
    String::from_utf8(bytes).unwrap()
}

/// Waits until the server closes the connection; returns what it sent before.
pub async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    // A connection closed with unread bytes is reset.
    drop(read);
    String::from_utf8(bytes).unwrap()
}
