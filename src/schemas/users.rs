//! Accounts.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::PRIVILEGED;
use super::common::check_new_texts;
use crate::core::clock::Timestamp;
use crate::core::email::Email;
use crate::core::ids::UserId;
use crate::core::security::password::{Password, PasswordAttempt};
use crate::core::text::FullName;
use crate::models::users::{Profile, User as Row};
use crate::services::users as service;
use crate::web::error::FieldError;
use crate::web::extract::RequestSchema;
use crate::web::schema::Nullable;
use crate::web::schema::Patch;

/// An account.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct User {
    /// Its number, which is never given twice.
    pub id: UserId,
    /// The normalised address.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// The person's name, if it is known.
    pub full_name: Nullable<String>,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it may administer others.
    pub is_superuser: bool,
    /// Whether the address is known to be its owner's.
    pub is_verified: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its profile or rights last changed.
    pub updated_at: Timestamp,
}

impl From<Profile> for User {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id,
            email: profile.email,
            full_name: Nullable(profile.full_name),
            is_active: profile.is_active,
            is_superuser: profile.is_superuser,
            is_verified: profile.is_verified,
            created_at: profile.created_at,
            updated_at: profile.updated_at,
        }
    }
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Profile::from(row).into()
    }
}

impl Example for User {
    fn example() -> Self {
        Self {
            id: UserId(1),
            email: "ada@example.com".to_owned(),
            full_name: Nullable(Some("Ada Lovelace".to_owned())),
            is_active: true,
            is_superuser: false,
            is_verified: false,
            created_at: Timestamp::from_seconds(1_769_851_800),
            updated_at: Timestamp::from_seconds(1_769_851_800),
        }
    }
}

/// Some of the accounts.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct UserPage {
    /// The accounts, by ascending `id`; with `created_after` or `created_before`, by `created_at` and `id`.
    pub items: Vec<User>,
    /// The `page_token` of the next page; null on the last one.
    pub next_page: Nullable<String>,
}

impl From<service::UserPage> for UserPage {
    fn from(page: service::UserPage) -> Self {
        Self { items: page.items.into_iter().map(User::from).collect(), next_page: Nullable(page.next_page) }
    }
}

impl Example for UserPage {
    fn example() -> Self {
        Self {
            items: vec![User::example()],
            next_page: Nullable(Some("c2lnbmVkIHBsYWNlAAAAAAAAAAE".to_owned())),
        }
    }
}

/// Changes to the own profile. A field that is absent stays as it is.
#[derive(Object, Debug)]
pub struct ProfileUpdate {
    /// A new name; null clears it.
    pub full_name: Patch<FullName>,
    /// A new password; it needs `current_password` and ends all sessions.
    pub password: Option<Password>,
    /// The present password.
    pub current_password: Option<PasswordAttempt>,
}

impl RequestSchema for ProfileUpdate {
    const REFUSED: &'static [&'static str] = PRIVILEGED;

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        let mut problems = check_new_texts(body);
        if body.contains_key("password") && !body.contains_key("current_password") {
            problems.push(FieldError::new(
                "current_password",
                "required",
                "is required to change the password",
            ));
        }
        problems
    }
}

impl From<ProfileUpdate> for service::ProfileChanges {
    fn from(update: ProfileUpdate) -> Self {
        Self { full_name: update.full_name.into(), password: update.current_password.zip(update.password) }
    }
}

/// An account to be made by a superuser.
#[derive(Object, Debug)]
pub struct UserCreate {
    /// The address, in any spelling: case, surrounding spaces and width are normalised.
    pub email: Email,
    /// 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt), no NUL.
    pub password: Password,
    /// The person's name.
    pub full_name: Option<FullName>,
    /// Whether it may log in.
    #[oai(default = "yes")]
    pub is_active: bool,
    /// Whether it may administer others.
    #[oai(default)]
    pub is_superuser: bool,
    /// Whether the address is known to be its owner's.
    #[oai(default)]
    pub is_verified: bool,
}

fn yes() -> bool {
    true
}

impl RequestSchema for UserCreate {
    const REFUSED: &'static [&'static str] = &["id", "role"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_new_texts(body)
    }
}

impl From<UserCreate> for service::AccountDetails {
    fn from(new: UserCreate) -> Self {
        let UserCreate { email, password, full_name, is_active, is_superuser, is_verified } = new;
        Self { email, password, full_name, is_active, is_superuser, is_verified }
    }
}

/// Changes to any account by a superuser. A field that is absent stays as it is.
#[derive(Object, Debug)]
pub struct UserUpdate {
    /// A new address.
    pub email: Option<Email>,
    /// A new password; it ends the account's sessions.
    pub password: Option<Password>,
    /// A new name; null clears it.
    pub full_name: Patch<FullName>,
    /// Whether it may log in; false ends its sessions.
    pub is_active: Option<bool>,
    /// Whether it may administer others.
    pub is_superuser: Option<bool>,
    /// Whether the address is known to be its owner's.
    pub is_verified: Option<bool>,
}

impl RequestSchema for UserUpdate {
    const REFUSED: &'static [&'static str] = &["id", "role"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_new_texts(body)
    }
}

impl From<UserUpdate> for service::AccountChanges {
    fn from(update: UserUpdate) -> Self {
        Self {
            email: update.email,
            password: update.password,
            full_name: update.full_name.into(),
            is_active: update.is_active,
            is_superuser: update.is_superuser,
            is_verified: update.is_verified,
        }
    }
}
