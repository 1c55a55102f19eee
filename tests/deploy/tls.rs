//! TLS at the proxies, with a certificate that the test makes. By curl, because the tests' own
//! client has no TLS.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::behind_both;
use crate::deploy::edge::{Certificate, Edge, Kind};
use crate::deploy::stand_in::{BODY, Manner, StandIns, header};

const HOST: &str = "api.example.com";

/// Signed by itself, for HOST.
fn certificate(folder: &TempDir) -> Certificate {
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]);
    command.args(["-subj", &format!("/CN={HOST}"), "-addext", &format!("subjectAltName=DNS:{HOST}")]);
    let made = command.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    Certificate { certificate, key }
}

/// curl to HOST at the proxy: it prints the answer's body and, in a last line, the status and the
/// version of HTTP.
async fn curl(edge: &Edge, certificate: &Certificate, url: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]);
    command.args(["--write-out", "\n%{http_code} %{http_version}"]);
    command
        .arg("--cacert")
        .arg(&certificate.certificate)
        .arg("--connect-to")
        .arg(format!("{HOST}:443:{}", edge.address));
    command.args(arguments).arg(url).output().await.unwrap()
}

behind_both! {
    async fn with_tls_both_http_versions_are_served_and_the_instance_is_told_the_scheme(kind) {
        let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let certificate = certificate(&folder);
        let instances = StandIns::start(Manner::Answers).await;
        let edge = Edge::start_with_tls(kind, instances.addresses, &certificate).await;

        let url = format!("https://{HOST}/api/v1/health");
        for (version, expected) in [("--http1.1", "200 1.1"), ("--http2", "200 2")] {
            // A proxy may answer before it has read its routes and certificates.
            let start = std::time::Instant::now();
            let printed = loop {
                let output = curl(&edge, &certificate, &url, &[version]).await;
                let printed = String::from_utf8(output.stdout.clone()).unwrap();
                if printed.starts_with(BODY) || kind == Kind::Nginx {
                    break printed;
                }
                assert!(start.elapsed() < crate::deploy::edge::LIMIT, "{output:?} {}", edge.log());
            };
            assert_eq!(printed, format!("{BODY}\n{expected}"), "{}", edge.log());
        }
        let heads = instances.heads("GET");
        assert_eq!(heads.len(), 2);
        for head in heads {
            assert_eq!(header(&head, "x-forwarded-proto").as_deref(), Some("https"), "{head}");
            assert_eq!(header(&head, "host").as_deref(), Some(HOST), "{head}");
            assert!(head.contains(" HTTP/1.1\r\n"), "{head}");
        }

        if kind == Kind::Nginx {
            let refused = curl(&edge, &certificate, &url, &["--request", "TRACE", "--dump-header", "-"]).await;
            let refused = String::from_utf8(refused.stdout).unwrap().to_lowercase();
            let told = "strict-transport-security: max-age=31536000; includesubdomains";
            assert!(refused.contains(" 405") && refused.contains(told), "{refused}");
        }

        let old = curl(&edge, &certificate, &url, &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]).await;
        assert!(!old.status.success(), "TLS 1.1 is refused: {old:?}");
        // Without the `--cacert` above the certificate is worth nothing: it is checked.
        let stranger = curl(&edge, &certificate, &url, &["--cacert", "/dev/null"]).await;
        assert!(!stranger.status.success(), "{stranger:?}");

        // Plain text where TLS is spoken reaches no instance.
        let plain = curl(&edge, &certificate, &format!("http://{HOST}:443/"), &[]).await;
        let printed = String::from_utf8(plain.stdout).unwrap();
        assert!(!printed.contains(BODY) && instances.heads("GET").len() == 2, "{printed}");
        if kind == Kind::Nginx {
            assert!(printed.contains("\"error\":\"malformed_request\"") && printed.ends_with("400 1.1"), "{printed}");
        }
    }
}
