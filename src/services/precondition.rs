//! Changes on the condition that the client has seen what it changes.

use super::Error;

/// Whether what is about to be changed is as the client has seen it; `None` does not ask. It is
/// checked while the row is locked.
pub type Precondition<T> = Option<Box<dyn Fn(&T) -> bool + Send + Sync>>;

/// # Errors
/// [`Error::PreconditionFailed`].
pub(super) fn check<T>(precondition: &Precondition<T>, current: &T) -> Result<(), Error> {
    match precondition {
        Some(holds) if !holds(current) => Err(Error::PreconditionFailed),
        _ => Ok(()),
    }
}
