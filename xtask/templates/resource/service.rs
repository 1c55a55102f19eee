{% set owner = "caller.user.id," if owned else "" -%}
//! {{ Many }}{{ ": each belongs to one user, and no other user sees it" if owned else ", managed by superusers" }}.

use groundwork_auth::Page;
use groundwork_database::Connection;

use super::Error;
use super::auth::Caller;
use super::idempotency::Idempotency;
use super::precondition::Precondition;
use super::store::Store;
use crate::domain::{{ plural }}::{{ pascal }}Id;
use crate::domain::sort::Sort;
use crate::models::{{ plural }}::{self, New{{ pascal }}, {{ pascal }}, {{ pascal }}Changes{{ ", " ~ pascal ~ "Filter" if filters }}};

{% if owned -%}
/// Also the error for another user's {{ one }}, so that its existence is not revealed.
{% endif -%}
const NOT_FOUND: Error = Error::NotFound("{{ one }}");

pub struct {{ pascal }}Service {
    pub store: Store,
}

impl {{ pascal }}Service {
    /// Lists {{ "the caller's " if owned }}{{ many }}, the oldest first unless asked otherwise, starting at
    /// `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued{{ " to the caller" if owned }} for this {{ "filter" if filters else "list" }}.
    pub async fn list(
        &self,
        caller: &Caller,
{%- if filters %}
        filter: &{{ pascal }}Filter,
{%- endif %}
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<{{ pascal }}>, Error> {
{%- if owned %}
        let owner = caller.user.id;
{%- endif %}
        let list = Sort::list_name({% if owned or filters %}&format!("{{ plural }}{{ " {owner}" if owned }}{{ " {filter:?}" if filters }}"){% else %}"{{ plural }}"{% endif %}, sort);
        let sort = sort.unwrap_or(Sort::OldestFirst);
        let after = self.store.page_signer.after_id(&list, page_token)?.map({{ pascal }}Id);
        let mut connection = self.store.read_as(caller);
        let {{ plural }} = {{ plural }}::page(&mut connection, {{ "owner," if owned }} {{ "filter," if filters }} sort, after, i64::from(limit) + 1).await?;
        Ok(self.store.page_signer.page(&list, {{ plural }}, limit, |{{ singular }}| vec![{{ singular }}.id.0]))
    }

    /// # Errors
    /// Those of an idempotency key.
    pub async fn create(&self, caller: &Caller, new: &New{{ pascal }}, idempotency: &Idempotency<{{ pascal }}>) -> Result<{{ pascal }}, Error> {
        let once = self.store.begin(caller, idempotency).await?;
        let now = self.store.now();
        let create = async |tx: &mut Connection| Ok({{ plural }}::insert(tx, {{ owner }} new, now).await?);
        self.store.transaction_for(caller, async |tx| once.run(tx, create).await).await
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, caller: &Caller, id: {{ pascal }}Id) -> Result<{{ pascal }}, Error> {
        let found = {{ plural }}::find(&mut self.store.read_as(caller), {{ owner }} id).await?;
        found.ok_or(NOT_FOUND)
    }

    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`].
    pub async fn update(&self, caller: &Caller, id: {{ pascal }}Id, changes: &{{ pascal }}Changes, precondition: &Precondition<{{ pascal }}>) -> Result<{{ pascal }}, Error> {
        let now = self.store.now();
        self.store
            .transaction_for(caller, async |tx| {
                if !precondition.is_none() {
                    let current = {{ plural }}::find_for_update(tx, {{ owner }} id).await?;
                    precondition.check(&current.ok_or(NOT_FOUND)?)?;
                }
                {{ plural }}::update(tx, {{ owner }} id, changes, now).await?.ok_or(NOT_FOUND)
            })
            .await
    }

    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`].
    pub async fn delete(&self, caller: &Caller, id: {{ pascal }}Id, precondition: &Precondition<{{ pascal }}>) -> Result<(), Error> {
        self.store
            .transaction_for(caller, async |tx| {
                if !precondition.is_none() {
                    let current = {{ plural }}::find_for_update(tx, {{ owner }} id).await?;
                    precondition.check(&current.ok_or(NOT_FOUND)?)?;
                }
                if {{ plural }}::delete(tx, {{ owner }} id).await? { Ok(()) } else { Err(NOT_FOUND) }
            })
            .await
    }
}
