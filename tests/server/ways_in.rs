//! The ways in: HTTP/2, TLS, a socket.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::server::wire::{connect, until_closed};
use crate::support::{Backend, Service, redis::eventually};

const CLOSING: &[u8] = b"GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_served_to_a_client_that_begins_with_it() {
    let service = Service::start(Backend::Sqlite).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answers = (0..20).map(|_| client.get(format!("{}/", service.instance.url)).send());
    for answer in futures_util::future::join_all(answers).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    }
}

/// A certificate for `localhost` in these files, and who trusts it.
fn new_certificate(folder: &Path) -> TlsConnector {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate"), cert.pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn handshake(
    service: &Service,
    connector: &TlsConnector,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    connector.connect(ServerName::try_from("localhost").unwrap(), connect(&service.instance).await).await
}

async fn with_tls(folder: &Path, header_timeout: &str) -> Service {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("certificate"), file("key"));
    let settings = [
        ("TLS_CERTIFICATE_FILE", certificate.as_str()),
        ("TLS_KEY_FILE", &key),
        ("HEADER_TIMEOUT", header_timeout),
    ];
    Service::start_with(Backend::Sqlite, &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_serves_a_renewed_certificate_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = new_certificate(folder.path());
    let service = with_tls(folder.path(), "10").await;
    let mut stream = handshake(&service, &old).await.unwrap();
    stream.write_all(CLOSING).await.unwrap();
    let answer = String::from_utf8(until_closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000"), "{answer}");

    let new = new_certificate(folder.path());
    eventually("the new certificate is used", async || handshake(&service, &new).await.is_ok()).await;
    assert!(handshake(&service, &old).await.is_err());
    // Half a renewal, as when the files are being written, changes nothing.
    std::fs::write(folder.path().join("key"), "no key").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(handshake(&service, &new).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_finish_the_tls_handshake_is_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = new_certificate(folder.path());
    let service = with_tls(folder.path(), "1").await;
    let mut silent = connect(&service.instance).await;
    let mut plain = connect(&service.instance).await;
    plain.write_all(CLOSING).await.unwrap();
    assert!(!until_closed(&mut plain).await.starts_with(b"HTTP"));
    until_closed(&mut silent).await;
    eventually("others are served", async || handshake(&service, &trusted).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_served_beside_the_port_and_removed_at_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let settings = [("UNIX_SOCKET", path.to_str().unwrap())];
    // A socket left behind by a killed process does not prevent the start.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let service = Service::start_with(Backend::Sqlite, &settings).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(CLOSING).await.unwrap();
    assert!(until_closed(&mut stream).await.starts_with(b"HTTP/1.1 200"));
    service.call("GET", "/api/v1/health/live").send().await.expect(200);
    let file = std::fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    service.instance.stop().await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_a_unix_socket_has_the_loopback_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let settings = [
        ("UNIX_SOCKET", path.to_str().unwrap()),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("RATE_LIMIT_PER_MINUTE", "1"),
    ];
    let _service = Service::start_with(Backend::Sqlite, &settings).await;
    for (address, status) in [("203.0.113.1", "200"), ("203.0.113.1", "429"), ("203.0.113.2", "200")] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let request =
            format!("GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(until_closed(&mut stream).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}
