//! Values whose constructors are the only way in.

pub mod email;
pub mod email_prefix;
pub mod ids;
pub mod one_time_token;
pub mod password;
pub mod registration;
pub mod sort;
pub mod text;
pub mod webhooks;
