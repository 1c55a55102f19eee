//! A request that the service is working on while the test does something else.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Begins a POST of JSON and returns when the service waits for its body of `length` bytes: written
/// to the socket alone, it might come after what the test does next. The service says so because it
/// is asked to (RFC 9110, 10.1.1).
pub async fn begun(url: &str, path: &str, length: usize) -> TcpStream {
    begun_with(url, "POST", path, "", length).await
}

/// The same with any method, and more header lines that each end in CRLF.
pub async fn begun_with(url: &str, method: &str, path: &str, headers: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         {headers}Expect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; expected.len()];
    timeout(Duration::from_mins(1), stream.read_exact(&mut said))
        .await
        .expect("the body is waited for")
        .unwrap();
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&said));
    stream
}
