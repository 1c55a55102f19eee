//! Values whose constructors are the only way in.

pub mod api_keys;
pub mod audit_events;
pub mod device;
pub mod email;
pub mod email_prefix;
pub mod ids;
pub mod network;
pub mod one_time_token;
pub mod password;
pub mod permissions;
pub mod registration;
pub mod sort;
pub mod text;
pub mod webhooks;
