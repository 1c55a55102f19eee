//! The sockets that the server listens on.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io, iter};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::server::BindError;

/// More connections than the kernel queues. Without a bound, a steady stream of new connections
/// would keep the listener open.
const MAX_BACKLOG: usize = 4096;

/// Mode of a unix socket: the proxy in front usually runs as another user of the same group.
const SOCKET_MODE: u32 = 0o660;

pub(crate) struct Listeners {
    tcp: TcpListener,
    unix: Option<(UnixListener, SocketFile)>,
}

/// The file of a unix socket, removed on drop: its presence tells others that a process listens.
struct SocketFile(PathBuf);

/// An accepted connection. A client on a unix socket has no address.
pub(crate) struct Accepted {
    pub stream: Either<TcpStream, UnixStream>,
    pub peer: Option<SocketAddr>,
}

impl Listeners {
    /// Returns the bound address as well, with the port that the system chose.
    pub(crate) async fn bind(
        address: SocketAddr,
        unix: Option<&Path>,
    ) -> Result<(Self, SocketAddr), BindError> {
        let unbound = |error| BindError::Listen(address.to_string(), error);
        let tcp = TcpListener::bind(address).await.map_err(unbound)?;
        let local_addr = tcp.local_addr().map_err(unbound)?;
        let bind_unix =
            |path| bind_unix(path).map_err(|error| BindError::Listen(path.display().to_string(), error));
        Ok((Self { tcp, unix: unix.map(bind_unix).transpose()? }, local_addr))
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        let unix = async {
            match &self.unix {
                Some((listener, _)) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.tcp.accept() => accepted.and_then(|(stream, peer)| Accepted::tcp(stream, peer)),
            accepted = unix => accepted.map(|(stream, _)| Accepted::unix(stream)),
        }
    }

    /// Accepts the connections in the kernel's backlog and stops listening; closing a listener with
    /// a backlog would reset them. Asks the kernel, because tokio learns of connections later.
    pub(crate) fn drain_backlog(self) -> Vec<Accepted> {
        let mut backlog = until_error(self.tcp.into_std(), |listener| {
            let (stream, peer) = listener.accept()?;
            stream.set_nonblocking(true)?;
            Accepted::tcp(TcpStream::from_std(stream)?, peer)
        });
        if let Some((listener, _file)) = self.unix {
            backlog.extend(until_error(listener.into_std(), |listener| {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Accepted::unix(UnixStream::from_std(stream)?))
            }));
        }
        backlog
    }
}

/// Creates a unix socket. One that a stopped process left behind is replaced. A socket with a
/// process behind it is an error, and so is any other file.
fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok((listener, SocketFile(path.to_owned())))
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
        Ok(Self { stream: Either::Left(stream), peer: Some(peer) })
    }

    fn unix(stream: UnixStream) -> Self {
        Self { stream: Either::Right(stream), peer: None }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The listener has ended either way.
        let _ = fs::remove_file(&self.0);
    }
}
