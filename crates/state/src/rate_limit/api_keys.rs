//! The API keys that rate limits count as clients of their own.
//!
//! The limit is checked before the key is: a flood must not reach the database. But if every text in
//! the form of a key had a limit of its own, a client that invents keys would have none. So a key
//! counts for its address until it was found valid, and for itself from then on.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use poem::Request;

use super::security::bearer_token;

/// How many keys are remembered. A key that is forgotten counts for its address once more.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The hash of an API key.
pub type ApiKeyHash = [u8; 32];

/// The API keys that were valid when they were last found. That one is known does not let it in.
pub struct KnownApiKeys {
    /// The hash of a well-formed key; `None` for another text.
    hash_of: fn(&str) -> Option<ApiKeyHash>,
    known: Mutex<LruCache<ApiKeyHash, ()>>,
    /// What requests with unknown keys count in.
    pub(crate) unknown: Arc<str>,
}

/// The well-formed key of a request.
pub(crate) struct PresentedApiKey {
    pub hash: ApiKeyHash,
    pub is_known: bool,
}

impl KnownApiKeys {
    /// `hash_of` returns the hash of a well-formed key, and `None` for another text.
    pub fn new(hash_of: fn(&str) -> Option<ApiKeyHash>) -> Self {
        Self { hash_of, known: Mutex::new(LruCache::new(CAPACITY)), unknown: Arc::from("unknown_api_key") }
    }

    pub(crate) fn find(&self, request: &Request) -> Option<PresentedApiKey> {
        let hash = (self.hash_of)(bearer_token(request).ok()?)?;
        let is_known = self.known.lock().get(&hash).is_some();
        Some(PresentedApiKey { hash, is_known })
    }

    pub(crate) fn remember(&self, hash: ApiKeyHash) {
        self.known.lock().put(hash, ());
    }
}
