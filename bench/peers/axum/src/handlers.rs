//! The endpoints, and who may ask for them.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::App;
use crate::answers::{Body, Problem};
use crate::store::{self, Usage, User};
use crate::tokens::{self, Kind, Pair};

#[derive(Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
}

pub async fn live() -> Json<Health> {
    Json(Health { status: "ok", version: "1.1.0" })
}

/// Somebody who is logged in.
pub struct Caller(User);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or(Problem::Unauthorized)?;
        let token = app.tokens.verify(token, Kind::Access)?;
        let user = store::by_session(&app.pool, &token.session, token.user).await?;
        user.filter(|user| user.is_active).map(Self).ok_or(Problem::InvalidToken)
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Somebody who is logged in and may administer.
pub struct Superuser;

impl FromRequestParts<App> for Superuser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(user) = Caller::from_request_parts(parts, app).await?;
        if user.is_superuser { Ok(Self) } else { Err(Problem::Forbidden) }
    }
}

pub async fn me(Caller(user): Caller) -> Json<User> {
    Json(user)
}

#[derive(Deserialize)]
pub struct Profile {
    // Null clears the name; naming the function is what makes serde require the field.
    #[serde(deserialize_with = "Option::deserialize")]
    full_name: Option<String>,
}

pub async fn update_me(
    Caller(user): Caller,
    State(app): State<App>,
    Body(profile): Body<Profile>,
) -> Result<Json<User>, Problem> {
    let name = profile.full_name.as_deref().map(str::trim);
    if name.is_some_and(|name| !is_name(name)) {
        return Err(Problem::Validation);
    }
    let user = store::rename(&app.pool, user.id, name).await?;
    user.map(Json).ok_or(Problem::InvalidToken)
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[derive(Deserialize)]
pub struct PageOf {
    limit: Option<u8>,
    page_token: Option<String>,
}

#[derive(Serialize)]
pub struct UserPage {
    items: Vec<User>,
    next_page: Option<String>,
}

pub async fn list(
    _: Superuser,
    State(app): State<App>,
    query: Result<Query<PageOf>, QueryRejection>,
) -> Result<Json<UserPage>, Problem> {
    let Query(asked) = query.map_err(|_| Problem::Validation)?;
    let limit = asked.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::Validation);
    }
    let after = match asked.page_token {
        Some(token) => last_of(&token).ok_or(Problem::Validation)?,
        None => 0,
    };
    // One more than asked for tells whether there is a next page.
    let mut items = store::page(&app.pool, after, i64::from(limit) + 1).await?;
    let more = items.len() > usize::from(limit);
    items.truncate(limit.into());
    let last = items.last().filter(|_| more);
    let next_page = last.map(|user| URL_SAFE_NO_PAD.encode(user.id.to_be_bytes()));
    Ok(Json(UserPage { items, next_page }))
}

fn last_of(page_token: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(page_token).ok()?;
    bytes.try_into().ok().map(i64::from_be_bytes)
}

#[derive(Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
}

pub async fn login(
    State(app): State<App>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(Credentials { email, password }): Body<Credentials>,
) -> Result<Json<Pair>, Problem> {
    let user = store::by_email(&app.pool, &email.trim().to_lowercase()).await?;
    // An unknown address takes the same work; no password has this hash.
    let hash = user.as_ref().map_or_else(
        || format!("$2b${:02}$abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO", app.rounds),
        |user| user.password_hash.clone(),
    );
    let new_hash = app.check_password(password, hash).await?;
    let (Some(user), Some(new_hash)) = (user.filter(|user| user.is_active), new_hash) else {
        return Err(Problem::InvalidCredentials);
    };
    let (session, id, usage) = (tokens::random()?, tokens::random_id()?, usage(client, &headers));
    if !store::open_session(&app.pool, &user, &new_hash, &session, &tokens::hash(&id), &usage).await? {
        return Err(Problem::InvalidCredentials);
    }
    app.tokens.pair(user.id, &session, id, usage.at).map(Json)
}

impl App {
    /// The hash with the present number of rounds, if the password is right.
    async fn check_password(&self, password: String, hash: String) -> Result<Option<String>, Problem> {
        let permit = self.hashing.clone().acquire_owned().await.map_err(Problem::inside)?;
        let rounds = self.rounds;
        let work = move || {
            let _permit = permit;
            if !bcrypt::verify(&password, &hash)? {
                return Ok(None);
            }
            let parts: bcrypt::HashParts = hash.parse()?;
            if parts.get_cost() == rounds {
                Ok(Some(hash))
            } else {
                bcrypt::hash(&password, rounds).map(Some)
            }
        };
        let checked: bcrypt::BcryptResult<_> =
            tokio::task::spawn_blocking(work).await.map_err(Problem::inside)?;
        checked.map_err(Problem::inside)
    }
}

#[derive(Deserialize)]
pub struct RefreshRequest {
    refresh_token: String,
}

pub async fn refresh(
    State(app): State<App>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(body): Body<RefreshRequest>,
) -> Result<Json<Pair>, Problem> {
    let token = app.tokens.verify(&body.refresh_token, Kind::Refresh)?;
    let (next, usage) = (tokens::successor(&token.id), usage(client, &headers));
    let (presented, following) = (tokens::hash(&token.id), tokens::hash(&next));
    if !store::rotate(&app.pool, &token.session, token.user, &presented, &following, &usage).await? {
        return Err(Problem::InvalidToken);
    }
    app.tokens.pair(token.user, &token.session, next, usage.at).map(Json)
}

fn usage(client: SocketAddr, headers: &HeaderMap) -> Usage {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Usage {
        ip: client.ip().to_string(),
        user_agent: user_agent.map(str::to_owned),
        at: OffsetDateTime::now_utc(),
    }
}
