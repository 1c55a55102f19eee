CREATE TABLE {{ plural }} (
{%- for column in first_columns %}
    {{ column.padded }} {{ column.postgres }}{% if not column.nullable %} NOT NULL{% endif %}{{ "," if owned or not loop.last }}
{%- endfor %}
{%- if owned %}
    CONSTRAINT {{ plural }}_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
{%- endif %}
);
{%- if owned %}
-- A page of one user's {{ many }} starts at an ID.
CREATE INDEX {{ plural }}_user_id_id_idx ON {{ plural }} (user_id, id);
{%- endif %}
