diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    {{ plural }} (id) {
{%- for column in columns %}
        {{ column.name }} -> {{ column.diesel }},
{%- endfor %}
    }
}

