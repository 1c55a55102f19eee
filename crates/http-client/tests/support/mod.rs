//! Servers of a test, over real sockets, with and without TLS.

#![allow(clippy::unwrap_used, dead_code, reason = "each test uses its part")]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use groundwork_http_client::{Resolution, Resolve};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate authority, and its file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub file: tempfile::NamedTempFile,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), issuer.pem()).unwrap();
        Self { issuer, file }
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Answers.
    Response { status: u16, headers: &'static str, body: Vec<u8> },
    /// Answers in chunks, without a length.
    Chunked(Vec<u8>),
    /// Sends nothing.
    Hang,
    /// Sends headers, and then a byte every few milliseconds.
    Drip,
    /// Sends the beginning of a body, and closes the connection.
    Break,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Response { status, headers: "", body: b"body".to_vec() }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Received>>,
}

/// A server that gives its replies in their order, and the last one for ever.
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
}

impl Server {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_on("127.0.0.1:0", None, replies).await
    }

    /// With a certificate for `a.example`.
    pub async fn start_tls(authority: &Authority, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_on("127.0.0.1:0", Some(authority), replies).await
    }

    pub async fn start_on(
        address: &str,
        authority: Option<&Authority>,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = authority.map(|authority| authority.acceptor("a.example"));
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let seen = Arc::new(Seen::default());
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let server = Self { address, scheme, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen, replies) = (acceptor.clone(), Arc::clone(&seen), Arc::clone(&replies));
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &seen, &replies).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, &seen, &replies).await,
                            Err(_) => Some(()),
                        },
                    }
                });
            }
        });
        server
    }

    pub fn url(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Received> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: &Seen,
    replies: &Mutex<VecDeque<Reply>>,
) -> Option<()> {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        (stream.read_buf(&mut read).await.ok()? > 0).then_some(())?;
    };
    let mut received =
        Received { head: String::from_utf8_lossy(&read[..head]).into_owned(), body: Vec::new() };
    let length: usize = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    while read.len() < head + length {
        (stream.read_buf(&mut read).await.ok()? > 0).then_some(())?;
    }
    received.body = read[head..].to_vec();
    seen.requests.lock().unwrap().push(received);
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front()? } else { replies.front()?.clone() }
    };
    answer(stream, reply).await.ok()
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Response { status, headers, body } => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Reply::Chunked(body) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            for chunk in body.chunks(8_000) {
                stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                stream.write_all(chunk).await?;
                stream.write_all(b"\r\n").await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        Reply::Hang => {
            // Until the client leaves.
            stream.read_u8().await?;
        }
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            loop {
                ticks.tick().await;
                stream.write_all(b"x").await?;
                stream.flush().await?;
            }
        }
        Reply::Break => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await?,
    }
    stream.flush().await?;
    stream.shutdown().await
}

/// A resolver that gives its answers in their order, and the last one for ever, for any name.
#[derive(Default)]
pub struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    /// Every name leads to this machine.
    pub fn local() -> Arc<Self> {
        Self::new(&[&["127.0.0.1"]])
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve(&self, _host: String) -> Resolution {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}
