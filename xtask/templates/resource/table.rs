diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;

    {{ plural }} (id) {
{%- for column in columns %}
        {{ column.name }} -> {{ column.diesel }},
{%- endfor %}
    }
}

