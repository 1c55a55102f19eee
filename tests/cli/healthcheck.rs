//! `groundwork healthcheck`.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::{Running, run, text};

#[tokio::test(flavor = "multi_thread")]
async fn it_reports_whether_the_service_is_ready() {
    let folder = TempDir::new().unwrap();
    let service = Running::start(folder.path(), &[]);
    let port = service.port().to_owned();
    let check = |more: &[(&str, &str)]| {
        let environment = [&[("PORT", port.as_str())], more].concat();
        run(folder.path(), &environment, &["healthcheck"])
    };
    let output = check(&[]);
    assert!(output.status.success() && text(&output.stdout) == "ready\n", "{output:?}");
    let output = check(&[("HOST", "0.0.0.0")]);
    assert!(output.status.success(), "{output:?}");
    // It needs neither the secret nor the database of the service.
    let output = check(&[("APP_ENV", "production"), ("DATABASE_URL", "sqlite:///nowhere/at/all.db")]);
    assert!(output.status.success(), "{output:?}");
    let output = check(&[("API_V1_PREFIX", "/elsewhere")]);
    assert!(!output.status.success() && text(&output.stderr).contains("404"), "{output:?}");

    assert_eq!(service.stop().0.code(), Some(0));
    let output = check(&[]);
    assert!(!output.status.success() && text(&output.stderr).starts_with("error: "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_a_service_with_tls_over_tls() {
    let folder = TempDir::new().unwrap();
    // For a name that is not the address that the check connects to.
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["api.example.com".to_owned()]).unwrap();
    std::fs::write(folder.path().join("key"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.path().join("certificate"), cert.pem()).unwrap();
    let tls = [("TLS_CERTIFICATE_FILE", "certificate"), ("TLS_KEY_FILE", "key")];
    let service = Running::start(folder.path(), &tls);
    let port = service.port().to_owned();
    let check = |more: &[(&str, &str)]| {
        let environment = [&[("PORT", port.as_str())], more].concat();
        run(folder.path(), &environment, &["healthcheck"])
    };
    let output = check(&tls);
    assert!(output.status.success() && text(&output.stdout) == "ready\n", "{output:?}");
    let output = check(&[]);
    let reason = format!("error: 127.0.0.1:{port} does not answer as the settings say: not in HTTP\n");
    assert!(!output.status.success() && text(&output.stderr) == reason, "{output:?}");
}

#[test]
fn it_needs_one_line_and_waits_for_it_no_longer_than_promised() {
    let folder = TempDir::new().unwrap();
    let tls = [("TLS_CERTIFICATE_FILE", "certificate"), ("TLS_KEY_FILE", "key")];
    let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
    for (environment, answer, pause, expected) in [
        // The connection stays open.
        (&[][..], b"HTTP/1.1 200 OK\r\n".to_vec(), Duration::ZERO, "ready\n"),
        (&[], endless, Duration::ZERO, "ready\n"),
        (&[], vec![b'x'; 1 << 20], Duration::ZERO, "not in HTTP"),
        (&[], b"HTTP/1.1 200 OK\r\n".to_vec(), Duration::from_secs(1), "gives no answer within 5 s"),
        (&tls, b"HTTP/1.1 400 Bad Request\r\n".to_vec(), Duration::ZERO, "gives no answer: "),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            for byte in answer.chunks(if pause.is_zero() { answer.len() } else { 1 }) {
                std::thread::sleep(pause);
                // The client leaves when it has seen enough.
                if client.write_all(byte).is_err() {
                    break;
                }
            }
            client
        });
        let environment = [&[("PORT", port.as_str())], environment].concat();
        let output = run(folder.path(), &environment, &["healthcheck"]);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        assert!(said.contains(expected), "{expected}: {output:?}");
        assert_eq!(output.status.success(), expected == "ready\n");
        drop(server.join().unwrap());
    }
}
