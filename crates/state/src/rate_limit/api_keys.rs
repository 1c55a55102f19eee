//! The API keys that count as clients of their own.
//!
//! A limit is checked before the key is: a flood must not reach the database. But if every text in
//! the form of a key had a limit of its own, a client that invents keys would have none. So a key
//! counts for its address until it was found valid, and for itself from then on.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

/// How many keys are remembered. A key that is forgotten counts for its address once more.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The hash of an API key.
pub type ApiKeyHash = [u8; 32];

/// The API keys that were valid when they were last found. That one is known does not let it in.
#[derive(Clone)]
pub struct KnownApiKeys {
    hash_of: fn(&str) -> Option<ApiKeyHash>,
    known: Arc<Mutex<LruCache<ApiKeyHash, ()>>>,
    scope: Arc<str>,
}

/// The well-formed key of a request.
#[derive(Clone, Copy)]
pub struct PresentedApiKey {
    /// Its hash.
    pub hash: ApiKeyHash,
    /// Whether it was found valid before.
    pub is_known: bool,
}

impl KnownApiKeys {
    pub(super) fn new(hash_of: fn(&str) -> Option<ApiKeyHash>) -> Self {
        let known = Arc::new(Mutex::new(LruCache::new(CAPACITY)));
        Self { hash_of, known, scope: Arc::from("unknown_api_key") }
    }

    /// The key that a bearer token is; `None` if it is none.
    pub fn find(&self, token: &str) -> Option<PresentedApiKey> {
        let hash = (self.hash_of)(token)?;
        let is_known = self.known.lock().get(&hash).is_some();
        Some(PresentedApiKey { hash, is_known })
    }

    /// Records that a key was found valid.
    pub fn remember(&self, hash: ApiKeyHash) {
        self.known.lock().put(hash, ());
    }

    /// Records that a bearer token was refused: if it is a key, that counts for its address again.
    /// Otherwise, every key that was deleted would keep a limit of its own.
    pub fn forget(&self, token: &str) {
        if let Some(hash) = (self.hash_of)(token) {
            self.known.lock().pop(&hash);
        }
    }

    /// The scope of requests with keys that are not known.
    pub fn unknown_scope(&self) -> &Arc<str> {
        &self.scope
    }
}

impl fmt::Debug for KnownApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownApiKeys(*)")
    }
}
