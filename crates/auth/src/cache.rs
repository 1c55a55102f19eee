//! A cache of verified tokens that contains no token.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use lru::LruCache;
use parking_lot::Mutex;

use crate::tokens::Claims;

/// How many tokens are cached; they take about 2 MiB.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// The SHA-256 of a token. It does not reveal the token: its signature has 256 bits that cannot be
/// guessed without the signing key.
type Digest = [u8; SHA256_OUTPUT_LEN];

/// The claims of the most recently used tokens. A client sends the same access token until it
/// expires, and its signature stays valid, because the keys of a process do not change. Whatever
/// depends on the time must be checked on each hit.
///
/// Insert accepted tokens only, so that tokens that a client makes up evict none. The lock is held
/// for about 0.1 µs per request, so one serves all cores.
pub(crate) struct VerifiedTokenCache(Mutex<LruCache<Digest, Arc<Claims>>>);

impl Default for VerifiedTokenCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl VerifiedTokenCache {
    pub(crate) fn get(&self, token: &str) -> Option<Arc<Claims>> {
        let digest = digest_of(token);
        self.0.lock().get(&digest).cloned()
    }

    pub(crate) fn insert(&self, token: &str, claims: Arc<Claims>) {
        let digest = digest_of(token);
        self.0.lock().put(digest, claims);
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest::digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}
