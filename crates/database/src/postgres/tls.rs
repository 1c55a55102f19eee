//! TLS to PostgreSQL: which certificates are accepted, in the meaning of libpq's `sslmode`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::DbError;
use crate::url::{Roots, Tls};

/// The ALPN name that PostgreSQL 17 requires for direct TLS; older servers ignore it.
const PROTOCOL: &[u8] = b"postgresql";

/// The TLS configuration for `tls`. With [`Tls::Disable`] the driver does not use it.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, DbError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::Tls(error.to_string()))?;
    let any_name = |roots| Arc::new(NoHostnameVerifier { roots, algorithms });
    let config = match tls {
        Tls::VerifyFull(Roots::System) => config.with_root_certificates(system_roots()?),
        Tls::VerifyFull(Roots::File(path)) => config.with_root_certificates(roots_in(path)?),
        Tls::VerifyCa(path) => {
            config.dangerous().with_custom_certificate_verifier(any_name(Some(roots_in(path)?)))
        }
        Tls::Disable | Tls::Prefer | Tls::Require => {
            config.dangerous().with_custom_certificate_verifier(any_name(None))
        }
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn roots_in(path: &Path) -> Result<RootCertStore, DbError> {
    let failed = |problem: &dyn std::fmt::Display| {
        DbError::Tls(format!("the sslrootcert {} {problem}", path.display()))
    };
    let unreadable = |error: pem::Error| failed(&format_args!("cannot be read: {error}"));
    let (content, _) = groundwork_files::read(path).map_err(|error| unreadable(pem::Error::Io(error)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&content) {
        let certificate = certificate.map_err(unreadable)?;
        roots.add(certificate).map_err(|error| failed(&format_args!("cannot be used: {error}")))?;
    }
    if roots.is_empty() { Err(failed(&"holds no certificate")) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, DbError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Unreadable ones among many do not matter.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(DbError::Tls(format!(
            "the system has no certificates to verify a server with; name an sslrootcert ({})",
            reasons.join("; ")
        )));
    }
    Ok(roots)
}

/// Accepts a certificate for any name.
#[derive(Debug)]
struct NoHostnameVerifier {
    /// The trusted issuers; any issuer if `None`.
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl NoHostnameVerifier {
    /// Modes that skip identity checks skip signature checks too: rustls cannot read the
    /// certificates of some old servers.
    fn signature(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.roots {
            Some(_) => verify(&self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl ServerCertVerifier for NoHostnameVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(|a| rustls::crypto::verify_tls12_signature(message, certificate, signature, a))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(|a| rustls::crypto::verify_tls13_signature(message, certificate, signature, a))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(roots: Roots) -> String {
        match connector(&Tls::VerifyFull(roots)) {
            Err(DbError::Tls(problem)) => problem,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("accepted"),
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let file = || Roots::File(path.clone());
        let problem = refused(file());
        assert!(problem.contains("ca.pem cannot be read"), "{problem}");
        std::fs::write(&path, "no certificate").unwrap();
        let problem = refused(file());
        assert!(problem.contains("ca.pem holds no certificate"), "{problem}");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let problem = refused(file());
        assert!(problem.contains("ca.pem cannot be used"), "{problem}");
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let problem = refused(file());
        assert!(problem.contains("not a regular file"), "{problem}");
    }
}
