//! Values whose constructors are the only way in.

pub mod email;
pub mod email_prefix;
pub mod ids;
pub mod password;
pub mod text;
pub mod webhooks;
