diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Jsonb, Nullable, Numeric, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{TextArray, Uuid};

    {{ plural }} (id) {
{%- for column in columns %}
        {{ column.name }} -> {{ column.diesel }},
{%- endfor %}
    }
}

