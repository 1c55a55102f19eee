//! The proxies, started with the files of deploy/ and with nothing changed but the marked lines.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

use crate::deploy::files::{Set, filled};
use crate::support::proxy::bind;

/// How long anything may take before the test fails.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks at something that is waited for.
pub const LOOK: Duration = Duration::from_millis(10);

/// `nobody` on Debian and its relatives; any user without rights does.
const NOBODY: u32 = 65_534;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Traefik,
}

/// Runs a test behind both proxies: `behind_both! { async fn name(kind) { … } }`.
#[macro_export]
macro_rules! behind_both {
    ($( $(#[$attribute:meta])* async fn $name:ident($kind:ident) $body:block )+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "short tests need nothing")]
            use super::*;

            $(#[$attribute])*
            async fn run($kind: $crate::deploy::edge::Kind) $body

            #[ignore = "needs nginx, PostgreSQL and Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn nginx() {
                run($crate::deploy::edge::Kind::Nginx).await;
            }

            #[ignore = "needs Traefik, PostgreSQL and Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn traefik() {
                run($crate::deploy::edge::Kind::Traefik).await;
            }
        }
    )+};
}

/// A certificate and its key, in files.
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A running proxy. It ends with the test, however that ends.
pub struct Edge {
    pub address: SocketAddr,
    child: Child,
    folder: TempDir,
    _reserved: TcpSocket,
}

impl Edge {
    /// In front of these, and ready.
    pub async fn start(kind: Kind, instances: [SocketAddr; 3]) -> Self {
        Self::start_with(kind, instances, None).await
    }

    pub async fn start_with_tls(kind: Kind, instances: [SocketAddr; 3], certificate: &Certificate) -> Self {
        Self::start_with(kind, instances, Some(certificate)).await
    }

    async fn start_with(kind: Kind, instances: [SocketAddr; 3], tls: Option<&Certificate>) -> Self {
        // Neither accepts an open socket. If another process takes the port first, another one is
        // tried.
        for _ in 0..10 {
            let reserved = reserve();
            let address = reserved.local_addr().unwrap();
            let folder = tempfile::Builder::new().prefix("groundwork-edge").tempdir_in("/tmp").unwrap();
            let child = match kind {
                Kind::Nginx => nginx(folder.path(), address, instances, tls),
                Kind::Traefik => traefik(folder.path(), address, instances, tls),
            };
            let mut edge = Self { address, child, folder, _reserved: reserved };
            if edge.listens().await {
                if kind == Kind::Traefik && tls.is_none() {
                    edge.knows_its_routes().await;
                }
                return edge;
            }
            assert!(edge.is_shut_out(), "{kind:?} does not start: {}", edge.log());
        }
        panic!("{kind:?} finds no free port");
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Traefik listens before it has read them, and answers 404 meanwhile.
    async fn knows_its_routes(&self) {
        let start = Instant::now();
        let url = format!("{}/api/v1/health/ready", self.url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        while client.get(&url).send().await.unwrap().status() == 404 {
            assert!(start.elapsed() < LIMIT, "it reads no routes: {}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The port is in use. nginx exits only two seconds after it has logged that.
    fn is_shut_out(&self) -> bool {
        self.log().contains("ddress already in use")
    }

    async fn listens(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let answers = TcpStream::connect(self.address).await.is_ok();
            if self.child.try_wait().unwrap().is_some() || self.is_shut_out() {
                return false;
            }
            if answers {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("it does not listen: {}", self.log());
    }
}

impl Drop for Edge {
    /// By SIGTERM, because nginx's workers outlive a parent that was killed.
    fn drop(&mut self) {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        drop(Command::new("kill").args(["-TERM", &id.to_string()]).status());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        drop(Command::new("kill").arg("-KILL").args(children.split_whitespace()).status());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address that no other client is given while the socket lives, and that one process can listen
/// on.
pub fn reserve() -> TcpSocket {
    bind((Ipv4Addr::LOCALHOST, 0).into())
}

fn nginx(folder: &Path, address: SocketAddr, instances: [SocketAddr; 3], tls: Option<&Certificate>) -> Child {
    let listen = match tls {
        None => Set { marker: "listen", old: "8080", new: address.to_string() },
        Some(_) => Set { marker: "listen", old: "listen 8080;", new: "include nginx-tls.conf;".to_owned() },
    };
    let [one, two, three] = instances.map(|instance| instance.to_string());
    let values = [
        listen,
        Set { marker: "instance-1", old: "groundwork-1:8000", new: one },
        Set { marker: "instance-2", old: "groundwork-2:8000", new: two },
        Set { marker: "instance-3", old: "groundwork-3:8000", new: three },
    ];
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, filled("nginx.conf", &values)).unwrap();
    if let Some(Certificate { certificate, key }) = tls {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let values = [
            Set { marker: "listen", old: "8443", new: address.to_string() },
            Set { marker: "certificate", old: "/run/secrets/tls.crt", new: path(certificate) },
            Set { marker: "certificate-key", old: "/run/secrets/tls.key", new: path(key) },
        ];
        fs::write(folder.join("nginx-tls.conf"), filled("nginx-tls.conf", &values)).unwrap();
    }

    let log = File::create(folder.join("log")).unwrap();
    // Debian keeps it where only root looks by default.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("nginx");
    command.env_clear().env("PATH", path).args(["-e", "stderr", "-g", "daemon off;", "-p"]).arg(folder);
    command.arg("-c").arg(configuration).stdin(Stdio::null());
    // Without rights, as in a container: what it writes to is its own.
    if log.metadata().unwrap().uid() == 0 {
        let mut own = vec![folder.to_owned(), folder.join("log")];
        own.extend(tls.map(|certificate| certificate.key.clone()));
        for path in own {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("nginx; ./scripts/test deploy installs it")
}

fn traefik(
    folder: &Path,
    address: SocketAddr,
    instances: [SocketAddr; 3],
    tls: Option<&Certificate>,
) -> Child {
    let program =
        std::env::var("TRAEFIK").expect("TRAEFIK must name a Traefik; ./scripts/test deploy installs one");
    let dynamic = folder.join("dynamic");
    fs::create_dir(&dynamic).unwrap();
    let listen = Set { marker: "listen", old: "\":8080\"", new: format!("\"{address}\"") };
    let directory = dynamic.to_str().unwrap().to_owned();
    let directory = Set { marker: "directory", old: "/etc/traefik/dynamic", new: directory };
    let configuration = folder.join("traefik.yaml");
    fs::write(&configuration, filled("traefik/traefik.yaml", &[listen, directory])).unwrap();

    let [one, two, three] = instances.map(|instance| instance.to_string());
    let values = [
        Set { marker: "tls", old: "# tls: {}", new: if tls.is_some() { "tls: {}" } else { "" }.to_owned() },
        Set { marker: "instance-1", old: "groundwork-1:8000", new: one },
        Set { marker: "instance-2", old: "groundwork-2:8000", new: two },
        Set { marker: "instance-3", old: "groundwork-3:8000", new: three },
    ];
    fs::write(dynamic.join("dynamic.yaml"), filled("traefik/dynamic.yaml", &values)).unwrap();
    if let Some(Certificate { certificate, key }) = tls {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let values = [
            Set { marker: "certificate", old: "/run/secrets/tls.crt", new: path(certificate) },
            Set { marker: "certificate-key", old: "/run/secrets/tls.key", new: path(key) },
        ];
        fs::write(dynamic.join("tls.yaml"), filled("traefik/tls.yaml", &values)).unwrap();
    }

    let log = File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.env_clear().arg(format!("--configfile={}", configuration.display())).current_dir(folder);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("Traefik")
}
