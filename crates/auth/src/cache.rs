//! A cache of verified tokens that contains no token.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use lru::LruCache;

use crate::tokens::VerifiedClaims;

/// How many tokens are cached; they take about 2 MiB.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// The SHA-256 of a token. It does not reveal the token: its signature has 256 bits that cannot be
/// guessed without the signing key.
type Digest = [u8; SHA256_OUTPUT_LEN];

type Entries = LruCache<Digest, VerifiedClaims>;

/// The claims of the most recently used tokens. A client sends the same access token until it
/// expires, and its signature stays valid, because the keys of a process do not change. Whatever
/// depends on the time must be checked on each hit.
///
/// Insert accepted tokens only, so that tokens that a client makes up evict none.
pub(crate) struct VerifiedTokenCache(Mutex<Entries>);

impl Default for VerifiedTokenCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl VerifiedTokenCache {
    pub(crate) fn get(&self, token: &str) -> Option<VerifiedClaims> {
        let digest = digest_of(token);
        self.lock().get(&digest).cloned()
    }

    pub(crate) fn insert(&self, token: &str, claims: VerifiedClaims) {
        let digest = digest_of(token);
        self.lock().put(digest, claims);
    }

    /// Held for about 0.1 µs per request, so one lock serves all cores.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest::digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}
