//! Audit events, as they are read.

use groundwork_auth::Page;

use super::Error;
use super::auth::Caller;
use super::store::Store;
use crate::models::audit_events::{self, EventCursor, EventFilter, StoredEvent};

#[derive(Clone)]
pub struct AuditEventService {
    pub store: Store,
}

impl AuditEventService {
    /// Lists events, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued for this filter.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &EventFilter,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<StoredEvent>, Error> {
        let list = format!("audit events {filter:?}");
        let after = self.store.page_signer.cursor(&list, page_token, EventCursor::at)?;
        let mut connection = self.store.read_as(caller);
        let events = audit_events::page(&mut connection, filter, after, i64::from(limit) + 1).await?;
        let sort_key = |event: &StoredEvent| EventCursor(event.occurred_at, event.id).sort_key();
        Ok(self.store.page_signer.page(&list, events, limit, sort_key))
    }
}
