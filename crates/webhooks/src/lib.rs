#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod delivery;
mod event;
mod schedule;
mod secret;
mod signature;
mod url;

pub use crate::delivery::{Delivery, DeliveryError, Endpoint, Outcome, Sender, SenderConfig};
pub use crate::event::{Event, EventId, InvalidEventId};
pub use crate::schedule::{MAX_ATTEMPTS, next_delay};
pub use crate::secret::{InvalidSecret, RandomUnavailable, Secret};
pub use crate::signature::{ROTATION, SigningKeys};
pub use crate::url::{EndpointUrl, InvalidUrl, MAX_URL, Networks};
