//! Connections as bytes.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Instance;

/// Far longer than any of the service's limits in these tests, and a bound for a test that would
/// hang.
pub const LIMIT: Duration = Duration::from_mins(1);

pub const REQUEST: &[u8] = b"GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\n\r\n";

pub async fn connect(instance: &Instance) -> TcpStream {
    TcpStream::connect(instance.url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Waits until the service closes the connection, and says what it sent before.
pub async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read =
        timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("the service closes the connection");
    // Closing with unread bytes is a reset.
    drop(read);
    bytes
}

/// Sends the request and reads its answer, which leaves the connection open.
pub async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST).await.unwrap();
    answer(stream).await
}

/// An answer whose body is one JSON object.
pub async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let length = timeout(LIMIT, stream.read(&mut buffer)).await.expect("an answer").unwrap();
        assert!(length > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8(bytes).unwrap()
}
