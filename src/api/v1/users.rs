//! `/users`: the own account, and all of them for superusers.

use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::{Authed, Superuser};
use crate::core::clock::Timestamp;
use crate::core::email_prefix::EmailPrefix;
use crate::core::ids::UserId;
use crate::error_responses;
use crate::models::users::UserFilter;
use crate::schemas::users::{ProfileUpdate, User, UserCreate, UserPage, UserUpdate};
use crate::services::store::Actor;
use crate::services::users::{AccountChanges, UserService};
use crate::web::extract::{Body, Path, Query};
use crate::web::failure::{Failure, NoErrors};
use crate::web::responses::{Created, NoContent, Ok200};
use crate::web::schema::{PageSize, PageToken};

error_responses! {
    /// The caller is the last superuser.
    Last: 409 "last_superuser";
    /// The email has an account.
    Taken: 409 "email_taken";
    /// Nobody there.
    Missing: 404 "not_found";
    /// Nobody there; the last superuser.
    MissingLast: 404 "not_found", 409 "last_superuser";
    /// Nobody there; the email has an account or it is the last superuser.
    MissingTakenLast: 404 "not_found", 409 "email_taken,last_superuser";
}

/// The operations of `/users`.
pub struct UsersApi {
    /// The rules behind them.
    pub users: UserService,
}

#[OpenApi(prefix_path = "/users")]
impl UsersApi {
    /// Show the own account
    ///
    /// The account the access token belongs to, as it is now.
    #[oai(path = "/me", method = "get", operation_id = "users_me", tag = "Tag::Users")]
    async fn me(&self, caller: Authed) -> Result<Ok200<User>, Failure<NoErrors>> {
        Ok(Ok200::of(caller.0.user.into()))
    }

    /// Change the own account
    ///
    /// Fields that are absent stay as they are; a null `full_name` clears it. A new `password` needs the
    /// `current_password` and ends all sessions, this one included: log in again.
    #[oai(path = "/me", method = "patch", operation_id = "users_me_update", tag = "Tag::Users")]
    async fn update_me(
        &self,
        caller: Authed,
        context: Context,
        body: Body<ProfileUpdate>,
    ) -> Result<Ok200<User>, Failure<NoErrors>> {
        let user = self.users.update_profile(&caller.0, body.0.into(), &context).await?;
        Ok(Ok200::of(user.into()))
    }

    /// Remove the own account
    ///
    /// The account and its sessions are gone for good. The last superuser cannot leave.
    #[oai(path = "/me", method = "delete", operation_id = "users_me_delete", tag = "Tag::Users")]
    async fn delete_me(&self, caller: Authed, context: Context) -> Result<NoContent, Failure<Last>> {
        self.users.delete_own(&caller.0, &context).await?;
        Ok(NoContent)
    }

    /// List accounts
    ///
    /// By ascending `id`, and with `created_after` or `created_before` by `created_at` and `id`, a page at a time: send
    /// `next_page` as `page_token`, with the same filters, until it is null. Accounts that are made meanwhile appear on the
    /// last pages. Superusers only.
    #[allow(clippy::too_many_arguments, reason = "one argument a query parameter")]
    #[oai(path = "/", method = "get", operation_id = "users_list", tag = "Tag::Users")]
    async fn list(
        &self,
        caller: Superuser,
        /// How many accounts a page has.
        #[oai(default)]
        limit: Query<PageSize>,
        /// The `next_page` of the page before.
        page_token: Query<Option<PageToken>>,
        /// Only addresses that begin like this, in any case.
        email: Query<Option<EmailPrefix>>,
        /// Only active or only inactive accounts.
        is_active: Query<Option<bool>>,
        /// Only superusers or only others.
        is_superuser: Query<Option<bool>>,
        /// Only accounts made at this instant or later.
        created_after: Query<Option<Timestamp>>,
        /// Only accounts made before this instant.
        created_before: Query<Option<Timestamp>>,
    ) -> Result<Ok200<UserPage>, Failure<NoErrors>> {
        let filter = UserFilter {
            email_prefix: email.0.map(|prefix| prefix.as_str().to_owned()),
            is_active: is_active.0,
            is_superuser: is_superuser.0,
            created_after: created_after.0,
            created_before: created_before.0,
        };
        let page_token = page_token.0.map(|token| token.0);
        let page = self.users.list(&caller.0, &filter, limit.0.0, page_token.as_deref()).await?;
        Ok(Ok200::of(page.into()))
    }

    /// Make an account
    ///
    /// With any rights. Superusers only.
    #[oai(path = "/", method = "post", operation_id = "users_create", tag = "Tag::Users")]
    async fn create(
        &self,
        caller: Superuser,
        context: Context,
        body: Body<UserCreate>,
    ) -> Result<Created<User>, Failure<Taken>> {
        let user = self.users.create(Actor::Caller(&caller.0), body.0.into(), &context).await?;
        Ok(Created::of(user.into()))
    }

    /// Show an account
    ///
    /// Superusers only.
    #[oai(path = "/:id", method = "get", operation_id = "users_get", tag = "Tag::Users")]
    async fn get(
        &self,
        _caller: Superuser,
        /// The account's number.
        id: Path<UserId>,
    ) -> Result<Ok200<User>, Failure<Missing>> {
        let user = self.users.get(id.0).await?;
        Ok(Ok200::of(user.into()))
    }

    /// Change an account
    ///
    /// Fields that are absent stay as they are; a null `full_name` clears it. A new password and deactivation
    /// end the account's sessions. The last active superuser keeps its rights. Superusers only.
    #[oai(path = "/:id", method = "patch", operation_id = "users_update", tag = "Tag::Users")]
    async fn update(
        &self,
        caller: Superuser,
        context: Context,
        /// The account's number.
        id: Path<UserId>,
        body: Body<UserUpdate>,
    ) -> Result<Ok200<User>, Failure<MissingTakenLast>> {
        let user = self.users.update(&caller.0, id.0, body.0.into(), &context).await?;
        Ok(Ok200::of(user.into()))
    }

    /// Remove an account
    ///
    /// The account and its sessions are gone for good; its audit events stay. Superusers only.
    #[oai(path = "/:id", method = "delete", operation_id = "users_delete", tag = "Tag::Users")]
    async fn delete(
        &self,
        caller: Superuser,
        context: Context,
        /// The account's number.
        id: Path<UserId>,
    ) -> Result<NoContent, Failure<MissingLast>> {
        self.users.delete(&caller.0, id.0, &context).await?;
        Ok(NoContent)
    }

    /// Activate an account
    ///
    /// It may log in again; the sessions it had stay ended. Superusers only.
    #[oai(path = "/:id/activate", method = "patch", operation_id = "users_activate", tag = "Tag::Users")]
    async fn activate(
        &self,
        caller: Superuser,
        context: Context,
        /// The account's number.
        id: Path<UserId>,
    ) -> Result<Ok200<User>, Failure<Missing>> {
        let changes = AccountChanges { is_active: Some(true), ..AccountChanges::default() };
        let user = self.users.update(&caller.0, id.0, changes, &context).await?;
        Ok(Ok200::of(user.into()))
    }

    /// Deactivate an account
    ///
    /// It may not log in any more and its sessions end at once. The last active superuser stays. Superusers only.
    #[oai(path = "/:id/deactivate", method = "patch", operation_id = "users_deactivate", tag = "Tag::Users")]
    async fn deactivate(
        &self,
        caller: Superuser,
        context: Context,
        /// The account's number.
        id: Path<UserId>,
    ) -> Result<Ok200<User>, Failure<MissingLast>> {
        let changes = AccountChanges { is_active: Some(false), ..AccountChanges::default() };
        let user = self.users.update(&caller.0, id.0, changes, &context).await?;
        Ok(Ok200::of(user.into()))
    }
}
