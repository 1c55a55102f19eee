//! TLS, and certificates that change while the server runs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use groundwork_server::{BindError, Config, Server, TlsError, TlsFiles};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{SHORT, TestServer, ask, until_closed};

/// Writes a new certificate and its key, and returns the certificate for clients to trust.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn config(folder: &Path) -> Config {
    let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    Config { header_timeout: SHORT * 3, tls: Some(files), ..Config::default() }
}

/// A TLS connection, if the server has this certificate.
async fn connect(server: &TestServer, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, server.connect().await).await
}

#[tokio::test]
async fn a_new_certificate_is_served_and_an_unusable_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let server = TestServer::start(config(folder.path())).await;
    let mut stream = connect(&server, &first).await.unwrap();
    assert!(ask(&mut stream, "GET / HTTP/1.1").await.ends_with("Some(127.0.0.1) true!"));

    let second = write_certificate(folder.path());
    let mut attempts = 0;
    while connect(&server, &second).await.is_err() {
        attempts += 1;
        assert!(attempts < 300, "the new certificate is not served");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(connect(&server, &first).await.is_err());
    ask(&mut stream, "GET / HTTP/1.1").await;

    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    sleep(Duration::from_millis(1100)).await;
    connect(&server, &second).await.expect("the previous certificate stays in use");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_handshake_is_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_certificate(folder.path());
    let server = TestServer::start(config(folder.path())).await;
    let mut silent = server.connect().await;
    let mut plain = server.connect().await;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    // A TLS alert at most.
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP"));
    assert_eq!(until_closed(&mut silent).await, "");
    connect(&server, &trusted).await.unwrap();
}

#[tokio::test]
async fn a_key_that_others_may_write_or_that_is_missing_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let key = folder.path().join("key.pem");
    let bind = async || Server::bind(([127, 0, 0, 1], 0).into(), config(folder.path())).await.err();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(bind().await, Some(BindError::Tls(TlsError::Exposed(_)))));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(bind().await, Some(BindError::Tls(TlsError::Unreadable(path, _))) if path == key));
}
