//! The sockets that the server listens on.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io, iter};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// More connections than the kernel queues. Without a bound, a steady stream of new connections
/// would keep the listener open.
const MAX_BACKLOG: usize = 4096;

/// Mode of a unix socket: the proxy in front usually runs as another user of the same group.
const SOCKET_MODE: u32 = 0o660;

pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// The file of a unix socket, removed on drop: its presence tells others that a process listens.
pub(crate) struct SocketFile(PathBuf);

impl Listener {
    /// Creates a unix socket. One that a stopped process left behind is replaced. A socket with a
    /// process behind it is an error, and so is any other file.
    pub(crate) fn bind_unix(path: &Path) -> io::Result<Self> {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self::Unix(listener, SocketFile(path.to_owned())))
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Accepted::tcp(stream, peer)
            }
            Self::Unix(listener, _) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }

    /// Accepts the connections in the kernel's backlog and stops listening; closing the listener
    /// with a backlog would reset them. Asks the kernel, because tokio learns of connections later.
    pub(crate) fn drain_backlog(self) -> Vec<Accepted> {
        match self {
            Self::Tcp(listener) => until_error(listener.into_std(), |listener| {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Accepted::tcp(TcpStream::from_std(stream)?, peer)
            }),
            Self::Unix(listener, _file) => until_error(listener.into_std(), |listener| {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Accepted::Unix(UnixStream::from_std(stream)?))
            }),
        }
    }
}

/// What `accept` returns until it fails, as it does when it would have to wait.
fn until_error<L>(listener: io::Result<L>, accept: impl Fn(&L) -> io::Result<Accepted>) -> Vec<Accepted> {
    let Ok(listener) = listener else { return Vec::new() };
    iter::from_fn(|| accept(&listener).ok()).take(MAX_BACKLOG).collect()
}

impl Accepted {
    fn tcp(stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        // Responses are written whole: waiting for more to send would delay each of them.
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream, peer))
    }

    /// The address of the client, or of the proxy in front; `None` on a unix socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, peer) => Some(*peer),
            Self::Unix(_) => None,
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The listener has ended either way.
        let _ = fs::remove_file(&self.0);
    }
}
