//! The table `webhooks`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, enum_value, for_update, on, prepared, text_value};
use secrecy::{ExposeSecret, SecretString};

use crate::db::schema::webhooks;
use crate::domain::sort::Sort;
use crate::domain::webhooks::{DisabledReason, WebhookDescription, WebhookEvents, WebhookId, WebhookUrl};

text_value!(WebhookUrl);
text_value!(WebhookDescription);
enum_value!(DisabledReason);

/// A webhook, without its secrets.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = webhooks, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Webhook {
    #[diesel(deserialize_as = i64)]
    pub id: WebhookId,
    pub url: String,
    pub events: WebhookEvents,
    pub description: Option<String>,
    pub is_active: bool,
    pub disabled_at: Option<Timestamp>,
    pub disabled_reason: Option<DisabledReason>,
    /// When the first attempt failed since the last one that succeeded.
    pub failing_since: Option<Timestamp>,
    pub previous_secret_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Where a webhook's messages go and what signs them. It has no `Debug`: the secrets are plain.
#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct WebhookEndpoint {
    pub url: String,
    pub secret: String,
    pub previous_secret: Option<String>,
    pub previous_secret_expires_at: Option<Timestamp>,
}

/// The webhook to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = webhooks, treat_none_as_default_value = false)]
pub struct NewWebhook {
    pub url: WebhookUrl,
    pub events: WebhookEvents,
    pub description: Option<WebhookDescription>,
    pub is_active: bool,
}

/// Changes of a webhook; `None` leaves a field as it is, and `Some(None)` clears it.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = webhooks)]
pub struct WebhookChanges {
    pub url: Option<WebhookUrl>,
    pub events: Option<WebhookEvents>,
    pub description: Option<Option<WebhookDescription>>,
    pub is_active: Option<bool>,
}

/// Whether a webhook works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookHealth {
    pub is_active: bool,
    pub disabled_at: Option<Timestamp>,
    pub disabled_reason: Option<DisabledReason>,
    pub failing_since: Option<Timestamp>,
}

impl WebhookHealth {
    pub const WORKING: Self =
        Self { is_active: true, disabled_at: None, disabled_reason: None, failing_since: None };

    pub fn disabled(reason: DisabledReason, now: Timestamp, failing_since: Option<Timestamp>) -> Self {
        Self { is_active: false, disabled_at: Some(now), disabled_reason: Some(reason), failing_since }
    }
}

impl From<&Webhook> for WebhookHealth {
    fn from(webhook: &Webhook) -> Self {
        let Webhook { is_active, disabled_at, disabled_reason, failing_since, .. } = *webhook;
        Self { is_active, disabled_at, disabled_reason, failing_since }
    }
}

/// The active webhooks, for the condition of a statement.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn active() -> _ {
    webhooks::table.filter(webhooks::is_active).select(webhooks::id)
}

pub async fn insert(
    c: &mut Connection,
    webhook: &NewWebhook,
    secret: &SecretString,
    health: &WebhookHealth,
    now: Timestamp,
) -> Result<Webhook, DbError> {
    let values = (
        webhook,
        webhooks::secret.eq(secret.expose_secret()),
        webhooks::disabled_at.eq(health.disabled_at),
        webhooks::disabled_reason.eq(health.disabled_reason),
        webhooks::created_at.eq(now),
        webhooks::updated_at.eq(now),
    );
    let insert = diesel::insert_into(webhooks::table).values(values);
    Ok(on!(c, |c| prepared(insert.returning(Webhook::as_returning())).get_result(c))?)
}

pub async fn find(c: &mut Connection, id: WebhookId) -> Result<Option<Webhook>, DbError> {
    let webhook = webhooks::table.find(id.0);
    Ok(on!(c, |c| prepared(webhook.select(Webhook::as_select())).get_result(c)).optional()?)
}

/// A webhook, locked to the end of the transaction. Deliveries are changed after their webhook is
/// locked, never before, so that two transactions do not wait for each other.
pub async fn find_for_update(c: &mut Connection, id: WebhookId) -> Result<Option<Webhook>, DbError> {
    let webhook = webhooks::table.find(id.0);
    Ok(on!(c, |c| prepared(for_update(webhook.select(Webhook::as_select()))).get_result(c)).optional()?)
}

/// Every active webhook with its events.
pub async fn subscriptions(c: &mut Connection) -> Result<Vec<(WebhookId, WebhookEvents)>, DbError> {
    let active = webhooks::table.filter(webhooks::is_active).order(webhooks::id.asc());
    let found: Vec<(i64, WebhookEvents)> =
        on!(c, |c| prepared(active.select((webhooks::id, webhooks::events))).load(c))?;
    Ok(found.into_iter().map(|(id, events)| (WebhookId(id), events)).collect())
}

/// Up to `limit` webhooks after the ID, the oldest or the newest first.
pub async fn page(
    c: &mut Connection,
    sort: Sort,
    after: Option<WebhookId>,
    limit: i64,
) -> Result<Vec<Webhook>, DbError> {
    // IDs ascend in the order of creation.
    if sort == Sort::NewestFirst {
        let rest = webhooks::table.filter(webhooks::id.lt(after.map_or(i64::MAX, |id| id.0)));
        let rest = rest.order(webhooks::id.desc()).limit(limit);
        return Ok(on!(c, |c| prepared(rest.select(Webhook::as_select())).load(c))?);
    }
    let rest = webhooks::table.filter(webhooks::id.gt(after.map_or(0, |id| id.0)));
    let rest = rest.order(webhooks::id.asc()).limit(limit);
    Ok(on!(c, |c| prepared(rest.select(Webhook::as_select())).load(c))?)
}

/// Changes a webhook and returns it as it is now; `None` if there is none.
pub async fn update(
    c: &mut Connection,
    id: WebhookId,
    changes: &WebhookChanges,
    now: Timestamp,
) -> Result<Option<Webhook>, DbError> {
    let webhook = webhooks::table.find(id.0);
    let update = diesel::update(webhook).set((changes, webhooks::updated_at.eq(now)));
    Ok(on!(c, |c| prepared(update.returning(Webhook::as_returning())).get_result(c)).optional()?)
}

/// Records whether a webhook works. Returns it as it is now; `None` if there is none.
pub async fn set_health(
    c: &mut Connection,
    id: WebhookId,
    health: &WebhookHealth,
) -> Result<Option<Webhook>, DbError> {
    let update = diesel::update(webhooks::table.find(id.0)).set((
        webhooks::is_active.eq(health.is_active),
        webhooks::disabled_at.eq(health.disabled_at),
        webhooks::disabled_reason.eq(health.disabled_reason),
        webhooks::failing_since.eq(health.failing_since),
    ));
    Ok(on!(c, |c| prepared(update.returning(Webhook::as_returning())).get_result(c)).optional()?)
}

/// Makes `secret` the secret and keeps the present one until `expires_at`. `None` if there is no
/// such webhook.
pub async fn rotate_secret(
    c: &mut Connection,
    id: WebhookId,
    secret: &SecretString,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Webhook>, DbError> {
    let update = diesel::update(webhooks::table.find(id.0)).set((
        webhooks::previous_secret.eq(webhooks::secret.nullable()),
        webhooks::previous_secret_expires_at.eq(expires_at),
        webhooks::secret.eq(secret.expose_secret()),
        webhooks::updated_at.eq(now),
    ));
    Ok(on!(c, |c| prepared(update.returning(Webhook::as_returning())).get_result(c)).optional()?)
}

/// Deletes previous secrets that sign nothing any more.
pub async fn delete_expired_secrets(c: &mut Connection, now: Timestamp) -> Result<(), DbError> {
    let expired = webhooks::table.filter(webhooks::previous_secret_expires_at.le(now));
    let update = diesel::update(expired).set((
        webhooks::previous_secret.eq(None::<String>),
        webhooks::previous_secret_expires_at.eq(None::<Timestamp>),
    ));
    on!(c, |c| prepared(update).execute(c))?;
    Ok(())
}

/// Deletes a webhook with its deliveries. Returns whether it existed.
pub async fn delete(c: &mut Connection, id: WebhookId) -> Result<bool, DbError> {
    let webhook = webhooks::table.find(id.0);
    Ok(on!(c, |c| prepared(diesel::delete(webhook)).execute(c))? == 1)
}
