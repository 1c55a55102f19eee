//! A `PgBouncer` for one test, which ends with it.

use std::fs;
use std::process::{Child, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::TestDatabase;
use super::postgres::{as_server, candidate_port, eventually, new_folder};

pub struct Pooler {
    port: u16,
    process: Child,
    _folder: TempDir,
}

impl Pooler {
    /// In front of the server of this database, with these settings beside what any needs; the rest
    /// is as `PgBouncer` has it.
    pub async fn start(database: &TestDatabase, settings: &[&str]) -> Self {
        let (_, rest) = database.url.split_once('@').unwrap();
        let (server, _) = rest.split_once('/').unwrap();
        let (host, server_port) = server.split_once(':').unwrap();
        let folder = new_folder();
        for _ in 0..20 {
            let port = candidate_port();
            let settings = settings.join("\n");
            let config = format!(
                "[databases]\n* = host={host} port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = any\n{settings}\n"
            );
            let file = folder.path().join("pgbouncer.ini");
            fs::write(&file, config).unwrap();
            let mut process = as_server("pgbouncer").arg(&file).stderr(Stdio::null()).spawn().unwrap();
            let listens = eventually("it listens, or has ended", async || {
                if process.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(true)
            })
            .await;
            if listens {
                return Self { port, process, _folder: folder };
            }
        }
        panic!("no port for PgBouncer")
    }

    /// The address of the database by way of the pooler.
    pub fn url(&self, database: &TestDatabase) -> String {
        let (_, name) = database.url.rsplit_once('/').unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // SIGKILL, because a process inherits an ignored SIGQUIT from a shell that starts it in the
        // background.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
