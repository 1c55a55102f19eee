//! TLS to PostgreSQL: encrypted when asked for, and refused when the server is not who it has to
//! be.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;
use groundwork_database::{DbError, Unavailable};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::Service;
use crate::support::postgres::Server;

/// An authority, and where its certificate is.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.path(), authority.issuer.pem()).unwrap();
        authority
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server with a certificate for this name, which `localhost` and 127.0.0.1 lead to.
    pub async fn server(&self, name: &str) -> Server {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let mut server = Server::start(&[]).await;
        let certificate = server.write("server.crt", &certificate.pem());
        let key = server.write("server.key", &key.serialize_pem());
        server
            .restart_with(&[
                "ssl=on",
                &format!("ssl_cert_file={}", certificate.display()),
                &format!("ssl_key_file={}", key.display()),
            ])
            .await;
        server
    }
}

pub fn options(mode: &str, authority: Option<&Authority>) -> String {
    match authority {
        Some(authority) => format!("?sslmode={mode}&sslrootcert={}", authority.path().display()),
        None => format!("?sslmode={mode}"),
    }
}

/// Connects as a start does, by migrating; the reason when it is refused.
pub async fn refusal(url: &str) -> Option<String> {
    let url: DatabaseUrl = url.parse().unwrap();
    match migrations::run(&url).await {
        Ok(_) => None,
        Err(DbError::Unavailable(Unavailable::CannotConnect(reason))) => Some(reason),
        Err(other) => panic!("{other:?}"),
    }
}

async fn accepted(server: &Server, host: &str, options: &str) {
    assert_eq!(refusal(&server.url(host, options)).await, None, "{host} {options}");
}

async fn refused(server: &Server, host: &str, options: &str, why: &str) {
    let reason = refusal(&server.url(host, options)).await.unwrap_or_else(|| panic!("{host} {options}"));
    assert!(reason.contains(why), "{host} {options}: {reason}");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_verified_by_its_authority_and_its_name() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("another"));
    let server = authority.server("localhost").await;
    let (right, wrong) = (Some(&authority), Some(&stranger));
    accepted(&server, "localhost", &options("verify-full", right)).await;
    accepted(&server, "localhost", &options("verify-ca", right)).await;
    accepted(&server, "localhost", &options("require", right)).await;
    accepted(&server, "localhost", &options("require", None)).await;
    accepted(&server, "localhost", &options("prefer", None)).await;
    accepted(&server, "localhost", &options("disable", None)).await;
    // The name in the certificate is not this one.
    accepted(&server, "127.0.0.1", &options("verify-ca", right)).await;
    refused(&server, "127.0.0.1", &options("verify-full", right), "not valid for name").await;
    for mode in ["verify-full", "verify-ca", "require"] {
        refused(&server, "localhost", &options(mode, wrong), "UnknownIssuer").await;
    }
    // Nor do the authorities of this machine know it.
    refused(&server, "localhost", &options("verify-full", None), "UnknownIssuer").await;
    // One that only calls itself like it.
    let namesake = Authority::new("ours");
    refused(&server, "localhost", &options("verify-full", Some(&namesake)), "BadSignature").await;

    let by_address = authority.server("127.0.0.1").await;
    accepted(&by_address, "127.0.0.1", &options("verify-full", right)).await;
    refused(&by_address, "localhost", &options("verify-full", right), "not valid for name").await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_if_tls_is_required() {
    let authority = Authority::new("ours");
    let server = Server::start(&[]).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let options = options(mode, Some(&authority));
        refused(&server, "localhost", &options, "server does not support TLS").await;
    }
    accepted(&server, "localhost", &options("prefer", None)).await;
}

/// Who sits in between has another certificate than the server that the password is for.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_bound_to_the_certificate_of_its_server() {
    let mut server = Authority::new("ours").server("localhost").await;
    server.database().sql("CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'hunter2'").await;
    let rules = "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhost all keeper 127.0.0.1/32 scram-sha-256\n";
    let rules = server.write("rules.conf", rules);
    server.add_option(&format!("hba_file={}", rules.display())).await;
    let login = |options: &str| server.url("localhost", options).replace("postgres@", "keeper:hunter2@");
    assert_eq!(refusal(&login("?sslmode=require&channel_binding=require")).await, None);
    let plain = refusal(&login("?channel_binding=require")).await.unwrap();
    assert!(plain.contains("channel binding") && !plain.contains("hunter2"), "{plain}");
    let wrong = login("?sslmode=require").replace("hunter2", "hunter3");
    let wrong = refusal(&wrong).await.unwrap();
    assert!(wrong.contains("password authentication failed") && !wrong.contains("hunter3"), "{wrong}");
}

/// How many of the service's connections are encrypted, and how many are not.
async fn connections(server: &Server) -> (usize, usize) {
    let query = "SELECT ssl::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'Groundwork'";
    let rows = server.database().rows(query).await;
    let encrypted = rows.iter().filter(|row| row.as_deref() == Some("true")).count();
    (encrypted, rows.len() - encrypted)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_if_configured() {
    let authority = Authority::new("ours");
    let server = authority.server("localhost").await;
    for (options, encrypted) in [
        (options("verify-full", Some(&authority)), true),
        (options("require", None), true),
        (options("prefer", None), true),
        (options("disable", None), false),
        (String::new(), false),
    ] {
        let url = server.url("localhost", &options);
        let service = Service::start_on(server.database(), &[("DATABASE_URL", url)]).await;
        let user = service.user().await;
        service.me(&user.access).await.expect(200);
        let (yes, no) = connections(&server).await;
        assert!(yes + no > 0 && if encrypted { no == 0 } else { yes == 0 }, "{options}: {yes} and {no}");
        service.instance.stop().await;
        crate::support::postgres::eventually("the connections end", async || {
            (connections(&server).await == (0, 0)).then_some(())
        })
        .await;
    }
}

/// The command line with the authorities of the system in this file.
fn migrate(url: &str, authorities: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundwork"));
    command.arg("migrate").env_clear().env("DATABASE_URL", url).env("SSL_CERT_FILE", authorities);
    command.current_dir(authorities.parent().unwrap()).output().unwrap()
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn without_sslrootcert_the_systems_authorities_are_trusted() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("another"));
    let server = authority.server("localhost").await;
    let url = server.url("localhost", "?sslmode=verify-full");
    let known = migrate(&url, &authority.path());
    assert!(known.status.success(), "{known:?}");
    let unknown = migrate(&url, &stranger.path());
    let said = String::from_utf8_lossy(&unknown.stderr) + String::from_utf8_lossy(&unknown.stdout);
    assert!(!unknown.status.success() && said.contains("UnknownIssuer"), "{said}");
}
