//! Stands in for an instance where a test has to see what a proxy sends, or needs an instance that
//! fails as told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Answers,
    /// Reads the request and closes the connection without a word.
    HangsUp,
    /// The same, but for the first request of a connection, which is answered.
    HangsUpLater,
    /// 503.
    Refuses,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// The head of each request, but for those of health checks.
    heads: Vec<String>,
}

/// Three of them.
pub struct StandIns {
    pub addresses: [SocketAddr; 3],
    seen: Arc<Mutex<Seen>>,
    _serving: JoinSet<()>,
}

/// What stands in for the body of an instance's answer.
pub const BODY: &str = "{\"from\":\"an instance\"}";

impl StandIns {
    pub async fn start(manner: Manner) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut serving = JoinSet::new();
        let mut addresses = Vec::new();
        for _ in 0..3 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let seen = Arc::clone(&seen);
            serving.spawn(async move {
                let mut connections = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    connections.spawn(serve(stream, manner, Arc::clone(&seen)));
                }
            });
        }
        Self { addresses: addresses.try_into().unwrap(), seen, _serving: serving }
    }

    /// Connections that brought a request.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// The heads of the requests with this method.
    pub fn heads(&self, method: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.heads.iter().filter(|head| head.starts_with(&format!("{method} "))).cloned().collect()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, seen: Arc<Mutex<Seen>>) {
    let mut counted = false;
    while let Some(head) = read(&mut stream).await {
        let healthy = head.starts_with("GET /api/v1/health/ready ");
        if !healthy {
            let mut seen = seen.lock().unwrap();
            seen.connections += usize::from(!counted);
            seen.heads.push(head);
        }
        let status = match manner {
            _ if healthy => "200 OK",
            Manner::HangsUp => return,
            Manner::HangsUpLater if counted => return,
            Manner::Answers | Manner::HangsUpLater => "200 OK",
            Manner::Refuses => "503 Service Unavailable",
        };
        counted |= !healthy;
        let length = BODY.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head of the next request, once its body is read too; `None` at the end of the connection.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(head)
}

/// The value of a header, if the head has it; it must not have it twice.
pub fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let values: Vec<_> = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).collect();
    assert!(values.len() <= 1, "{name} twice: {head}");
    values.first().map(|(_, value)| value.trim().to_owned())
}
