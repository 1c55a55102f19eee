//! The table `webhook_deliveries`: one row per message to a webhook.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, enum_value, on, prepared};

use super::webhooks::WebhookEndpoint;
use crate::db::schema::{webhook_deliveries, webhooks};
use crate::domain::sort::Sort;
use crate::domain::webhooks::{DeliveryId, DeliveryStatus, WebhookId};

enum_value!(DeliveryStatus);

/// A delivery, as superusers see it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct WebhookDelivery {
    #[diesel(deserialize_as = i64)]
    pub id: DeliveryId,
    pub event_id: String,
    pub event_type: String,
    pub status: DeliveryStatus,
    pub attempts: i64,
    pub response_status: Option<i64>,
    pub duration_ms: Option<i64>,
    pub response_body: Option<String>,
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// What is sent.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_deliveries, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Message {
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: Timestamp,
    /// JSON.
    pub data: String,
}

/// The last attempt at a delivery.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = webhook_deliveries, treat_none_as_null = true)]
pub struct LastAttempt {
    pub status: DeliveryStatus,
    /// Its number, from 1.
    pub attempts: i64,
    pub response_status: Option<i64>,
    pub duration_ms: Option<i64>,
    pub response_body: Option<String>,
    pub error: Option<String>,
    pub finished_at: Option<Timestamp>,
}

/// A pending delivery: its webhook, what is sent where, and how often it was tried.
pub type Pending = (WebhookId, i64, Message, WebhookEndpoint);

pub async fn insert(
    c: &mut Connection,
    webhook: WebhookId,
    message: &Message,
    now: Timestamp,
) -> Result<WebhookDelivery, DbError> {
    let values = (
        message,
        webhook_deliveries::webhook_id.eq(webhook.0),
        webhook_deliveries::status.eq(DeliveryStatus::Pending),
        webhook_deliveries::attempts.eq(0),
        webhook_deliveries::created_at.eq(now),
    );
    let insert = diesel::insert_into(webhook_deliveries::table).values(values);
    Ok(on!(c, |c| prepared(insert.returning(WebhookDelivery::as_returning())).get_result(c))?)
}

/// `None` if the delivery has ended, or was deleted with its webhook.
pub async fn find_pending(c: &mut Connection, id: DeliveryId) -> Result<Option<Pending>, DbError> {
    let pending = webhook_deliveries::table
        .inner_join(webhooks::table)
        .filter(webhook_deliveries::id.eq(id.0))
        .filter(webhook_deliveries::status.eq(DeliveryStatus::Pending));
    let found: Option<(i64, i64, Message, WebhookEndpoint)> = on!(c, |c| {
        let pending = pending.select((
            webhook_deliveries::webhook_id,
            webhook_deliveries::attempts,
            Message::as_select(),
            WebhookEndpoint::as_select(),
        ));
        prepared(pending).get_result(c)
    })
    .optional()?;
    Ok(found.map(|(webhook, attempts, message, endpoint)| (WebhookId(webhook), attempts, message, endpoint)))
}

/// What a delivery of this webhook sent or sends.
pub async fn find_message(
    c: &mut Connection,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Option<Message>, DbError> {
    let delivery = webhook_deliveries::table
        .filter(webhook_deliveries::id.eq(id.0))
        .filter(webhook_deliveries::webhook_id.eq(webhook.0));
    Ok(on!(c, |c| prepared(delivery.select(Message::as_select())).get_result(c)).optional()?)
}

/// Up to `limit` deliveries of a webhook after the ID, the oldest or the newest first.
pub async fn page(
    c: &mut Connection,
    webhook: WebhookId,
    sort: Sort,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<WebhookDelivery>, DbError> {
    let of_webhook = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(webhook.0));
    // IDs ascend in the order of creation.
    if sort == Sort::OldestFirst {
        let rest = of_webhook.filter(webhook_deliveries::id.gt(after.map_or(0, |id| id.0)));
        let rest = rest.order(webhook_deliveries::id.asc()).limit(limit);
        return Ok(on!(c, |c| prepared(rest.select(WebhookDelivery::as_select())).load(c))?);
    }
    let rest = of_webhook
        .filter(webhook_deliveries::id.lt(after.map_or(i64::MAX, |id| id.0)))
        .order(webhook_deliveries::id.desc())
        .limit(limit);
    Ok(on!(c, |c| prepared(rest.select(WebhookDelivery::as_select())).load(c))?)
}

/// Records an attempt, unless it was recorded before or the delivery has ended. Returns whether it
/// did.
pub async fn record(c: &mut Connection, id: DeliveryId, attempt: &LastAttempt) -> Result<bool, DbError> {
    let awaited = webhook_deliveries::table
        .filter(webhook_deliveries::id.eq(id.0))
        .filter(webhook_deliveries::status.eq(DeliveryStatus::Pending))
        .filter(webhook_deliveries::attempts.eq(attempt.attempts - 1));
    Ok(on!(c, |c| prepared(diesel::update(awaited).set(attempt)).execute(c))? == 1)
}

/// Ends the pending deliveries of a webhook that was disabled.
pub async fn end_pending(c: &mut Connection, webhook: WebhookId, now: Timestamp) -> Result<(), DbError> {
    let pending = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhook.0))
        .filter(webhook_deliveries::status.eq(DeliveryStatus::Pending));
    let update = diesel::update(pending).set((
        webhook_deliveries::status.eq(DeliveryStatus::Failed),
        webhook_deliveries::finished_at.eq(now),
    ));
    on!(c, |c| prepared(update).execute(c))?;
    Ok(())
}

/// Deletes up to `limit` deliveries that ended before `before`. Returns how many.
pub async fn delete_finished(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let old = diesel::alias!(webhook_deliveries as old);
    let ids = old
        .filter(old.field(webhook_deliveries::finished_at).lt(before))
        .limit(limit)
        .select(old.field(webhook_deliveries::id));
    let delete = diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids)));
    Ok(on!(c, |c| prepared(delete).execute(c))?)
}
