//! The domain types as values of columns.

use groundwork_database::text_value;

use crate::domain::email::Email;
use crate::domain::text::FullName;

text_value!(Email);
text_value!(FullName);
