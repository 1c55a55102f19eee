//! bcrypt, in amounts of work that reveal nothing about what is stored.

#[cfg(test)]
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};

use bcrypt::BcryptError;

use crate::PasswordHash;

/// Computes bcrypt. Under test, clones count the rounds together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    #[cfg(test)]
    rounds: Arc<AtomicU64>,
}

impl Work {
    /// A hash with a random salt: 2^`cost` rounds.
    pub(crate) fn hash(&self, password: &[u8], cost: u32) -> Result<String, BcryptError> {
        self.count(cost);
        bcrypt::hash(password, cost)
    }

    /// Whether `stored` is a hash of this password, in 2^`ceiling` rounds, or in those of `stored`
    /// if they are more.
    pub(crate) fn verify(
        &self,
        password: &[u8],
        stored: Option<&PasswordHash>,
        ceiling: u32,
    ) -> Result<bool, BcryptError> {
        let Some(stored) = stored else { return self.discard(password, ceiling).map(|()| false) };
        let cost = stored.cost().unwrap_or(ceiling);
        self.count(cost);
        let matches = bcrypt::verify(password, stored.as_str())?;
        // 2^c + 2^c + 2^(c+1) + … + 2^(ceiling-1) = 2^ceiling.
        for cost in cost..ceiling {
            self.discard(password, cost)?;
        }
        Ok(matches)
    }

    /// The work of a hash of this cost, without a result.
    fn discard(&self, password: &[u8], cost: u32) -> Result<(), BcryptError> {
        self.count(cost);
        bcrypt::verify(password, &dummy_hash(cost)).map(drop)
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "counts under test only")]
    fn count(&self, _cost: u32) {}

    #[cfg(test)]
    fn count(&self, cost: u32) {
        self.rounds.fetch_add(1 << cost, Ordering::Relaxed);
    }

    /// How many rounds have been computed.
    #[cfg(test)]
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }
}

/// A well-formed hash whose password is not known.
fn dummy_hash(cost: u32) -> String {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuu{}", "0123456789ABCDEFGHIJKLMNOPQRSTO")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dummy_hash_is_one_of_its_cost() {
        for cost in [4, 12, 31] {
            let parts: bcrypt::HashParts = dummy_hash(cost).parse().unwrap();
            assert_eq!(parts.get_cost(), cost);
        }
    }
}
