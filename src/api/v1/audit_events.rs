//! `/audit-events`: what was done to users and resources.

use groundwork_clock::Timestamp;
use groundwork_web::extract::Query;
use groundwork_web::failure::Failure;
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::Ok200;
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::guards::Permitted;
use crate::domain::audit_events::AuditEventKind;
use crate::domain::ids::UserId;
use crate::domain::permissions::AuditEventsRead;
use crate::domain::sort::Sort;
use crate::models::audit_events::EventFilter;
use crate::schemas::audit_events::AuditEventView;
use crate::services::audit_events::AuditEventService;

pub struct AuditEventsApi {
    pub audit_events: AuditEventService,
}

#[OpenApi(prefix_path = "/audit-events", tag = "Tag::AuditEvents")]
impl AuditEventsApi {
    /// List audit events
    ///
    /// Returns one page of audit events in descending order of `created_at`, so the newest come
    /// first, or with `sort=created_at` in ascending order. To get the next page, send `next_page` as
    /// `page_token` with the same filters and the same `sort`, until it is null.
    #[allow(clippy::too_many_arguments, reason = "one argument per query parameter")]
    #[oai(path = "/", method = "get", operation_id = "audit_events_list")]
    async fn list(
        &self,
        caller: Permitted<AuditEventsRead>,
        /// The maximum number of audit events per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
        /// Only what was done to this user.
        user_id: Query<Option<UserId>>,
        /// Only what this user did.
        actor_id: Query<Option<UserId>>,
        /// Only events of this kind.
        kind: Query<Option<AuditEventKind>>,
        /// Only events at or after this time.
        created_after: Query<Option<Timestamp>>,
        /// Only events before this time.
        created_before: Query<Option<Timestamp>>,
    ) -> Result<Ok200<Page<AuditEventView>>, Failure> {
        let filter = EventFilter {
            user_id: user_id.0,
            actor_id: actor_id.0,
            kind: kind.0.map(|kind| kind.as_str().to_owned()),
            created_after: created_after.0,
            created_before: created_before.0,
            oldest_first: sort.0 == Some(Sort::OldestFirst),
        };
        let page = self.audit_events.list(&caller.0, &filter, limit.0.0, page_token.0.as_deref()).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }
}
