//! `/auth/sessions`: where a user is logged in.

use groundwork_web::extract::{Path, Query};
use groundwork_web::failure::{Failure, NotFound};
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{NoContent, Ok200};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::LoggedIn;
use crate::domain::ids::UserId;
use crate::domain::sort::Sort;
use crate::schemas::sessions::{SessionIdText, SessionView};
use crate::services::sessions::SessionService;

pub struct SessionsApi {
    pub sessions: SessionService,
}

#[OpenApi(prefix_path = "/auth", tag = "Tag::Auth")]
impl SessionsApi {
    /// List sessions
    ///
    /// Returns one page of the current user's sessions in descending order of `created_at`, so the
    /// newest come first, or with `sort=created_at` in ascending order. Sessions that have ended are
    /// not shown. To get the next page, send `next_page` as `page_token` with the same `user_id` and
    /// the same `sort`, until it is null.
    #[oai(path = "/sessions", method = "get", operation_id = "auth_sessions_list")]
    async fn list(
        &self,
        caller: LoggedIn,
        /// The maximum number of sessions per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
        /// The sessions of this user instead, for superusers. For others, no other user exists.
        user_id: Query<Option<UserId>>,
    ) -> Result<Ok200<Page<SessionView>>, Failure<NotFound>> {
        let page = self.sessions.list(&caller.0, user_id.0, sort.0, limit.0.0, page_token.0.as_deref());
        let page = page.await?;
        let current = caller.0.credential.session();
        let view = |session| SessionView::of(session, current);
        Ok(Ok200::of(Page::of(page.items.into_iter().map(view), page.next_page)))
    }

    /// Revoke a session
    ///
    /// Ends a session of the current user, or of any user for superusers. Its access tokens and its
    /// refresh token stop working immediately. It may be the current one. A change of the email that
    /// is not confirmed yet is canceled.
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "auth_sessions_revoke")]
    async fn revoke(
        &self,
        caller: LoggedIn,
        context: Context,
        id: Path<SessionIdText>,
    ) -> Result<NoContent, Failure<NotFound>> {
        self.sessions.revoke(&caller.0, &id.0.0, &context).await?;
        Ok(NoContent)
    }

    /// Log out everywhere else
    ///
    /// Ends all sessions of the current user except the current one, which `auth_logout` ends. A
    /// change of the email that is not confirmed yet is canceled.
    #[oai(path = "/logout-all", method = "post", operation_id = "auth_logout_all")]
    async fn logout_all(&self, caller: LoggedIn, context: Context) -> Result<NoContent, Failure> {
        self.sessions.revoke_others(&caller.0, &context).await?;
        Ok(NoContent)
    }
}
