//! Business rules. A method is one unit of work: it succeeds or fails as a whole, and holds no
//! connection while a password is hashed.

pub mod auth;
mod error;
pub mod health;
pub mod store;
pub mod users;

pub use error::Error;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next_page: Option<String>,
}
