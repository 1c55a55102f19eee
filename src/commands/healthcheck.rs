//! Asks the running service whether it is ready.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use groundwork::settings::Settings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::{Result, print};

/// `deploy/Dockerfile` and `deploy/compose.yaml` wait a little longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A status line is shorter.
const MAX_STATUS_LINE: u64 = 1024;

/// Checks whether the running service is ready.
pub fn healthcheck() -> Result {
    let settings = Settings::load_without_secret()?;
    let host = match settings.host {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let (address, has_tls) = (SocketAddr::new(host, settings.port), settings.tls_certificate_file.is_some());
    let path = format!("{}/health/ready", settings.api_v1_prefix);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    // One limit for everything: each read of a slow answer would begin another one.
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || sender.send(status_line(address, has_tls, &request)));
    let line = match answer.recv_timeout(TIMEOUT) {
        Ok(line) => line.map_err(|error| format!("{address} gives no answer: {error}"))?,
        Err(_) => return Err(format!("{address} gives no answer within {} s", TIMEOUT.as_secs()).into()),
    };
    match line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next()) {
        Some("200") => print("ready\n"),
        Some(status) => Err(format!("{path} responded with {status}").into()),
        None => Err(format!("{address} does not answer as the settings say: not in HTTP").into()),
    }
}

/// The first line of the answer. What follows it does not matter, nor how the connection ends.
fn status_line(address: SocketAddr, has_tls: bool, request: &str) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    if has_tls {
        let client = tls_to(address.ip()).map_err(io::Error::other)?;
        exchange(StreamOwned::new(client, stream), request)
    } else {
        exchange(stream, request)
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(stream).take(MAX_STATUS_LINE).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn tls_to(host: IpAddr) -> std::result::Result<ClientConnection, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), host.into())
}

/// The certificate names the service's host, and the check connects to an address of its own
/// machine. It sends no secret, and learns only whether the service is ready.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
