//! The statements.

use serde::Serialize;
use sqlx::{FromRow, PgPool, query, query_as};
use time::OffsetDateTime;

use crate::tokens::REFRESH_LIFETIME;

#[derive(FromRow, Serialize)]
pub struct User {
    pub id: i64,
    pub email: String,
    #[serde(skip)]
    pub password_hash: String,
    pub full_name: Option<String>,
    pub is_active: bool,
    pub is_superuser: bool,
    pub is_verified: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Where and when a session is used.
pub struct Usage {
    pub ip: String,
    pub user_agent: Option<String>,
    pub at: OffsetDateTime,
}

macro_rules! columns {
    () => {
        "users.id, users.email, users.password_hash, users.full_name, users.is_active, users.is_superuser, \
         users.is_verified, users.created_at, users.updated_at"
    };
}

pub async fn by_session(pool: &PgPool, session: &[u8], user: i64) -> sqlx::Result<Option<User>> {
    query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1 AND sessions.user_id = $2 \
         AND sessions.revoked_at IS NULL AND sessions.expires_at > $3"
    ))
    .bind(session)
    .bind(user)
    .bind(OffsetDateTime::now_utc())
    .fetch_optional(pool)
    .await
}

pub async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<User>> {
    query_as(concat!("SELECT ", columns!(), " FROM users WHERE email = $1"))
        .bind(email)
        .fetch_optional(pool)
        .await
}

pub async fn rename(pool: &PgPool, id: i64, name: Option<&str>) -> sqlx::Result<Option<User>> {
    query_as(concat!("UPDATE users SET full_name = $2, updated_at = $3 WHERE id = $1 RETURNING ", columns!()))
        .bind(id)
        .bind(name)
        .bind(OffsetDateTime::now_utc())
        .fetch_optional(pool)
        .await
}

pub async fn page(pool: &PgPool, after: i64, limit: i64) -> sqlx::Result<Vec<User>> {
    query_as(concat!("SELECT ", columns!(), " FROM users WHERE id > $1 ORDER BY id LIMIT $2"))
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// Opens a session, unless the password was changed or the account closed while its hash was computed.
pub async fn open_session(
    pool: &PgPool,
    user: &User,
    new_hash: &str,
    session: &[u8],
    token: &[u8],
    usage: &Usage,
) -> sqlx::Result<bool> {
    let mut tx = pool.begin().await?;
    let confirmed =
        query("UPDATE users SET password_hash = $3 WHERE id = $1 AND is_active AND password_hash = $2")
            .bind(user.id)
            .bind(&user.password_hash)
            .bind(new_hash)
            .execute(&mut *tx)
            .await?;
    if confirmed.rows_affected() != 1 {
        return Ok(false);
    }
    query("DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2")
        .bind(user.id)
        .bind(usage.at)
        .execute(&mut *tx)
        .await?;
    query(
        "INSERT INTO sessions \
         (id, user_id, token_hash, generation, ip, user_agent, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, $3, 0, $4, $5, $6, $6, $7)",
    )
    .bind(session)
    .bind(user.id)
    .bind(token)
    .bind(&usage.ip)
    .bind(&usage.user_agent)
    .bind(usage.at)
    .bind(usage.at + REFRESH_LIFETIME)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Replaces the newest refresh token by its successor; of any number of racers one succeeds.
pub async fn rotate(
    pool: &PgPool,
    session: &[u8],
    user: i64,
    presented: &[u8],
    next: &[u8],
    usage: &Usage,
) -> sqlx::Result<bool> {
    let rotated = query(
        "UPDATE sessions SET previous_token_hash = $3, token_hash = $4, generation = generation + 1, ip = $5, \
         user_agent = $6, last_used_at = $7, expires_at = $8 \
         WHERE id = $1 AND user_id = $2 AND token_hash = $3 AND revoked_at IS NULL AND expires_at > $7 \
         AND user_id IN (SELECT id FROM users WHERE is_active)",
    )
    .bind(session)
    .bind(user)
    .bind(presented)
    .bind(next)
    .bind(&usage.ip)
    .bind(&usage.user_agent)
    .bind(usage.at)
    .bind(usage.at + REFRESH_LIFETIME)
    .execute(pool)
    .await?;
    Ok(rotated.rows_affected() == 1)
}
