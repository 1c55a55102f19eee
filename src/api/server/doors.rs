//! Where connections come in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// More than the kernel lets wait. Without a bound, visitors who come all the time would keep the door open.
const MOST_WAITING: usize = 4096;

/// Something to listen on.
pub(super) enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Who has come in.
pub(super) enum Visitor {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Door {
    pub(super) async fn tcp(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::Tcp(TcpListener::bind(address).await?))
    }

    /// A socket at this path. One that a process has left behind is replaced; one that somebody answers at is not, and no
    /// other file either.
    pub(super) fn unix(path: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let named = |error| (path.to_owned(), error);
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
            std::fs::remove_file(path).map_err(named)?;
        }
        let listener = UnixListener::bind(path).map_err(named)?;
        // The proxy in front usually runs as another user of the same group.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(named)?;
        Ok(Self::Unix(listener, path.to_owned()))
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// Those who stand before the door now, as far as the kernel lets them wait. Asked directly: tokio hears of them a moment
    /// later.
    pub(super) fn waiting(&self) -> Vec<Visitor> {
        match self {
            Self::Tcp(listener) => {
                let listener = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from);
                let accepted = listener.ok().into_iter().flat_map(|listener| {
                    std::iter::from_fn(move || listener.accept().ok()).take(MOST_WAITING)
                });
                let visitors = accepted.filter_map(|(stream, peer)| {
                    stream.set_nonblocking(true).ok()?;
                    stream.set_nodelay(true).ok()?;
                    Some(Visitor::Tcp(TcpStream::from_std(stream).ok()?, peer))
                });
                visitors.collect()
            }
            Self::Unix(listener, _) => {
                let listener = listener.as_fd().try_clone_to_owned();
                let listener = listener.map(std::os::unix::net::UnixListener::from);
                let accepted = listener.ok().into_iter().flat_map(|listener| {
                    std::iter::from_fn(move || listener.accept().ok()).take(MOST_WAITING)
                });
                let visitors = accepted.filter_map(|(stream, _)| {
                    stream.set_nonblocking(true).ok()?;
                    Some(Visitor::Unix(UnixStream::from_std(stream).ok()?))
                });
                visitors.collect()
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Visitor> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole: waiting for more to send would delay each of them.
                stream.set_nodelay(true)?;
                Ok(Visitor::Tcp(stream, peer))
            }
            Self::Unix(listener, _) => Ok(Visitor::Unix(listener.accept().await?.0)),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // A file that is there says that somebody listens.
            let _ = std::fs::remove_file(path);
        }
    }
}
