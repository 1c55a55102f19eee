//! `/api-keys`: the caller's API keys and, for superusers, those of every user.

use groundwork_web::conditions::IfMatch;
use groundwork_web::error_responses;
use groundwork_web::extract::{Body, Path, Query};
use groundwork_web::failure::{Failure, NotFound};
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{NoContent, Ok200, Resource, SecretCreated};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::LoggedIn;
use crate::domain::api_keys::ApiKeyId;
use crate::domain::ids::UserId;
use crate::domain::sort::Sort;
use crate::schemas::api_keys::{ApiKeyCreate, ApiKeyView, ApiKeyWithSecret};
use crate::services::api_keys::ApiKeyService;

error_responses! {
    CreateErrors: 409 "too_many_api_keys";
}

pub struct ApiKeysApi {
    pub api_keys: ApiKeyService,
}

#[OpenApi(prefix_path = "/api-keys", tag = "Tag::ApiKeys")]
impl ApiKeysApi {
    /// List API keys
    ///
    /// Returns one page of the caller's API keys in ascending order of `id`, or with
    /// `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token`
    /// with the same `user_id` and the same `sort`, until it is null. Keys are deleted 30 days after
    /// they have expired.
    #[oai(path = "/", method = "get", operation_id = "api_keys_list")]
    async fn list(
        &self,
        caller: LoggedIn,
        /// The maximum number of API keys per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
        /// The API keys of this user instead, for superusers.
        user_id: Query<Option<UserId>>,
    ) -> Result<Ok200<Page<ApiKeyView>>, Failure<NotFound>> {
        let page = self.api_keys.list(&caller.0, user_id.0, sort.0, limit.0.0, page_token.0.as_deref());
        let page = page.await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Create an API key
    ///
    /// Returns the key, which is never shown again. It acts for the caller, as far as its scopes
    /// allow.
    #[oai(path = "/", method = "post", operation_id = "api_keys_create")]
    async fn create(
        &self,
        caller: LoggedIn,
        context: Context,
        body: Body<ApiKeyCreate>,
    ) -> Result<SecretCreated<ApiKeyWithSecret>, Failure<CreateErrors>> {
        Ok(SecretCreated::of(self.api_keys.create(&caller.0, body.0.into(), &context).await?))
    }

    /// Get an API key
    ///
    /// Other users' keys are found by superusers only. The key itself is not shown.
    #[oai(path = "/:id", method = "get", operation_id = "api_keys_get")]
    async fn get(
        &self,
        caller: LoggedIn,
        id: Path<ApiKeyId>,
    ) -> Result<Resource<ApiKeyView>, Failure<NotFound>> {
        Ok(Resource::of(self.api_keys.get(&caller.0, id.0).await?))
    }

    /// Delete an API key
    ///
    /// The key stops working immediately. Other users' keys are found by superusers only.
    #[oai(path = "/:id", method = "delete", operation_id = "api_keys_delete")]
    async fn delete(
        &self,
        caller: LoggedIn,
        context: Context,
        id: Path<ApiKeyId>,
        if_match: IfMatch,
    ) -> Result<NoContent, Failure<NotFound>> {
        self.api_keys.delete(&caller.0, id.0, &if_match.on(ApiKeyView::from).into(), &context).await?;
        Ok(NoContent)
    }
}
