use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;
use crate::config::{Config, PoolSize};
use crate::postgres::PostgresPools;
use crate::url::{DatabaseUrl, PoolMode, PostgresUrl};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// What was logged of replicas since the last time.
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().filter(|line| line.contains("a replica")).map(str::to_owned).collect()
    }
}

/// A database whose replicas refuse connections, with a password.
fn with_replicas(count: usize) -> PostgresPools {
    let url: PostgresUrl = "postgres://ada:hunter2@127.0.0.1:1/d?sslmode=disable".parse().unwrap();
    let config = Config {
        url: DatabaseUrl::Postgres(url.clone()),
        replica_urls: vec![url.clone(); count],
        pool_mode: PoolMode::Session,
        application_name: String::new(),
        pool_size: PoolSize { min_idle: 1, max_size: 1 },
        pool_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
    };
    PostgresPools::new(&url, &config).unwrap()
}

fn lookup() -> Statement {
    Statement::new(&diesel::sql_query("SELECT 1")).unwrap()
}

#[tokio::test]
async fn a_replica_says_once_that_it_is_left_out_and_once_that_it_is_back() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let pools = with_replicas(1);
    assert!(pools.choose_replica().is_none(), "it is not checked yet");
    let replica = &pools.replicas[0];
    let checked = |state| replica.checked(Instant::now(), Some(Duration::ZERO), state);
    checked(ReplicaState::Used);
    assert_eq!(lines.take(), [""; 0], "the first check is no change");

    let began = Instant::now();
    assert!(replica.read(&lookup()).await.is_none(), "to be asked of the primary");
    checked(ReplicaState::Ejected(UnhealthyReason::Behind));
    replica.checked(began, None, ReplicaState::Used);
    let left_out = lines.take();
    let [line] = left_out.as_slice() else { panic!("{left_out:?}") };
    assert!(line.contains("WARN") && line.contains("a replica is left out"), "{line}");
    assert!(line.contains("127.0.0.1:1") && line.contains("refused"), "{line}");
    assert!(!line.contains("hunter2") && !line.contains("ada"), "{line}");

    checked(ReplicaState::Used);
    checked(ReplicaState::Used);
    let back = lines.take();
    let [line] = back.as_slice() else { panic!("{back:?}") };
    assert!(line.contains("INFO") && line.contains("a replica is back"), "{line}");
}

#[tokio::test]
async fn replicas_in_use_are_chosen_in_turn() {
    let pools = with_replicas(3);
    let turn = || {
        let chosen = pools.choose_replica()?;
        pools.replicas.iter().position(|replica| std::ptr::eq(chosen, &raw const **replica))
    };
    assert_eq!(turn(), None);
    for replica in &pools.replicas {
        replica.checked(Instant::now(), None, ReplicaState::Used);
    }
    let mut turns: Vec<_> = (0..3).map(|_| turn().unwrap()).collect();
    turns.sort_unstable();
    assert_eq!(turns, [0, 1, 2]);
    pools.replicas[1].checked(Instant::now(), None, ReplicaState::Ejected(UnhealthyReason::Behind));
    assert!((0..6).all(|_| matches!(turn(), Some(0 | 2))));
}
