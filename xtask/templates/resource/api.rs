{% set guard = "Scoped" if owned else "Permitted" -%}
{% set reader = guard ~ "<" ~ plural_pascal ~ "Read>" -%}
{% set writer = guard ~ "<" ~ plural_pascal ~ "Write>" -%}
{% set others = (" " ~ Many ~ " of other users are not found.") if owned else "" -%}
//! `/{{ path }}`: {{ "the caller's " ~ many if owned else many ~ ", for superusers" }}.

{% if time_filters -%}
use groundwork_clock::Timestamp;
{% endif -%}
use groundwork_web::conditions::IfMatch;
use groundwork_web::extract::{Body, Path, Query};
use groundwork_web::failure::{Failure, NotFound};
use groundwork_web::idempotency::IdempotencyKey;
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{Created, NoContent, Ok200, Resource};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::guards::{{ guard }};
use crate::api::idempotency::once;
use crate::domain::permissions::{ {{ plural_pascal }}Read, {{ plural_pascal }}Write };
use crate::domain::{{ plural }}::{{ imports.filter_types }};
use crate::domain::sort::Sort;
{%- if filters %}
use crate::models::{{ plural }}::{{ pascal }}Filter;
{%- endif %}
use crate::schemas::{{ plural }}::{ {{ pascal }}Create, {{ pascal }}Update, {{ pascal }}View };
use crate::services::{{ plural }}::{{ pascal }}Service;

pub struct {{ plural_pascal }}Api {
    pub {{ plural }}: {{ pascal }}Service,
}

#[OpenApi(prefix_path = "/{{ path }}", tag = "Tag::{{ plural_pascal }}")]
impl {{ plural_pascal }}Api {
    /// List {{ "your " if owned }}{{ many }}
    ///
{{ ("Returns one page of " ~ many ~ " in ascending order of `id`, or with `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token` with the same" ~ (" filters and the same" if filters) ~ " `sort`, until it is null.") | doc(4) }}
{%- if parameters > 7 %}
    #[allow(clippy::too_many_arguments, reason = "one argument per query parameter")]
{%- endif %}
    #[oai(path = "/", method = "get", operation_id = "{{ plural }}_list")]
    async fn list(
        &self,
        caller: {{ reader }},
        /// The maximum number of {{ many }} per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
{%- for field in filters %}
{%- if field.kind == "enum" %}
        /// Only {{ many }} with this {{ field.words }}.
        {{ field.name }}: Query<Option<{{ field.type }}>>,
{%- else %}
        /// Only {{ many }} whose `{{ field.name }}` is this time or later.
        {{ field.after }}: Query<Option<Timestamp>>,
        /// Only {{ many }} whose `{{ field.name }}` is before this time.
        {{ field.before }}: Query<Option<Timestamp>>,
{%- endif %}
{%- endfor %}
    ) -> Result<Ok200<Page<{{ pascal }}View>>, Failure> {
{%- if filters %}
        let filter = {{ pascal }}Filter {
{%- for field in filters -%}
{% if field.kind == "enum" %} {{ field.name }}: {{ field.name }}.0, {% else %} {{ field.after }}: {{ field.after }}.0, {{ field.before }}: {{ field.before }}.0, {% endif %}
{%- endfor -%}
        };
{%- endif %}
        let page = self.{{ plural }}.list(&caller.0, {{ "&filter," if filters }} sort.0, limit.0.0, page_token.0.as_deref()).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Create {{ an }}
    ///
    /// {{ "The " ~ one ~ " belongs to the caller. Other users cannot see it." if owned else "Returns the " ~ one ~ " with its ID." }}
    #[oai(path = "/", method = "post", operation_id = "{{ plural }}_create")]
    async fn create(
        &self,
        caller: {{ writer }},
        body: Body<{{ pascal }}Create>,
        idempotency_key: IdempotencyKey,
    ) -> Result<Created<{{ pascal }}View>, Failure> {
        let once = once(idempotency_key, Created::<{{ pascal }}View>::of);
        Ok(Created::of(self.{{ plural }}.create(&caller.0, &body.0.into(), &once).await?))
    }

    /// Get {{ an }}
    ///
    /// {{ "Returns the " ~ one ~ "." ~ others }}
    #[oai(path = "/:id", method = "get", operation_id = "{{ plural }}_get")]
    async fn get(
        &self,
        caller: {{ reader }},
        id: Path<{{ pascal }}Id>,
    ) -> Result<Resource<{{ pascal }}View>, Failure<NotFound>> {
        Ok(Resource::of(self.{{ plural }}.get(&caller.0, id.0).await?))
    }

    /// Update {{ an }}
    ///
{{ ("Absent fields stay unchanged" ~ ("; a null " ~ nullable ~ " clears it" if nullable) ~ "." ~ others) | doc(4) }}
    #[oai(path = "/:id", method = "patch", operation_id = "{{ plural }}_update")]
    async fn update(
        &self,
        caller: {{ writer }},
        id: Path<{{ pascal }}Id>,
        if_match: IfMatch,
        body: Body<{{ pascal }}Update>,
    ) -> Result<Resource<{{ pascal }}View>, Failure<NotFound>> {
        let precondition = if_match.on({{ pascal }}View::from).into();
        Ok(Resource::of(self.{{ plural }}.update(&caller.0, id.0, &body.0.into(), &precondition).await?))
    }

    /// Delete {{ an }}
    ///
{{ ("Permanently deletes the " ~ one ~ "." ~ others) | doc(4) }}
    #[oai(path = "/:id", method = "delete", operation_id = "{{ plural }}_delete")]
    async fn delete(
        &self,
        caller: {{ writer }},
        id: Path<{{ pascal }}Id>,
        if_match: IfMatch,
    ) -> Result<NoContent, Failure<NotFound>> {
        self.{{ plural }}.delete(&caller.0, id.0, &if_match.on({{ pascal }}View::from).into()).await?;
        Ok(NoContent)
    }
}
