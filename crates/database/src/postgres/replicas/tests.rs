use std::io::{self, Write};
use std::sync::Mutex;

use super::*;
use crate::config::PoolSize;
use crate::pool::{Failures, Pool};
use crate::url::{PoolMode, PostgresUrl};

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
    /// What was logged since the last time.
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Replicas that refuse connections, with a password.
fn replicas(count: usize) -> Replicas {
    let url: PostgresUrl = "postgres://ada:hunter2@127.0.0.1:1/d?sslmode=disable".parse().unwrap();
    let server = || Server::new(&url, PoolMode::Session).unwrap();
    let all = (0..count).map(|_| {
        let size = PoolSize { min_idle: 1, max_size: 1 };
        let pool = Pool::new("replica", server(), size, Duration::from_secs(5), Failures::unlogged());
        (url.server(), server(), SharedConnections::new(pool))
    });
    Replicas::new(all)
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
    let replicas = replicas(1);
    assert!(replicas.read(&lookup()).await.is_none(), "it is not checked yet");
    let replica = &replicas.all[0];
    let checked = |state| replica.checked(Instant::now(), Some(Duration::ZERO), state);
    checked(ReplicaState::Used);
    assert_eq!(lines.take(), [""; 0], "the first check is no change");

    let began = Instant::now();
    assert!(replicas.read(&lookup()).await.is_none(), "to be asked of the primary");
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
    let replicas = replicas(3);
    let place = |chosen: Option<&Replica>| {
        replicas
            .all
            .iter()
            .position(|one| chosen.is_some_and(|chosen| std::ptr::eq(chosen, &raw const **one)))
    };
    assert_eq!(place(replicas.choose()), None);
    for replica in &replicas.all {
        replica.checked(Instant::now(), None, ReplicaState::Used);
    }
    let mut turns: Vec<_> = (0..3).map(|_| place(replicas.choose()).unwrap()).collect();
    turns.sort_unstable();
    assert_eq!(turns, [0, 1, 2]);
    replicas.all[1].checked(Instant::now(), None, ReplicaState::Ejected(UnhealthyReason::Behind));
    assert!((0..6).all(|_| matches!(place(replicas.choose()), Some(0 | 2))));
}
