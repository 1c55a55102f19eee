//! TLS, with a certificate that can be renewed while the service runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::core::files::{self, Exposed};

/// How often, at most, the files are looked at for a change.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where the certificate and its key are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and those up to its root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there or is no PEM.
    #[error("cannot read {0}")]
    Unreadable(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// Others may change the key.
    #[error("the key for TLS cannot be used")]
    Exposed(#[source] Exposed),
    /// They do not belong together, or are of a kind that is not supported.
    #[error("the certificate and the key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// Speaks TLS with whoever connects.
#[derive(Clone)]
pub(super) struct Acceptor(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    changed_at: [Option<SystemTime>; 2],
    looked_at: Instant,
}

impl Acceptor {
    pub(super) fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let changed_at = changes(files);
        let current = Current { config: read(files)?, changed_at, looked_at: Instant::now() };
        Ok(Self(Arc::new(Inner { files: files.clone(), current: Mutex::new(current) })))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    /// As the files say; when they cannot be used, as they said before.
    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= LOOK_AGAIN {
            current.looked_at = Instant::now();
            let changed_at = changes(&self.0.files);
            if changed_at != current.changed_at {
                current.changed_at = changed_at;
                match read(&self.0.files) {
                    Ok(config) => {
                        current.config = config;
                        tracing::info!("the certificate was renewed");
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the new certificate cannot be used"
                        );
                    }
                }
            }
        }
        Arc::clone(&current.config)
    }
}

fn changes(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| file.metadata().and_then(|file| file.modified()).ok())
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::Unreadable(path, error)
    };
    let content = |path: &Path| files::read(path).map_err(|error| unreadable(path)(pem::Error::Io(error)));
    let (certificate, _) = content(&files.certificate)?;
    let chain = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable(&files.certificate))?;
    let (key, mode) = content(&files.key)?;
    if mode.lets_others_write() {
        return Err(TlsError::Exposed(Exposed { path: files.key.clone(), mode }));
    }
    if mode.lets_others_read() {
        // Not refused: Kubernetes mounts secrets with mode 644 unless told otherwise, where nobody else is in the container.
        tracing::warn!(path = %files.key.display(), %mode, "every user of this machine can read the key for TLS: chmod o-rwx it");
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(unreadable(&files.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
