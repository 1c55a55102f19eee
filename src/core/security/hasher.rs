//! bcrypt, off the async threads and never more at once than there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use metrics::{Counter, Histogram};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::password::{Form, Password, PasswordAttempt, PasswordHash};
use super::work::Work;
use crate::core::telemetry::metrics::{
    HASH_SECONDS, HASHES_REFUSED, HASHES_WAITING, Meter, counter, gauge, histogram, number,
};
use crate::core::telemetry::traces::span_of;

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full. Waiting longer than the queue takes would only pile up memory.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// bcrypt refused its input.
    #[error("hashing failed")]
    Bcrypt(#[from] bcrypt::BcryptError),
    /// The worker thread is gone.
    #[error("the hashing thread stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

/// How much the threads that hash give way to the others of this machine ("nice", from 0 to 19). A hash keeps a core for a
/// quarter of a second; without this, whoever asks for anything else meanwhile waits until the kernel takes it away.
const POLITENESS: i32 = 10;

/// How far above the present cost the work of all checks follows that of stored hashes: eight times as much. One dear hash, from
/// another system perhaps, must not make every log-in take seconds.
const MAX_RAISE: u32 = 3;

/// The threads that hash: their own, because a thread that has become polite stays so.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn new(most: usize) -> Self {
        let mut builder = Builder::new_current_thread();
        Self(builder.max_blocking_threads(most).thread_name("hash").on_thread_start(be_polite).build().ok())
    }

    /// Does it on one of them; without them, on one of those that everybody has.
    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match &self.0 {
            Some(threads) => threads.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        }
    }
}

/// In the background, because it may happen on a thread that must not wait.
impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

fn be_polite() {
    // For Linux a thread is a process here. One that stays impolite hashes as well.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), POLITENESS);
}

/// Hashes and checks passwords. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Hasher {
    cost: u32,
    /// The highest cost that this process has checked a hash of, at least `cost`. Every check does the work of this cost.
    ceiling: Arc<AtomicU32>,
    work: Work,
    threads: Arc<Threads>,
    /// Places in the queue, those at work included.
    places: Arc<Semaphore>,
    /// One per core: more would only make every hash slower.
    cores: Arc<Semaphore>,
    size: usize,
    meters: Meters,
}

#[derive(Clone, Debug)]
struct Meters {
    queued: Meter<Histogram>,
    worked: Meter<Histogram>,
    refused: Meter<Counter>,
}

impl Hasher {
    /// `cost` is log2 of bcrypt's rounds (4 to 31); `queue` is how many may wait while every core is busy.
    pub fn new(cost: u32, queue: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let took = |phase| histogram(HASH_SECONDS, &[("phase", phase)]);
        let meters =
            Meters { queued: took("queue"), worked: took("work"), refused: counter(HASHES_REFUSED, &[]) };
        let threads = Arc::new(Threads::new(cores));
        let (places, cores) = (Semaphore::new(cores + queue), Semaphore::new(cores));
        let size = places.available_permits();
        let ceiling = Arc::new(AtomicU32::new(cost));
        let (places, cores) = (Arc::new(places), Arc::new(cores));
        Self { cost, ceiling, work: Work::default(), threads, size, places, cores, meters }
    }

    /// Tells the metrics how many wait now.
    pub fn observe(&self) {
        let present = self.size - self.places.available_permits();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        gauge(HASHES_WAITING, &[]).set(number(present.saturating_sub(cores)));
    }

    /// Hashes a new password at the present cost.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        let (cost, work) = (self.cost, self.work.clone());
        let hash = self.run(move || work.hash(password.bytes(), cost)).await?;
        Ok(PasswordHash::from(hash))
    }

    /// Whether the attempt is the password behind `stored`; see [`check`](Self::check).
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub async fn verify(
        &self,
        attempt: PasswordAttempt,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        Ok(self.check(attempt, stored).await?.is_some())
    }

    /// The form of the attempt that is the password behind `stored`, if one is. Without a stored hash, for an account that is
    /// not there, the answer is no.
    ///
    /// The work depends on the attempt alone: for each form of it, 2^cost rounds, whatever is stored. A hash of a lower cost c
    /// is topped up by hashes of the costs c, c+1, … below the present one. After the first hash of a higher cost, all checks
    /// of this process do the work of that cost, up to [`MAX_RAISE`] above the present one.
    ///
    /// # Errors
    /// [`HashError::Overloaded`] when the queue is full.
    pub async fn check(
        &self,
        attempt: PasswordAttempt,
        stored: Option<&PasswordHash>,
    ) -> Result<Option<Form>, HashError> {
        let stored = stored.cloned();
        let cost = stored.as_ref().and_then(PasswordHash::cost).unwrap_or_default();
        let raised = cost.min(self.cost + MAX_RAISE);
        let ceiling = self.ceiling.fetch_max(raised, Ordering::Relaxed).max(raised);
        let work = self.work.clone();
        let matching = move || {
            let mut found = None;
            // No early end: how many forms are hashed must not depend on which one matches.
            for (form, bytes) in attempt.forms() {
                let matches = work.verify(bytes, stored.as_ref(), ceiling)?;
                found = found.or((matches && attempt.can_match(form)).then_some(form));
            }
            Ok(found)
        };
        self.run(matching).await
    }

    /// Whether the hash was made at another cost than the present one.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        hash.cost() != Some(self.cost)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, bcrypt::BcryptError> + Send + 'static,
    ) -> Result<T, HashError> {
        let span = span_of!("hash a password", "internal");
        self.run_in_turn(work).instrument(span).await
    }

    async fn run_in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, bcrypt::BcryptError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            self.meters.refused.increment(1);
            HashError::Overloaded
        })?;
        let asked = Instant::now();
        // Semaphores of tokio are first come first served. It is never closed, so this cannot fail.
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| HashError::Overloaded)?;
        self.meters.queued.record(asked.elapsed());
        let worked = self.meters.worked.clone();
        // The permits go along: a caller who left does not make room while the hash still runs.
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, core);
        let result = self.threads.spawn(move || {
            let began = Instant::now();
            let result = work();
            worked.record(began.elapsed());
            drop(held);
            result
        });
        Ok(result.await??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn only_the_password_itself_matches_its_hash() {
        let hasher = Hasher::new(4, 8);
        let longest = "a".repeat(71) + "b";
        let hash = hasher.hash(password(&longest)).await.unwrap();
        assert!(hasher.verify(PasswordAttempt::new(longest.clone()), Some(&hash)).await.unwrap());
        for attempt in ["a".repeat(72), longest[..71].to_owned(), longest.clone() + "c", longest + "\0"] {
            assert!(
                !hasher.verify(PasswordAttempt::new(attempt.clone()), Some(&hash)).await.unwrap(),
                "{attempt:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_check_is_the_same_work_whatever_cost_the_stored_hash_has_and_without_one() {
        let hasher = Hasher::new(7, 8);
        let mut stored = vec![None];
        for cost in 4..=7 {
            stored.push(Some(Hasher::new(cost, 8).hash(password("the password")).await.unwrap()));
        }
        for attempt in ["the password", "another one", "x", &"x".repeat(100)] {
            for hash in &stored {
                let before = hasher.work.rounds();
                let matches =
                    hasher.verify(PasswordAttempt::new(attempt.to_owned()), hash.as_ref()).await.unwrap();
                assert_eq!(matches, hash.is_some() && attempt == "the password");
                assert_eq!(
                    hasher.work.rounds() - before,
                    1 << 7,
                    "{attempt}: {:?}",
                    hash.as_ref().map(PasswordHash::cost)
                );
            }
        }
    }

    #[tokio::test]
    async fn after_the_first_hash_of_a_higher_cost_every_check_is_as_much_work() {
        let hasher = Hasher::new(4, 8);
        let low = Hasher::new(4, 8).hash(password("the password")).await.unwrap();
        let high = Hasher::new(6, 8).hash(password("the password")).await.unwrap();
        let mut work = Vec::new();
        for stored in [None, Some(&low), Some(&high), Some(&low), None] {
            let before = hasher.work.rounds();
            let _ = hasher.verify(PasswordAttempt::new("another one".to_owned()), stored).await.unwrap();
            work.push(hasher.work.rounds() - before);
        }
        assert_eq!(work, [1 << 4, 1 << 4, 1 << 6, 1 << 6, 1 << 6]);
        let dear = Hasher::new(9, 8).hash(password("the password")).await.unwrap();
        let _ = hasher.verify(PasswordAttempt::new("another one".to_owned()), Some(&dear)).await.unwrap();
        let before = hasher.work.rounds();
        let _ = hasher.verify(PasswordAttempt::new("another one".to_owned()), None).await.unwrap();
        assert_eq!(hasher.work.rounds() - before, 1 << (4 + MAX_RAISE), "within bounds");
        let before = hasher.work.rounds();
        let hash = hasher.hash(password("a password")).await.unwrap();
        assert_eq!(
            (hasher.work.rounds() - before, hash.cost()),
            (1 << 4, Some(4)),
            "new hashes have the present cost"
        );
    }

    #[tokio::test]
    async fn both_unicode_forms_of_a_password_match_and_the_work_depends_on_the_attempt_alone() {
        let hasher = Hasher::new(4, 8);
        let [composed, decomposed] = ["caf\u{e9} am Abend", "cafe\u{301} am Abend"];
        let hash = hasher.hash(password(decomposed)).await.unwrap();
        let before_normalisation = PasswordHash::from(bcrypt::hash(decomposed, 4).unwrap());
        for (attempt, stored, expected, forms) in [
            (composed, Some(&hash), Some(Form::Normalised), 1),
            (decomposed, Some(&hash), Some(Form::Normalised), 2),
            (decomposed, Some(&before_normalisation), Some(Form::AsTyped), 2),
            (composed, Some(&before_normalisation), None, 1),
            (decomposed, None, None, 2),
            (composed, None, None, 1),
        ] {
            let before = hasher.work.rounds();
            let found = hasher.check(PasswordAttempt::new(attempt.to_owned()), stored).await.unwrap();
            assert_eq!((found, hasher.work.rounds() - before), (expected, forms << 4), "{attempt:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beyond_the_queue_callers_are_turned_away_and_the_rest_are_served() {
        let hasher = Hasher::new(4, 3);
        let cores = std::thread::available_parallelism().unwrap().get();
        // No hash ends, and makes room, before all have asked.
        let busy = Arc::clone(&hasher.cores).acquire_many_owned(u32::try_from(cores).unwrap()).await;
        let calls = (0..cores + 3 + 5).map(|_| hasher.hash(password("a password")));
        let mut calls = futures_util::future::join_all(calls);
        assert!(futures_util::poll!(&mut calls).is_pending());
        drop(busy);
        let results = calls.await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), cores + 3);
        assert!(results.iter().all(|r| matches!(r, Ok(_) | Err(HashError::Overloaded))));
        assert!(hasher.hash(password("a password")).await.is_ok(), "the queue is free again");
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let hash = Hasher::new(4, 1).hash(password("a password")).await.unwrap();
        assert!(!Hasher::new(4, 1).is_outdated(&hash));
        assert!(Hasher::new(5, 1).is_outdated(&hash));
    }
}
