//! `/webhooks`: webhooks, for superusers.

use groundwork_web::conditions::IfMatch;
use groundwork_web::extract::{Body, Path, Query};
use groundwork_web::failure::{Failure, NotFound};
use groundwork_web::idempotency::IdempotencyKey;
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{Accepted, NoContent, Ok200, Resource, SecretCreated, SecretOk};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::Permitted;
use crate::api::idempotency::once;
use crate::domain::permissions::{WebhooksRead, WebhooksWrite};
use crate::domain::sort::Sort;
use crate::domain::webhooks::{DeliveryId, WebhookId};
use crate::schemas::webhooks::{
    WebhookCreate, WebhookDeliveryView, WebhookUpdate, WebhookView, WebhookWithSecret,
};
use crate::services::webhooks::WebhookService;

pub struct WebhooksApi {
    pub webhooks: WebhookService,
}

#[OpenApi(prefix_path = "/webhooks", tag = "Tag::Webhooks")]
impl WebhooksApi {
    /// List webhooks
    ///
    /// Returns one page of webhooks in ascending order of `id`, or with `sort=-created_at` in
    /// descending order. To get the next page, send `next_page` as `page_token` with the same `sort`,
    /// until it is null.
    #[oai(path = "/", method = "get", operation_id = "webhooks_list")]
    async fn list(
        &self,
        caller: Permitted<WebhooksRead>,
        /// The maximum number of webhooks per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
    ) -> Result<Ok200<Page<WebhookView>>, Failure> {
        let page = self.webhooks.list(&caller.0, sort.0, limit.0.0, page_token.0.as_deref()).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Create a webhook
    ///
    /// Returns its secret, which is never shown again. A `url` that leads to a private network is
    /// refused.
    #[oai(path = "/", method = "post", operation_id = "webhooks_create")]
    async fn create(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        body: Body<WebhookCreate>,
    ) -> Result<SecretCreated<WebhookWithSecret>, Failure> {
        Ok(SecretCreated::of(self.webhooks.create(&caller.0, body.0.into(), &context).await?))
    }

    /// Get a webhook
    #[oai(path = "/:id", method = "get", operation_id = "webhooks_get")]
    async fn get(
        &self,
        caller: Permitted<WebhooksRead>,
        id: Path<WebhookId>,
    ) -> Result<Resource<WebhookView>, Failure<NotFound>> {
        Ok(Resource::of(self.webhooks.get(&caller.0, id.0).await?))
    }

    /// Update a webhook
    ///
    /// Absent fields stay unchanged; a null `description` clears it. `is_active` enables a webhook
    /// again that was disabled.
    #[oai(path = "/:id", method = "patch", operation_id = "webhooks_update")]
    async fn update(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        id: Path<WebhookId>,
        if_match: IfMatch,
        body: Body<WebhookUpdate>,
    ) -> Result<Resource<WebhookView>, Failure<NotFound>> {
        let precondition = if_match.on(WebhookView::from).into();
        let updated = self.webhooks.update(&caller.0, id.0, body.0.into(), &precondition, &context);
        Ok(Resource::of(updated.await?))
    }

    /// Delete a webhook
    ///
    /// Permanently deletes the webhook and its deliveries.
    #[oai(path = "/:id", method = "delete", operation_id = "webhooks_delete")]
    async fn delete(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        id: Path<WebhookId>,
        if_match: IfMatch,
    ) -> Result<NoContent, Failure<NotFound>> {
        self.webhooks.delete(&caller.0, id.0, &if_match.on(WebhookView::from).into(), &context).await?;
        Ok(NoContent)
    }

    /// Rotate the secret of a webhook
    ///
    /// Returns a new secret, which is never shown again. For 24 hours, messages have the signature of
    /// the previous secret as well.
    #[oai(path = "/:id/rotate-secret", method = "post", operation_id = "webhooks_rotate_secret")]
    async fn rotate_secret(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        id: Path<WebhookId>,
    ) -> Result<SecretOk<WebhookWithSecret>, Failure<NotFound>> {
        Ok(SecretOk::of(self.webhooks.rotate_secret(&caller.0, id.0, &context).await?))
    }

    /// Test a webhook
    ///
    /// Sends an event of the type `webhook.test`, also if the webhook is disabled. Then it is sent
    /// once.
    #[oai(path = "/:id/test", method = "post", operation_id = "webhooks_test")]
    async fn test(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        id: Path<WebhookId>,
        idempotency_key: IdempotencyKey,
    ) -> Result<Accepted<WebhookDeliveryView>, Failure<NotFound>> {
        let once = once(idempotency_key, Accepted::<WebhookDeliveryView>::of);
        Ok(Accepted::of(self.webhooks.test(&caller.0, id.0, &once, &context).await?))
    }

    /// List the deliveries of a webhook
    ///
    /// Returns one page of deliveries in descending order of `id`, the newest first, or with
    /// `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    /// with the same `sort`, until it is null. Deliveries are deleted 30 days after they have ended.
    #[oai(path = "/:id/deliveries", method = "get", operation_id = "webhooks_deliveries_list")]
    async fn deliveries(
        &self,
        caller: Permitted<WebhooksRead>,
        id: Path<WebhookId>,
        /// The maximum number of deliveries per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
    ) -> Result<Ok200<Page<WebhookDeliveryView>>, Failure<NotFound>> {
        let page_token = page_token.0.as_deref();
        let page = self.webhooks.deliveries(&caller.0, id.0, sort.0, limit.0.0, page_token).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Resend a delivery
    ///
    /// Sends the message again, with the same `event_id`, as a delivery of its own, also if the
    /// webhook is disabled. Then it is sent once.
    #[oai(
        path = "/:id/deliveries/:delivery_id/resend",
        method = "post",
        operation_id = "webhooks_resend_delivery"
    )]
    async fn resend(
        &self,
        caller: Permitted<WebhooksWrite>,
        context: Context,
        id: Path<WebhookId>,
        delivery_id: Path<DeliveryId>,
        idempotency_key: IdempotencyKey,
    ) -> Result<Accepted<WebhookDeliveryView>, Failure<NotFound>> {
        let once = once(idempotency_key, Accepted::<WebhookDeliveryView>::of);
        Ok(Accepted::of(self.webhooks.resend(&caller.0, id.0, delivery_id.0, &once, &context).await?))
    }
}
