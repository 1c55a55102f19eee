//! Users.

use groundwork_clock::Timestamp;
use groundwork_web::error::FieldError;
use groundwork_web::extract::RequestSchema;
use groundwork_web::schema::{Nullable, Patch};
use groundwork_web::{enum_schema, listed, located};
use poem_openapi::Object;
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::PRIVILEGED;
use super::common::check_email_and_name;
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::password::{Password, PasswordAttempt};
use crate::domain::permissions::UserRole;
use crate::domain::text::FullName;
use crate::models::users::{NewProfile, NewUser, Profile, ProfileChanges, RoleChange, User, UserChanges};

enum_schema!(UserRole, "UserRole", "What a user may do beyond what belongs to it.");

/// A user.
#[derive(Object, Serialize)]
#[oai(rename = "User", example, remote = "Profile")]
pub struct UserView {
    /// The user's ID. It is never reused.
    pub id: UserId,
    /// The normalized email address.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// The user's full name, or null if it is unknown.
    pub full_name: Nullable<String>,
    /// Whether the user can log in.
    pub is_active: bool,
    /// Whether the user can manage other users.
    pub is_superuser: bool,
    /// What the user may do beyond what belongs to it. `superuser` if and only if `is_superuser`.
    pub role: UserRole,
    /// Whether the email address is known to belong to the user.
    pub is_verified: bool,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When the user's profile or rights last changed.
    pub updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        user.profile.into()
    }
}

example!(UserView {
    id: UserId(1),
    email: "ada@example.com".to_owned(),
    full_name: Nullable(Some("Ada Lovelace".to_owned())),
    is_active: true,
    is_superuser: false,
    role: UserRole::User,
    is_verified: false,
    created_at: Timestamp::from_seconds(1_769_851_800),
    updated_at: Timestamp::from_seconds(1_769_851_800),
});

located!(UserView, "/users");

listed!(UserView, "users", "in ascending order of `id`, unless `sort` or a filter by time asks for another");

/// What a new user says about itself: a part of the bodies that create users.
#[derive(Object, Debug)]
#[oai(remote = "NewProfile")]
pub struct ProfileCreate {
    /// The user's full name.
    pub full_name: Option<FullName>,
}

/// Changes of what a user says about itself: a part of the bodies that update users.
#[derive(Object, Debug)]
#[oai(remote = "ProfileChanges")]
pub struct ProfilePatch {
    /// The new full name; null clears it.
    pub full_name: Patch<FullName>,
}

/// Changes to the current user. Absent fields stay unchanged.
#[derive(Object, Debug)]
pub struct ProfileUpdate {
    #[oai(flatten)]
    pub profile: ProfilePatch,
    /// The new password. It requires `current_password` and ends all sessions of the user.
    pub password: Option<Password>,
    /// The current password.
    pub current_password: Option<PasswordAttempt>,
}

impl RequestSchema for ProfileUpdate {
    const REFUSED: &'static [&'static str] = PRIVILEGED;

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        let mut problems = check_email_and_name(body);
        if body.contains_key("password") && !body.contains_key("current_password") {
            let message = "is required to change the password";
            problems.push(FieldError::new("current_password", "required", message));
        }
        problems
    }
}

impl ProfileUpdate {
    /// The changes, and the current and the new password if there is a new one.
    pub fn into_parts(self) -> (ProfileChanges, Option<(PasswordAttempt, Password)>) {
        (self.profile.into(), self.current_password.zip(self.password))
    }
}

/// The user to create.
#[derive(Object, Debug)]
pub struct UserCreate {
    /// The email address. Case, surrounding spaces and character width are normalized.
    pub email: Email,
    /// 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt), without NUL.
    pub password: Password,
    #[oai(flatten)]
    pub profile: ProfileCreate,
    /// Whether the user can log in.
    #[oai(default = "yes")]
    pub is_active: bool,
    /// The same as the role `superuser`, for clients that know no roles.
    #[oai(default)]
    pub is_superuser: bool,
    /// What the user may do beyond what belongs to it. Without it, `superuser` if `is_superuser`, or
    /// else `user`.
    pub role: Option<UserRole>,
    /// Whether the email address is known to belong to the user.
    #[oai(default)]
    pub is_verified: bool,
}

/// The role and the flag say the same, if both are there.
fn check_role(body: &Map<String, Value>) -> Option<FieldError> {
    let role = body.get("role").and_then(Value::as_str)?;
    let is_superuser = body.get("is_superuser").and_then(Value::as_bool)?;
    let is_contradiction = is_superuser != (role == UserRole::Superuser.as_str());
    is_contradiction.then(|| FieldError::new("role", "consistent", "must not contradict is_superuser"))
}

fn yes() -> bool {
    true
}

impl UserCreate {
    /// The user and its password.
    pub fn into_parts(self) -> (NewUser, Password) {
        let Self { email, password, profile, is_active, is_superuser, role, is_verified } = self;
        let by_flag = if is_superuser { UserRole::Superuser } else { UserRole::User };
        let role = role.unwrap_or(by_flag);
        (NewUser { email, profile: profile.into(), is_active, role, is_verified }, password)
    }
}

impl RequestSchema for UserCreate {
    const REFUSED: &'static [&'static str] = &["id"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_email_and_name(body).into_iter().chain(check_role(body)).collect()
    }
}

/// Changes to a user. Absent fields stay unchanged.
#[derive(Object, Debug)]
pub struct UserUpdate {
    /// The new email address.
    pub email: Option<Email>,
    /// The new password. It ends all sessions of the user.
    pub password: Option<Password>,
    #[oai(flatten)]
    pub profile: ProfilePatch,
    /// Whether the user can log in. False ends all sessions of the user.
    pub is_active: Option<bool>,
    /// True is the role `superuser`. False revokes it, and leaves another role as it is.
    pub is_superuser: Option<bool>,
    /// The new role: what the user may do beyond what belongs to it.
    pub role: Option<UserRole>,
    /// Whether the email address is known to belong to the user.
    pub is_verified: Option<bool>,
}

impl RequestSchema for UserUpdate {
    const REFUSED: &'static [&'static str] = &["id"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_email_and_name(body).into_iter().chain(check_role(body)).collect()
    }
}

impl UserUpdate {
    /// The changes, and the new password if there is one.
    pub fn into_parts(self) -> (UserChanges, Option<Password>) {
        let Self { email, password, profile, is_active, is_superuser, role, is_verified } = self;
        let by_flag = is_superuser.map(|is_superuser| {
            if is_superuser { RoleChange::Set(UserRole::Superuser) } else { RoleChange::RevokeSuperuser }
        });
        let role = role.map(RoleChange::Set).or(by_flag);
        (UserChanges { email, profile: profile.into(), is_active, role, is_verified }, password)
    }
}
