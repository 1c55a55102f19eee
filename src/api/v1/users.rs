//! `/users`: the current user, and all users for roles that may see them.

use groundwork_clock::Timestamp;
use groundwork_web::conditions::IfMatch;
use groundwork_web::error_responses;
use groundwork_web::extract::{Body, Path, Query};
use groundwork_web::failure::{Failure, NotFound};
use groundwork_web::idempotency::IdempotencyKey;
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{Created, NoContent, Ok200, Resource};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::{LoggedIn, Permitted, Scoped};
use crate::api::idempotency::once;
use crate::domain::email_prefix::EmailPrefix;
use crate::domain::ids::UserId;
use crate::domain::permissions::{UsersRead, UsersWrite};
use crate::domain::sort::Sort;
use crate::models::users::{UserChanges, UserFilter};
use crate::schemas::users::{ProfileUpdate, UserCreate, UserUpdate, UserView};
use crate::services::store::Actor;
use crate::services::users::UserService;

error_responses! {
    CreateErrors: 409 "email_taken";
    UpdateErrors: 404 "not_found", 409 "email_taken,last_superuser";
    RemovalErrors: 404 "not_found", 409 "last_superuser";
    DeleteMeErrors: 409 "last_superuser";
}

pub struct UsersApi {
    pub users: UserService,
}

#[OpenApi(prefix_path = "/users", tag = "Tag::Users")]
impl UsersApi {
    /// Get the current user
    ///
    /// Returns the user that the access token or the API key belongs to.
    #[oai(path = "/me", method = "get", operation_id = "users_me")]
    async fn me(&self, caller: Scoped<UsersRead>) -> Result<Resource<UserView>, Failure> {
        Ok(Resource::of(caller.0.user))
    }

    /// Update the current user
    ///
    /// Absent fields stay unchanged; a null `full_name` clears it. A new `password` requires the
    /// `current_password` and ends all sessions of the user, including the current one. An API key
    /// cannot change the password.
    #[oai(path = "/me", method = "patch", operation_id = "users_me_update")]
    async fn update_me(
        &self,
        caller: Scoped<UsersWrite>,
        context: Context,
        if_match: IfMatch,
        body: Body<ProfileUpdate>,
    ) -> Result<Resource<UserView>, Failure> {
        let (changes, password) = body.0.into_parts();
        let precondition = if_match.on(UserView::from).into();
        let updated = self.users.update_profile(&caller.0, changes, password, &precondition, &context);
        Ok(Resource::of(updated.await?))
    }

    /// Delete the current user
    ///
    /// Permanently deletes the user with all its sessions and API keys. The last active superuser
    /// cannot be deleted.
    #[oai(path = "/me", method = "delete", operation_id = "users_me_delete")]
    async fn delete_me(
        &self,
        caller: LoggedIn,
        context: Context,
        if_match: IfMatch,
    ) -> Result<NoContent, Failure<DeleteMeErrors>> {
        let precondition = if_match.on(UserView::from).into();
        self.users.delete(&caller.0, caller.0.user.id, &precondition, &context).await?;
        Ok(NoContent)
    }

    /// List users
    ///
    /// Returns one page of users in ascending order of `id`; with `sort`, `created_after` or
    /// `created_before`, of `created_at` and `id`. To get the next page, send `next_page` as
    /// `page_token` with the same filters and the same `sort`, until it is null. Users that are
    /// created meanwhile are on the last pages, unless the newest come first.
    #[allow(clippy::too_many_arguments, reason = "one argument per query parameter")]
    #[oai(path = "/", method = "get", operation_id = "users_list")]
    async fn list(
        &self,
        caller: Permitted<UsersRead>,
        /// The maximum number of users per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        /// Only users whose email address starts with this prefix, case-insensitively.
        email: Query<Option<EmailPrefix>>,
        /// Only users that are active, or only users that are not.
        is_active: Query<Option<bool>>,
        /// Only superusers, or only other users.
        is_superuser: Query<Option<bool>>,
        /// Only users created at or after this time.
        created_after: Query<Option<Timestamp>>,
        /// Only users created before this time.
        created_before: Query<Option<Timestamp>>,
        sort: Query<Option<Sort>>,
    ) -> Result<Ok200<Page<UserView>>, Failure> {
        let filter = UserFilter {
            email_prefix: email.0.map(|prefix| prefix.as_str().to_owned()),
            is_active: is_active.0,
            is_superuser: is_superuser.0,
            created_after: created_after.0,
            created_before: created_before.0,
        };
        let page = self.users.list(&caller.0, &filter, sort.0, limit.0.0, page_token.0.as_deref()).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Create a user
    ///
    /// Creates a user, with a role if requested. An API key cannot give a role.
    #[oai(path = "/", method = "post", operation_id = "users_create")]
    async fn create(
        &self,
        caller: Permitted<UsersWrite>,
        context: Context,
        body: Body<UserCreate>,
        idempotency_key: IdempotencyKey,
    ) -> Result<Created<UserView>, Failure<CreateErrors>> {
        let (user, password) = body.0.into_parts();
        let once = once(idempotency_key, Created::<UserView>::of);
        let created = self.users.create(Actor::Caller(&caller.0), user, password, &once, &context);
        Ok(Created::of(created.await?))
    }

    /// Get a user
    #[oai(path = "/:id", method = "get", operation_id = "users_get")]
    async fn get(
        &self,
        _caller: Permitted<UsersRead>,
        id: Path<UserId>,
    ) -> Result<Resource<UserView>, Failure<NotFound>> {
        Ok(Resource::of(self.users.get(id.0).await?))
    }

    /// Update a user
    ///
    /// Absent fields stay unchanged; a null `full_name` clears it. A new password and deactivation
    /// end all sessions of the user. The last active superuser can be neither deactivated nor
    /// demoted. An API key cannot change an email address, a password or a role.
    #[oai(path = "/:id", method = "patch", operation_id = "users_update")]
    async fn update(
        &self,
        caller: Permitted<UsersWrite>,
        context: Context,
        id: Path<UserId>,
        if_match: IfMatch,
        body: Body<UserUpdate>,
    ) -> Result<Resource<UserView>, Failure<UpdateErrors>> {
        let (changes, password) = body.0.into_parts();
        let precondition = if_match.on(UserView::from).into();
        let updated = self.users.update(&caller.0, id.0, &changes, password, &precondition, &context);
        Ok(Resource::of(updated.await?))
    }

    /// Delete a user
    ///
    /// Permanently deletes the user with all its sessions and API keys; its audit events are kept. An
    /// API key cannot delete its own user.
    #[oai(path = "/:id", method = "delete", operation_id = "users_delete")]
    async fn delete(
        &self,
        caller: Permitted<UsersWrite>,
        context: Context,
        id: Path<UserId>,
        if_match: IfMatch,
    ) -> Result<NoContent, Failure<RemovalErrors>> {
        self.users.delete(&caller.0, id.0, &if_match.on(UserView::from).into(), &context).await?;
        Ok(NoContent)
    }

    /// Activate a user
    ///
    /// Allows the user to log in again. Sessions that were ended stay ended; API keys work again.
    #[oai(path = "/:id/activate", method = "patch", operation_id = "users_activate")]
    async fn activate(
        &self,
        caller: Permitted<UsersWrite>,
        context: Context,
        id: Path<UserId>,
        if_match: IfMatch,
    ) -> Result<Resource<UserView>, Failure<NotFound>> {
        let (changes, precondition) = (UserChanges::activation(true), if_match.on(UserView::from).into());
        Ok(Resource::of(self.users.update(&caller.0, id.0, &changes, None, &precondition, &context).await?))
    }

    /// Deactivate a user
    ///
    /// Prevents the user from logging in and ends all its sessions. Its API keys do not work until
    /// it is activated. The last active superuser cannot be deactivated.
    #[oai(path = "/:id/deactivate", method = "patch", operation_id = "users_deactivate")]
    async fn deactivate(
        &self,
        caller: Permitted<UsersWrite>,
        context: Context,
        id: Path<UserId>,
        if_match: IfMatch,
    ) -> Result<Resource<UserView>, Failure<RemovalErrors>> {
        let (changes, precondition) = (UserChanges::activation(false), if_match.on(UserView::from).into());
        Ok(Resource::of(self.users.update(&caller.0, id.0, &changes, None, &precondition, &context).await?))
    }
}
