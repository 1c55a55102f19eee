// @generated automatically by Diesel CLI.

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    api_keys (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        prefix -> Text,
        key_hash -> Binary,
        scopes -> TextArray,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        wrote_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    audit_events (id) {
        id -> BigInt,
        occurred_at -> Timestamptz,
        kind -> Text,
        actor_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        session_id -> Nullable<Binary>,
        ip -> Text,
        request_id -> Text,
        resource_id -> Nullable<BigInt>,
        api_key_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    idempotency_keys (user_id, operation, key) {
        user_id -> BigInt,
        operation -> Text,
        key -> Text,
        fingerprint -> Text,
        answer -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    one_time_tokens (user_id, kind) {
        user_id -> BigInt,
        kind -> Text,
        token_hash -> Binary,
        email -> Text,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    sessions (id) {
        id -> Binary,
        user_id -> BigInt,
        token_hash -> Binary,
        previous_token_hash -> Nullable<Binary>,
        generation -> BigInt,
        ip -> Text,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        wrote_at -> Nullable<Timestamptz>,
        unused_access_hash -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    user_networks (user_id, network) {
        user_id -> BigInt,
        network -> Text,
        last_used_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    users (id) {
        id -> BigInt,
        email -> Text,
        password_hash -> Text,
        full_name -> Nullable<Text>,
        is_active -> Bool,
        is_superuser -> Bool,
        is_verified -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        role -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    webhook_deliveries (id) {
        id -> BigInt,
        webhook_id -> BigInt,
        event_id -> Text,
        event_type -> Text,
        occurred_at -> Timestamptz,
        data -> Text,
        status -> Text,
        attempts -> BigInt,
        response_status -> Nullable<BigInt>,
        duration_ms -> Nullable<BigInt>,
        response_body -> Nullable<Text>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Date, Nullable, Text};
    use groundwork_clock::sql::Timestamptz;
    use groundwork_values::sql::{Jsonb, ScaledNumeric, TextArray, Uuid};

    webhooks (id) {
        id -> BigInt,
        url -> Text,
        events -> TextArray,
        description -> Nullable<Text>,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_secret_expires_at -> Nullable<Timestamptz>,
        is_active -> Bool,
        disabled_at -> Nullable<Timestamptz>,
        disabled_reason -> Nullable<Text>,
        failing_since -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(idempotency_keys -> users (user_id));
diesel::joinable!(one_time_tokens -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(user_networks -> users (user_id));
diesel::joinable!(webhook_deliveries -> webhooks (webhook_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    audit_events,
    idempotency_keys,
    one_time_tokens,
    sessions,
    user_networks,
    users,
    webhook_deliveries,
    webhooks,
);
