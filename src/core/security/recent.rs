//! Tokens whose signature was verified a moment ago.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::tokens::Verified;

/// How many are remembered: about 3 MiB when all are in use.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// What a token says, once it is known that we have signed it.
pub(super) struct Signed {
    pub verified: Verified,
    pub times: Times,
}

/// When a token may be used, in seconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub exp: i64,
    pub iat: i64,
    pub nbf: Option<i64>,
}

/// The tokens that were used last. A client sends the same one for half an hour, and what its signature says about it does not
/// change: keys change with a restart alone. Whether its time has come, and whether its session goes on, is asked each time.
///
/// Nothing is remembered of a token that was refused: nobody can fill this with what they make up.
pub(super) struct Recent(Mutex<LruCache<Box<str>, Arc<Signed>>>);

impl Default for Recent {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Recent {
    pub(super) fn get(&self, token: &str) -> Option<Arc<Signed>> {
        self.lock().get(token).cloned()
    }

    pub(super) fn remember(&self, token: &str, signed: &Arc<Signed>) {
        self.lock().put(token.into(), Arc::clone(signed));
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Box<str>, Arc<Signed>>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the tokens.
impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent(********)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{SessionId, UserId};
    use crate::core::security::tokens::TokenId;

    #[test]
    fn what_was_used_last_is_remembered_and_no_more_than_the_bound() {
        let recent = Recent::default();
        let token = TokenId::random().unwrap();
        let verified = Verified { user: UserId(1), session: SessionId([0; 16]), token };
        let signed = Arc::new(Signed { verified, times: Times { exp: 0, iat: 0, nbf: None } });
        let most = REMEMBERED.get();
        for number in 0..=most {
            recent.remember(&number.to_string(), &signed);
            assert!(recent.get("0").is_some() || number == most + 1);
        }
        assert_eq!(recent.lock().len(), most);
        assert!(recent.get("0").is_some() && recent.get("1").is_none());
    }
}
