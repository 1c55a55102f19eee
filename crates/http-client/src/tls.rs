//! Which certificates are accepted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// Why certificates cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of additional authorities cannot be read.
    #[error("the certificates in {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The file of additional authorities has no certificate.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// A certificate or a protocol version cannot be used.
    #[error("TLS cannot be configured")]
    Unusable(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3, with the system's authorities and those in the PEM file `additional`. Without
/// any, no server can be verified: calls over TLS fail, and an application that makes none starts.
pub(crate) fn config(additional: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // Unreadable ones among many do not matter.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = additional {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        tracing::warn!("the system has no certificates to verify servers with: calls over TLS will fail");
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let (content, _) =
        groundwork_files::read(path).map_err(|error: io::Error| unreadable(pem::Error::Io(error)))?;
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(&content) {
        roots.add(certificate.map_err(unreadable)?)?;
        found = true;
    }
    if found { Ok(()) } else { Err(TlsError::Empty(path.to_owned())) }
}
