//! Changes on the condition that the client has seen what it changes.

use super::Error;

/// Whether what is about to be changed is as the client has seen it.
type IsSeen<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// The condition of a change, if it has one. It is checked while the row is locked.
pub struct Precondition<T>(Option<IsSeen<T>>);

impl<T> Precondition<T> {
    /// A change whatever the client has seen.
    pub fn none() -> Self {
        Self(None)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub(super) fn check(&self, current: &T) -> Result<(), Error> {
        if self.0.as_ref().is_none_or(|is_seen| is_seen(current)) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    }
}

impl<T> From<Option<IsSeen<T>>> for Precondition<T> {
    fn from(is_seen: Option<IsSeen<T>>) -> Self {
        Self(is_seen)
    }
}
