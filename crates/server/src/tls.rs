//! TLS with a certificate that can be renewed while the server runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use groundwork_files::{self as files, Exposed};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The files are checked for changes at most this often, and only when a client connects.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Paths of PEM files. New content is used for the connections that follow; while it cannot be
/// used, the previous certificate stays in use and the reason is logged.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or is not PEM.
    #[error("cannot read {0}")]
    Unreadable(PathBuf, #[source] pem::Error),
    /// Every user of the machine may write the key.
    #[error("the key for TLS cannot be used")]
    Exposed(#[source] Exposed),
    /// The key does not belong to the certificate, or rustls does not support one of them.
    #[error("the certificate and the key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// Accepts TLS connections with the newest usable certificate.
#[derive(Clone)]
pub(crate) struct ReloadingTlsAcceptor(Arc<Mutex<State>>);

struct State {
    files: TlsFiles,
    acceptor: TlsAcceptor,
    modified: [Option<SystemTime>; 2],
    checked_at: Instant,
}

impl ReloadingTlsAcceptor {
    pub(crate) fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let (modified, checked_at) = (modification_times(&files), Instant::now());
        let acceptor = load(&files)?;
        Ok(Self(Arc::new(Mutex::new(State { files, acceptor, modified, checked_at }))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.current().accept(stream).await
    }

    fn current(&self) -> TlsAcceptor {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.checked_at.elapsed() < CHECK_INTERVAL {
            return state.acceptor.clone();
        }
        state.checked_at = Instant::now();
        let modified = modification_times(&state.files);
        if modified != state.modified {
            state.modified = modified;
            match load(&state.files) {
                Ok(acceptor) => {
                    state.acceptor = acceptor;
                    tracing::info!("the certificate was renewed");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the new certificate cannot be used");
                }
            }
        }
        state.acceptor.clone()
    }
}

fn modification_times(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| file.metadata().and_then(|file| file.modified()).ok())
}

fn load(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::Unreadable(path, error)
    };
    let read = |path: &Path| files::read(path).map_err(|error| unreadable(path)(pem::Error::Io(error)));
    let (certificate, _) = read(&files.certificate)?;
    let chain = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable(&files.certificate))?;
    let (key, mode) = read(&files.key)?;
    if mode.lets_others_write() {
        return Err(TlsError::Exposed(Exposed { path: files.key.clone(), mode }));
    }
    if mode.lets_others_read() {
        // Kubernetes mounts secrets with mode 644 by default, in a container without other users.
        tracing::warn!(
            path = %files.key.display(),
            %mode,
            "every user of this machine can read the key for TLS: chmod o-rwx it"
        );
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(unreadable(&files.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
