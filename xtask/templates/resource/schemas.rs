//! {{ Many }}.

use groundwork_clock::Timestamp;
{%- if imports.columns %}
use groundwork_values::{{ imports.columns }};
{%- endif %}
{%- if nullable %}
use groundwork_web::schema::{Nullable, Patch};
{%- endif %}
use groundwork_web::{{ imports.describing }};
use poem_openapi::Object;
use serde::Serialize;

use crate::domain::{{ plural }}::{{ imports.types }};
use crate::models::{{ plural }}::{New{{ pascal }}, {{ pascal }}, {{ pascal }}Changes};

id_schema!({{ pascal }}Id, "{{ singular }}_id", "The {{ one }}'s ID.");
{%- for field in typed %}
{%- if field.kind == "enum" %}
enum_schema!({{ field.type }}, "{{ field.type }}", "The {{ field.words }} of {{ an }}.");
{%- else %}
{{ field.stem }}_schema!({{ field.type }}, "{{ singular }}_{{ field.name }}", example: {{ field.example }});
{%- endif %}
{%- endfor %}

/// {{ An }}.
#[derive(Object, Serialize)]
#[oai(rename = "{{ pascal }}", example, remote = "{{ pascal }}")]
pub struct {{ pascal }}View {
    /// The {{ one }}'s ID. It is never reused.
    pub id: {{ pascal }}Id,
{%- for field in fields %}
    /// {{ field.description }}{{ ", or null" if field.nullable }}.
    pub {{ field.name }}: {{ field.view }},
{%- endfor %}
    /// When the {{ one }} was created.
    pub created_at: Timestamp,
    /// When the {{ one }} was last changed.
    pub updated_at: Timestamp,
}

example!({{ pascal }}View {
    id: {{ pascal }}Id(1),
{%- for field in fields %}
    {{ field.name }}: {{ field.view_example }},
{%- endfor %}
    created_at: Timestamp::from_seconds(1_769_851_800),
    updated_at: Timestamp::from_seconds(1_769_851_800),
});

located!({{ pascal }}View, "/{{ path }}");
listed!({{ pascal }}View, "{{ many }}", "in ascending order of `id`, unless `sort` asks for another");

/// The {{ one }} to create.
#[derive(Object, Debug)]
#[oai(remote = "New{{ pascal }}")]
pub struct {{ pascal }}Create {
{%- for field in fields %}
    /// {{ field.description }}.
    pub {{ field.name }}: {{ field.optional }},
{%- endfor %}
}

/// Changes to {{ an }}. Absent fields stay unchanged.
#[derive(Object, Debug)]
#[oai(remote = "{{ pascal }}Changes")]
pub struct {{ pascal }}Update {
{%- for field in fields %}
    /// {{ field.new_description }}{{ "; null clears it" if field.nullable }}.
    pub {{ field.name }}: {{ field.patch }},
{%- endfor %}
}

request_schema!({{ pascal }}Create, {{ pascal }}Update; refused: ["id"{{ ", \"user_id\"" if owned }}]
{%- if objects %}; json: [{% for field in objects %}"{{ field.name }}"{{ ", " if not loop.last }}{% endfor %}]{% endif %});
