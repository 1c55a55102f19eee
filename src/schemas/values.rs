//! The domain types as schemas of the document.

use groundwork_web::{id_schema, text_schema};
use poem_openapi::registry::MetaSchema;

use super::common::{LoginEmail, TokenText};
use crate::domain::api_keys::ApiKeyName;
use crate::domain::email::Email;
use crate::domain::email_prefix::EmailPrefix;
use crate::domain::ids::{JobId, UserId};
use crate::domain::password::{Password, PasswordAttempt};
use crate::domain::sort::Sort;
use crate::domain::text::{FullName, JobKind};

/// Written instead of a secret. Secrets are in requests only, but poem-openapi's derives need both
/// directions.
const MASK: &str = "********";

fn text(format: Option<&'static str>, example: &str) -> MetaSchema {
    MetaSchema { format, example: Some(example.into()), ..MetaSchema::new("string") }
}

text_schema!(Email, "email",
    MetaSchema { max_length: Some(254), ..text(Some("email"), "ada@example.com") },
    parse: Email::parse, show: Email::as_str);

text_schema!(LoginEmail, "login_email",
    MetaSchema { max_length: Some(254), ..text(Some("email"), "ada@example.com") },
    parse: |text: &str| Email::parse_known(text).map(LoginEmail),
    show: |email: &LoginEmail| email.0.as_str().to_owned());

text_schema!(TokenText, "link_token_text",
    MetaSchema {
        min_length: Some(1),
        max_length: Some(4096),
        ..text(None, "q3vW8yJc0mT5rXbZ1nKdP7sEuHf2AoGiL9tQeRwY4xU")
    },
    parse: |text: &str| Ok::<_, String>(TokenText(text.to_owned())),
    show: |token: &TokenText| token.0.clone());

// A pattern instead of an enumeration: as names of constants, the two values would be one.
text_schema!(Sort, "sort",
    MetaSchema {
        description: Some("The order: `created_at` with the oldest first, `-created_at` with the newest first."),
        pattern: Some("^(created_at|-created_at)$".to_owned()),
        ..text(None, "-created_at")
    },
    parse: Sort::parse, show: |sort: &Sort| sort.as_str());

/// No control characters, and at least one character that is not white space.
const NAME: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$";

fn name(max_chars: usize, example: &str) -> MetaSchema {
    let (min_length, max_length) = (Some(1), Some(max_chars));
    MetaSchema { min_length, max_length, pattern: Some(NAME.to_owned()), ..text(None, example) }
}

text_schema!(FullName, "full_name", name(FullName::MAX_CHARS, "Ada Lovelace"),
    parse: FullName::parse, show: FullName::as_str);

text_schema!(ApiKeyName, "api_key_name", name(ApiKeyName::MAX_CHARS, "Nightly export"),
    parse: ApiKeyName::parse, show: ApiKeyName::as_str);

text_schema!(Password, "password",
    MetaSchema {
        min_length: Some(Password::MIN_CHARS),
        max_length: Some(Password::MAX_CHARS),
        ..text(Some("password"), "correct horse battery staple")
    },
    parse: Password::parse, show: |_| MASK);

text_schema!(PasswordAttempt, "password_attempt",
    MetaSchema { max_length: Some(1024), ..text(None, "correct horse battery staple") },
    parse: |text: &str| Ok::<_, String>(PasswordAttempt::new(text.to_owned())),
    show: |_| MASK);

text_schema!(EmailPrefix, "email_prefix",
    MetaSchema { min_length: Some(1), max_length: Some(254), ..text(None, "ada@") },
    parse: EmailPrefix::parse, show: EmailPrefix::as_str);

id_schema!(UserId, "user_id", "The user's ID.");
id_schema!(JobId, "job_id", "The job's ID.");

text_schema!(JobKind, "job_kind", example: "delete_expired");
