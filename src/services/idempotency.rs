//! Requests with an idempotency key: each has its effect once, and gets the answer of the first
//! time again.
//!
//! The answer is stored in the transaction of the effect, so neither exists without the other. A
//! request that fails stores nothing and can be sent again. Requests without a key cost nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use groundwork_auth::ValueSigner;
use groundwork_clock::Timestamp;
use groundwork_database::Connection;

use super::Error;
use super::store::{Actor, Store};
use crate::domain::ids::UserId;
use crate::models::idempotency_keys::{self, KeyOwner, StoredAnswer};

/// How long a key is kept.
const RETENTION: Duration = Duration::from_hours(24);

/// A request with a key.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    pub key: String,
    pub operation: String,
    /// A hash of all that makes the request what it is.
    pub fingerprint: [u8; 32],
}

/// A request that may have a key, and how its result is answered.
pub struct Idempotency<T> {
    request: Option<KeyedRequest>,
    answer: Box<dyn Fn(&T) -> String + Send + Sync>,
}

impl<T> Idempotency<T> {
    /// `answer` makes what is stored, which must not hold a secret.
    pub fn new(request: Option<KeyedRequest>, answer: impl Fn(&T) -> String + Send + Sync + 'static) -> Self {
        Self { request, answer: Box::new(answer) }
    }

    /// Work that is done as often as it is asked for.
    pub fn none() -> Self {
        Self::new(None, |_| String::new())
    }
}

/// The keys of requests that this process works on.
#[derive(Clone, Default)]
pub(super) struct KeysInProgress(Arc<Mutex<HashSet<i64>>>);

impl KeysInProgress {
    fn enter(&self, lock: i64) -> Option<InProgress> {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(lock);
        is_new.then(|| InProgress { keys: self.clone(), lock })
    }
}

/// Work under way; it ends when this is dropped.
struct InProgress {
    keys: KeysInProgress,
    lock: i64,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.lock);
    }
}

/// Work that is done once.
pub(super) struct Once<'a, T> {
    keyed: Option<Keyed<'a>>,
    answer: &'a (dyn Fn(&T) -> String + Send + Sync),
}

struct Keyed<'a> {
    user: UserId,
    request: &'a KeyedRequest,
    signer: ValueSigner,
    now: Timestamp,
    in_progress: InProgress,
}

impl Store {
    /// Begins work that may have a key. Without one, this asks nothing.
    ///
    /// # Errors
    /// [`Error::AnsweredBefore`] with the answer; [`Error::IdempotencyKeyReused`];
    /// [`Error::IdempotencyInProgress`].
    pub(super) async fn begin<'a, T>(
        &self,
        actor: impl Into<Actor<'_>>,
        idempotency: &'a Idempotency<T>,
    ) -> Result<Once<'a, T>, Error> {
        let answer = &*idempotency.answer;
        let Some((request, user)) = idempotency.request.as_ref().zip(actor.into().user()) else {
            return Ok(Once { keyed: None, answer });
        };
        let in_progress = self.keys_in_progress.enter(lock_of(user, request));
        let in_progress = in_progress.ok_or(Error::IdempotencyInProgress)?;
        let keyed = Keyed { user, request, signer: self.page_signer.clone(), now: self.now(), in_progress };
        keyed.check_unanswered(&mut self.read()).await?;
        Ok(Once { keyed: Some(keyed), answer })
    }
}

impl<T> Once<'_, T> {
    /// Does the work and stores its answer, in a transaction that is under way.
    ///
    /// # Errors
    /// As [`begin`](Store::begin), if another instance was faster; those of `work`.
    pub(super) async fn run(
        &self,
        tx: &mut Connection,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(keyed) = &self.keyed else { return work(tx).await };
        // Held to the end of the transaction, so that what is not answered now is not being
        // answered elsewhere.
        if !tx.try_lock(keyed.in_progress.lock).await? {
            return Err(Error::IdempotencyInProgress);
        }
        keyed.check_unanswered(tx).await?;
        let result = work(tx).await?;
        keyed.store(tx, (self.answer)(&result)).await?;
        Ok(result)
    }
}

impl Keyed<'_> {
    fn owner(&self) -> KeyOwner<'_> {
        KeyOwner { user: self.user, operation: &self.request.operation, key: &self.request.key }
    }

    /// The body may hold a password. So the fingerprint is signed, and not stored: who reads the table
    /// cannot try passwords on it.
    fn purpose(&self) -> String {
        format!("idempotency {}", URL_SAFE_NO_PAD.encode(self.request.fingerprint))
    }

    async fn check_unanswered(&self, c: &mut Connection) -> Result<(), Error> {
        let Some(stored) = idempotency_keys::find(c, self.owner(), self.now).await? else { return Ok(()) };
        Err(match self.signer.verify(&self.purpose(), &stored.fingerprint) {
            Ok(_) => Error::AnsweredBefore(stored.answer),
            Err(_) => Error::IdempotencyKeyReused,
        })
    }

    async fn store(&self, tx: &mut Connection, answer: String) -> Result<(), Error> {
        let stored = StoredAnswer { fingerprint: self.signer.sign(&self.purpose(), &[]), answer };
        let expires_at = self.now.plus(RETENTION);
        let is_first = idempotency_keys::insert(tx, self.owner(), &stored, self.now, expires_at).await?;
        if is_first { Ok(()) } else { Err(Error::IdempotencyInProgress) }
    }
}

/// The advisory lock of a key.
fn lock_of(user: UserId, request: &KeyedRequest) -> i64 {
    let mut hash = Context::new(&SHA256);
    hash.update(&user.0.to_be_bytes());
    hash.update(request.operation.as_bytes());
    hash.update(&[0]);
    hash.update(request.key.as_bytes());
    hash.finish().as_ref().first_chunk().copied().map_or(0, i64::from_be_bytes)
}
