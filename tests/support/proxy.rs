//! A TCP proxy in front of PostgreSQL or Redis that can be cut, and that counts the round trips to
//! PostgreSQL.

mod deferred;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock};
use std::time::Duration;

use deferred::Deferred;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Stands between a service and its server.
pub struct Proxy {
    /// The server's address through the proxy.
    pub url: String,
    address: SocketAddr,
    server: String,
    round_trips: Arc<AtomicU64>,
    /// The texts of what was prepared.
    statements: Arc<Lock<Vec<String>>>,
    /// New connections are taken and never answered, as a frozen server does.
    frozen: Arc<AtomicBool>,
    resets: Arc<AtomicBool>,
    /// Errors reach clients in another language.
    translates: Arc<AtomicBool>,
    /// What a client sends together is one round trip, however many statements it is.
    gathers: Arc<AtomicBool>,
    running: Mutex<Option<Running>>,
    /// Bound and not listening: it keeps the port from others while the proxy is cut.
    _reserved: TcpSocket,
}

struct Running {
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to the server at this address, open.
    pub async fn to(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, server) =
            authority.rsplit_once('@').map_or(("", authority), |(user, server)| (user, server));
        let at = if user.is_empty() { "" } else { "@" };
        let reserved = bind(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        let address = reserved.local_addr().unwrap();
        let proxy = Self {
            url: format!("{scheme}://{user}{at}{address}/{name}"),
            address,
            server: server.to_owned(),
            round_trips: Arc::default(),
            statements: Arc::default(),
            frozen: Arc::default(),
            resets: Arc::default(),
            translates: Arc::default(),
            gathers: Arc::default(),
            running: Mutex::default(),
            _reserved: reserved,
        };
        proxy.restore().await;
        proxy
    }

    /// Drops every connection and refuses new ones.
    pub async fn cut(&self) {
        if let Some(Running { stop, stopped }) = self.running.lock().await.take() {
            drop(stop);
            stopped.await.unwrap();
        }
    }

    /// Drops every connection as a host does that was started anew: by a reset instead of an end.
    pub async fn reset(&self) {
        self.resets.store(true, Ordering::SeqCst);
        self.cut().await;
        self.resets.store(false, Ordering::SeqCst);
    }

    /// Takes connections again.
    pub async fn restore(&self) {
        self.cut().await;
        self.listen().await;
    }

    /// Drops every connection, takes new ones and never answers them.
    pub async fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
        self.restore().await;
    }

    /// Answers those who come from now on.
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
    }

    /// Has the server's errors in another language from now on: all of their texts, and nothing of
    /// their codes.
    pub fn translate(&self) {
        self.translates.store(true, Ordering::SeqCst);
    }

    /// Counts as one round trip what clients send without waiting for an answer: nothing is passed
    /// on from now on before they are silent.
    pub fn gather(&self) {
        self.gathers.store(true, Ordering::SeqCst);
    }

    /// How often a client has waited for the server since the proxy was made: its Sync and Query
    /// messages, but for a BEGIN that is followed by another statement before it is answered, and
    /// statements such as that of an audit event that are followed by COMMIT.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::SeqCst)
    }

    /// The statements that clients have prepared since the proxy was made, each once.
    pub fn statements(&self) -> Vec<String> {
        self.statements.lock().unwrap().clone()
    }

    async fn listen(&self) {
        let listener = bind(self.address).listen(64).unwrap();
        let server = self.server.clone();
        let seen =
            Seen { round_trips: Arc::clone(&self.round_trips), statements: Arc::clone(&self.statements) };
        let (frozen, resets) = (Arc::clone(&self.frozen), Arc::clone(&self.resets));
        let ways = Ways { translates: Arc::clone(&self.translates), gathers: Arc::clone(&self.gathers) };
        let (stop, mut stopping) = oneshot::channel();
        let stopped = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut stopping => break,
                    accepted = listener.accept() => {
                        let (client, _) = accepted.unwrap();
                        if frozen.load(Ordering::SeqCst) {
                            connections.spawn(keep_silent(client));
                        } else {
                            let client = Client { stream: client, resets: Arc::clone(&resets) };
                            connections.spawn(forward(client, server.clone(), seen.clone(), ways.clone()));
                        }
                    }
                }
            }
            drop(listener);
            connections.shutdown().await;
        });
        *self.running.lock().await = Some(Running { stop, stopped });
    }
}

/// Several sockets may be bound to the port; at most one of them listens. One that does not keeps
/// it from strangers.
pub fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn keep_silent(client: TcpStream) {
    let _client = client;
    std::future::pending::<()>().await;
}

struct Client {
    stream: TcpStream,
    resets: Arc<AtomicBool>,
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.resets.load(Ordering::SeqCst) {
            self.stream.set_zero_linger().unwrap();
        }
    }
}

/// What is noted of a client's messages.
#[derive(Clone)]
struct Seen {
    round_trips: Arc<AtomicU64>,
    statements: Arc<Lock<Vec<String>>>,
}

impl Seen {
    fn count(&self, round_trips: u64) {
        self.round_trips.fetch_add(round_trips, Ordering::SeqCst);
    }

    fn note(&self, kind: u8, content: &[u8]) {
        // The statement's name, and its text.
        if kind == b'P' {
            let text = content.split(|byte| *byte == 0).nth(1).unwrap_or_default();
            let text = String::from_utf8_lossy(text).into_owned();
            let mut statements = self.statements.lock().unwrap();
            if !statements.contains(&text) {
                statements.push(text);
            }
        }
    }
}

/// Whether a client waits for the answer to a message: to Sync and Query.
fn asks(kind: u8) -> bool {
    matches!(kind, b'S' | b'Q')
}

/// Whether a message begins a transaction. It is not passed on before the client sends more, so
/// that its answer is not there by then; a client that sends nothing more for so long waits for it.
fn is_begin(kind: u8, content: &[u8]) -> bool {
    kind == b'Q' && content.starts_with(b"BEGIN")
}

const BEGIN_IS_HELD: Duration = Duration::from_secs(2);

/// How long a client says nothing when it waits for an answer.
const SILENCE: Duration = Duration::from_millis(200);

/// What is done to messages.
#[derive(Clone)]
struct Ways {
    translates: Arc<AtomicBool>,
    gathers: Arc<AtomicBool>,
}

async fn forward(mut client: Client, server: String, seen: Seen, ways: Ways) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    client.stream.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.stream.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = async {
        let mut frames = Frames::default();
        let mut buffer = vec![0; 16 * 1024];
        // What is not passed on yet, and how many answers it asks for.
        let (mut held, mut asked, mut begun) = (Vec::new(), 0, false);
        let mut deferred = Deferred::default();
        loop {
            let gathers = ways.gathers.load(Ordering::SeqCst);
            let silence = if gathers { SILENCE } else { BEGIN_IS_HELD };
            match timeout(silence, from_client.read(&mut buffer)).await {
                Err(_) if held.is_empty() => continue,
                // It is waiting for the answer.
                Err(_) => {}
                Ok(Ok(length @ 1..)) => {
                    held.extend_from_slice(&buffer[..length]);
                    let mut begins = false;
                    let is_whole = frames.feed(&buffer[..length], |kind, content| {
                        begins = deferred.ends(kind, content) || is_begin(kind, content);
                        seen.note(kind, content);
                        begun |= begins;
                        asked += u64::from(asks(kind) && !begins);
                    });
                    if gathers || begins && is_whole {
                        continue;
                    }
                }
                Ok(_) => break,
            }
            // A BEGIN alone is one, too.
            let alone = u64::from(asked == 0 && begun);
            seen.count(if gathers { (asked + alone).min(1) } else { asked + alone });
            if to_server.write_all(&held).await.is_err() {
                break;
            }
            (held, asked, begun) = (Vec::new(), 0, false);
        }
    };
    let answers = async {
        let mut messages = Messages::default();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let answer = if ways.translates.load(Ordering::SeqCst) {
                messages.translated(&buffer[..length])
            } else {
                buffer[..length].to_vec()
            };
            if to_client.write_all(&answer).await.is_err() {
                break;
            }
        }
    };
    // When one side has gone, so does the other.
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}

/// Finds the messages in what a client sends, however it is cut into pieces.
#[derive(Default)]
struct Frames {
    /// The first message has no type.
    started: bool,
    pending: Vec<u8>,
}

impl Frames {
    /// Takes what comes, and shows each message that ends with it. Says whether nothing of another
    /// message has come.
    fn feed(&mut self, bytes: &[u8], mut show: impl FnMut(u8, &[u8])) -> bool {
        self.pending.extend_from_slice(bytes);
        loop {
            let kind = usize::from(self.started);
            let Some(length) = self.pending.get(kind..kind + 4) else { return self.pending.is_empty() };
            let end = kind + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.pending.len() < end {
                return false;
            }
            if self.started {
                show(self.pending[0], &self.pending[kind + 4..end]);
            }
            self.started = true;
            self.pending.drain(..end);
        }
    }
}

/// What a server sends, from the beginning of a message on.
#[derive(Default)]
struct Messages {
    pending: Vec<u8>,
}

impl Messages {
    /// The messages that are whole, with the texts of errors and notices in an invented language.
    /// They keep their lengths.
    fn translated(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let mut whole = 0;
        while let Some(length) = self.pending.get(whole + 1..whole + 5) {
            let end = whole + 1 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.pending.len() < end {
                break;
            }
            if matches!(self.pending[whole], b'E' | b'N') {
                // Fields of a letter and a text: the severity and the message are in the server's
                // language.
                for field in self.pending[whole + 5..end].split_mut(|byte| *byte == 0) {
                    if let [b'S' | b'M' | b'D' | b'H' | b'W', text @ ..] = field {
                        text.fill(b'x');
                    }
                }
            }
            whole = end;
        }
        self.pending.drain(..whole).collect()
    }
}

#[test]
fn the_texts_of_errors_are_translated_and_their_codes_are_not() {
    let error = [&b"E\0\0\0\x1f"[..], b"SERROR\0VERROR\0C57014\0Mno\0\0"].concat();
    let error = [&error[..1], &u32::try_from(error.len() - 1).unwrap().to_be_bytes(), &error[5..]].concat();
    let mut messages = Messages::default();
    assert_eq!(messages.translated(&error[..9]), b"");
    assert_eq!(messages.translated(&error[9..])[5..], b"Sxxxxx\0VERROR\0C57014\0Mxx\0\0"[..]);
}

#[test]
fn messages_are_found_however_they_are_fragmented() {
    let startup = [&[0, 0, 0, 9][..], b"hello"].concat();
    let sync = b"S\0\0\0\x04";
    let parse = [&b"P\0\0\0\x0c"[..], b"S\0SQL\0\0\0"].concat();
    let query = [&b"Q\0\0\0\x06"[..], b"S\0"].concat();
    let begin = [&b"Q\0\0\0\x0a"[..], b"BEGIN\0"].concat();
    let stream = [&startup, &parse, &sync[..], &query, &begin, &sync[..]].concat();
    for size in [1, 7, stream.len()] {
        let seen = Seen { round_trips: Arc::default(), statements: Arc::default() };
        let (mut frames, mut asked) = (Frames::default(), 0);
        for piece in stream.chunks(size) {
            frames.feed(piece, |kind, content| {
                seen.note(kind, content);
                asked += u32::from(asks(kind) && !is_begin(kind, content));
            });
        }
        assert_eq!(asked, 3);
        assert_eq!(*seen.statements.lock().unwrap(), ["SQL"]);
    }
}
