//! The table of jobs. The application's migrations create it.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;

    jobs (id) {
        id -> BigInt,
        kind -> Text,
        payload -> Text,
        status -> Text,
        priority -> BigInt,
        attempts -> BigInt,
        max_attempts -> BigInt,
        run_at -> Timestamptz,
        lease -> Nullable<Binary>,
        lease_expires_at -> Nullable<Timestamptz>,
        dedupe_key -> Nullable<Text>,
        period_at -> Nullable<Timestamptz>,
        last_error -> Nullable<Text>,
        traceparent -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}
