//! The values of {{ an }}.

use groundwork_values::{{ imports.declaring }};

id_type! {
    /// The ID of {{ an }}: positive, assigned by the database, never reused.
    pub struct {{ pascal }}Id;
}
{% for field in typed %}
{% if field.kind == "enum" -%}
enum_type! {
    /// The {{ field.words }} of {{ an }}.
    pub enum {{ field.type }} {
{%- for value in field.values %}
        {{ value.variant }} = "{{ value.name }}",
{%- endfor %}
    }
}
{% else -%}
{{ field.stem }}_type! {
    /// The {{ field.words }} of {{ an }}: {{ field.range }}.
    pub struct {{ field.type }}({{ field.min }}..={{ field.max }});
}
{% endif -%}
{% endfor -%}
{% for field in aliases %}
/// The {{ field.words }} of {{ an }}: {{ field.range }}.
pub type {{ field.type }} = {{ field.alias }};
{% endfor -%}
