{% set owner = "owner: UserId," if owned else "" -%}
{% macro own() -%}
{{ plural }}::table.find(id.0)
{%- if owned %}.filter({{ plural }}::user_id.eq(owner.0)){% endif %}
{%- endmacro -%}
{% set target = "own" if owned else singular -%}
//! The table `{{ plural }}`.{% if owned %} Every query takes the owner.{% endif %}

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{{ imports.storing }};
{%- if imports.columns %}
use groundwork_values::{{ imports.columns }};
{%- endif %}

use crate::db::schema::{{ plural }};
{%- if owned %}
use crate::domain::ids::UserId;
{%- endif %}
use crate::domain::{{ plural }}::{{ imports.types }};
use crate::domain::sort::Sort;

{% for field in typed -%}
{{ field.stem }}_value!({{ field.type }});
{% endfor -%}
{{ "" }}
/// {{ An }}.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = {{ plural }}, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct {{ pascal }} {
    #[diesel(deserialize_as = i64)]
    pub id: {{ pascal }}Id,
{%- for field in fields %}
    pub {{ field.name }}: {{ field.row }},
{%- endfor %}
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The {{ one }} to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = {{ plural }}, treat_none_as_default_value = false)]
pub struct New{{ pascal }} {
{%- for field in fields %}
    pub {{ field.name }}: {{ field.optional }},
{%- endfor %}
}

/// Changes of {{ an }}; `None` leaves a field as it is{{ ", and `Some(None)` clears it" if nullable }}.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = {{ plural }})]
pub struct {{ pascal }}Changes {
{%- for field in fields %}
    pub {{ field.name }}: Option<{{ field.optional }}>,
{%- endfor %}
}
{% if filters %}
/// Which {{ many }} a list shows; the default shows all{{ " of the owner's" if owned }}.
#[derive(Clone, Debug, Default)]
pub struct {{ pascal }}Filter {
{%- for field in filters %}
{%- if field.kind == "enum" %}
    pub {{ field.name }}: Option<{{ field.type }}>,
{%- else %}
    /// Inclusive.
    pub {{ field.after }}: Option<Timestamp>,
    /// Exclusive.
    pub {{ field.before }}: Option<Timestamp>,
{%- endif %}
{%- endfor %}
}
{% endif %}
pub async fn insert(c: &mut Connection, {{ owner }} {{ singular }}: &New{{ pascal }}, now: Timestamp) -> Result<{{ pascal }}, DbError> {
    let values = ({{ plural ~ "::user_id.eq(owner.0), " if owned }}{{ singular }}, {{ plural }}::created_at.eq(now), {{ plural }}::updated_at.eq(now));
    let insert = diesel::insert_into({{ plural }}::table).values(values);
    Ok(on!(c, |c| prepared(insert.returning({{ pascal }}::as_returning())).get_result(c))?)
}

pub async fn find(c: &mut Connection, {{ owner }} id: {{ pascal }}Id) -> Result<Option<{{ pascal }}>, DbError> {
    let {{ target }} = {{ own() }};
    Ok(on!(c, |c| prepared({{ target }}.select({{ pascal }}::as_select())).get_result(c)).optional()?)
}

/// {{ An }}, locked to the end of the transaction.
pub async fn find_for_update(c: &mut Connection, {{ owner }} id: {{ pascal }}Id) -> Result<Option<{{ pascal }}>, DbError> {
    let {{ target }} = {{ own() }};
    Ok(on!(c, |c| prepared(for_update({{ target }}.select({{ pascal }}::as_select()))).get_result(c)).optional()?)
}

/// Up to `limit` {{ many }}{{ " of the owner" if owned }} after the ID, the oldest or the newest first. IDs ascend in the
/// order of creation.
pub async fn page(c: &mut Connection, {{ owner }} {{ "filter: &" ~ pascal ~ "Filter," if filters }} sort: Sort, after: Option<{{ pascal }}Id>, limit: i64) -> Result<Vec<{{ pascal }}>, DbError> {
{%- if filters %}
    Ok(on!(c, |c| {
        let {{ "own" if owned else "all" }} = {{ plural }}::table{{ ".filter(" ~ plural ~ "::user_id.eq(owner.0))" if owned }}.limit(limit);
        let mut query = {{ "own" if owned else "all" }}.select({{ pascal }}::as_select()).into_boxed();
        query = match sort {
            Sort::OldestFirst => query.filter({{ plural }}::id.gt(after.map_or(0, |id| id.0))).order({{ plural }}::id.asc()),
            Sort::NewestFirst => query.filter({{ plural }}::id.lt(after.map_or(i64::MAX, |id| id.0))).order({{ plural }}::id.desc()),
        };
{%- for field in filters %}
{%- if field.kind == "enum" %}
        if let Some({{ field.name }}) = filter.{{ field.name }} {
            query = query.filter({{ plural }}::{{ field.name }}.eq({{ "Some(" ~ field.name ~ ")" if field.nullable else field.name }}));
        }
{%- else %}
        if let Some(instant) = filter.{{ field.after }} {
            query = query.filter({{ plural }}::{{ field.name }}.ge(instant));
        }
        if let Some(instant) = filter.{{ field.before }} {
            query = query.filter({{ plural }}::{{ field.name }}.lt(instant));
        }
{%- endif %}
{%- endfor %}
        prepared(query).load(c)
    })?)
{%- else %}
    let {{ "own" if owned else "all" }} = {{ plural }}::table{{ ".filter(" ~ plural ~ "::user_id.eq(owner.0))" if owned }};
    if sort == Sort::NewestFirst {
        let rest = {{ "own" if owned else "all" }}.filter({{ plural }}::id.lt(after.map_or(i64::MAX, |id| id.0)));
        let rest = rest.order({{ plural }}::id.desc()).limit(limit);
        return Ok(on!(c, |c| prepared(rest.select({{ pascal }}::as_select())).load(c))?);
    }
    let rest = {{ "own" if owned else "all" }}.filter({{ plural }}::id.gt(after.map_or(0, |id| id.0)));
    let rest = rest.order({{ plural }}::id.asc()).limit(limit);
    Ok(on!(c, |c| prepared(rest.select({{ pascal }}::as_select())).load(c))?)
{%- endif %}
}

/// Changes {{ an }} and returns it as it is now; `None` if {{ "the owner has no such " ~ one if owned else "there is none" }}.
pub async fn update(c: &mut Connection, {{ owner }} id: {{ pascal }}Id, changes: &{{ pascal }}Changes, now: Timestamp) -> Result<Option<{{ pascal }}>, DbError> {
    let {{ target }} = {{ own() }};
    let update = diesel::update({{ target }}).set((changes, {{ plural }}::updated_at.eq(now)));
    Ok(on!(c, |c| prepared(update.returning({{ pascal }}::as_returning())).get_result(c)).optional()?)
}

/// Deletes {{ an }}. Returns whether {{ "the owner had it" if owned else "it existed" }}.
pub async fn delete(c: &mut Connection, {{ owner }} id: {{ pascal }}Id) -> Result<bool, DbError> {
    let {{ target }} = {{ own() }};
    Ok(on!(c, |c| prepared(diesel::delete({{ target }})).execute(c))? == 1)
}
