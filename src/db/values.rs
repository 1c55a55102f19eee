//! The domain types as values of columns.

use groundwork_database::{enum_value, text_value};

use crate::domain::api_keys::ApiKeyName;
use crate::domain::email::Email;
use crate::domain::permissions::UserRole;
use crate::domain::text::FullName;

text_value!(ApiKeyName);
text_value!(Email);
text_value!(FullName);
enum_value!(UserRole);
