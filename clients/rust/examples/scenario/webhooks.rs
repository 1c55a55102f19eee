//! The steps of webhooks.

use std::collections::HashSet;

use groundwork_client::types::WebhookCreate;
use groundwork_client::{WebhookError, verify_webhook};
use serde_json::{Value, json};

use crate::steps::Runner;
use crate::writes::creation;
use crate::{Failed, Step};

impl Runner {
    pub async fn webhook(&mut self, step: &Step) -> Result<(), Failed> {
        let body = WebhookCreate::builder()
            .url(self.control.receiver.as_str())
            .events(step.parameters.events.clone());
        let body: WebhookCreate = body.try_into()?;
        let webhook = self.admin()?.webhooks().create(body).send().await?.into_inner();
        self.admin()?.users().create(creation(step)?).send().await?;
        let (headers, mut body) = self.control.message().await?;
        verify_webhook(&webhook.secret, &headers, &body)?;
        let event: Value = serde_json::from_slice(&body)?;
        body.push(b' ');
        let changed = match verify_webhook(&webhook.secret, &headers, &body) {
            Err(WebhookError::Signature) => "signature",
            _ => "something else",
        };
        self.kept.webhook = Some(webhook);
        step.compare(&json!({ "type": event["type"], "email": event["data"]["email"], "changed": changed }))
    }

    pub async fn rotated_secret(&self, step: &Step) -> Result<(), Failed> {
        let webhook = self.kept.webhook.as_ref().ok_or("there is no webhook")?;
        let webhooks = self.admin()?.webhooks();
        let rotated = webhooks.rotate_secret(webhook.id).send().await?;
        webhooks.test(webhook.id).send().await?;
        let (headers, body) = self.control.message().await?;
        let event: Value = serde_json::from_slice(&body)?;
        let secrets = HashSet::from([&*rotated.secret, &*webhook.secret]);
        for secret in &secrets {
            verify_webhook(secret, &headers, &body)?;
        }
        step.compare(&json!({ "type": event["type"], "secrets": secrets.len() }))
    }
}
