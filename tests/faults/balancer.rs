//! `HAProxy` as deploy/patroni configures it, in front of servers that report their role like
//! Patroni.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::support::postgres::{Server, candidate_port, eventually};

/// The lines of the recipe that are another machine's, and how they begin there.
const BIND: &str = "bind 127.0.0.1:5000";
const SERVERS: [&str; 2] =
    ["server pg-1 10.0.0.1:5432 check port 8008", "server pg-2 10.0.0.2:5432 check port 8008"];
const THIRD: &str = "    server pg-3 10.0.0.3:5432 check port 8008\n";

pub struct Balancer {
    process: Child,
    port: u16,
    roles: Vec<JoinHandle<()>>,
    _folder: TempDir,
}

impl Balancer {
    pub async fn start(servers: &[&Server; 2]) -> Self {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/patroni/haproxy.cfg");
        let mut config = fs::read_to_string(recipe).unwrap();
        let mut replace = |old: &str, new: &str| {
            assert_eq!(config.matches(old).count(), 1, "{old}");
            config = config.replace(old, new);
        };
        let mut roles = Vec::new();
        let told: [Arc<AtomicUsize>; 2] = Default::default();
        for ((line, server), told) in SERVERS.iter().zip(servers).zip(&told) {
            let (port, task) = tell_role(server, Arc::clone(told)).await;
            roles.push(task);
            let name = line.split(' ').nth(1).unwrap();
            replace(line, &format!("server {name} 127.0.0.1:{} check port {port}", server.port));
        }
        replace(THIRD, "");
        let folder = tempfile::tempdir().unwrap();
        let port = candidate_port();
        replace(BIND, &format!("bind 127.0.0.1:{port}"));
        let path = folder.path().join("haproxy.cfg");
        fs::write(&path, config).unwrap();
        let command = if Path::new("/usr/sbin/haproxy").exists() { "/usr/sbin/haproxy" } else { "haproxy" };
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", command, "-db", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv");
        let mut balancer = Self { process, port, roles, _folder: folder };
        eventually("HAProxy leads to the primary", async || {
            assert!(balancer.process.try_wait().unwrap().is_none(), "HAProxy has ended");
            // Until it has asked, it takes every server for the primary; two refusals and it does
            // not.
            let has_asked = told.iter().all(|told| told.load(Ordering::Relaxed) > 2);
            (has_asked && is_primary(&balancer.url()).await == Some(true)).then_some(())
        })
        .await;
        balancer
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.roles.iter().for_each(JoinHandle::abort);
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Answers as Patroni's `/primary` does: 200 when the server takes writes, 503 when it is a standby
/// or away.
async fn tell_role(server: &Server, told: Arc<AtomicUsize>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, url) = (listener.local_addr().unwrap().port(), server.url("127.0.0.1", ""));
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (url, told) = (url.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                answer(stream, url).await;
                told.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    (port, task)
}

async fn answer(stream: TcpStream, url: String) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let url = url.clone();
        async move {
            let is_primary = request.uri().path() == "/primary" && is_primary(&url).await == Some(true);
            let status = if is_primary { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let mut response = Response::new(String::new());
            *response.status_mut() = status;
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    // HAProxy closes the connection as soon as it has the status.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
}

async fn is_primary(url: &str) -> Option<bool> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    let connection = tokio::spawn(connection);
    let messages = client.simple_query("SELECT pg_is_in_recovery()").await.ok()?;
    drop(client);
    drop(connection.await);
    messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("f")),
        _ => None,
    })
}
