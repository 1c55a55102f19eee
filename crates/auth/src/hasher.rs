//! Password hashing with bcrypt, off the async threads and never more at once than there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Builder;
use std::time::Instant;

use bcrypt::BcryptError;
use derive_more::{Debug, From};
use metrics::{Counter, Histogram, counter, gauge, histogram};
use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, error::RecvError};

use crate::work::Work;

const HASHES_WAITING: &str = "password_hashes_waiting";
const HASH_SECONDS: &str = "password_hash_seconds";
const HASHES_REFUSED: &str = "password_hashes_refused_total";

/// Upper bounds for a password hash, in seconds: 0.2 at the usual cost, more in a queue.
const HASH_BUCKETS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 15.0];

/// The metrics that [`PasswordHasher`] records: name, help text, and the upper bounds of a
/// histogram's buckets.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (HASHES_WAITING, "Passwords that wait to be hashed.", &[]),
    (
        HASH_SECONDS,
        "Seconds of a password hash, by phase: its wait in the queue, and its work.",
        HASH_BUCKETS,
    ),
    (HASHES_REFUSED, "Passwords that were not hashed because `BCRYPT_QUEUE_SIZE` others waited.", &[]),
];

/// The priority of the threads that hash ("nice", from 0 to 19). A hash keeps a core for a quarter
/// of a second: at normal priority, everything else would wait until the kernel preempts it.
const NICE_LEVEL: i32 = 10;

/// How far above the configured cost the work of all checks follows that of stored hashes: eight
/// times as much. One expensive hash, from another system perhaps, must not make every log-in take
/// seconds.
const MAX_RAISE: u32 = 3;

/// How much of a password bcrypt reads, in bytes.
const MAX_BYTES: usize = 72;

/// Whether bcrypt reads this password to its end: it has at most 72 bytes and no NUL, where bcrypt
/// stops.
pub fn can_be_hashed(password: &[u8]) -> bool {
    password.len() <= MAX_BYTES && !password.contains(&0)
}

/// A bcrypt hash in its `$2b$…` form, made here or stored. `Debug` does not show it.
#[derive(Clone, Debug, From, PartialEq, Eq)]
#[debug("PasswordHash(********)")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The cost it was made with (log2 of the rounds, 4 to 31); `None` if it is no bcrypt hash.
    pub fn cost(&self) -> Option<u32> {
        self.0.split('$').nth(2)?.parse().ok().filter(|cost| (4..=31).contains(cost))
    }
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// bcrypt would ignore the end of the password: see [`can_be_hashed`].
    #[error("the password is too long or contains NUL")]
    Truncated,
    /// bcrypt refused its input.
    #[error("hashing failed")]
    Bcrypt(#[from] BcryptError),
    /// There can be no thread to hash on.
    #[error("the hashing thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The thread ended without a result.
    #[error("the hashing thread stopped")]
    Stopped(#[from] RecvError),
}

fn lower_priority() {
    // On Linux this takes a thread id. If it fails, hashing runs at normal priority.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE_LEVEL);
}

/// Hashes and checks passwords. Clones share one queue.
#[derive(Clone, Debug)]
pub struct PasswordHasher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cost: u32,
    /// The highest cost that this process has checked a hash of, at least `cost`. Every check does
    /// the work of this cost.
    ceiling: AtomicU32,
    work: Work,
    queue: usize,
    /// Places in the queue and on the cores.
    places: Arc<Semaphore>,
    /// One per core: more would only make every hash slower.
    running: Arc<Semaphore>,
    queued: Histogram,
    worked: Histogram,
    refused: Counter,
}

impl PasswordHasher {
    /// `cost` is log2 of bcrypt's rounds (4 to 31). `queue` is how many passwords may wait while
    /// every core is busy.
    pub fn new(cost: u32, queue: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Shared {
            cost,
            ceiling: AtomicU32::new(cost),
            work: Work::default(),
            queue,
            places: Arc::new(Semaphore::new(cores + queue)),
            running: Arc::new(Semaphore::new(cores)),
            queued: histogram!(HASH_SECONDS, "phase" => "queue"),
            worked: histogram!(HASH_SECONDS, "phase" => "work"),
            refused: counter!(HASHES_REFUSED),
        }))
    }

    /// Records how many passwords wait: to be called before metrics are rendered.
    #[allow(clippy::cast_precision_loss, reason = "a queue is far shorter than 2^52")]
    pub fn observe(&self) {
        let waiting = self.0.queue.saturating_sub(self.0.places.available_permits());
        gauge!(HASHES_WAITING).set(waiting as f64);
    }

    /// Hashes a new password at the configured cost.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full, [`HashError::Truncated`] for a password
    /// that bcrypt would cut.
    pub async fn hash(&self, password: impl AsRef<[u8]> + Send + 'static) -> Result<PasswordHash, HashError> {
        if !can_be_hashed(password.as_ref()) {
            return Err(HashError::Truncated);
        }
        let (cost, work) = (self.0.cost, self.0.work.clone());
        self.run(move || work.hash(password.as_ref(), cost)).await.map(PasswordHash)
    }

    /// Checks spellings of one password, such as its Unicode forms, and returns the label of the
    /// first that is the password behind `stored`. Without a stored hash, for a user that does not
    /// exist, none is. One that [cannot be hashed](can_be_hashed) never matches.
    ///
    /// The work depends on the spellings alone: for each, 2^cost rounds, whatever is stored. A hash
    /// of a lower cost c is topped up by hashes of the costs c, c+1, … below the configured one.
    /// After the first hash of a higher cost, all checks of this process do the work of that cost,
    /// up to 3 above the configured one.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub async fn verify<L: Copy + Send + 'static>(
        &self,
        spellings: Vec<(L, String)>,
        stored: Option<&PasswordHash>,
    ) -> Result<Option<L>, HashError> {
        let stored = stored.cloned();
        let cost = stored.as_ref().and_then(PasswordHash::cost).unwrap_or_default();
        let raised = cost.min(self.0.cost + MAX_RAISE);
        let ceiling = self.0.ceiling.fetch_max(raised, Ordering::Relaxed).max(raised);
        let work = self.0.work.clone();
        self.run(move || {
            let mut found = None;
            // No early end: how many spellings are hashed must not depend on which one matches.
            for (label, text) in spellings {
                let matches = work.verify(text.as_bytes(), stored.as_ref(), ceiling)?;
                found = found.or((matches && can_be_hashed(text.as_bytes())).then_some(label));
            }
            Ok(found)
        })
        .await
    }

    /// Whether the hash was made at another cost than the configured one.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        hash.cost() != Some(self.0.cost)
    }

    #[tracing::instrument(
        target = "otel::span",
        name = "part",
        skip_all,
        fields(otel.name = "hash a password", otel.kind = "internal")
    )]
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BcryptError> + Send + 'static,
    ) -> Result<T, HashError> {
        let shared = &self.0;
        let place = Arc::clone(&shared.places).try_acquire_owned().map_err(|_| {
            shared.refused.increment(1);
            HashError::Overloaded
        })?;
        let asked = Instant::now();
        // Tokio's semaphores are first come, first served. This one is never closed, so it cannot
        // fail.
        let core = Arc::clone(&shared.running).acquire_owned().await.map_err(|_| HashError::Overloaded)?;
        shared.queued.record(asked.elapsed());
        let worked = shared.worked.clone();
        // The permits move along: a caller that left does not make room while its hash still runs.
        let permits = (place, core);
        let (send, result) = oneshot::channel();
        // A thread per hash: starting one is nothing beside a hash, and a thread cannot raise its
        // priority again.
        let hashing = move || {
            lower_priority();
            let began = Instant::now();
            let result = work();
            worked.record(began.elapsed());
            drop(permits);
            // The caller may have left.
            let _ = send.send(result);
        };
        Builder::new().name("hash".to_owned()).spawn(hashing).map_err(HashError::Thread)?;
        Ok(result.await??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One spelling.
    fn attempt(text: &str) -> Vec<(usize, String)> {
        vec![(0, text.to_owned())]
    }

    #[tokio::test]
    async fn only_the_password_itself_matches_its_hash() {
        let hasher = PasswordHasher::new(4, 8);
        let longest = "a".repeat(71) + "b";
        let hash = hasher.hash(longest.clone()).await.unwrap();
        assert_eq!(hasher.verify(attempt(&longest), Some(&hash)).await.unwrap(), Some(0));
        for text in ["a".repeat(72), longest[..71].to_owned(), longest.clone() + "c", longest + "\0"] {
            assert_eq!(hasher.verify(attempt(&text), Some(&hash)).await.unwrap(), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_password_that_bcrypt_would_cut_is_not_hashed() {
        for text in ["a".repeat(73), "a\0b".to_owned()] {
            let result = PasswordHasher::new(4, 8).hash(text).await;
            assert!(matches!(result, Err(HashError::Truncated)));
        }
    }

    #[tokio::test]
    async fn a_check_is_the_same_work_whatever_cost_the_stored_hash_has_and_without_one() {
        let hasher = PasswordHasher::new(7, 8);
        let mut stored = vec![None];
        for cost in 4..=7 {
            stored.push(Some(PasswordHasher::new(cost, 8).hash("the password").await.unwrap()));
        }
        for text in ["the password", "another one", "x", &"x".repeat(100)] {
            for hash in &stored {
                let before = hasher.0.work.rounds();
                let found = hasher.verify(attempt(text), hash.as_ref()).await.unwrap();
                assert_eq!(found.is_some(), hash.is_some() && text == "the password");
                assert_eq!(hasher.0.work.rounds() - before, 1 << 7, "{text}: {hash:?}");
            }
        }
    }

    #[tokio::test]
    async fn after_the_first_hash_of_a_higher_cost_every_check_is_as_much_work() {
        let hasher = PasswordHasher::new(4, 8);
        let low = PasswordHasher::new(4, 8).hash("the password").await.unwrap();
        let high = PasswordHasher::new(6, 8).hash("the password").await.unwrap();
        let mut work = Vec::new();
        for stored in [None, Some(&low), Some(&high), Some(&low), None] {
            let before = hasher.0.work.rounds();
            let _ = hasher.verify(attempt("another one"), stored).await.unwrap();
            work.push(hasher.0.work.rounds() - before);
        }
        assert_eq!(work, [1 << 4, 1 << 4, 1 << 6, 1 << 6, 1 << 6]);
        let dear = PasswordHasher::new(9, 8).hash("the password").await.unwrap();
        let _ = hasher.verify(attempt("another one"), Some(&dear)).await.unwrap();
        let before = hasher.0.work.rounds();
        let _ = hasher.verify(attempt("another one"), None).await.unwrap();
        assert_eq!(hasher.0.work.rounds() - before, 1 << (4 + MAX_RAISE), "within bounds");
        let before = hasher.0.work.rounds();
        let hash = hasher.hash("a password").await.unwrap();
        assert_eq!(
            (hasher.0.work.rounds() - before, hash.cost()),
            (1 << 4, Some(4)),
            "new hashes have the present cost"
        );
    }

    #[tokio::test]
    async fn each_spelling_is_hashed_and_the_work_depends_on_them_alone() {
        let hasher = PasswordHasher::new(4, 8);
        let hash = hasher.hash("one").await.unwrap();
        for (spellings, stored, expected) in [
            (vec!["one"], Some(&hash), Some(0)),
            (vec!["one", "two"], Some(&hash), Some(0)),
            (vec!["two", "one"], Some(&hash), Some(1)),
            (vec!["two"], Some(&hash), None),
            (vec!["one", "two"], None, None),
        ] {
            let (before, count) = (hasher.0.work.rounds(), spellings.len() as u64);
            let spellings = spellings.into_iter().map(str::to_owned).enumerate().collect();
            let found = hasher.verify(spellings, stored).await.unwrap();
            assert_eq!((found, hasher.0.work.rounds() - before), (expected, count << 4));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beyond_the_queue_callers_are_turned_away_and_the_rest_are_served() {
        let hasher = PasswordHasher::new(4, 3);
        let cores = std::thread::available_parallelism().unwrap().get();
        // No hash ends, and makes room, before all have asked.
        let busy = Arc::clone(&hasher.0.running).acquire_many_owned(u32::try_from(cores).unwrap()).await;
        let calls = (0..cores + 3 + 5).map(|_| hasher.hash("a password"));
        let mut calls = futures_util::future::join_all(calls);
        assert!(futures_util::poll!(&mut calls).is_pending());
        drop(busy);
        let results = calls.await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), cores + 3);
        assert!(results.iter().all(|r| matches!(r, Ok(_) | Err(HashError::Overloaded))));
        assert!(hasher.hash("a password").await.is_ok(), "the queue is free again");
    }

    #[test]
    fn a_hash_is_not_printed() {
        assert!(!format!("{:?}", PasswordHash::from("$2b$04$secret".to_owned())).contains("secret"));
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let hash = PasswordHasher::new(4, 1).hash("a password").await.unwrap();
        assert!(!PasswordHasher::new(4, 1).is_outdated(&hash));
        assert!(PasswordHasher::new(5, 1).is_outdated(&hash));
    }
}
